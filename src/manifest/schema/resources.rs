//! The schema of resources: accounts, seals and templates.

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

const THIRD_ID: &str = "Your own id of the account, at most 50 bytes. It identifies the account.";

fn account() -> Schema {
    Object::new(
        "A person, an organization, or an account that should not exist.",
        vec![
            optional("person", reference("person")),
            optional("organization", reference("organization")),
            optional(
                "absent",
                flag("Must be true: the account with this thirdId is deleted if it exists."),
            ),
            optional(
                "thirdId",
                text("The thirdId of the account to delete. Requires absent."),
            ),
            optional("silentSign", reference("silentSign")),
            optional(
                "protect",
                flag("Whether deletion is forbidden. Default: false."),
            ),
        ],
    )
    .one_of(&["person", "organization", "absent"])
    .with(&[("absent", &["thirdId"]), ("thirdId", &["absent"])])
    .schema()
}

fn person() -> Schema {
    Object::new(
        "A person (5.2.1). Only name, mobile and email can be changed later.",
        vec![
            required("thirdId", text(THIRD_ID)),
            required("name", text("The name as in the identity document.")),
            required("idType", code("Kind of the identity document, by name or number", &ID_TYPE)),
            required("idNo", text("Number of the identity document. Keep real numbers in environment variables: \"{{ env.CLERK_ID_NO }}\".")),
            optional("mobile", text("Mobile number.")),
            optional("email", text("E-mail address.")),
        ],
    )
    .schema()
}

fn organization() -> Schema {
    Object::new(
        "An organization (5.2.2). Only name, email and legalName can be changed later.",
        vec![
            required("thirdId", text(THIRD_ID)),
            required(
                "creator",
                text("The name of the account of the person that acts for the organization."),
            ),
            required("name", text("The name as in the registration document.")),
            required(
                "organType",
                code(
                    "Kind of the registration document, by name or number",
                    &ORGAN_TYPE,
                ),
            ),
            required("organCode", text("Number of the registration document.")),
            optional("legalName", text("Name of the legal representative.")),
            optional(
                "legalIdNo",
                text(
                    "Number of the legal representative's identity document. Requires legalIdType.",
                ),
            ),
            optional(
                "legalIdType",
                code(
                    "Kind of the legal representative's identity document, by name or number",
                    &ID_TYPE,
                ),
            ),
            optional("email", text("E-mail address.")),
        ],
    )
    .with(&[("legalIdNo", &["legalIdType"])])
    .schema()
}

fn silent_sign() -> Schema {
    let until = Object::new(
        "Silent signing until a time.",
        vec![required(
            "until",
            text(
                "The last day, such as 2027-12-31 (until its end, in Asia/Shanghai), or a time such as 2027-12-31 18:00:00.",
            ),
        )],
    );
    either(
        "Whether the platform may sign for the account without asking (5.2.5). Default: false, which withdraws a grant made by treaty.",
        flag("true: without a time limit."),
        until.schema(),
    )
}

fn seal() -> Schema {
    Object::new(
        "A seal (5.8), identified by account and alias. A seal cannot be changed: use a new alias for a different seal.",
        vec![
            required("account", text("The name of the account that owns the seal.")),
            required("alias", text("The seal's name at the API.")),
            required("color", word("The color of the seal.", SEAL_COLORS)),
            optional("width", integer("Width of the signature field, in pixels.", Some(1))),
            optional("height", integer("Height of the signature field, in pixels.", Some(1))),
            optional("personTemplate", reference("personTemplate")),
            optional("organizationTemplate", reference("organizationTemplate")),
            optional("image", text("The path of a PNG or JPEG image, relative to this file.")),
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
                word("The shape of the seal.", PERSON_SEAL_TEMPLATES),
            ),
            optional(
                "text",
                text("The text of the seal. Default: the person's name."),
            ),
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
                word("The shape of the seal.", ORGANIZATION_SEAL_TEMPLATES),
            ),
            optional("hText", text("The horizontal text.")),
            optional("qText", text("The text along the lower edge.")),
            optional("text", text("The text along the upper edge.")),
        ],
    )
    .schema()
}

fn template() -> Schema {
    Object::new(
        "A PDF form that documents are created from (5.3): a file of the project, or a template that was created outside of treaty.",
        vec![
            optional("file", text("The path of the PDF, relative to this file. A changed file becomes a new template.")),
            optional("templateName", text("The template's name at the API.")),
            optional("templateId", text("The id of a template that was created outside of treaty.")),
            optional("fields", list("The form fields of a template that was created outside of treaty.", text("The name of a form field."))),
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
