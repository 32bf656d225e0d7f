//! Matches the form fields of a PDF and the signer's account with the columns of a sheet.

use super::column::{Column, Kind};
use super::draft::{Draft, Guess, SignerColumns};
use super::field::{column_meaning, field_source, with_meaning};
use super::meaning::Named;
use super::names::Meaning;

/// The values of a status column with which a contract is sent.
const APPROVED: &[&str] = &[
    "已批准",
    "批准",
    "已审批",
    "审批通过",
    "审核通过",
    "已通过",
    "通过",
    "同意",
    "待签",
    "待签署",
    "approved",
    "passed",
];

/// Guesses a flow from the names of form fields and the columns.
pub(super) fn draft(fields: &[String], columns: &[Column]) -> Draft {
    let named: Vec<Option<Named>> = columns.iter().map(column_meaning).collect();
    let fields = fields.iter().map(|field| {
        let source = field_source(field, columns, &named);
        (field.clone(), source)
    });
    Draft {
        key: key(columns, &named),
        signer: SignerColumns {
            name: with_meaning(Meaning::Name, true, columns, &named),
            id_no: with_meaning(Meaning::IdNo, true, columns, &named)
                .map(|guess| id_no(guess, columns)),
            mobile: with_meaning(Meaning::Mobile, true, columns, &named),
            email: with_meaning(Meaning::Email, true, columns, &named),
            third_id: with_meaning(Meaning::CustomerNo, true, columns, &named),
        },
        has_seal: true,
        filter: filter(columns, &named),
        fields: fields.collect(),
    }
}

/// Doubts a column of id numbers whose values are none.
fn id_no(guess: Guess<usize>, columns: &[Column]) -> Guess<usize> {
    let column = &columns[guess.value];
    if matches!(column.kind(), Kind::ResidentId | Kind::Empty) {
        return guess;
    }
    Guess::unsure(
        guess.value,
        t!(
            "most values of %{name} are no resident ids",
            name = column.name
        ),
    )
}

/// Guesses the key: a contract number, otherwise the first column that differs in each row and is
/// not a value of a person.
fn key(columns: &[Column], named: &[Option<Named>]) -> Option<Guess<usize>> {
    let repeated = t!("the key must be different in each row, and the same in every run");
    if let Some(guess) = with_meaning(Meaning::ContractNo, true, columns, named) {
        if columns[guess.value].is_unique() || columns[guess.value].values.is_empty() {
            return Some(guess);
        }
        let name = &columns[guess.value].name;
        let doubt = t!(
            "%{name} is empty or repeated in some rows; %{rule}",
            name = name,
            rule = repeated
        );
        return Some(Guess::unsure(guess.value, doubt));
    }
    let other = |at: &usize| named[*at].is_none() && columns[*at].kind() == Kind::Text;
    let customer =
        |at: &usize| named[*at].is_some_and(|named| named.meaning == Meaning::CustomerNo);
    let unique = || (0..columns.len()).filter(|at| columns[*at].is_unique());
    let found = unique().find(other).or_else(|| unique().find(customer))?;
    let name = &columns[found].name;
    Some(Guess::unsure(
        found,
        t!(
            "no column is named like a contract number: is %{name} one? %{rule}",
            name = name,
            rule = repeated
        ),
    ))
}

/// Guesses the rows to send from a column with a status.
fn filter(columns: &[Column], named: &[Option<Named>]) -> Option<(usize, String)> {
    let mut found = named
        .iter()
        .enumerate()
        .filter(|(_, named)| named.is_some_and(|named| named.meaning == Meaning::Status));
    found.find_map(|(at, _)| {
        let values = columns[at].values.iter();
        let mut values = values.map(|value| value.trim());
        let approved = values.find(|value| APPROVED.contains(&value.to_lowercase().as_str()))?;
        Some((at, approved.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::draft::{Filter, Source, unused};
    use super::*;

    fn columns(cells: &[(&str, [&str; 2])]) -> Vec<Column> {
        let column = |(name, values): &(&str, [&str; 2])| Column {
            name: (*name).to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        cells.iter().map(column).collect()
    }

    const LOANS: &[(&str, [&str; 2])] = &[
        ("合同号", ["HT-1", "HT-2"]),
        ("客户号", ["C1", "C1"]),
        ("姓名", ["沈晨怡", "郭丽"]),
        ("证件", ["371500198101175693", "11010519491231002X"]),
        ("手机号", ["13500000001", "13500000002"]),
        (
            "担保人身份证号",
            ["371500198101175693", "11010519491231002X"],
        ),
        ("金额（元）", ["51,010.10", "20000"]),
        ("利率", ["4.35", "9.8"]),
        ("放款日", ["2026/11/4", "2026/12/2"]),
        ("卡号尾号", ["6955", "7719"]),
        ("状态", ["已批准", "已拒绝"]),
        ("备注", ["", ""]),
    ];

    #[test]
    fn matches_fields_with_columns() {
        let columns = columns(LOANS);
        for (field, column, filter, is_sure) in [
            ("contractNo", "合同号", Filter::Plain, true),
            ("borrower", "姓名", Filter::Plain, true),
            ("乙方（姓名）", "姓名", Filter::Plain, false),
            ("idCardNo", "证件", Filter::Plain, false),
            ("担保人 身份证号", "担保人身份证号", Filter::Plain, true),
            ("form1[0].mobile[0]", "手机号", Filter::Plain, true),
            ("loan_amount", "金额（元）", Filter::Money, true),
            ("amountUpper", "金额（元）", Filter::Rmb, true),
            ("大写", "金额（元）", Filter::Rmb, false),
            ("annualRate", "利率", Filter::Plain, false),
            ("startDate", "放款日", Filter::Date, true),
            ("日期", "放款日", Filter::Date, false),
            ("还款账号", "卡号尾号", Filter::Plain, false),
            ("备注", "备注", Filter::Plain, true),
        ] {
            let draft = draft(&[field.to_owned()], &columns);
            let guess = draft.fields[0].1.clone();
            let guess = guess.unwrap_or_else(|| panic!("{field}"));
            let Source::Column(at, found) = guess.value else {
                panic!("{field}");
            };
            let found = (columns[at].name.as_str(), found, guess.doubt.is_none());
            assert_eq!(
                found,
                (column, filter, is_sure),
                "{field}: {:?}",
                guess.doubt
            );
        }
        for field in ["Text1", "法定代表人姓名", "到期日"] {
            let draft = draft(&[field.to_owned()], &columns);
            assert_eq!(draft.fields[0].1, None, "{field}");
        }
        let lender = &draft(&["甲方".to_owned()], &columns).fields[0].1;
        assert_eq!(lender, &Some(Guess::sure(Source::Lender)));
    }

    #[test]
    fn guesses_key_signer_and_rows() {
        let found = columns(LOANS);
        let draft = super::draft(&[], &found);
        assert_eq!(draft.key, Some(Guess::sure(0)));
        assert_eq!(draft.filter, Some((10, "已批准".to_owned())));
        let signer = &draft.signer;
        let at = |guess: &Option<Guess<usize>>| guess.as_ref().map(|guess| guess.value);
        let account = [
            &signer.third_id,
            &signer.name,
            &signer.id_no,
            &signer.mobile,
            &signer.email,
        ];
        assert_eq!(account.map(at), [Some(1), Some(2), Some(3), Some(4), None]);
        assert!(
            signer
                .name
                .as_ref()
                .is_some_and(|guess| guess.doubt.is_none())
        );
        assert!(
            signer
                .id_no
                .as_ref()
                .is_some_and(|guess| guess.doubt.is_some())
        );
        let unused = unused(&draft, &found);
        assert_eq!(
            unused,
            [
                "担保人身份证号",
                "金额（元）",
                "利率",
                "放款日",
                "卡号尾号",
                "备注"
            ]
        );
    }

    #[test]
    fn doubts_a_key_that_is_repeated_or_named_otherwise() {
        for (cells, key, is_sure) in [
            (&[("合同号", ["1", "1"])][..], Some(0), false),
            (
                &[("姓名", ["张三", "李四"]), ("流水", ["A1", "A2"])],
                Some(1),
                false,
            ),
            (
                &[("姓名", ["张三", "李四"]), ("客户号", ["A1", "A2"])],
                Some(1),
                false,
            ),
            (
                &[("姓名", ["张三", "李四"]), ("金额", ["1", "2"])],
                None,
                false,
            ),
            (
                &[("编号", ["1", "2"]), ("合同编号", ["1", "2"])],
                Some(1),
                false,
            ),
        ] {
            let key_guess = draft(&[], &columns(cells)).key;
            let found = key_guess.as_ref().map(|guess| guess.value);
            let sure = key_guess.is_some_and(|guess| guess.doubt.is_none());
            assert_eq!((found, sure), (key, is_sure), "{cells:?}");
        }
    }
}
