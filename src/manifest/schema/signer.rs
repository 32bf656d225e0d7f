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
        "A signer with a signing method.",
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
                    "The signers that must have signed before this one is added.",
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
    let described = "The platform signs automatically (5.5.2).";
    let mut fields = vec![required("positions", reference("somePositions"))];
    fields.extend(auto("the platform's default seal"));
    Object::new(described, fields).schema()
}

fn user() -> Schema {
    let mut fields = vec![
        required("account", text("The name of an account with silentSign.")),
        required("positions", reference("somePositions")),
        optional(
            "noticeSignMessage",
            flag("Whether the account owner is notified after signing."),
        ),
    ];
    fields.extend(auto("the account's default seal"));
    Object::new(
        "The platform signs automatically for an account that granted silentSign (5.5.3).",
        fields,
    )
    .schema()
}

/// The fields that both automatic signing methods have.
fn auto(default: &str) -> [Field; 2] {
    let seal = format!("A seal's name in the manifests. Default: {default}.");
    [
        optional("seal", text(&seal)),
        optional("docPwd", text("The password of an encrypted document.")),
    ]
}

fn person() -> Schema {
    Object::new(
        "A person signs (5.5.4).",
        vec![
            required(
                "account",
                text("The name of the person's account, of the row or of the project."),
            ),
            optional(
                "sealType",
                list(
                    "The kinds of seal that the signer may use. Default: any.",
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
        "A person signs for an organization (5.5.5).",
        vec![
            required("account", text("The name of the person's account.")),
            required(
                "organization",
                text("The name of the organization's account."),
            ),
            optional("positions", reference("positions")),
        ],
    )
    .schema()
}

fn person_and_organization() -> Schema {
    Object::new(
        "A person signs in person and for an organization in one task (5.5.6).",
        vec![
            required("account", text("The name of the person's account.")),
            optional(
                "organization",
                text("The name of the organization's account."),
            ),
            optional("positions", reference("positions")),
        ],
    )
    .schema()
}

fn positions() -> Schema {
    either(
        "The seal positions: a list for the only document of the flow, or a map from document names to lists. Default: the signer chooses.",
        list(
            "Positions in the only document of the flow.",
            reference("position"),
        ),
        any_map_of(
            "Positions by document name.",
            list("Positions in this document.", reference("position")),
        ),
    )
}

/// Nobody is there to choose a place.
fn some_positions() -> Schema {
    let list_of = |described| list(described, reference("position"));
    let mut by_document = any_map_of(
        "Positions by document name.",
        list_of("Positions in this document."),
    );
    by_document.insert("minProperties".to_owned(), json!(1));
    either(
        "The seal positions: a list for the only document of the flow, or a map from document names to lists.",
        filled_list(
            "Positions in the only document of the flow.",
            reference("position"),
        ),
        by_document,
    )
}

fn position() -> Schema {
    Object::new(
        "A seal position: at a keyword (signType 1), at coordinates on pages (2), or across the seam of pages (3).",
        vec![
            optional("keyword", text("A word of the document's page text. The seal is placed beside it.")),
            optional("page", text("Pages: \"1\" or \"1-3,5\". Needs posX and posY.")),
            optional("seam", text("The pages of a cross-page seal: \"1-3\".")),
            optional("posX", number("Horizontal coordinate on the page, or offset from the keyword (default 0).")),
            optional("posY", number("Vertical coordinate on the page, or offset from the keyword (default 0).")),
            optional("scale", number("Width of the scaled seal. Default: the seal's own width.")),
        ],
    )
    .one_of(&["keyword", "page", "seam"])
    .with(&[("page", &["posX", "posY"])])
    .schema()
}
