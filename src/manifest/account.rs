//! Decodes `accounts`: people and organizations.

use super::decode::{Decoder, Fields, StaticText};
use super::yaml::{Kind, Node};
use crate::diagnostic::Span;
use crate::expr::Expr;

/// A declared account.
#[derive(Debug)]
pub struct Account {
    /// The account's name in the manifests.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The kind of account with its fields.
    pub kind: AccountKind,
    /// Whether the platform may sign for the account without asking.
    pub silent_sign: SilentSign,
    /// Whether deletion is forbidden.
    pub protect: bool,
}

/// The kind of account. The variants differ in size, which does not matter for few accounts.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)]
pub enum AccountKind {
    /// A person.
    Person(Person),
    /// An organization.
    Organization(Organization),
    /// An account to delete if it exists, by its `thirdId`.
    Absent(Expr),
}

/// The fields of a person (5.2.1).
#[derive(Debug)]
pub struct Person {
    /// The caller's own id of the account.
    pub third_id: Expr,
    /// Full name.
    pub name: Expr,
    /// Kind of the identity document, by name or number.
    pub id_type: Expr,
    /// Number of the identity document.
    pub id_no: Expr,
    /// Mobile number.
    pub mobile: Option<Expr>,
    /// E-mail address.
    pub email: Option<Expr>,
}

/// The fields of an organization (5.2.2).
#[derive(Debug)]
pub struct Organization {
    /// The caller's own id of the account.
    pub third_id: Expr,
    /// The account of the person who acts for it.
    pub creator: StaticText,
    /// Full name.
    pub name: Expr,
    /// Kind of the registration document, by name or number.
    pub organ_type: Expr,
    /// Number of the registration document.
    pub organ_code: Expr,
    /// Name of the legal representative.
    pub legal_name: Option<Expr>,
    /// Number of the representative's identity document.
    pub legal_id_no: Option<Expr>,
    /// Kind of the representative's identity document, by name or number.
    pub legal_id_type: Option<Expr>,
    /// E-mail address.
    pub email: Option<Expr>,
}

/// Whether the platform may sign for an account without asking (5.2.5).
#[derive(Debug)]
pub enum SilentSign {
    /// The platform may not sign. A grant made by treaty is withdrawn.
    No,
    /// The platform may sign without a time limit.
    Forever,
    /// The platform may sign until the end of this date, or until this time.
    Until(Expr),
}

/// Decodes an account.
pub(super) fn account(
    decoder: &mut Decoder<'_>,
    name: &str,
    span: &Span,
    node: &Node,
) -> Option<Account> {
    let mut fields = decoder.fields(node, "an account")?;
    let person = fields.optional("person");
    let organization = fields.optional("organization");
    let absent = fields.optional("absent");
    let silent_sign = fields
        .optional("silentSign")
        .map_or(Some(SilentSign::No), |node| silent_sign(decoder, node));
    let protect = fields
        .optional("protect")
        .and_then(|node| decoder.flag(node, "protect"));
    let kind = match (person, organization, absent) {
        (Some(node), None, None) => self::person(decoder, node).map(AccountKind::Person),
        (None, Some(node), None) => {
            self::organization(decoder, node).map(AccountKind::Organization)
        }
        (None, None, Some(node)) => {
            if decoder.flag(node, "absent") == Some(false) {
                decoder.error(
                    &node.span,
                    "absent cannot be false",
                    "remove absent and declare person or organization",
                );
            }
            fields.expr(decoder, "thirdId").map(AccountKind::Absent)
        }
        _ => {
            decoder.error(
                span,
                format!("the account {name} has no kind or several kinds"),
                "set exactly one of person, organization and absent",
            );
            None
        }
    };
    fields.finish(decoder);
    if let Some(AccountKind::Absent(third_id)) = &kind {
        if protect == Some(true) {
            decoder.error(
                third_id.span(),
                format!("the account {name} is declared both protected and absent"),
                "remove protect to delete the account",
            );
        }
        if !matches!(silent_sign, Some(SilentSign::No)) {
            decoder.error(
                third_id.span(),
                format!("the absent account {name} cannot have silentSign"),
                "remove silentSign",
            );
        }
    }
    Some(Account {
        name: name.to_owned(),
        span: span.clone(),
        kind: kind?,
        silent_sign: silent_sign?,
        protect: protect.unwrap_or(false),
    })
}

/// Decodes the `thirdId` of an account, which must not depend on the run.
fn third_id(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Option<Expr> {
    let third_id = fields.expr(decoder, "thirdId")?;
    if third_id.uses().run {
        decoder.error(
            third_id.span(),
            "a thirdId must be the same in every run, but it uses run",
            "use values of the row: the thirdId identifies the account",
        );
    }
    Some(third_id)
}

/// Decodes the fields of a person.
pub(super) fn person(decoder: &mut Decoder<'_>, node: &Node) -> Option<Person> {
    let mut fields = decoder.fields(node, "person")?;
    let third_id = third_id(decoder, &mut fields);
    let name = fields.expr(decoder, "name");
    let id_type = fields.expr(decoder, "idType");
    let id_no = fields.expr(decoder, "idNo");
    let mobile = fields.optional_expr(decoder, "mobile");
    let email = fields.optional_expr(decoder, "email");
    fields.finish(decoder);
    Some(Person {
        third_id: third_id?,
        name: name?,
        id_type: id_type?,
        id_no: id_no?,
        mobile,
        email,
    })
}

/// Decodes the fields of an organization.
pub(super) fn organization(decoder: &mut Decoder<'_>, node: &Node) -> Option<Organization> {
    let mut fields = decoder.fields(node, "organization")?;
    let third_id = third_id(decoder, &mut fields);
    let creator = fields.settled(decoder, "creator");
    let name = fields.expr(decoder, "name");
    let organ_type = fields.expr(decoder, "organType");
    let organ_code = fields.expr(decoder, "organCode");
    let legal_name = fields.optional_expr(decoder, "legalName");
    let legal_id_no = fields.optional_expr(decoder, "legalIdNo");
    let legal_id_type = fields.optional_expr(decoder, "legalIdType");
    let email = fields.optional_expr(decoder, "email");
    fields.finish(decoder);
    if let (Some(number), None) = (&legal_id_no, &legal_id_type) {
        decoder.error(
            number.span(),
            "legalIdNo needs legalIdType",
            "add legalIdType: resident-id",
        );
    }
    Some(Organization {
        third_id: third_id?,
        creator: creator?,
        name: name?,
        organ_type: organ_type?,
        organ_code: organ_code?,
        legal_name,
        legal_id_no,
        legal_id_type,
        email,
    })
}

fn silent_sign(decoder: &mut Decoder<'_>, node: &Node) -> Option<SilentSign> {
    if let Kind::Mapping(_) = node.kind {
        let mut fields = decoder.fields(node, "silentSign")?;
        let until = fields.expr(decoder, "until");
        fields.finish(decoder);
        return until.map(SilentSign::Until);
    }
    let granted = decoder.flag(node, "silentSign")?;
    Some(if granted {
        SilentSign::Forever
    } else {
        SilentSign::No
    })
}
