//! Chinese and English names of form fields and columns.

/// The meaning of a form field or a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    ContractNo,
    CustomerNo,
    Name,
    IdNo,
    Mobile,
    Email,
    Lender,
    Amount,
    Rent,
    Deposit,
    Rate,
    Term,
    StartDate,
    EndDate,
    SignDate,
    Account,
    Bank,
    Status,
    Address,
    Purpose,
}

/// A meaning, its usual names, and names that often mean something else. All are folded and separated
/// by blanks.
pub(super) type Names = (Meaning, &'static str, &'static str);

/// The names of all meanings.
pub(super) const NAMES: &[Names] = &[
    (
        Meaning::ContractNo,
        "合同编号 合同号 合同号码 合同序号 协议编号 协议号 借款合同编号 借款合同号 \
         贷款合同编号 贷款合同号 contractno contractnumber contractid contractcode \
         agreementno agreementnumber loanno loannumber loanid 借据号 借据编号",
        "编号 单号 订单号 业务编号 申请编号 no number orderno applicationno",
    ),
    (
        Meaning::CustomerNo,
        "客户号 客户编号 客户id 客户代码 用户号 用户编号 用户id 会员号 会员编号 \
         借款人编号 租客编号 员工编号 工号 thirdid customerno customerid customernumber \
         clientno clientid userid userno borrowerid borrowerno tenantid memberid",
        "",
    ),
    (
        Meaning::Name,
        "姓名 借款人 借款人姓名 借款人名称 客户姓名 用户姓名 乙方姓名 承租人 承租人姓名 \
         租客 租客姓名 员工姓名 签署人 签署人姓名 签约人 签约人姓名 name fullname \
         realname borrower borrowername customername clientname signer signername \
         tenant tenantname username",
        "乙方 客户 客户名称 名称 customer client partyb",
    ),
    (
        Meaning::IdNo,
        "身份证 身份证号 身份证号码 身份证编号 居民身份证号 居民身份证号码 公民身份号码 \
         证件号 证件号码 证件编号 idno idnumber idcard idcardno idcardnumber identityno \
         identitynumber identitycard certno certificateno nationalid",
        "证件 id",
    ),
    (
        Meaning::Mobile,
        "手机 手机号 手机号码 移动电话 mobile mobileno mobilenumber mobilephone \
         cellphone",
        "电话 电话号码 联系电话 联系方式 phone phoneno phonenumber tel telephone",
    ),
    (
        Meaning::Email,
        "邮箱 电子邮箱 电子邮件 邮箱地址 email emailaddress mail",
        "",
    ),
    (
        Meaning::Lender,
        "出借人 贷款人 出借方 贷款方 出租人 甲方 甲方名称 lender lendername landlord \
         partya",
        "",
    ),
    (
        Meaning::Amount,
        "金额 贷款金额 借款金额 放款金额 合同金额 借款本金 贷款本金 本金 借款额 贷款额 \
         amount loanamount contractamount principal",
        "总额 总金额 价款 额度 total totalamount sum",
    ),
    (
        Meaning::Rent,
        "租金 月租 月租金 每月租金 rent monthlyrent",
        "",
    ),
    (Meaning::Deposit, "押金 保证金 deposit", ""),
    (
        Meaning::Rate,
        "年利率 借款年利率 贷款年利率 年化利率 annualrate annualinterestrate apr",
        "利率 借款利率 贷款利率 执行利率 rate interestrate",
    ),
    (
        Meaning::Term,
        "期限 借款期限 贷款期限 合同期限 term loanterm tenor",
        "期数 月数 借款期数 贷款期数 period periods months",
    ),
    (
        Meaning::StartDate,
        "起息日 起息日期 放款日 放款日期 借款日期 贷款日期 开始日期 起始日 起始日期 \
         起租日 起租日期 startdate begindate loandate valuedate effectivedate \
         disbursementdate",
        "日期 生效日期 date",
    ),
    (
        Meaning::EndDate,
        "到期日 到期日期 结束日期 终止日 终止日期 止租日 止租日期 还款日期 enddate \
         duedate maturitydate expirydate",
        "还款日",
    ),
    (
        Meaning::SignDate,
        "签订日期 签署日期 签约日期 合同日期 signdate signingdate contractdate",
        "",
    ),
    (
        Meaning::Account,
        "账号 帐号 银行账号 银行帐号 银行卡号 卡号 还款账号 还款帐号 收款账号 收款帐号 \
         还款账户 收款账户 bankaccount accountno accountnumber bankcard bankcardno \
         cardno repaymentaccount",
        "账号尾号 卡号尾号 银行卡尾号 账户 帐户 account",
    ),
    (
        Meaning::Bank,
        "开户行 开户银行 银行名称 bank bankname",
        "银行",
    ),
    (
        Meaning::Status,
        "状态 审批状态 审核状态 审批结果 审核结果 status approvalstatus",
        "结果 state result",
    ),
    (
        Meaning::Address,
        "住址 家庭住址 居住地址 联系地址 通讯地址 homeaddress",
        "地址 address",
    ),
    (
        Meaning::Purpose,
        "用途 借款用途 贷款用途 purpose loanpurpose",
        "",
    ),
];
