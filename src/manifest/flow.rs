//! `flows`: rows, documents, process options and signers.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::account::{Organization, Person};
use super::check::{self, Check};
use super::collections::{List, NamedMap};
use super::decode::context;
use super::document::Document;
use super::signer::Signer;
use super::value::{Spanned, StaticText, Value, parsed};
use crate::api::code::{NoticeType, SignPlatform};
use crate::diagnostic::Span;
use crate::expr::Uses;
use crate::sheet::{Encoding, SheetFile};

/// Documents, signers and rows of a contract. Without rows the flow is one item, with the flow's
/// name as its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Flow {
    /// The sheet. Each row is one item.
    pub rows: Option<Rows>,
    /// The accounts that a row declares, by name. Rows with the same thirdId are the same account;
    /// their account fields must be equal.
    #[serde(default)]
    pub accounts: NamedMap<RowAccount>,
    /// The documents to sign, by name.
    #[schemars(extend("minProperties" = 1))]
    pub documents: NamedMap<Document>,
    /// The options of the signing process.
    pub process: Process,
    /// The signers, by name, in signing order.
    #[schemars(extend("minProperties" = 1))]
    pub signers: NamedMap<Signer>,
    /// The actions after all signers have signed.
    pub finish: Option<Finish>,
    /// The action when the row differs from the sent contract. Default: error.
    #[serde(default)]
    pub on_change: OnChange,
    /// The action when the row of a sent contract is no longer in the sheet. Default: keep.
    pub on_vanish: Option<Spanned<OnVanish>>,
    /// The action for an account of a row that exists at the service and that treaty did not
    /// create. Default: adopt.
    #[serde(default)]
    pub existing_accounts: ExistingAccounts,
    /// Conditions that each row, or all rows together, must fulfil before anything is sent.
    #[serde(default, deserialize_with = "check::of_flow")]
    pub checks: List<Check>,
    /// The manifest's folder, where its relative paths begin. Set when the project is loaded.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The names that the expressions of the flow use, with their locations.
    #[serde(skip, default = "context::take_uses")]
    pub uses: Vec<(Uses, Span)>,
}

impl Flow {
    /// Returns the action when the row of a sent contract is no longer in the sheet.
    pub fn on_vanish(&self) -> OnVanish {
        let declared = self.on_vanish.as_ref();
        declared.map_or(OnVanish::Keep, |declared| declared.value)
    }
}

/// The sheet of a flow. Each row is one item.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rows {
    /// A CSV or TSV file or an Excel workbook (.xlsx, .xlsm), relative to this file.
    #[serde(rename = "file")]
    pub path: StaticText,
    /// The key of an item, unique in the flow and the same in every run:
    /// `"{{ row.contract_no }}"`.
    pub key: Value<String>,
    /// The condition that selects rows: `"{{ row.status == 'approved' }}"`. Cells are text.
    /// Default: all rows.
    #[serde(rename = "where")]
    pub filter: Option<Value<String>>,
    /// The sheet of a workbook, by name. Default: the only visible sheet; in
    /// a report, results.
    pub sheet: Option<StaticText>,
    /// The number of the row with the column names, as a spreadsheet shows it. Default: the first
    /// row that is not empty.
    pub header: Option<HeaderRow>,
    /// The encoding of the file. Default: detected by the byte order mark, otherwise UTF-8 if the
    /// file is valid UTF-8, otherwise GB18030.
    pub encoding: Option<Spanned<TextEncoding>>,
    /// The separator between cells. Default: a comma, or a tab in a .tsv file.
    pub delimiter: Option<Spanned<Delimiter>>,
    /// Columns whose long numbers are exact although they end in zeros: a spreadsheet has not
    /// rounded them. Default: none.
    #[serde(default)]
    pub exact: List<StaticText>,
    /// The sheet's file and how to read it. Set when the project is loaded.
    #[serde(skip)]
    pub file: SheetFile,
}

/// The number of a row, from 1.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub struct HeaderRow(#[schemars(range(min = 1, max = 1_048_576))] pub u64);

impl<'de> Deserialize<'de> for HeaderRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = "it is the number of a row, such as 2";
        parsed(deserializer, hint, Self(1), |text| {
            let row = text.parse().ok();
            row.filter(|row| (1..=1_048_576).contains(row)).map(Self)
        })
    }
}

/// The encoding of a text file.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum TextEncoding {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "gb18030")]
    Gb18030,
    #[serde(rename = "gbk")]
    Gbk,
}

impl From<TextEncoding> for Encoding {
    fn from(encoding: TextEncoding) -> Self {
        match encoding {
            TextEncoding::Utf8 => Self::Utf8,
            TextEncoding::Gb18030 | TextEncoding::Gbk => Self::Gb18030,
        }
    }
}

/// The separator between cells.
#[derive(Debug, Clone, Copy)]
pub struct Delimiter(pub u8);

impl<'de> Deserialize<'de> for Delimiter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = "it is \",\", \";\", \"|\" or tab";
        parsed(deserializer, hint, Self(b','), |text| match text {
            "," => Some(Self(b',')),
            ";" => Some(Self(b';')),
            "|" => Some(Self(b'|')),
            "\t" | "tab" => Some(Self(b'\t')),
            _ => None,
        })
    }
}

impl JsonSchema for Delimiter {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Delimiter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [",", ";", "|", "\t", "tab"] })
    }
}

/// An account that a row declares: a person or an organization.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowAccount {
    /// The kind of account with its fields.
    #[serde(rename = "$one")]
    pub kind: RowAccountKind,
}

/// The kind of a row's account. The variants differ in size, which does not matter for few
/// accounts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::large_enum_variant)]
pub enum RowAccountKind {
    /// A person.
    Person(Person),
    /// An organization.
    Organization(Organization),
}

/// The options of the signing process (5.5.1).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Process {
    /// The subject that signers see.
    pub business_scene: Value<String>,
    /// The name of the account that initiates the flow. Default: the platform.
    pub initiator: Option<StaticText>,
    /// The name of the account that pays. Default: the platform.
    pub payer: Option<StaticText>,
    /// The signing deadline, in milliseconds since 1970:
    /// `"{{ run.started | plus('7d') | epochMs }}"`.
    pub sign_validity: Option<Value<i64>>,
    /// The platforms that signers may use, by name or number.
    #[serde(default)]
    pub sign_platform: Vec<Value<SignPlatform>>,
    /// The channels for notifying signers, by name or number.
    #[serde(default)]
    pub notice_type: Vec<Value<NoticeType>>,
    /// The URL for callbacks.
    pub notice_url: Option<Value<String>>,
    /// The URL that the signer's browser opens after signing.
    pub redirect_url: Option<Value<String>>,
    /// Whether the signing time is shown beside each signature.
    pub add_sign_time: Option<Value<bool>>,
    /// Files that are attached and not signed.
    #[serde(default)]
    pub attachments: List<Attachment>,
}

/// A file that is attached and not signed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attachment {
    /// The path of the file, relative to this file.
    pub file: Value<String>,
    /// The attachment's name at the API.
    pub name: Value<String>,
}

/// Actions after all signers have signed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependencies" = { "download": ["archive"] }))]
pub struct Finish {
    /// Whether the flow is archived (5.7.5). Default: false.
    #[serde(default)]
    pub archive: bool,
    /// The path for the signed document, relative to this file: `"signed/{{ key }}.pdf"`. Requires
    /// archive: true.
    pub download: Option<Value<String>>,
}

/// The action when the row differs from the sent contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum OnChange {
    /// The item fails. The sent contract stays valid.
    #[default]
    Error,
    /// The difference is ignored. The sent contract stays valid.
    Keep,
    /// The sent contract is revoked and the item is sent again.
    Reissue,
}

/// The action for an account of a row that exists at the service and that treaty did not create, from
/// the most lenient to the strictest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ExistingAccounts {
    /// The account is used. Its name, mobile and email (legalName) are set as the row declares them.
    #[default]
    Adopt,
    /// The account is used and never changed, not by later rows or runs either.
    Keep,
    /// The item fails before anything is sent for it.
    Error,
}

/// The action when the row of a sent contract is no longer in the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum OnVanish {
    /// The sent contract stays valid.
    Keep,
    /// The sent contract is revoked.
    Revoke,
}
