//! Signers, their five kinds, and the positions of their seals.

use serde_json::json;

use super::Definitions;
use super::build::{
    Field, Object, Schema, any_map_of, code, either, filled_list, flag, list, number, optional,
    reference, required, text,
};
use crate::api::code::SEAL_TYPE;

pub(super) fn definitions() -> Definitions {
    vec![
        ("signer", signer()),
        ("platformSigner", platform()),
        ("userSigner", user()),
        ("personSigner", person()),
        ("organizationSigner", organization()),
        ("personAndOrganizationSigner", person_and_organization()),
        ("positions", positions()),
        ("somePositions", some_positions()),
        ("position", position()),
    ]
}

fn signer() -> Schema {
    Object::new(
        "Who signs, and how.",
        vec![
            optional("platform", reference("platformSigner")),
            optional("user", reference("userSigner")),
            optional("person", reference("personSigner")),
            optional("organization", reference("organizationSigner")),
            optional(
                "personAndOrganization",
                reference("personAndOrganizationSigner"),
            ),
            optional(
                "after",
                list(
                    "Signers who must have signed before this one is added.",
                    text("A signer's name in this flow."),
                ),
            ),
        ],
    )
    .one_of(&[
        "platform",
        "user",
        "person",
        "organization",
        "personAndOrganization",
    ])
    .schema()
}

fn platform() -> Schema {
    let described = "The platform signs at once (5.5.2).";
    let mut fields = vec![required("positions", reference("somePositions"))];
    fields.extend(auto("the platform's default seal"));
    Object::new(described, fields).schema()
}

fn user() -> Schema {
    let mut fields = vec![
        required(
            "account",
            text("For whom: the name of an account with silentSign."),
        ),
        required("positions", reference("somePositions")),
        optional(
            "noticeSignMessage",
            flag("Whether the account's owner is told."),
        ),
    ];
    fields.extend(auto("the account's default seal"));
    Object::new(
        "An account that granted it (silentSign) is signed for at once (5.5.3).",
        fields,
    )
    .schema()
}

/// What the signers without a person share.
fn auto(default: &str) -> [Field; 2] {
    let seal = format!("A seal's name in the manifests. Default: {default}.");
    [
        optional("seal", text(&seal)),
        optional("docPwd", text("The password of an encrypted document.")),
    ]
}

fn person() -> Schema {
    Object::new(
        "A person is asked to sign (5.5.4).",
        vec![
            required(
                "account",
                text("The person: an account's name, of the row or of the project."),
            ),
            optional(
                "sealType",
                list(
                    "Kinds of seal that he may use. Default: any.",
                    code("A kind, by name or number", &SEAL_TYPE),
                ),
            ),
            optional("positions", reference("positions")),
        ],
    )
    .schema()
}

fn organization() -> Schema {
    Object::new(
        "A person is asked to sign for an organization (5.5.5).",
        vec![
            required("account", text("The person: an account's name.")),
            required("organization", text("The organization: an account's name.")),
            optional("positions", reference("positions")),
        ],
    )
    .schema()
}

fn person_and_organization() -> Schema {
    Object::new(
        "A person is asked to sign for himself and an organization at once (5.5.6).",
        vec![
            required("account", text("The person: an account's name.")),
            optional("organization", text("The organization: an account's name.")),
            optional("positions", reference("positions")),
        ],
    )
    .schema()
}

fn positions() -> Schema {
    either(
        "Where the seal goes: a list for the flow's one document, or a map from documents to lists. Absent: the signer chooses.",
        list("In the flow's one document.", reference("position")),
        any_map_of(
            "By document.",
            list("In this document.", reference("position")),
        ),
    )
}

/// Nobody is there to choose a place.
fn some_positions() -> Schema {
    let list_of = |described| list(described, reference("position"));
    let mut by_document = any_map_of("By document.", list_of("In this document."));
    by_document.insert("minProperties".to_owned(), json!(1));
    either(
        "Where the seal goes: a list for the flow's one document, or a map from documents to lists.",
        filled_list("In the flow's one document.", reference("position")),
        by_document,
    )
}

fn position() -> Schema {
    Object::new(
        "A place of the seal, found by a keyword (signType 1), by page and coordinates (2), or across the seam of pages (3).",
        vec![
            optional("keyword", text("A word of the document's own text: the seal goes beside it.")),
            optional("page", text("Pages: \"1\" or \"1-3,5\". Needs posX and posY.")),
            optional("seam", text("Pages across whose seam the seal goes: \"1-3\".")),
            optional("posX", number("Horizontal place on the page, or offset from the keyword (default 0).")),
            optional("posY", number("Vertical place on the page, or offset from the keyword (default 0).")),
            optional("scale", number("Width that the seal is scaled to. Default: the seal's own.")),
        ],
    )
    .one_of(&["keyword", "page", "seam"])
    .with(&[("page", &["posX", "posY"])])
    .schema()
}
