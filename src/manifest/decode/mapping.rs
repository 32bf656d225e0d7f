//! The entries of a YAML mapping, as fields of a struct or as entries of a map.

use super::context;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::manifest::characters;
use crate::manifest::yaml::{Kind, Node, QUOTE_IT};

/// An entry of a mapping.
pub(super) struct Entry<'n> {
    pub(super) name: &'n str,
    /// The location of the name.
    pub(super) span: &'n Span,
    pub(super) node: &'n Node,
}

/// Returns the entries. Reports names that are not plain text or that occur twice, and leaves them
/// out.
pub(super) fn entries(pairs: &[(Node, Node)]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (key, node) in pairs {
        let Kind::Scalar(name) = &key.kind else {
            context::error(&key.span, "a field name must be plain text", QUOTE_IT);
            continue;
        };
        if let Some(first) = entries.iter().find(|entry| entry.name == name) {
            context::push(
                Diagnostic::error(format!("{name} is declared twice"))
                    .at(&key.span)
                    .related(first.span, "first declared here")
                    .hint("keep one of them"),
            );
            continue;
        }
        entries.push(Entry {
            name,
            span: &key.span,
            node,
        });
    }
    entries
}

/// The value of a struct's field.
pub(super) enum FieldValue<'n> {
    /// A declared field.
    Declared(Entry<'n>),
    /// The entries from which exactly one variant of an enum is taken.
    OneOf(OneOf<'n>),
    /// A required field that is not declared. It was reported.
    Missing(&'n Span),
}

/// The fields of a struct that may name a variant of its enum.
pub(super) struct OneOf<'n> {
    pub(super) entries: Vec<Entry<'n>>,
    /// The names of the struct's other fields.
    fields: Vec<&'static str>,
    label: String,
    place: &'n Span,
}

/// Returns the fields of the struct `name`, by field name. Reports unknown and missing fields.
pub(super) fn fields<'n>(
    entries: Vec<Entry<'n>>,
    (name, known): (&str, &'static [&'static str]),
    label: &str,
    place: &'n Span,
) -> Vec<(&'static str, FieldValue<'n>)> {
    let mut found = Vec::new();
    let mut rest = Vec::new();
    for entry in entries {
        match known.iter().find(|field| **field == entry.name) {
            Some(field) => found.push((*field, FieldValue::Declared(entry))),
            None => rest.push(entry),
        }
    }
    for field in context::required_fields(name) {
        let known = known
            .iter()
            .find(|known| *known == field && **known != super::ONE_OF);
        let declared = |name: &str| found.iter().any(|(field, _)| *field == name);
        if let Some(missing) = known.filter(|name| !declared(name)) {
            context::push(
                Diagnostic::error(format!("{label} needs {missing}"))
                    .at(place)
                    .hint(format!("add {missing}: …")),
            );
            found.push((*missing, FieldValue::Missing(place)));
        }
    }
    let one_of = OneOf {
        entries: rest,
        fields: known.to_vec(),
        label: label.to_owned(),
        place,
    };
    match known.iter().find(|field| **field == super::ONE_OF) {
        Some(field) => found.push((*field, FieldValue::OneOf(one_of))),
        None => one_of.report_unknown(&[]),
    }
    found
}

impl<'n> OneOf<'n> {
    /// Takes the entry of exactly one variant. Reports unknown fields, and when no variant or
    /// several are declared.
    pub(super) fn choose(mut self, variants: &'static [&'static str]) -> Option<Entry<'n>> {
        let (mut chosen, rest): (Vec<_>, Vec<_>) = self
            .entries
            .into_iter()
            .partition(|entry| variants.contains(&entry.name));
        self.entries = rest;
        self.report_unknown(variants);
        if chosen.len() == 1 {
            return chosen.pop();
        }
        let given: Vec<&str> = chosen.iter().map(|entry| entry.name).collect();
        let message = if given.is_empty() {
            format!("{} needs one of {}", self.label, variants.join(", "))
        } else {
            format!("{} has {}", self.label, given.join(" and "))
        };
        context::begin(self.place, &self.label);
        context::make_unusable();
        context::replace(
            Diagnostic::error(message)
                .at(self.place)
                .hint(format!("set exactly one of {}", variants.join(", "))),
        );
        None
    }

    /// Reports the entries as unknown fields.
    fn report_unknown(&self, variants: &[&'static str]) {
        let known = self.fields.iter().chain(variants);
        let known: Vec<&str> = known
            .copied()
            .filter(|field| *field != super::ONE_OF)
            .collect();
        for entry in &self.entries {
            let hint = match did_you_mean(entry.name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("its fields are {}", known.join(", ")),
            };
            let message = format!("{} has no field {}", self.label, entry.name);
            let hint = characters::hint(entry.name).unwrap_or(hint);
            context::error(entry.span, message, hint);
        }
    }
}
