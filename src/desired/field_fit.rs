//! Finds values that are longer than their form field, or wider than its box.

use std::collections::BTreeMap;

use super::document::DocumentSource;
use super::item::Item;
use super::resources::Resources;
use super::suspicion::Suspicion;
use crate::manifest::{DocumentSource as Declared, Flow};
use crate::pdf::{FieldShape, Misfit};

/// The shapes of the form fields, by template and field.
pub(super) type Shapes = BTreeMap<String, BTreeMap<String, FieldShape>>;

const HINT: &str = "viewers cut such a value off: shorten it, or make the field larger in the PDF";

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
pub(super) fn misfits(flow: &Flow, item: &Item, shapes: &Shapes) -> Vec<Suspicion> {
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
            let (kind, detail) = match misfit {
                Misfit::TooLong { characters, limit } => (
                    "is longer than its form field",
                    format!(" ({characters} characters, at most {limit})"),
                ),
                Misfit::TooWide => ("is wider than the box of its form field", String::new()),
                Misfit::TooHigh => (
                    "has more lines than the box of its form field",
                    String::new(),
                ),
            };
            found.push(Suspicion {
                field: field.name.clone(),
                kind,
                detail,
                column: field.value.uses().single_column().map(str::to_owned),
                hint: HINT,
            });
        }
    }
    found
}
