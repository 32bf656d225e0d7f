//! The error codes of section 6, each with its Chinese message, an English message and a hint.

use std::borrow::Cow;
use std::fmt;

/// An error code. It may be one that section 6 does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub i64);

struct Entry {
    code: i64,
    message: &'static str,
    english: &'static str,
    hint: &'static str,
}

impl ErrorCode {
    /// A parameter is missing or malformed.
    pub const PARAMETER: Self = Self(1_435_002);
    /// The app does not exist.
    pub const NO_PROJECT: Self = Self(1_435_103);
    /// The account does not exist.
    pub const NO_ACCOUNT: Self = Self(1_435_204);
    /// A person already has this `thirdId`.
    pub const ACCOUNT_EXISTS: Self = Self(1_435_206);
    /// An organization already has this `thirdId`.
    pub const ORGANIZATION_EXISTS: Self = Self(1_435_207);
    /// The file store could not be queried.
    pub const FILE_STORE_QUERY: Self = Self(1_435_302);
    /// The file store returned no download URL.
    pub const FILE_STORE_URL: Self = Self(1_435_303);
    /// The file does not exist, or its upload is not complete yet.
    pub const NO_FILE: Self = Self(1_435_304);
    /// The file type is not accepted.
    pub const FILE_TYPE: Self = Self(1_435_305);
    /// The file is too large.
    pub const FILE_SIZE: Self = Self(1_435_306);
    /// The seal does not exist.
    pub const NO_SEAL: Self = Self(1_435_402);
    /// The document could not be created.
    pub const NO_DOCUMENT_MADE: Self = Self(1_435_502);
    /// The document has no download URL.
    pub const NO_DOCUMENT_URL: Self = Self(1_435_504);
    /// The flow has no signer.
    pub const NO_SIGNER: Self = Self(1_436_002);
    /// The signer has no document.
    pub const NO_SIGN_DOCUMENT: Self = Self(1_436_003);
    /// The signer's account does not exist.
    pub const NO_SIGNER_ACCOUNT: Self = Self(1_436_004);
    /// The signer names a document that is not part of the flow.
    pub const NOT_A_DOCUMENT_OF_THE_FLOW: Self = Self(1_436_005);
    /// The platform signature names no document.
    pub const NO_PLATFORM_DOCUMENT: Self = Self(1_436_006);
    /// The account has no default seal.
    pub const NO_DEFAULT_SEAL: Self = Self(1_436_007);
    /// The payer does not take part in the flow.
    pub const NO_PAYER: Self = Self(1_436_008);
    /// The document of the flow is not usable.
    pub const BAD_DOCUMENT: Self = Self(1_436_009);
    /// The account has not granted silent signing.
    pub const NO_GRANT: Self = Self(1_436_010);
    /// The position has no type.
    pub const NO_SIGN_TYPE: Self = Self(1_436_011);
    /// The keyword position has no keyword.
    pub const NO_KEYWORD: Self = Self(1_436_012);
    /// The flow could not be created.
    pub const NO_FLOW_MADE: Self = Self(1_436_013);
    /// The flow does not accept the request.
    pub const FLOW_CHECK: Self = Self(1_436_014);
    /// The signature could not be made.
    pub const NOT_SIGNED: Self = Self(1_436_015);
    /// The flow does not exist.
    pub const NO_FLOW: Self = Self(1_436_016);
    /// Silent signing could not be granted.
    pub const NOT_GRANTED: Self = Self(1_436_017);
    /// The flow can no longer be revoked.
    pub const NOT_REVOKED: Self = Self(1_436_018);
    /// The signed documents are not available yet.
    pub const NO_SIGNED_DOCUMENT: Self = Self(1_436_019);

    fn entry(self) -> Option<&'static Entry> {
        ENTRIES.iter().find(|entry| entry.code == self.0)
    }

    /// Whether section 6 lists the code. Whether a call with an unlisted code had an effect is
    /// unknown.
    pub fn is_documented(self) -> bool {
        self.entry().is_some()
    }

    /// Whether the service accepted the call and then failed to execute it. Whether such a call had
    /// an effect is unknown.
    pub fn is_execution_failure(self) -> bool {
        matches!(self, Self::NO_FLOW_MADE | Self::NOT_SIGNED)
    }

    /// Whether the app id or the app secret is not accepted.
    pub fn is_credential_error(self) -> bool {
        matches!(self.0, 1_435_102..=1_435_104)
    }

    /// Whether the account does not exist. For `account/idexchange` this is a result, not a
    /// failure.
    pub fn is_missing_account(self) -> bool {
        self == Self::NO_ACCOUNT
    }

    /// Returns the message of the API document; empty for an unlisted code.
    pub fn message(self) -> &'static str {
        self.entry().map_or("", |entry| entry.message)
    }

    /// Returns the message in English; empty for an unlisted code.
    pub fn english(self) -> &'static str {
        self.entry().map_or("", |entry| entry.english)
    }

    /// Returns the recommended action.
    pub fn hint(self) -> Cow<'static, str> {
        match self.entry() {
            Some(entry) => t!(entry.hint),
            None if (1..1000).contains(&self.0) => {
                t!("this is an HTTP status: check the endpoint URL, then run apply again")
            }
            None => {
                t!(
                    "the API document does not list this code: send it to the support of the service"
                )
            }
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const ENTRIES: &[Entry] = &[
    Entry {
        code: 1_435_002,
        message: "参数错误",
        english: "a parameter is missing or invalid",
        hint: t_key!(
            "the message names the parameter: correct the field in the manifest or the cell in the sheet"
        ),
    },
    Entry {
        code: 1_435_102,
        message: "查询项目开发者账户失败",
        english: "the app's developer account was not found",
        hint: t_key!("check TREATY_APP_ID and TREATY_APP_SECRET, and that the app is enabled"),
    },
    Entry {
        code: 1_435_103,
        message: "项目不存在",
        english: "the app does not exist",
        hint: t_key!(
            "check TREATY_APP_ID and TREATY_APP_SECRET, and that they belong to this environment"
        ),
    },
    Entry {
        code: 1_435_104,
        message: "查询项目配置失败",
        english: "the app's configuration was not found",
        hint: t_key!("check that the app is enabled on the open platform"),
    },
    Entry {
        code: 1_435_202,
        message: "用户中心查询账户失败",
        english: "the account could not be looked up",
        hint: t_key!("run apply again; if the error remains, ask the support of the service"),
    },
    Entry {
        code: 1_435_203,
        message: "创建账号失败",
        english: "the account could not be created",
        hint: t_key!("check the name, the document number and the document type"),
    },
    Entry {
        code: 1_435_204,
        message: "账号不存在",
        english: "the account does not exist",
        hint: t_key!(
            "the account was deleted outside of treaty: give it a new thirdId, or declare it absent"
        ),
    },
    Entry {
        code: 1_435_205,
        message: "注销账号失败",
        english: "the account could not be deleted",
        hint: t_key!("the account may still be part of flows: end the flows first"),
    },
    Entry {
        code: 1_435_206,
        message: "账号已存在",
        english: "the account already exists",
        hint: t_key!("another account has this thirdId: check the thirdId"),
    },
    Entry {
        code: 1_435_207,
        message: "企业账号已存在，且已关联经办人",
        english: "the organization already exists and has a creator",
        hint: t_key!("another account has this thirdId or organCode: check both"),
    },
    Entry {
        code: 1_435_302,
        message: "文件系统查询失败",
        english: "the file store could not be queried",
        hint: t_key!("run apply again"),
    },
    Entry {
        code: 1_435_303,
        message: "文件系统获取下载地址失败",
        english: "the file store returned no download URL",
        hint: t_key!("run apply again"),
    },
    Entry {
        code: 1_435_304,
        message: "文件不存在",
        english: "the file does not exist, or its upload is not complete",
        hint: t_key!("run apply again to upload the file again"),
    },
    Entry {
        code: 1_435_305,
        message: "文件类型不支持",
        english: "the file type is not accepted",
        hint: t_key!("use a PDF file"),
    },
    Entry {
        code: 1_435_306,
        message: "文件大小超过限制",
        english: "the file is too large",
        hint: t_key!("make the PDF smaller"),
    },
    Entry {
        code: 1_435_402,
        message: "印章服务查询失败",
        english: "the seal could not be looked up",
        hint: t_key!("check that the seal belongs to the account of the signer"),
    },
    Entry {
        code: 1_435_403,
        message: "查询账户默认印章失败",
        english: "the account's default seal was not found",
        hint: t_key!("set a seal in the signer"),
    },
    Entry {
        code: 1_435_502,
        message: "创建合同失败",
        english: "the document could not be created",
        hint: t_key!("check the file and the form fields of the template"),
    },
    Entry {
        code: 1_435_503,
        message: "删除合同失败",
        english: "the document could not be deleted",
        hint: t_key!("run apply again"),
    },
    Entry {
        code: 1_435_504,
        message: "获取合同下载地址失败",
        english: "the document has no download URL",
        hint: t_key!("run apply again"),
    },
    Entry {
        code: 1_436_002,
        message: "签署流至少应包含一个签署者信息",
        english: "the flow needs at least one signer",
        hint: t_key!("declare a signer in the flow"),
    },
    Entry {
        code: 1_436_003,
        message: "签署人至少应指定一个签署文档",
        english: "the signer needs at least one document",
        hint: t_key!("give the signer positions in a document of the flow"),
    },
    Entry {
        code: 1_436_004,
        message: "签署者账户不存在",
        english: "the signer's account does not exist",
        hint: t_key!("the account was deleted outside of treaty: give it a new thirdId"),
    },
    Entry {
        code: 1_436_005,
        message: "签署者指定的签署文档不在文档列表中",
        english: "the document of a signer is not part of the flow",
        hint: t_key!("use only documents of this flow in positions"),
    },
    Entry {
        code: 1_436_006,
        message: "平台签署未指定任何签署文档",
        english: "the platform signature names no document",
        hint: t_key!("give the platform signer positions"),
    },
    Entry {
        code: 1_436_007,
        message: "静默签发起失败: 未找到账户默认印章",
        english: "the account has no default seal",
        hint: t_key!("set a seal in the signer, or declare a seal for the account"),
    },
    Entry {
        code: 1_436_008,
        message: "签署付费账户不在签署流程中",
        english: "the payer does not take part in the flow",
        hint: t_key!("set payer to the platform or a signer of the flow"),
    },
    Entry {
        code: 1_436_009,
        message: "签署文档校验失败",
        english: "the service rejected the document",
        hint: t_key!("check that the PDF is not damaged and not encrypted"),
    },
    Entry {
        code: 1_436_010,
        message: "静默签账户未进行授权",
        english: "the account has not granted silent signing",
        hint: t_key!("declare silentSign: true for the account, or set a later end"),
    },
    Entry {
        code: 1_436_011,
        message: "未指定盖章位置定位方式",
        english: "a position has no type",
        hint: t_key!("set keyword, page or seam in the position"),
    },
    Entry {
        code: 1_436_012,
        message: "关键字签未指定关键字",
        english: "a keyword position has no keyword",
        hint: t_key!("set a keyword that occurs in the document"),
    },
    Entry {
        code: 1_436_013,
        message: "签署流创建失败",
        english: "the flow could not be created",
        hint: t_key!("check the process options of the flow"),
    },
    Entry {
        code: 1_436_014,
        message: "签署流创建校验未通过",
        english: "the service rejected the flow",
        hint: t_key!("the flow may have ended or expired: see signValidity"),
    },
    Entry {
        code: 1_436_015,
        message: "签署流执行失败",
        english: "the signature could not be made",
        hint: t_key!("check that each keyword occurs in the text of the document"),
    },
    Entry {
        code: 1_436_016,
        message: "获取签署流详情失败",
        english: "the details of the flow could not be read",
        hint: t_key!(
            "run apply again; if the error remains, the flow was deleted outside of treaty"
        ),
    },
    Entry {
        code: 1_436_017,
        message: "静默授权失败",
        english: "silent signing could not be granted",
        hint: t_key!("check the account and the end of the grant"),
    },
    Entry {
        code: 1_436_018,
        message: "撤销签署流失败",
        english: "the flow could not be revoked",
        hint: t_key!("the flow may have already ended"),
    },
    Entry {
        code: 1_436_019,
        message: "获取签署文件下载地址失败",
        english: "the signed document has no download URL",
        hint: t_key!("the flow may not be finished yet"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_has_messages_and_a_hint() {
        assert_eq!(ENTRIES.len(), 38);
        for entry in ENTRIES {
            let code = ErrorCode(entry.code);
            assert!(
                !code.message().is_empty() && !code.english().is_empty() && !code.hint().is_empty()
            );
        }
        assert_eq!(ErrorCode(7).message(), "");
        assert!(ErrorCode(7_000_000).hint().contains("does not list"));
    }
}
