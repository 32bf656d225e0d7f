//! `variables`: the values that expressions use as `var.NAME`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::StaticText;
use crate::expr;

/// A variable: its value, or its declaration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$kind", rename_all = "camelCase")]
#[schemars(rename = "Variable", untagged)]
pub(super) enum Variable {
    /// The value.
    #[serde(rename = "scalar")]
    Value(StaticText),
    /// The declaration.
    #[serde(rename = "mapping")]
    Declared(VariableDeclaration),
}

/// The declaration of a variable.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VariableDeclaration {
    /// The form of the value. Default: text.
    #[serde(default, rename = "type")]
    pub(super) kind: VariableType,
    /// The value, unless another one is given.
    pub(super) default: Option<StaticText>,
    /// Whether a value must be given. Default: false.
    #[serde(default)]
    pub(super) required: bool,
    /// Whether the value is masked in plans, messages and logs. Default: false.
    #[serde(default)]
    pub(super) secret: bool,
    /// The purpose of the variable, for people.
    #[allow(dead_code)]
    pub(super) description: Option<String>,
}

/// The form of a variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(super) enum VariableType {
    /// Any text.
    #[default]
    Text,
    /// A number such as 4.35. It remains the text as written.
    Number,
    /// true or false.
    Boolean,
    /// A date such as 2026-11-23.
    Date,
}

impl VariableType {
    /// Returns the expected form if a text is not a value of this type.
    pub(super) fn mismatch(self, text: &str) -> Option<&'static str> {
        let (is_valid, form) = match self {
            Self::Text => (true, ""),
            Self::Number => (expr::is_plain_number(text), "write a number, such as 4.35"),
            Self::Boolean => (matches!(text, "true" | "false"), "write true or false"),
            Self::Date => (expr::is_date(text), "write a date, such as 2026-11-23"),
        };
        (!is_valid).then_some(form)
    }

    /// Returns the value for expressions. `false` must not be a text, which would count as true.
    pub(super) fn value(self, text: &str) -> minijinja::Value {
        match self {
            Self::Boolean => (text == "true").into(),
            Self::Text | Self::Number | Self::Date => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_the_form_of_values() {
        for (kind, right, wrong) in [
            (
                VariableType::Number,
                &["4.35", "-1", "0"][..],
                &["", "4.", ".5", "1e5", "4,350"][..],
            ),
            (
                VariableType::Boolean,
                &["true", "false"],
                &["", "yes", "TRUE", "1"],
            ),
            (
                VariableType::Date,
                &["2026-11-23", "2026/1/5"],
                &["", "soon", "2026-13-01"],
            ),
        ] {
            for text in right {
                assert_eq!(kind.mismatch(text), None, "{kind:?} {text}");
            }
            for text in wrong {
                assert!(kind.mismatch(text).is_some(), "{kind:?} {text}");
            }
        }
        assert!(!VariableType::Boolean.value("false").is_true());
    }
}
