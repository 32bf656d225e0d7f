//! The fields of a flow that read the row, in the order in which the columns are useful to a reader:
//! the key, the people, the contract, and everything else.

use crate::api::code::{
    Codes, ID_TYPE, NOTICE_TYPE, ORGAN_TYPE, RESIDENT_ID, SEAL_TYPE, SIGN_PLATFORM,
};
use crate::desired::Resources;
use crate::expr::Expr;
use crate::manifest::{
    Document, DocumentSource, Flow, Organization, Person, RowAccountKind, SignerKind,
};

/// A field of a flow, with the expression that fills it.
pub(super) struct Field<'f> {
    pub(super) role: Role,
    /// The name of the field for people: `borrower idNo`.
    pub(super) name: String,
    pub(super) expr: &'f Expr,
}

/// The meaning of a field's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Key,
    ThirdId,
    Name,
    ResidentId,
    OtherId,
    Mobile,
    Email,
    Code(&'static Codes),
    /// A form field with its maximum number of characters.
    FormField(Option<usize>),
    /// The condition that selects rows.
    Filter,
    Other,
}

/// Returns the fields of a flow.
pub(super) fn fields<'f>(flow: &'f Flow, resources: &Resources) -> Vec<Field<'f>> {
    let mut fields = Fields(Vec::new());
    if let Some(rows) = &flow.rows {
        fields.add(Role::Key, "key", &rows.key);
    }
    for account in &flow.accounts {
        match &account.kind {
            RowAccountKind::Person(person) => fields.person(&account.name, person),
            RowAccountKind::Organization(organization) => {
                fields.organization(&account.name, organization);
            }
        }
    }
    for document in &flow.documents {
        fields.document(&document.name, document, resources);
    }
    fields.process(flow);
    if let Some(filter) = flow.rows.as_ref().and_then(|rows| rows.filter.as_ref()) {
        fields.add(Role::Filter, "where", filter);
    }
    fields.0
}

struct Fields<'f>(Vec<Field<'f>>);

impl<'f> Fields<'f> {
    fn add(&mut self, role: Role, name: impl Into<String>, expr: &'f Expr) {
        let name = name.into();
        self.0.push(Field { role, name, expr });
    }

    fn person(&mut self, account: &str, person: &'f Person) {
        let id = match person.id_type.literal() {
            Some(text) if ID_TYPE.number(text) == Some(RESIDENT_ID) => Role::ResidentId,
            _ => Role::OtherId,
        };
        self.add(
            Role::ThirdId,
            format!("{account} thirdId"),
            &person.third_id,
        );
        self.add(Role::Name, format!("{account} name"), &person.name);
        self.add(
            Role::Code(&ID_TYPE),
            format!("{account} idType"),
            &person.id_type,
        );
        self.add(id, format!("{account} idNo"), &person.id_no);
        if let Some(mobile) = &person.mobile {
            self.add(Role::Mobile, format!("{account} mobile"), mobile);
        }
        if let Some(email) = &person.email {
            self.add(Role::Email, format!("{account} email"), email);
        }
    }

    fn organization(&mut self, account: &str, own: &'f Organization) {
        self.add(Role::ThirdId, format!("{account} thirdId"), &own.third_id);
        self.add(Role::Other, format!("{account} name"), &own.name);
        self.add(
            Role::Code(&ORGAN_TYPE),
            format!("{account} organType"),
            &own.organ_type,
        );
        self.add(
            Role::OtherId,
            format!("{account} organCode"),
            &own.organ_code,
        );
        if let Some(name) = &own.legal_name {
            self.add(Role::Name, format!("{account} legalName"), name);
        }
        if let Some(id) = &own.legal_id_no {
            self.add(Role::OtherId, format!("{account} legalIdNo"), id);
        }
        if let Some(code) = &own.legal_id_type {
            self.add(Role::Code(&ID_TYPE), format!("{account} legalIdType"), code);
        }
        if let Some(email) = &own.email {
            self.add(Role::Email, format!("{account} email"), email);
        }
    }

    fn document(&mut self, name: &str, document: &'f Document, resources: &Resources) {
        let shapes = match &document.source {
            DocumentSource::Template(template) => {
                let template = resources.templates.get(&template.text);
                template.map(|template| &template.shapes)
            }
            DocumentSource::File(_) => None,
        };
        for field in document.simple_form_fields.iter() {
            let shape = shapes.and_then(|shapes| shapes.get(&field.name));
            let max_len = shape.and_then(crate::pdf::FieldShape::max_len);
            self.add(
                Role::FormField(max_len),
                format!("form field {}", field.name),
                &field.value,
            );
        }
        self.add(Role::Other, format!("{name} name"), &document.doc_name);
        if let DocumentSource::File(file) = &document.source {
            self.add(Role::Other, format!("{name} file"), file);
        }
        for chunk in &document.chunked_fields {
            self.add(Role::Other, format!("{name} page"), chunk.expr());
        }
    }

    fn process(&mut self, flow: &'f Flow) {
        let process = &flow.process;
        self.add(Role::Other, "businessScene", &process.business_scene);
        if let Some(expr) = &process.sign_validity {
            self.add(Role::Other, "signValidity", expr);
        }
        for expr in &process.sign_platform {
            self.add(Role::Code(&SIGN_PLATFORM), "signPlatform", expr);
        }
        for expr in &process.notice_type {
            self.add(Role::Code(&NOTICE_TYPE), "noticeType", expr);
        }
        for (name, expr) in [
            ("noticeUrl", &process.notice_url),
            ("redirectUrl", &process.redirect_url),
        ] {
            if let Some(expr) = expr {
                self.add(Role::Other, name, expr);
            }
        }
        for signer in &flow.signers {
            if let SignerKind::Person(person) = &signer.kind {
                for expr in &person.seal_type {
                    self.add(
                        Role::Code(&SEAL_TYPE),
                        format!("{} sealType", signer.name),
                        expr,
                    );
                }
            }
        }
        for attachment in &process.attachments {
            self.add(Role::Other, "attachment", &attachment.file);
            self.add(Role::Other, "attachment", &attachment.name);
        }
        if let Some(path) = flow
            .finish
            .as_ref()
            .and_then(|finish| finish.download.as_ref())
        {
            self.add(Role::Other, "download", path);
        }
    }
}
