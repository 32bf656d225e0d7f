//! What stands apart from rows: accounts, seals and templates.

use super::Definitions;
use super::build::{
    Object, Schema, code, either, flag, integer, list, optional, reference, required, text, word,
};
use crate::api::code::{
    ID_TYPE, ORGAN_TYPE, ORGANIZATION_SEAL_TEMPLATES, PERSON_SEAL_TEMPLATES, SEAL_COLORS,
};

pub(super) fn definitions() -> Definitions {
    vec![
        ("account", account()),
        ("person", person()),
        ("organization", organization()),
        ("silentSign", silent_sign()),
        ("seal", seal()),
        ("personTemplate", person_template()),
        ("organizationTemplate", organization_template()),
        ("template", template()),
    ]
}

const THIRD_ID: &str = "Your own id of the account, at most 50 bytes: what it is known by.";

fn account() -> Schema {
    Object::new(
        "A person, an organization, or an account that should be there no more.",
        vec![
            optional("person", reference("person")),
            optional("organization", reference("organization")),
            optional(
                "absent",
                flag("true: the account with this thirdId is deleted if it exists."),
            ),
            optional(
                "thirdId",
                text("Whose account is deleted; goes with absent."),
            ),
            optional("silentSign", reference("silentSign")),
            optional("protect", flag("true: never deleted. Default: false.")),
        ],
    )
    .one_of(&["person", "organization", "absent"])
    .with(&[("absent", &["thirdId"]), ("thirdId", &["absent"])])
    .schema()
}

fn person() -> Schema {
    Object::new(
        "A person (5.2.1). name, mobile and email can be changed later.",
        vec![
            required("thirdId", text(THIRD_ID)),
            required("name", text("The name, as the identity document has it.")),
            required("idType", code("Kind of the identity document, by name or number", &ID_TYPE)),
            required("idNo", text("The document's number. Real ones belong into environment variables: \"{{ env.CLERK_ID_NO }}\".")),
            optional("mobile", text("Mobile number.")),
            optional("email", text("E-mail address.")),
        ],
    )
    .schema()
}

fn organization() -> Schema {
    Object::new(
        "An organization (5.2.2). name, email and legalName can be changed later.",
        vec![
            required("thirdId", text(THIRD_ID)),
            required(
                "creator",
                text("The account of the person who acts for it, by its name in the manifests."),
            ),
            required(
                "name",
                text("The name, as the organization's document has it."),
            ),
            required(
                "organType",
                code("Kind of its document, by name or number", &ORGAN_TYPE),
            ),
            required("organCode", text("The document's number.")),
            optional("legalName", text("Name of the legal representative.")),
            optional(
                "legalIdNo",
                text("Number of the representative's identity document; needs legalIdType."),
            ),
            optional(
                "legalIdType",
                code("Kind of that document, by name or number", &ID_TYPE),
            ),
            optional("email", text("E-mail address.")),
        ],
    )
    .with(&[("legalIdNo", &["legalIdType"])])
    .schema()
}

fn silent_sign() -> Schema {
    let until = Object::new(
        "Until a time.",
        vec![required(
            "until",
            text("The last day, such as 2027-12-31 (its end, in Asia/Shanghai), or a moment."),
        )],
    );
    either(
        "Whether the platform may sign for the account without asking (5.2.5). Absent or false: a grant that treaty made is withdrawn.",
        flag("true: for good."),
        until.schema(),
    )
}

fn seal() -> Schema {
    Object::new(
        "A seal (5.8), known by its account and alias. It cannot be changed: a difference needs a new alias.",
        vec![
            required("account", text("Whose seal it is: an account's name in the manifests.")),
            required("alias", text("The name that the seal has at the API.")),
            required("color", word("The seal's colour.", SEAL_COLORS)),
            optional("width", integer("Width of the signature field, in pixels.", Some(1))),
            optional("height", integer("Height of the signature field, in pixels.", Some(1))),
            optional("personTemplate", reference("personTemplate")),
            optional("organizationTemplate", reference("organizationTemplate")),
            optional("image", text("A file with the seal's image, relative to this file.")),
        ],
    )
    .one_of(&["personTemplate", "organizationTemplate", "image"])
    .schema()
}

fn person_template() -> Schema {
    Object::new(
        "A seal that the API draws for a person (5.8.2).",
        vec![
            required(
                "templateType",
                word("The seal's shape.", PERSON_SEAL_TEMPLATES),
            ),
            optional("text", text("The text on it. Default: the person's name.")),
        ],
    )
    .schema()
}

fn organization_template() -> Schema {
    Object::new(
        "A seal that the API draws for an organization (5.8.3).",
        vec![
            required(
                "templateType",
                word("The seal's shape.", ORGANIZATION_SEAL_TEMPLATES),
            ),
            optional("hText", text("The line across.")),
            optional("qText", text("The line along the lower edge.")),
            optional("text", text("The text along the upper edge.")),
        ],
    )
    .schema()
}

fn template() -> Schema {
    Object::new(
        "A PDF form that documents are made of (5.3): a file of the project, or a template that was made elsewhere.",
        vec![
            optional("file", text("The PDF, relative to this file. A changed file is a new template.")),
            optional("templateName", text("The name that the template has at the API.")),
            optional("templateId", text("The id of a template that was made elsewhere.")),
            optional("fields", list("The form fields that a template made elsewhere has.", text("A field's name."))),
        ],
    )
    .one_of(&["file", "templateId"])
    .with(&[
        ("file", &["templateName"]),
        ("templateName", &["file"]),
        ("fields", &["templateId"]),
    ])
    .schema()
}
