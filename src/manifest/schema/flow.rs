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
        "What is signed, by whom, and for which rows. Without rows the flow is one item, whose key is its name.",
        vec![
            optional("rows", reference("rows")),
            optional(
                "accounts",
                map_of(
                    "People and organizations of the row, by name. The same thirdId in many rows is one account, and must agree.",
                    reference("rowAccount"),
                ),
            ),
            required("documents", filled_map_of("What is signed, by name.", reference("document"))),
            required("process", reference("process")),
            required(
                "signers",
                filled_map_of("Who signs, by name, in this order.", reference("signer")),
            ),
            optional("finish", reference("finish")),
            optional(
                "onChange",
                word(
                    "The row differs from what was sent. error (the default): the item fails. keep: what was sent stands. reissue: it is revoked, and the item is sent anew.",
                    &["error", "keep", "reissue"],
                ),
            ),
            optional(
                "onVanish",
                word(
                    "A sent row is no longer in the sheet. keep (the default): what was sent stands. revoke: it is revoked.",
                    &["keep", "revoke"],
                ),
            ),
        ],
    )
    .schema()
}

fn rows() -> Schema {
    Object::new(
        "The sheet: each of its rows is one item.",
        vec![
            required("file", text("A CSV, TSV or XLSX file, relative to this file.")),
            required(
                "key",
                text("What an item is known by: unique, and the same in every run. \"{{ row.contract_no }}\"."),
            ),
            optional("where", text("Which rows are meant: \"{{ row.status == 'approved' }}\". Cells are text.")),
            optional("sheet", text("The sheet of a workbook, by name.")),
            optional(
                "encoding",
                word(
                    "How the file's text is encoded. Default: by its byte order mark, else UTF-8 if all of it is, else GB18030.",
                    &["utf-8", "gb18030", "gbk"],
                ),
            ),
            optional(
                "delimiter",
                word("What stands between cells. Default: a comma, in a .tsv file a tab.", &[",", ";", "|", "\t", "tab"]),
            ),
        ],
    )
    .schema()
}

fn row_account() -> Schema {
    Object::new(
        "A person or an organization of the row.",
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
        "A document: a template that is filled, or a local PDF.",
        vec![
            required("name", text("The name that the document has at the API.")),
            optional("template", text("A template's name in the manifests.")),
            optional("file", text("A local PDF instead of a template, relative to this file.")),
            optional(
                "simpleFormFields",
                any_map_of(
                    "The values of the template's form fields, by field. A field whose value is empty is left blank.",
                    text("The field's text."),
                ),
            ),
            optional(
                "chunkedFields",
                list("Pages that are put at the document's end, at most 10 (5.4.2).", reference("chunk")),
            ),
            optional(
                "encryption",
                flag("true: the document is encrypted, and signers give its password (5.5.1). Default: false."),
            ),
        ],
    )
    .one_of(&["template", "file"])
    .with(&[("simpleFormFields", &["template"])])
    .schema()
}

fn chunk() -> Schema {
    Object::new(
        "Pages that are put at a document's end.",
        vec![
            required(
                "mimeType",
                form(
                    "What it is: text/html or application/pdf.",
                    "[Tt][Ee][Xx][Tt]/[Hh][Tt][Mm][Ll]|[Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]/[Pp][Dd][Ff]",
                ),
            ),
            optional("file", text("A file, relative to this file. The text of an HTML file may hold expressions.")),
            optional("data", text("The content, instead of a file.")),
        ],
    )
    .one_of(&["file", "data"])
    .schema()
}

fn process() -> Schema {
    Object::new(
        "The options of the signing process (5.5.1).",
        vec![
            required("businessScene", text("What it is about, as signers read it.")),
            optional("initiator", text("Who starts it: an account's name. Default: the platform.")),
            optional("payer", text("Who pays: an account's name. Default: the platform.")),
            optional(
                "signValidity",
                integer(
                    "The last moment for signing, in milliseconds since 1970: \"{{ run.started | plus('7d') | epochMs }}\".",
                    None,
                ),
            ),
            optional(
                "signPlatform",
                list("Where people may sign.", code("A platform, by name or number", &SIGN_PLATFORM)),
            ),
            optional(
                "noticeType",
                list("How people are told.", code("A way, by name or number", &NOTICE_TYPE)),
            ),
            optional("noticeUrl", text("Where callbacks go.")),
            optional("redirectUrl", text("Where a person's browser goes after signing.")),
            optional("addSignTime", flag("Whether the time is put beside each signature.")),
            optional(
                "attachments",
                list("Files that go along, and are not signed.", reference("attachment")),
            ),
        ],
    )
    .schema()
}

fn attachment() -> Schema {
    Object::new(
        "A file that goes along, and is not signed.",
        vec![
            required("file", text("The file, relative to this file.")),
            required("name", text("The name that it has at the API.")),
        ],
    )
    .schema()
}

fn finish() -> Schema {
    Object::new(
        "What happens once all have signed.",
        vec![
            optional(
                "archive",
                flag("true: the flow is archived (5.7.5). Default: false."),
            ),
            optional(
                "download",
                text("Where the signed document is put: \"signed/{{ key }}.pdf\"."),
            ),
        ],
    )
    .schema()
}
