//! Renders and checks accounts.

use super::check::{self, Problem, problem};
use super::rendering::Rendering;
use super::suspicion;
use crate::address::AccountId;
use crate::api::code::{RESIDENT_ID, SOCIAL_CREDIT_CODE, THIRD_ID_BYTES};
use crate::api::{CreateOrganization, CreatePerson};
use crate::diagnostic::Place;
use crate::expr::Expr;
use crate::manifest;

/// The desired state of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The person or organization that the account belongs to.
    pub holder: AccountHolder,
    /// Whether the platform may sign for the account without asking.
    pub silent_sign: SilentSign,
    /// Whether it is never deleted.
    pub protect: bool,
    /// The location of the declaration: a manifest or a row.
    pub origin: Place,
}

/// The holder of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountHolder {
    /// A person.
    Person(Person),
    /// An organization.
    Organization(Organization),
}

/// The fields of a person (5.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The caller's own id of the account.
    pub third_id: String,
    /// Full name.
    pub name: String,
    /// Kind of the identity document.
    pub id_type: i64,
    /// Number of the identity document.
    pub id_no: String,
    /// Mobile number.
    pub mobile: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
}

/// The fields of an organization (5.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The caller's own id of the account.
    pub third_id: String,
    /// The name of the creator's account in the manifests.
    pub creator: String,
    /// Full name.
    pub name: String,
    /// Kind of the registration document.
    pub organ_type: i64,
    /// Number of the registration document.
    pub organ_code: String,
    /// Name of the legal representative.
    pub legal_name: Option<String>,
    /// Number of the representative's identity document.
    pub legal_id_no: Option<String>,
    /// Kind of the representative's identity document.
    pub legal_id_type: Option<i64>,
    /// E-mail address.
    pub email: Option<String>,
}

/// The fields of a person that must be equal in all rows with one `thirdId`.
pub(super) const PERSON_FIELDS: &[&str] = &["name", "idType", "idNo", "mobile", "email"];

/// The fields of an organization that must be equal in all rows with one `thirdId`.
pub(super) const ORGANIZATION_FIELDS: &[&str] = &[
    "name",
    "organType",
    "organCode",
    "legalName",
    "email",
    "legalIdNo",
    "legalIdType",
];

impl Person {
    /// Returns the request that creates the account (5.2.1).
    pub fn create_request(&self) -> CreatePerson {
        CreatePerson {
            third_id: Some(self.third_id.clone()),
            name: self.name.clone(),
            id_no: self.id_no.clone(),
            id_type: self.id_type,
            mobile: self.mobile.clone(),
            email: self.email.clone(),
        }
    }
}

impl Organization {
    /// Returns the request that creates the account (5.2.2). `creator_id` is the account of the
    /// person who acts for the organization.
    pub fn create_request(&self, creator_id: AccountId) -> CreateOrganization {
        CreateOrganization {
            third_id: Some(self.third_id.clone()),
            creator_id,
            name: self.name.clone(),
            organ_code: self.organ_code.clone(),
            organ_type: self.organ_type,
            legal_name: self.legal_name.clone(),
            legal_id_no: self.legal_id_no.clone(),
            legal_id_type: self.legal_id_type,
            email: self.email.clone(),
        }
    }
}

/// Whether the platform may sign for an account without asking (5.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilentSign {
    /// The platform may not sign.
    No,
    /// The platform may sign without a time limit.
    Forever,
    /// The platform may sign until this time, in milliseconds since 1970.
    Until(i64),
}

impl Account {
    /// Returns whether the service may send e-mails to it: a person without an address gets none.
    pub fn may_get_email(&self) -> bool {
        match &self.holder {
            AccountHolder::Person(person) => person.email.is_some(),
            AccountHolder::Organization(_) => true,
        }
    }

    /// Returns the caller's own id of the account.
    pub fn third_id(&self) -> &str {
        match &self.holder {
            AccountHolder::Person(person) => &person.third_id,
            AccountHolder::Organization(organization) => &organization.third_id,
        }
    }

    /// Returns the API fields and values that are set, without `thirdId`.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        let mut add = |name, value: Option<&String>| {
            if let Some(value) = value {
                fields.push((name, value.clone()));
            }
        };
        match &self.holder {
            AccountHolder::Person(person) => {
                add("name", Some(&person.name));
                add("idType", Some(&person.id_type.to_string()));
                add("idNo", Some(&person.id_no));
                add("mobile", person.mobile.as_ref());
                add("email", person.email.as_ref());
            }
            AccountHolder::Organization(organization) => {
                add("name", Some(&organization.name));
                add("organType", Some(&organization.organ_type.to_string()));
                add("organCode", Some(&organization.organ_code));
                add("legalName", organization.legal_name.as_ref());
                add("legalIdNo", organization.legal_id_no.as_ref());
                add(
                    "legalIdType",
                    organization
                        .legal_id_type
                        .map(|number| number.to_string())
                        .as_ref(),
                );
                add("email", organization.email.as_ref());
            }
        }
        fields
    }

    /// Returns the names of the fields that the API can update (5.2.3, 5.2.4).
    pub fn updatable(&self) -> &'static [&'static str] {
        match self.holder {
            AccountHolder::Person(_) => &["name", "mobile", "email"],
            AccountHolder::Organization(_) => &["name", "email", "legalName"],
        }
    }
}

impl Account {
    /// Returns the names and values of the declared fields that the API can update.
    pub fn settable(&self) -> Vec<(&'static str, String)> {
        let mut fields = self.fields();
        fields.retain(|(name, _)| self.updatable().contains(name));
        fields
    }
}

/// Checks the form of a `thirdId`.
pub(super) fn third_id(text: &str) -> Result<(), Problem> {
    check::not_rounded(text)?;
    check::no_control_characters(text)?;
    check::no_unseen_difference(text)?;
    if text.len() > THIRD_ID_BYTES {
        return Err(problem(
            t!("is longer than 50 bytes"),
            t!("use a shorter id; a Chinese character takes three bytes"),
        ));
    }
    Ok(())
}

/// Returns the check for the number of an identity document of this kind.
fn identity(kind: Option<i64>) -> impl FnOnce(&str) -> Result<(), Problem> {
    move |text| match kind {
        Some(RESIDENT_ID) => check::resident_id(text),
        _ => check::not_rounded(text),
    }
}

/// Renders the name of a person or an organization.
fn full_name(field: &str, expr: &Expr, rendering: &mut Rendering<'_>) -> Option<String> {
    let name = rendering.required(field, expr)?;
    if let Some(odd) = suspicion::name_oddity(&name).filter(|_| expr.uses().row) {
        rendering.suspect(field, expr, odd);
    }
    Some(name)
}

pub(super) fn person(rendering: &mut Rendering<'_>, person: &manifest::Person) -> Option<Person> {
    let third_id = rendering.checked("thirdId", &person.third_id, third_id);
    let name = full_name("name", &person.name, rendering);
    let id_type = rendering.code(&person.id_type);
    let id_no = rendering.checked("idNo", &person.id_no, identity(id_type));
    let mobile = rendering.optional_checked("mobile", person.mobile.as_deref(), check::mobile);
    let email = rendering.optional_checked("email", person.email.as_deref(), check::email);
    Some(Person {
        third_id: third_id?,
        name: name?,
        id_type: id_type?,
        id_no: id_no?,
        mobile,
        email,
    })
}

pub(super) fn organization(
    rendering: &mut Rendering<'_>,
    organization: &manifest::Organization,
) -> Option<Organization> {
    let third_id = rendering.checked("thirdId", &organization.third_id, third_id);
    let name = full_name("name", &organization.name, rendering);
    let organ_type = rendering.code(&organization.organ_type);
    let organ_code =
        rendering.checked(
            "organCode",
            &organization.organ_code,
            |text| match organ_type {
                Some(SOCIAL_CREDIT_CODE) => check::social_credit_code(text),
                _ => check::not_rounded(text),
            },
        );
    let legal_name = rendering.optional("legalName", organization.legal_name.as_deref());
    let legal_id_type = organization
        .legal_id_type
        .as_ref()
        .and_then(|kind| rendering.code(kind));
    let legal_id_no = rendering.optional_checked(
        "legalIdNo",
        organization.legal_id_no.as_deref(),
        identity(legal_id_type),
    );
    let email = rendering.optional_checked("email", organization.email.as_deref(), check::email);
    Some(Organization {
        third_id: third_id?,
        creator: organization.creator.text.clone(),
        name: name?,
        organ_type: organ_type?,
        organ_code: organ_code?,
        legal_name,
        // The API accepts the type only together with the number.
        legal_id_type: legal_id_no.as_ref().and(legal_id_type),
        legal_id_no,
        email,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that is not listed would not be compared between rows with one `thirdId`.
    #[test]
    fn every_field_is_compared() {
        let text = || "a".to_owned();
        let person = Person {
            third_id: text(),
            name: text(),
            id_type: 13,
            id_no: text(),
            mobile: Some(text()),
            email: Some(text()),
        };
        let organization = Organization {
            third_id: text(),
            creator: text(),
            name: text(),
            organ_type: 11,
            organ_code: text(),
            legal_name: Some(text()),
            legal_id_no: Some(text()),
            legal_id_type: Some(19),
            email: Some(text()),
        };
        let accounts = [
            (AccountHolder::Person(person), PERSON_FIELDS),
            (
                AccountHolder::Organization(organization),
                ORGANIZATION_FIELDS,
            ),
        ];
        for (holder, listed) in accounts {
            let account = Account {
                holder,
                silent_sign: SilentSign::No,
                protect: false,
                origin: Place::File("a".into()),
            };
            let mut names: Vec<_> = account.fields().iter().map(|(name, _)| *name).collect();
            let mut listed = listed.to_vec();
            names.sort_unstable();
            listed.sort_unstable();
            assert_eq!(names, listed);
        }
    }
}
