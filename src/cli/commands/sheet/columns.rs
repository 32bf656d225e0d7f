//! The columns of an empty workbook: what each is for, and what its cells may contain.

use super::roles::{Field, Role, fields};
use crate::desired::Resources;
use crate::expr::{ColumnUse, column_uses};
use crate::manifest::Flow;

/// A column of the workbook.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Whether a cell must not be empty.
    pub(super) is_required: bool,
    pub(super) entry: Entry,
    /// The fields that use the column.
    pub(super) uses: Vec<String>,
    /// A value for the note on the header.
    pub(super) example: Option<String>,
}

/// The kind of the cells of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A text with a maximum number of characters.
    Text(Option<usize>),
    /// A resident id of 18 characters.
    ResidentId,
    /// A mobile number of 11 digits.
    Mobile,
    Date,
    Amount,
    /// One of these texts and no other.
    Choice(Vec<String>),
    /// These texts select the rows that are sent; other texts leave a row out.
    Selection(Vec<String>),
}

/// The longest list that a cell can offer, in characters with commas.
const MAX_LIST: usize = 255;

/// Returns the columns that a flow uses, in the order of its fields.
pub(super) fn columns(flow: &Flow, resources: &Resources) -> Vec<Column> {
    let fields = fields(flow, resources);
    let mut found: Vec<(String, Vec<(&Field<'_>, ColumnUse)>)> = Vec::new();
    for field in &fields {
        for own in column_uses(field.expr) {
            match found.iter_mut().find(|(name, _)| *name == own.column) {
                Some((_, uses)) => uses.push((field, own)),
                None => found.push((own.column.clone(), vec![(field, own)])),
            }
        }
    }
    let columns = found.into_iter().map(|(name, uses)| column(name, &uses));
    let mut columns: Vec<Column> = columns.collect();
    // Columns that only other places use, such as the positions of signers.
    for column in flow.uses.iter().flat_map(|(uses, _)| &uses.columns) {
        if !columns.iter().any(|known| known.name == *column) {
            columns.push(Column {
                name: column.clone(),
                is_required: true,
                entry: Entry::Text(None),
                uses: Vec::new(),
                example: None,
            });
        }
    }
    columns
}

fn column(name: String, uses: &[(&Field<'_>, ColumnUse)]) -> Column {
    let entry = entry(uses);
    let mut names: Vec<String> = Vec::new();
    for (field, _) in uses {
        if !names.contains(&field.name) {
            names.push(field.name.clone());
        }
    }
    Column {
        is_required: uses.iter().any(|(_, own)| !own.is_optional),
        example: example(&entry, uses),
        entry,
        uses: names,
        name,
    }
}

/// Returns what the uses of a column have in common.
fn entry(uses: &[(&Field<'_>, ColumnUse)]) -> Entry {
    let fits = |values: &[String]| {
        let characters = values
            .iter()
            .map(|value| value.chars().count() + 1)
            .sum::<usize>();
        // A comma separates the texts of the list.
        !values.is_empty()
            && characters <= MAX_LIST
            && !values.iter().any(|value| value.contains(','))
    };
    for (field, own) in uses {
        let codes = match field.role {
            Role::Code(codes) if own.is_whole && own.filters.is_empty() => codes
                .list
                .iter()
                .map(|(_, name)| (*name).to_owned())
                .collect(),
            _ if own.is_fixed => own.values.clone(),
            _ => Vec::new(),
        };
        if fits(&codes) {
            return Entry::Choice(codes);
        }
    }
    let has_filter = |own: &ColumnUse, names: &[&str]| {
        own.filters
            .iter()
            .any(|(name, _)| names.contains(&name.as_str()))
    };
    let all = |names: &[&str]| uses.iter().all(|(_, own)| has_filter(own, names));
    let any = |names: &[&str]| uses.iter().any(|(_, own)| has_filter(own, names));
    if all(&["money", "rmb", "float", "int"]) && any(&["money", "rmb"]) {
        return Entry::Amount;
    }
    if all(&["date"]) && !uses.iter().any(|(_, own)| shows_time(own)) {
        return Entry::Date;
    }
    let is_plain = |own: &ColumnUse| {
        let mut filters = own.filters.iter();
        own.is_whole
            && filters.all(|(name, _)| matches!(name.as_str(), "trim" | "upper" | "default" | "d"))
    };
    let plain = || {
        uses.iter()
            .filter(|(_, own)| is_plain(own))
            .map(|(field, _)| field.role)
    };
    if plain().any(|role| matches!(role, Role::ResidentId)) {
        return Entry::ResidentId;
    }
    if plain().any(|role| matches!(role, Role::Mobile)) {
        return Entry::Mobile;
    }
    let selected = uses
        .iter()
        .filter(|(field, _)| matches!(field.role, Role::Filter));
    let selected: Vec<String> = selected.flat_map(|(_, own)| own.values.clone()).collect();
    if fits(&selected) {
        return Entry::Selection(selected);
    }
    let limits = plain().filter_map(|role| match role {
        Role::FormField(max_len) => max_len,
        _ => None,
    });
    Entry::Text(limits.min())
}

/// Returns whether the format of a date shows the time of day.
fn shows_time(own: &ColumnUse) -> bool {
    own.filters.iter().any(|(name, format)| {
        let shows = |format: &String| {
            let parts = ["%H", "%I", "%M", "%S", "%T", "%R", "%X", "%c", "%k", "%l"];
            parts.iter().any(|part| format.contains(part))
        };
        name == "date" && format.as_ref().is_none_or(shows)
    })
}

/// Returns an example that belongs to nobody.
fn example(entry: &Entry, uses: &[(&Field<'_>, ColumnUse)]) -> Option<String> {
    let example = match entry {
        // The example of GB 11643.
        Entry::ResidentId => "11010519491231002X",
        Entry::Mobile => "13500000001",
        Entry::Date => "2026-12-01",
        Entry::Amount => "120000.50",
        Entry::Choice(values) | Entry::Selection(values) => values.first()?,
        Entry::Text(_) => uses.iter().find_map(|(field, own)| match field.role {
            Role::Key => Some("HT-2026-0001"),
            Role::ThirdId if own.is_whole => Some("C100001"),
            Role::Name if own.is_whole => Some("张三"),
            Role::Email if own.is_whole => Some("zhangsan@example.com"),
            Role::Mobile => Some("13500000001"),
            _ => None,
        })?,
    };
    Some(example.to_owned())
}
