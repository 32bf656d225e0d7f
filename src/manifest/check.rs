//! `checks`: conditions that each row of a flow must fulfil, or all its rows together.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::collections::List;
use super::decode::context;
use super::value::Value;
use crate::diagnostic::{Diagnostic, Findings, Severity, Span};
use crate::expr::Uses;

/// A condition of each row, or of all rows of a flow together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// The condition, with row or key for each row: `"{{ row.amount | float <= 200000 }}"`; with
    /// flow for the rows together: `"{{ flow.rows <= 50000 }}"`, `"{{ flow.sum.amount <= 1000000 }}"`.
    pub that: Value<String>,
    /// The message when the condition is false. Default: the condition.
    pub message: Option<Value<String>>,
    /// The severity when the condition is false. Default: error.
    #[serde(default)]
    pub level: CheckLevel,
}

/// The severity of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum CheckLevel {
    /// The row is invalid, or the flow is not sent.
    #[default]
    Error,
    /// A warning is shown.
    Warning,
}

impl From<CheckLevel> for Severity {
    fn from(level: CheckLevel) -> Self {
        match level {
            CheckLevel::Error => Self::Error,
            CheckLevel::Warning => Self::Warning,
        }
    }
}

impl Check {
    /// Returns the columns whose sums the condition or the message uses.
    pub fn sums(&self) -> impl Iterator<Item = &String> {
        let message = self.message.as_ref().map(|message| message.uses());
        let uses = [self.that.uses()].into_iter().chain(message);
        uses.flat_map(|uses| &uses.sums)
    }

    /// Returns whether each row is checked, and not the flow.
    pub fn is_of_row(&self) -> bool {
        let uses = self.that.uses();
        uses.row || uses.key
    }
}

/// Decodes checks, whose expressions may use `row`, `key`, `run` and `flow`.
pub(super) fn of_flow<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Check>, D::Error> {
    context::in_check(|| List::deserialize(deserializer))
}

/// Decodes the checks of all flows. The names that they use are not those of the first flow.
pub(super) fn of_project<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<List<Check>, D::Error> {
    context::with_own_uses(|| of_flow(deserializer))
}

/// Returns the names that checks use, with the locations of the expressions.
pub(super) fn uses(checks: &[Check]) -> impl Iterator<Item = (Uses, Span)> {
    let exprs = checks
        .iter()
        .flat_map(|check| std::iter::once(&check.that).chain(check.message.as_ref()));
    exprs.map(|expr| (expr.uses().clone(), expr.span().clone()))
}

/// Checks that conditions are expressions, and do not mix a row and the flow.
pub(super) fn check(checks: &[Check], findings: &mut Findings) {
    for Check { that, message, .. } in checks {
        if that.literal().is_some() {
            let error = Diagnostic::error("the condition of a check is not an expression");
            findings.push(error.at(that.span()).hint(format!(
                "write it in braces: that: \"{{{{ {} }}}}\"",
                that.source().trim()
            )));
        }
        let uses = that.uses();
        let of_row = |uses: &Uses| uses.row || uses.key;
        if of_row(uses) && uses.flow {
            let error = Diagnostic::error("a check uses a row and flow");
            findings.push(error.at(that.span()).hint(
                "use row and key for a check of each row, or flow for a check of the rows together",
            ));
            continue;
        }
        let Some(message) = message else {
            continue;
        };
        let own = message.uses();
        let wrong = if of_row(uses) {
            own.flow.then_some("flow")
        } else {
            of_row(own).then_some("row and key")
        };
        if let Some(name) = wrong {
            let kind = if of_row(uses) { "each row" } else { "the flow" };
            let error = Diagnostic::error(format!(
                "the message of a check of {kind} cannot use {name}"
            ));
            let hint = "use the names that the condition can use";
            findings.push(
                error
                    .at(message.span())
                    .related(that.span(), "condition")
                    .hint(hint),
            );
        }
    }
}
