//! `accounts`: people and organizations.

use super::decode::{Decoder, Fields, StaticText};
use super::yaml::{Kind, Node};
use crate::diagnostic::Span;
use crate::expr::Expr;

/// A declared account.
#[derive(Debug)]
pub struct Account {
    /// Its name in the manifests.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// What it is.
    pub kind: AccountKind,
    /// Whether the platform may sign for it.
    pub silent_sign: SilentSign,
    /// Never deleted.
    pub protect: bool,
}

/// What an account is. There are few of them, and each is held once.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)]
pub enum AccountKind {
    /// A person.
    Person(Person),
    /// An organization.
    Organization(Organization),
    /// Nothing any more: the account of this `thirdId` is deleted if it exists.
    Absent(Expr),
}

/// The fields of a person (5.2.1).
#[derive(Debug)]
pub struct Person {
    /// The caller's own id.
    pub third_id: Expr,
    /// Name.
    pub name: Expr,
    /// Kind of the identity document, by name or number.
    pub id_type: Expr,
    /// Its number.
    pub id_no: Expr,
    /// Mobile number.
    pub mobile: Option<Expr>,
    /// E-mail address.
    pub email: Option<Expr>,
}

/// The fields of an organization (5.2.2).
#[derive(Debug)]
pub struct Organization {
    /// The caller's own id.
    pub third_id: Expr,
    /// The account of the person who acts for it.
    pub creator: StaticText,
    /// Name.
    pub name: Expr,
    /// Kind of its document, by name or number.
    pub organ_type: Expr,
    /// The document's number.
    pub organ_code: Expr,
    /// Name of the legal representative.
    pub legal_name: Option<Expr>,
    /// The representative's identity document.
    pub legal_id_no: Option<Expr>,
    /// Kind of that document, by name or number.
    pub legal_id_type: Option<Expr>,
    /// E-mail address.
    pub email: Option<Expr>,
}

/// Whether the platform may sign for an account without asking (5.2.5).
#[derive(Debug)]
pub enum SilentSign {
    /// No; a grant that treaty made is withdrawn.
    No,
    /// For good.
    Forever,
    /// Until the end of this day, or this moment.
    Until(Expr),
}

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
                    "an account is absent, or it is not declared so",
                    "declare person: or organization: instead",
                );
            }
            fields.expr(decoder, "thirdId").map(AccountKind::Absent)
        }
        _ => {
            decoder.error(
                span,
                format!("the account {name} is of no kind, or of two"),
                "it has one of person, organization and absent",
            );
            None
        }
    };
    fields.finish(decoder);
    if let Some(AccountKind::Absent(third_id)) = &kind {
        if protect == Some(true) {
            decoder.error(
                third_id.span(),
                format!("the account {name} is protected, and declared absent"),
                "take protect away first, if it is to be deleted",
            );
        }
        if !matches!(silent_sign, Some(SilentSign::No)) {
            decoder.error(
                third_id.span(),
                format!("the account {name} is declared absent, and cannot grant anything"),
                "take silentSign away",
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

/// What an account is known by.
fn third_id(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Option<Expr> {
    let third_id = fields.expr(decoder, "thirdId")?;
    if third_id.uses().run {
        decoder.error(
            third_id.span(),
            "a thirdId must be the same in every run, and run is not",
            "make it of the row: a person is known by it",
        );
    }
    Some(third_id)
}

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
