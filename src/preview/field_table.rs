//! The texts of a document: the cells that they come from, their expressions, and whether they fit
//! into their form fields.

use serde::Serialize;

use crate::desired::{Document, DocumentSource, FieldMisfit, FlowRows, Resources};
use crate::expr::Expr;
use crate::manifest;
use crate::pdf;
use crate::sheet::Row;

/// A form field with its text.
#[derive(Debug, Serialize)]
pub(super) struct FieldView {
    name: String,
    cells: Vec<CellView>,
    expression: String,
    /// The lines of the text.
    lines: Vec<String>,
    state: FieldState,
    /// The problem of the text.
    note: Option<String>,
}

/// A cell that an expression uses.
#[derive(Debug, Serialize)]
struct CellView {
    /// The coordinates, such as `C2`.
    at: String,
    column: String,
    text: String,
}

/// How a text fits into its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum FieldState {
    Fits,
    /// It takes the whole width, and can be cut off in another font.
    Tight,
    Overflow,
    Empty,
}

/// Returns the form fields of a document: those that the manifest fills, and the other text fields
/// of the template. Empty for a document without a template.
pub(super) fn fields(
    rows: &FlowRows<'_>,
    resources: &Resources,
    row: Option<&Row>,
    (declared, document): (&manifest::Document, &Document),
    misfits: &[FieldMisfit],
) -> Vec<FieldView> {
    let DocumentSource::Template {
        template, fields, ..
    } = &document.source
    else {
        return Vec::new();
    };
    let template = resources.templates.get(template);
    let mut views: Vec<FieldView> = Vec::new();
    for field in declared.simple_form_fields.iter() {
        let text = fields.get(&field.name).map_or("", String::as_str);
        let own =
            |misfit: &&FieldMisfit| misfit.document == document.label && misfit.field == field.name;
        let misfit = misfits.iter().find(own);
        let shape = template.and_then(|template| template.shapes.get(&field.name));
        let filled = shape.and_then(|shape| shape.share(text));
        let state = match (misfit, filled) {
            (Some(_), _) => FieldState::Overflow,
            _ if text.is_empty() => FieldState::Empty,
            (None, Some(filled)) if filled > 1.0 => FieldState::Tight,
            _ => FieldState::Fits,
        };
        views.push(FieldView {
            name: field.name.clone(),
            cells: cells(rows, row, &field.value),
            expression: field.value.source().trim().to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            state,
            note: note(state, misfit, filled, text),
        });
    }
    let known = template.and_then(|template| template.fields.as_ref());
    let is_filled = |name: &&String| {
        let mut declared = declared.simple_form_fields.iter();
        declared.any(|field| field.name == **name)
    };
    let unfilled = known.into_iter().flatten().filter(|name| !is_filled(name));
    views.extend(unfilled.map(|name| FieldView {
        name: name.clone(),
        cells: Vec::new(),
        expression: String::new(),
        lines: Vec::new(),
        state: FieldState::Empty,
        note: Some(t!("not filled by the manifest").into_owned()),
    }));
    views
}

fn note(
    state: FieldState,
    misfit: Option<&FieldMisfit>,
    share: Option<f64>,
    text: &str,
) -> Option<String> {
    let percent = share.map_or(String::new(), |share| format!(" ({:.0}%)", share * 100.0));
    let missing = pdf::missing_characters(text);
    let state = match state {
        FieldState::Overflow => misfit.map(|misfit| match &*misfit.detail {
            "" => format!("{}{percent}", misfit.problem),
            detail => format!("{}{detail}", misfit.problem),
        }),
        FieldState::Tight => {
            Some(t!("may be cut off, depending on the font").into_owned() + &percent)
        }
        FieldState::Empty => Some(t!("empty").into_owned()),
        FieldState::Fits => None,
    };
    let missing = (!missing.is_empty()).then(|| {
        let missing: String = missing.into_iter().collect();
        t!(
            "the font of the preview does not have %{missing}",
            missing = missing
        )
        .into_owned()
    });
    let notes: Vec<String> = state.into_iter().chain(missing).collect();
    (!notes.is_empty()).then(|| notes.join(&t!("; ")))
}

/// Returns the cells of the row that an expression uses, those of the key included.
fn cells(rows: &FlowRows<'_>, row: Option<&Row>, expr: &Expr) -> Vec<CellView> {
    let Some(row) = row else {
        return Vec::new();
    };
    let key = rows.flow.rows.as_ref().filter(|_| expr.uses().key);
    let key = key.into_iter().flat_map(|rows| &rows.key.uses().columns);
    let mut columns: Vec<&String> = expr.uses().columns.iter().collect();
    for column in key {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let cell = |column: &String| {
        Some(CellView {
            at: row.place(Some(column)).coordinates()?,
            column: column.clone(),
            text: row.get(column)?.to_owned(),
        })
    };
    columns.into_iter().filter_map(cell).collect()
}
