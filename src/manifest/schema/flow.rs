//! Flows: rows, people of the row, documents, and the options of the process.

use super::Definitions;
use super::build::{
    Object, Schema, any_map_of, code, filled_map_of, flag, form, integer, list, map_of, optional,
    reference, required, text, word,
};
use crate::api::code::{NOTICE_TYPE, SIGN_PLATFORM};

pub(super) fn definitions() -> Definitions {
    vec![
        ("flow", flow()),
        ("rows", rows()),
        ("rowAccount", row_account()),
        ("document", document()),
        ("chunk", chunk()),
        ("process", process()),
        ("attachment", attachment()),
        ("finish", finish()),
    ]
}

fn flow() -> Schema {
    Object::new(
        "Documents, signers and rows of a contract. Without rows the flow is one item, with the flow's name as its key.",
        vec![
            optional("rows", reference("rows")),
            optional(
                "accounts",
                map_of(
                    "The accounts that a row declares, by name. Rows with the same thirdId are the same account; their account fields must be equal.",
                    reference("rowAccount"),
                ),
            ),
            required("documents", filled_map_of("The documents to sign, by name.", reference("document"))),
            required("process", reference("process")),
            required(
                "signers",
                filled_map_of("The signers, by name, in signing order.", reference("signer")),
            ),
            optional("finish", reference("finish")),
            optional(
                "onChange",
                word(
                    "The action when the row differs from the sent contract. error (the default): the item fails. keep: the sent contract stays valid. reissue: the sent contract is revoked and the item is sent again.",
                    &["error", "keep", "reissue"],
                ),
            ),
            optional(
                "onVanish",
                word(
                    "The action when the row of a sent contract is no longer in the sheet. keep (the default): the sent contract stays valid. revoke: it is revoked.",
                    &["keep", "revoke"],
                ),
            ),
        ],
    )
    .schema()
}

fn rows() -> Schema {
    Object::new(
        "The sheet. Each row is one item.",
        vec![
            required("file", text("A CSV, TSV or XLSX file, relative to this file.")),
            required(
                "key",
                text("The key of an item, unique in the flow and the same in every run: \"{{ row.contract_no }}\"."),
            ),
            optional("where", text("The condition that selects rows: \"{{ row.status == 'approved' }}\". Cells are text. Default: all rows.")),
            optional("sheet", text("The sheet of a workbook, by name.")),
            optional(
                "encoding",
                word(
                    "The encoding of the file. Default: detected by the byte order mark, otherwise UTF-8 if the file is valid UTF-8, otherwise GB18030.",
                    &["utf-8", "gb18030", "gbk"],
                ),
            ),
            optional(
                "delimiter",
                word("The separator between cells. Default: a comma, or a tab in a .tsv file.", &[",", ";", "|", "\t", "tab"]),
            ),
        ],
    )
    .schema()
}

fn row_account() -> Schema {
    Object::new(
        "An account that a row declares: a person or an organization.",
        vec![
            optional("person", reference("person")),
            optional("organization", reference("organization")),
        ],
    )
    .one_of(&["person", "organization"])
    .schema()
}

fn document() -> Schema {
    Object::new(
        "A document, created from a filled template or from a local PDF.",
        vec![
            required("name", text("The document's name at the API (docName).")),
            optional("template", text("A template's name in the manifests.")),
            optional("file", text("The path of a local PDF instead of a template, relative to this file.")),
            optional(
                "simpleFormFields",
                any_map_of(
                    "The values of the template's form fields, by field name. A field with an empty value stays blank.",
                    text("The text of the field."),
                ),
            ),
            optional(
                "chunkedFields",
                list("Pages appended to the document, at most 10 (5.4.2).", reference("chunk")),
            ),
            optional(
                "encryption",
                flag("Whether the document is encrypted, so that signers must enter its password (5.5.1). Default: false."),
            ),
        ],
    )
    .one_of(&["template", "file"])
    .with(&[("simpleFormFields", &["template"])])
    .schema()
}

fn chunk() -> Schema {
    Object::new(
        "Pages appended to a document.",
        vec![
            required(
                "mimeType",
                form(
                    "The type of the content: text/html or application/pdf.",
                    "[Tt][Ee][Xx][Tt]/[Hh][Tt][Mm][Ll]|[Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]/[Pp][Dd][Ff]",
                ),
            ),
            optional("file", text("The path of the file, relative to this file. An HTML file may contain expressions.")),
            optional("data", text("The content instead of a file: HTML, or a Base64-encoded PDF.")),
        ],
    )
    .one_of(&["file", "data"])
    .schema()
}

fn process() -> Schema {
    Object::new(
        "The options of the signing process (5.5.1).",
        vec![
            required("businessScene", text("The subject that signers see.")),
            optional("initiator", text("The name of the account that initiates the flow. Default: the platform.")),
            optional("payer", text("The name of the account that pays. Default: the platform.")),
            optional(
                "signValidity",
                integer(
                    "The signing deadline, in milliseconds since 1970: \"{{ run.started | plus('7d') | epochMs }}\".",
                    None,
                ),
            ),
            optional(
                "signPlatform",
                list("The platforms that signers may use.", code("A platform, by name or number", &SIGN_PLATFORM)),
            ),
            optional(
                "noticeType",
                list("The channels for notifying signers.", code("A channel, by name or number", &NOTICE_TYPE)),
            ),
            optional("noticeUrl", text("The URL for callbacks.")),
            optional("redirectUrl", text("The URL that the signer's browser opens after signing.")),
            optional("addSignTime", flag("Whether the signing time is shown beside each signature.")),
            optional(
                "attachments",
                list("Files that are attached and not signed.", reference("attachment")),
            ),
        ],
    )
    .schema()
}

fn attachment() -> Schema {
    Object::new(
        "A file that is attached and not signed.",
        vec![
            required("file", text("The path of the file, relative to this file.")),
            required("name", text("The attachment's name at the API.")),
        ],
    )
    .schema()
}

fn finish() -> Schema {
    Object::new(
        "Actions after all signers have signed.",
        vec![
            optional(
                "archive",
                flag("Whether the flow is archived (5.7.5). Default: false."),
            ),
            optional(
                "download",
                text("The path for the signed document, relative to this file: \"signed/{{ key }}.pdf\". Requires archive: true."),
            ),
        ],
    )
    .schema()
}
