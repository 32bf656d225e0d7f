//! Finds values that are longer than their form field, or wider than its box.

use std::collections::BTreeMap;

use super::document::DocumentSource;
use super::item::Item;
use super::resources::Resources;
use super::suspicion::Suspicion;
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::{DocumentSource as Declared, Flow};
use crate::pdf::{FieldShape, Misfit};
use crate::sheet::Row;

/// The shapes of the form fields, by template and field.
pub(super) type Shapes = BTreeMap<String, BTreeMap<String, FieldShape>>;

const HINT: &str =
    t_key!("viewers cut such a value off: shorten it, or make the field larger in the PDF");

/// A value that does not fit into its form field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldMisfit {
    /// The name of the document in the flow.
    pub document: String,
    /// The name of the form field.
    pub field: String,
    /// The location of the field in the manifest.
    pub span: Span,
    /// The problem, as the rest of an English sentence about the field; without values.
    pub problem: &'static str,
    /// The figures of the problem; may be empty.
    pub detail: String,
    /// The column that the value comes from, or `None` when it is not a single one.
    pub column: Option<String>,
}

impl FieldMisfit {
    /// Returns the error of a value of this row.
    pub fn error(&self, row: Option<&Row>) -> Diagnostic {
        let Self {
            field,
            problem,
            detail,
            ..
        } = self;
        let error = Diagnostic::error(format!("{field} {}{detail}", t!(*problem))).hint(t!(HINT));
        match row {
            Some(row) => error
                .at(row.place(self.column.as_deref()))
                .related(&self.span, t!("filled in here")),
            None => error.at(&self.span),
        }
    }

    pub(super) fn suspicion(self) -> Suspicion {
        Suspicion {
            field: self.field,
            kind: self.problem,
            detail: self.detail,
            column: self.column,
            hint: HINT,
        }
    }
}

/// Returns the shapes of the form fields of a flow's templates.
pub(super) fn shapes(flow: &Flow, resources: &Resources) -> Shapes {
    let names = flow.documents.iter().filter_map(|document| {
        let Declared::Template(template) = &document.source else {
            return None;
        };
        let shapes = resources.templates.get(&template.text)?.shapes.clone();
        Some((template.text.clone(), shapes))
    });
    names.collect()
}

/// Returns the values of an item that do not fit into their form fields.
pub(super) fn misfits(flow: &Flow, item: &Item, shapes: &Shapes) -> Vec<FieldMisfit> {
    let mut found = Vec::new();
    for (declared, document) in flow.documents.iter().zip(&item.documents) {
        let DocumentSource::Template {
            template, fields, ..
        } = &document.source
        else {
            continue;
        };
        let Some(shapes) = shapes.get(template) else {
            continue;
        };
        for field in declared.simple_form_fields.iter() {
            let value = fields.get(&field.name);
            let shape = shapes.get(&field.name);
            let Some(misfit) = value
                .zip(shape)
                .and_then(|(value, shape)| shape.misfit(value))
            else {
                continue;
            };
            let (problem, detail) = match misfit {
                Misfit::TooLong { characters, limit } => (
                    t_key!("is longer than its form field"),
                    t!(
                        " (%{characters} characters, at most %{limit})",
                        characters = characters,
                        limit = limit
                    )
                    .into_owned(),
                ),
                Misfit::TooWide => (
                    t_key!("is wider than the box of its form field"),
                    String::new(),
                ),
                Misfit::TooHigh => (
                    t_key!("has more lines than the box of its form field"),
                    String::new(),
                ),
            };
            found.push(FieldMisfit {
                document: document.label.clone(),
                field: field.name.clone(),
                span: field.span.clone(),
                problem,
                detail,
                column: field.value.uses().single_column().map(str::to_owned),
            });
        }
    }
    found
}
