//! Checks rules about the fields of one declaration that its types do not express.

use super::account::{Account, AccountKind, Organization, Person, SilentSign};
use super::collections::Named;
use super::document::{Document, DocumentSource};
use super::flow::{Flow, RowAccountKind};
use super::project::Project;
use super::seal::{Seal, Template, TemplateSource};
use super::value::Value;
use crate::api::code::CHUNKS;
use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::util::escape::is_unsafe;

/// Checks all declarations of a project. Adds errors to `findings`.
pub(super) fn check(project: &Project, findings: &mut Findings) {
    for account in project.accounts.values() {
        check_account(account, findings);
    }
    for seal in project.seals.values() {
        check_alias(seal, findings);
    }
    for template in project.templates.values() {
        check_template(template, findings);
    }
    for flow in project.flows.values() {
        check_flow(flow, findings);
    }
}

fn error(findings: &mut Findings, span: &Span, message: impl Into<String>, hint: &str) {
    findings.push(Diagnostic::error(message).at(span).hint(hint));
}

fn check_account(account: &Named<Account>, findings: &mut Findings) {
    let name = &account.name;
    match &account.kind {
        AccountKind::Person(person) => check_person(person, findings),
        AccountKind::Organization(organization) => check_organization(organization, findings),
        AccountKind::Absent(is_absent) => {
            if !is_absent {
                let hint = "remove absent and declare person or organization";
                error(findings, &account.span, "absent cannot be false", hint);
            }
            if account.protect {
                let message = format!("the account {name} is declared both protected and absent");
                let hint = "remove protect to delete the account";
                error(findings, &account.span, message, hint);
            }
            if !matches!(account.silent_sign, SilentSign::Granted(false)) {
                let message = format!("the absent account {name} cannot have silentSign");
                error(findings, &account.span, message, "remove silentSign");
            }
        }
    }
    match (&account.kind, &account.third_id) {
        (AccountKind::Absent(_), None) => error(
            findings,
            &account.span,
            format!("the absent account {name} needs thirdId"),
            "add thirdId: …",
        ),
        (AccountKind::Person(_) | AccountKind::Organization(_), Some(third_id)) => error(
            findings,
            third_id.span(),
            "only an absent account has thirdId here",
            "move thirdId into person or organization",
        ),
        _ => {}
    }
}

fn check_person(person: &Person, findings: &mut Findings) {
    check_third_id(&person.third_id, findings);
}

fn check_organization(organization: &Organization, findings: &mut Findings) {
    check_third_id(&organization.third_id, findings);
    if let (Some(number), None) = (&organization.legal_id_no, &organization.legal_id_type) {
        error(
            findings,
            number.span(),
            "legalIdNo needs legalIdType",
            "add legalIdType: resident-id",
        );
    }
}

fn check_third_id(third_id: &Value<String>, findings: &mut Findings) {
    if third_id.uses().run {
        error(
            findings,
            third_id.span(),
            "a thirdId must be the same in every run, but it uses run",
            "use values of the row: the thirdId identifies the account",
        );
    }
}

/// The alias is part of the address and of the recorded identity of the seal.
fn check_alias(seal: &Named<Seal>, findings: &mut Findings) {
    if seal.alias.text.contains(is_unsafe) {
        error(
            findings,
            &seal.alias.span,
            format!(
                "the alias of the seal {} contains a control character",
                seal.name
            ),
            "remove line breaks, tabs and invisible characters",
        );
    }
}

fn check_template(template: &Named<Template>, findings: &mut Findings) {
    match (&template.source, &template.template_name) {
        (TemplateSource::File(_), None) => error(
            findings,
            &template.span,
            format!("the template {} needs templateName", template.name),
            "add templateName: …",
        ),
        (TemplateSource::TemplateId(_), Some(name)) => error(
            findings,
            &name.span,
            "templateName is only for a file",
            "remove templateName: the template exists at the API",
        ),
        _ => {}
    }
    if let (TemplateSource::File(_), Some(field)) = (&template.source, template.fields.first()) {
        error(
            findings,
            &field.span,
            "fields is only for templateId",
            "remove fields: they are read from the PDF",
        );
    }
}

fn check_flow(flow: &Named<Flow>, findings: &mut Findings) {
    if let Some(rows) = flow.rows.as_ref().filter(|rows| rows.key.uses().run) {
        error(
            findings,
            rows.key.span(),
            "a key must be the same in every run, but it uses run",
            "use values of the row: the key identifies the contract",
        );
    }
    for account in &flow.accounts {
        match &account.kind {
            RowAccountKind::Person(person) => check_person(person, findings),
            RowAccountKind::Organization(organization) => {
                check_organization(organization, findings);
            }
        }
    }
    if flow.documents.is_undeclared() {
        error(
            findings,
            &flow.span,
            format!("the flow {} has no document", flow.name),
            "documents: { contract: { template: …, name: … } }",
        );
    }
    if flow.signers.is_undeclared() {
        error(
            findings,
            &flow.span,
            format!("the flow {} has no signer", flow.name),
            "declare at least one signer (1436002)",
        );
    }
    for document in &flow.documents {
        check_document(document, findings);
    }
    let finish = flow.finish.as_ref().filter(|finish| !finish.archive);
    if let Some(download) = finish.and_then(|finish| finish.download.as_ref()) {
        error(
            findings,
            download.span(),
            "download requires archive: true",
            "add archive: true",
        );
    }
}

fn check_document(document: &Named<Document>, findings: &mut Findings) {
    if let Some(chunk) = document.chunked_fields.get(CHUNKS) {
        error(
            findings,
            &chunk.mime_type.span,
            format!("a document has at most {CHUNKS} chunks"),
            "combine several chunks into one file",
        );
    }
    if let DocumentSource::Template(_) = document.source {
        return;
    }
    if let Some(field) = document.simple_form_fields.first() {
        error(
            findings,
            &field.span,
            "a local PDF cannot have simpleFormFields",
            "remove simpleFormFields, or use a template",
        );
    }
    if let Some(chunk) = document.chunked_fields.first() {
        error(
            findings,
            &chunk.mime_type.span,
            "a local PDF cannot have chunkedFields",
            "add the pages to the PDF, or use a template",
        );
    }
}
