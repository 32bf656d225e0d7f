//! Checks the columns that a flow uses against the header of its sheet.

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::expr::Expr;
use crate::manifest::{
    Anchor, ChunkSource, DocumentSource, Flow, Organization, Person, Position, Positions,
    RowAccountKind, SignerKind,
};
use crate::sheet::Header;

/// Returns an error for every column that the sheet does not have. A flow without a sheet may not
/// use `row` at all.
pub(super) fn check(flow: &Flow, header: Option<&Header>) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let expressions = expressions(flow);
    // Usually the first row is a title above the header.
    let has_none = header.is_some_and(|header| {
        let mut named = expressions.iter().flat_map(|expr| &expr.uses().columns);
        named.all(|column| header.position(column).is_none())
    });
    for expr in expressions {
        let Some(header) = header else {
            if expr.uses().row {
                let error = Diagnostic::error(format!("the flow {} has no rows", flow.name));
                errors.push(
                    error
                        .at(expr.span())
                        .hint("add rows: { file: …, key: … }, or remove row from the expression"),
                );
            }
            continue;
        };
        for column in expr
            .uses()
            .columns
            .iter()
            .filter(|column| header.position(column).is_none())
        {
            let columns = || header.columns().iter().map(|name| &**name);
            let hint = match did_you_mean(column, columns()) {
                Some(near) if near.chars().any(char::is_whitespace) => {
                    format!("did you mean row[\"{near}\"]?")
                }
                Some(near) => format!("did you mean row.{near}?"),
                None if header.columns().len() == 1 => {
                    "the sheet has only one column: set rows.delimiter, and check that the header is the first row".to_owned()
                }
                None => {
                    let columns = columns().filter(|name| !name.is_empty());
                    let columns = columns.collect::<Vec<_>>().join(", ");
                    let hint = format!("the columns are {columns}");
                    if has_none {
                        hint + "; check that the header is the first row"
                    } else {
                        hint
                    }
                }
            };
            errors.push(
                Diagnostic::error(format!("the sheet has no column {column}"))
                    .at(expr.span())
                    .related(header.cell(1, None), "header of the sheet")
                    .hint(hint),
            );
        }
    }
    errors
}

/// Returns all expressions of a flow.
fn expressions(flow: &Flow) -> Vec<&Expr> {
    let mut all = Vec::new();
    if let Some(rows) = &flow.rows {
        all.push(&rows.key);
        all.extend(&rows.filter);
    }
    for account in &flow.accounts {
        match &account.kind {
            RowAccountKind::Person(fields) => all.extend(person(fields)),
            RowAccountKind::Organization(fields) => all.extend(organization(fields)),
        }
    }
    for document in &flow.documents {
        all.push(&document.doc_name);
        all.extend(&document.encryption);
        all.extend(document.chunked_fields.iter().map(|chunk| {
            let (ChunkSource::Html(expr) | ChunkSource::Pdf(expr) | ChunkSource::PdfData(expr)) =
                &chunk.source;
            expr
        }));
        match &document.source {
            DocumentSource::Template {
                simple_form_fields, ..
            } => {
                all.extend(simple_form_fields.iter().map(|(_, _, expr)| expr));
            }
            DocumentSource::File(file) => all.push(file),
        }
    }
    let process = &flow.process;
    all.push(&process.business_scene);
    all.extend(&process.sign_validity);
    all.extend(&process.sign_platform);
    all.extend(&process.notice_type);
    all.extend(&process.notice_url);
    all.extend(&process.redirect_url);
    all.extend(&process.add_sign_time);
    for attachment in &process.attachments {
        all.extend([&attachment.file, &attachment.name]);
    }
    all.extend(
        flow.finish
            .iter()
            .filter_map(|finish| finish.download.as_ref()),
    );
    for signer in &flow.signers {
        match &signer.kind {
            SignerKind::Platform(auto) => all.extend(&auto.doc_pwd),
            SignerKind::User {
                signer,
                notice_sign_message,
                ..
            } => {
                all.extend(&signer.doc_pwd);
                all.extend(notice_sign_message);
            }
            SignerKind::Person { seal_type, .. } => all.extend(seal_type),
            SignerKind::Organization { .. } | SignerKind::PersonAndOrganization { .. } => {}
        }
        match &signer.positions {
            Positions::Single(list) => all.extend(list.iter().flat_map(position)),
            Positions::ByDocument(map) => {
                all.extend(map.iter().flat_map(|(_, list)| list).flat_map(position));
            }
        }
    }
    all
}

fn person(person: &Person) -> impl Iterator<Item = &Expr> {
    let required = [
        &person.third_id,
        &person.name,
        &person.id_type,
        &person.id_no,
    ];
    required
        .into_iter()
        .chain(&person.mobile)
        .chain(&person.email)
}

fn organization(organization: &Organization) -> impl Iterator<Item = &Expr> {
    let required = [
        &organization.third_id,
        &organization.name,
        &organization.organ_type,
        &organization.organ_code,
    ];
    required
        .into_iter()
        .chain(&organization.legal_name)
        .chain(&organization.legal_id_no)
        .chain(&organization.legal_id_type)
        .chain(&organization.email)
}

fn position(position: &Position) -> impl Iterator<Item = &Expr> {
    let (Anchor::Keyword(anchor) | Anchor::Page(anchor) | Anchor::Seam(anchor)) = &position.anchor;
    [anchor]
        .into_iter()
        .chain(&position.pos_x)
        .chain(&position.pos_y)
        .chain(&position.scale)
}
