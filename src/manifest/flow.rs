//! Decodes `flows`: rows, documents, process options and signers.

use std::path::PathBuf;

use super::account::{Organization, Person, organization, person};
use super::decode::{Decoder, StaticText};
use super::document::{Document, documents};
use super::path::PathBase;
use super::signer::{Signer, signer};
use super::yaml::Node;
use crate::diagnostic::Span;
use crate::expr::Expr;
use crate::sheet::{Encoding, SheetFile};

/// A declared flow.
#[derive(Debug)]
pub struct Flow {
    /// The flow's name in the manifests.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The manifest's folder, where its relative paths begin.
    pub folder: PathBuf,
    /// The sheet that the items come from. Without it the flow is one item.
    pub rows: Option<Rows>,
    /// The accounts that a row declares.
    pub accounts: Vec<RowAccount>,
    /// The documents to sign.
    pub documents: Vec<Document>,
    /// The options of the signing process.
    pub process: Process,
    /// The signers, in signing order.
    pub signers: Vec<Signer>,
    /// The actions after all signers have signed.
    pub finish: Option<Finish>,
    /// The action for a row that differs from the sent item.
    pub on_change: OnChange,
    /// The action for a sent item whose row is no longer in the sheet.
    pub on_vanish: OnVanish,
    /// The location of `onVanish`, if declared.
    pub on_vanish_span: Option<Span>,
}

/// The sheet of a flow.
#[derive(Debug)]
pub struct Rows {
    /// The location of `file`.
    pub span: Span,
    /// The sheet file and its format.
    pub file: SheetFile,
    /// The expression of an item's key.
    pub key: Expr,
    /// The condition that selects rows (`where`).
    pub filter: Option<Expr>,
}

/// An account that a row declares.
#[derive(Debug)]
pub struct RowAccount {
    /// The account's name in the flow.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The kind of account with its fields.
    pub kind: RowAccountKind,
}

/// The kind of a row's account. The variants differ in size, which does not matter for few
/// accounts.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)]
pub enum RowAccountKind {
    /// A person.
    Person(Person),
    /// An organization.
    Organization(Organization),
}

/// A file that is attached to a flow and not signed (5.5.1).
#[derive(Debug)]
pub struct Attachment {
    /// The path of the file.
    pub file: Expr,
    /// The attachment's name at the API.
    pub name: Expr,
}

/// The actions after all signers have signed.
#[derive(Debug)]
pub struct Finish {
    /// Whether the flow is archived (5.7.5).
    pub archive: bool,
    /// The path for the signed documents, relative to the manifest.
    pub download: Option<Expr>,
}

/// The options of a signing process (5.5.1).
#[derive(Debug)]
pub struct Process {
    /// The subject that signers see.
    pub business_scene: Expr,
    /// The account that initiates the flow. Default: the platform.
    pub initiator: Option<StaticText>,
    /// The account that pays. Default: the platform.
    pub payer: Option<StaticText>,
    /// The signing deadline, in milliseconds since 1970.
    pub sign_validity: Option<Expr>,
    /// The platforms that signers may use, by name or number.
    pub sign_platform: Vec<Expr>,
    /// The notification channels, by name or number.
    pub notice_type: Vec<Expr>,
    /// The URL for callbacks.
    pub notice_url: Option<Expr>,
    /// The URL that the signer's browser opens after signing.
    pub redirect_url: Option<Expr>,
    /// Whether the signing time is shown beside each signature.
    pub add_sign_time: Option<Expr>,
    /// Files that are attached and not signed.
    pub attachments: Vec<Attachment>,
}

/// The action for a row that differs from the sent item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    /// The item fails. The sent contract stays valid.
    Error,
    /// The difference is ignored. The sent contract stays valid.
    Keep,
    /// The sent contract is revoked, and the item is sent again.
    Reissue,
}

/// The action for a sent item whose row is no longer in the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnVanish {
    /// The sent contract stays valid.
    Keep,
    /// The sent contract is revoked.
    Revoke,
}

/// Decodes a flow.
pub(super) fn flow(
    decoder: &mut Decoder<'_>,
    base: &PathBase<'_>,
    name: &str,
    span: &Span,
    node: &Node,
) -> Option<Flow> {
    let mut fields = decoder.fields(node, "a flow")?;
    let rows = fields.optional("rows");
    let rows = rows.map(|node| decode_rows(decoder, base, node));
    let accounts = fields.optional("accounts");
    let accounts = accounts
        .map(|node| row_accounts(decoder, node))
        .unwrap_or_default();
    let documents = fields
        .required(decoder, "documents")
        .map(|node| documents(decoder, base, node));
    let process = fields
        .required(decoder, "process")
        .and_then(|node| process(decoder, node));
    let signers = fields.required(decoder, "signers").map(|node| {
        let named = decoder.named(node, "signers");
        let signers: Vec<Signer> = named
            .into_iter()
            .filter_map(|(name, span, node)| signer(decoder, name, span, node))
            .collect();
        signers
    });
    let finish = fields
        .optional("finish")
        .and_then(|node| finish(decoder, node));
    let on_change = fields.optional("onChange").and_then(|node| {
        let choices = [
            ("error", OnChange::Error),
            ("keep", OnChange::Keep),
            ("reissue", OnChange::Reissue),
        ];
        decoder.choice(node, "onChange", &choices)
    });
    let on_vanish = fields.optional("onVanish");
    let on_vanish_span = on_vanish.map(|node| node.span.clone());
    let on_vanish = on_vanish.and_then(|node| {
        decoder.choice(
            node,
            "onVanish",
            &[("keep", OnVanish::Keep), ("revoke", OnVanish::Revoke)],
        )
    });
    fields.finish(decoder);
    let rows = match rows {
        Some(rows) => Some(rows?),
        None => None,
    };
    Some(Flow {
        name: name.to_owned(),
        span: span.clone(),
        folder: base.folder.to_owned(),
        rows,
        accounts,
        documents: documents?,
        process: process?,
        signers: signers?,
        finish,
        on_change: on_change.unwrap_or(OnChange::Error),
        on_vanish: on_vanish.unwrap_or(OnVanish::Keep),
        on_vanish_span,
    })
}

fn decode_rows(decoder: &mut Decoder<'_>, base: &PathBase<'_>, node: &Node) -> Option<Rows> {
    let mut fields = decoder.fields(node, "rows")?;
    let file = fields.settled(decoder, "file");
    let key = fields.expr(decoder, "key");
    let filter = fields.optional_expr(decoder, "where");
    let sheet = fields.optional_settled(decoder, "sheet");
    let encodings = [
        ("utf-8", Encoding::Utf8),
        ("gb18030", Encoding::Gb18030),
        ("gbk", Encoding::Gb18030),
    ];
    let encoding = fields
        .optional("encoding")
        .and_then(|node| decoder.choice(node, "encoding", &encodings));
    let delimiter = fields.optional("delimiter");
    let delimiter = delimiter.and_then(|node| decode_delimiter(decoder, node));
    fields.finish(decoder);
    if let Some(key) = key.as_ref().filter(|key| key.uses().run) {
        decoder.error(
            key.span(),
            "a key must be the same in every run, but it uses run",
            "use values of the row: the key identifies the contract",
        );
    }
    let file = file?;
    let path = match super::path::inside(base.root, base.folder, &file.text) {
        Ok(path) => path,
        Err(why) => {
            decoder.error(&file.span, why, "use a file inside the project's folder");
            return None;
        }
    };
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    if matches!(ending.as_str(), "xlsx" | "xlsm" | "xls" | "ods") {
        decoder.error(
            &file.span,
            "workbooks are not supported yet",
            "save the sheet as CSV",
        );
        return None;
    }
    if let Some(sheet) = sheet {
        decoder.error(&sheet.span, "a CSV file has no sheets", "remove sheet");
    }
    Some(Rows {
        span: file.span,
        file: SheetFile {
            shown: super::path::shown(base.root, &path).into(),
            path,
            encoding,
            delimiter: delimiter.unwrap_or(if ending == "tsv" { b'\t' } else { b',' }),
        },
        key: key?,
        filter,
    })
}

fn decode_delimiter(decoder: &mut Decoder<'_>, node: &Node) -> Option<u8> {
    let settled = decoder.settled(node, "delimiter")?;
    match settled.text.as_str() {
        "," => Some(b','),
        ";" => Some(b';'),
        "|" => Some(b'|'),
        "\t" | "tab" => Some(b'\t'),
        other => {
            decoder.error(
                &settled.span,
                format!("delimiter cannot be {other:?}"),
                "it is \",\", \";\", \"|\" or tab",
            );
            None
        }
    }
}

fn row_accounts(decoder: &mut Decoder<'_>, node: &Node) -> Vec<RowAccount> {
    let mut accounts = Vec::new();
    for (name, span, node) in decoder.named(node, "accounts") {
        let Some(mut fields) = decoder.fields(node, "an account of a row") else {
            continue;
        };
        let kind = match (fields.optional("person"), fields.optional("organization")) {
            (Some(node), None) => person(decoder, node).map(RowAccountKind::Person),
            (None, Some(node)) => organization(decoder, node).map(RowAccountKind::Organization),
            _ => {
                decoder.error(
                    span,
                    format!("the account {name} has no kind or several kinds"),
                    "set exactly one of person and organization",
                );
                None
            }
        };
        fields.finish(decoder);
        accounts.extend(kind.map(|kind| RowAccount {
            name: name.to_owned(),
            span: span.clone(),
            kind,
        }));
    }
    accounts
}

fn process(decoder: &mut Decoder<'_>, node: &Node) -> Option<Process> {
    let mut fields = decoder.fields(node, "process")?;
    let business_scene = fields.expr(decoder, "businessScene");
    let initiator = fields.optional_settled(decoder, "initiator");
    let payer = fields.optional_settled(decoder, "payer");
    let sign_validity = fields.optional_expr(decoder, "signValidity");
    let sign_platform = fields.exprs(decoder, "signPlatform");
    let notice_type = fields.exprs(decoder, "noticeType");
    let notice_url = fields.optional_expr(decoder, "noticeUrl");
    let redirect_url = fields.optional_expr(decoder, "redirectUrl");
    let add_sign_time = fields.optional_expr(decoder, "addSignTime");
    let attachments = fields.optional("attachments");
    let attachments = attachments.map_or(&[][..], |node| decoder.list(node, "attachments"));
    let attachments = attachments
        .iter()
        .filter_map(|node| {
            let mut fields = decoder.fields(node, "an attachment")?;
            let file = fields.expr(decoder, "file");
            let name = fields.expr(decoder, "name");
            fields.finish(decoder);
            Some(Attachment {
                file: file?,
                name: name?,
            })
        })
        .collect();
    fields.finish(decoder);
    Some(Process {
        business_scene: business_scene?,
        initiator,
        payer,
        sign_validity,
        sign_platform,
        notice_type,
        notice_url,
        redirect_url,
        add_sign_time,
        attachments,
    })
}

fn finish(decoder: &mut Decoder<'_>, node: &Node) -> Option<Finish> {
    let mut fields = decoder.fields(node, "finish")?;
    let archive = fields
        .optional("archive")
        .and_then(|node| decoder.flag(node, "archive"))
        .unwrap_or(false);
    let download = fields.optional_expr(decoder, "download");
    fields.finish(decoder);
    if let Some(download) = download.as_ref().filter(|_| !archive) {
        decoder.error(
            download.span(),
            "download requires archive: true",
            "add archive: true",
        );
    }
    Some(Finish { archive, download })
}
