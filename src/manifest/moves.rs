//! `moved`: declarations that were renamed. What was recorded or sent under the old name belongs to
//! the new one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::StaticText;
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Findings, did_you_mean};

/// A renamed declaration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    /// The old address, such as flows.loan.
    pub(super) from: StaticText,
    /// The new address, such as flows.loans.
    pub(super) to: StaticText,
}

/// The old names of renamed declarations, by section and new name.
#[derive(Debug, Default)]
pub struct Moves(BTreeMap<(&'static str, String), String>);

impl Moves {
    /// Returns the first name that a declaration had.
    pub fn original<'m>(&'m self, section: &'static str, name: &'m str) -> &'m str {
        // Called for each row, and hardly ever something is renamed.
        if self.0.is_empty() {
            return name;
        }
        self.former(section, name).last().unwrap_or(name)
    }

    /// Returns the earlier names of a declaration, the latest first.
    pub fn former<'m>(
        &'m self,
        section: &'static str,
        name: &'m str,
    ) -> impl Iterator<Item = &'m str> {
        let from = move |name: &str| self.0.get(&(section, name.to_owned())).map(String::as_str);
        // A circle is an error, which does not end the check of other manifests.
        std::iter::successors(from(name), move |name| from(name)).take(self.0.len())
    }

    /// Checks moves, and returns those that can be used. `declared` has all names by section.
    pub(super) fn of(
        entries: &[Move],
        declared: &dyn Fn(&'static str, &str) -> bool,
        names: &dyn Fn(&'static str) -> Vec<String>,
        findings: &mut Findings,
    ) -> Self {
        let mut moves = Self::default();
        let parsed: Vec<_> = entries
            .iter()
            .filter_map(|own| Some((parts(&own.from, findings)?, parts(&own.to, findings)?, own)))
            .collect();
        for ((section, from), (target, to), own) in &parsed {
            let error = |message: String, hint: &str| {
                Diagnostic::error(message).at(&own.to.span).hint(hint)
            };
            if section != target {
                let message = format!("{} cannot be moved to {}", own.from.text, own.to.text);
                findings.push(error(message, "from and to must be of the same kind"));
                continue;
            }
            if declared(section, from) {
                let message = format!("{section}.{from} is moved, but still declared");
                let hint = "remove the declaration of the old name, or this entry";
                findings.push(Diagnostic::error(message).at(&own.from.span).hint(hint));
                continue;
            }
            let is_moved_on = parsed
                .iter()
                .any(|(other, ..)| *other == (*section, to.clone()));
            if !declared(section, to) && !is_moved_on {
                let message = format!("{section}.{to} is not declared");
                let names = names(section);
                let near = did_you_mean(to, names.iter().map(String::as_str));
                let hint = near.map_or("declare it, or remove this entry".to_owned(), |near| {
                    format!("did you mean {section}.{near}?")
                });
                findings.push(error(message, &hint));
                continue;
            }
            if moves.is_from(section, from) {
                let message = format!("{section}.{from} is moved twice");
                findings.push(error(message, "keep one of the entries"));
                continue;
            }
            if moves.0.contains_key(&(*section, to.clone())) {
                let message = format!("{section}.{to} exists already: another entry moves to it");
                findings.push(error(message, "two declarations cannot become one"));
                continue;
            }
            moves.0.insert((*section, to.clone()), from.clone());
            if moves.is_circle(section, to) {
                let message = format!("{section}.{from} is moved in a circle");
                findings.push(error(message, "remove one of the entries"));
                moves.0.remove(&(*section, to.clone()));
            }
        }
        moves
    }

    fn is_from(&self, section: &'static str, from: &str) -> bool {
        let mut all = self.0.iter();
        all.any(|((own, _), known)| *own == section && known == from)
    }

    fn is_circle(&self, section: &'static str, name: &str) -> bool {
        self.former(section, name).any(|former| former == name)
    }
}

/// Returns section and name of an address of a declaration.
fn parts(text: &StaticText, findings: &mut Findings) -> Option<(&'static str, String)> {
    if text.is_placeholder {
        return None;
    }
    let named = match text.text.parse() {
        Ok(Address::Account(name)) => Some(("accounts", name)),
        Ok(Address::Seal(name)) => Some(("seals", name)),
        Ok(Address::Template(name)) => Some(("templates", name)),
        Ok(Address::Flow(name)) => Some(("flows", name)),
        _ => None,
    };
    if named.is_none() {
        let error = Diagnostic::error(format!("{} is not the address of a declaration", text.text));
        let hint = "use flows.NAME, accounts.NAME, seals.NAME or templates.NAME";
        findings.push(error.at(&text.span).hint(hint));
    }
    named
}
