//! Compiled scalars of a manifest: plain text, a single expression, or a template.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use minijinja::value::{Object, Value, ValueKind};
use minijinja::{Error, ErrorKind, Expression, Template};

use super::engine::PAGE;
use super::filters;
use super::scope::Scope;
use crate::diagnostic::{Diagnostic, Span};

/// A compiled scalar.
pub struct Expr {
    pub(super) source: String,
    pub(super) span: Span,
    pub(super) body: Body,
    pub(super) uses: Uses,
}

/// The compiled form of a scalar.
pub(super) enum Body {
    /// No value: the scalar is missing or invalid.
    Placeholder,
    Literal,
    Expression(Box<Expression<'static, 'static>>),
    Template(Template<'static, 'static>),
}

/// The names that an expression uses.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Uses {
    /// The columns of the row.
    pub columns: BTreeSet<String>,
    /// Whether it uses `run`. Such a value differs between runs.
    pub run: bool,
    /// Whether it uses `key`.
    pub key: bool,
    /// Whether it uses `row`.
    pub row: bool,
    /// Whether it uses `flow`.
    pub flow: bool,
    /// The columns whose sums it uses.
    pub sums: BTreeSet<String>,
    /// Whether it uses an unset variable. Only a lenient compiler accepts this; the expression then
    /// has no value.
    pub unset: bool,
}

impl Uses {
    /// Returns the column if the expression uses exactly one.
    pub fn single_column(&self) -> Option<&str> {
        let mut columns = self.columns.iter();
        match (columns.next(), columns.next()) {
            (Some(column), None) => Some(column),
            _ => None,
        }
    }
}

/// An error of the evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// The error message.
    pub message: String,
    /// The recommended action, if known.
    pub hint: Option<String>,
    /// The line in the source of the expression, from 1.
    pub line: Option<usize>,
}

impl Expr {
    /// Returns whether a text that the expression rendered contains an amount of zero, from one of the
    /// filters of amounts.
    pub fn has_zero_amount(&self, text: &str) -> bool {
        filters::uses_amount(&self.source) && filters::has_zero_amount(text)
    }

    /// Creates a placeholder for a scalar that is missing or invalid, which was reported.
    pub fn placeholder(span: &Span) -> Self {
        Self {
            source: String::new(),
            span: span.clone(),
            body: Body::Placeholder,
            uses: Uses::default(),
        }
    }

    /// Returns whether the scalar is missing or invalid. It has no value then.
    pub fn is_placeholder(&self) -> bool {
        matches!(self.body, Body::Placeholder)
    }

    /// Returns the source of the scalar.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the location of the scalar.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the location of an error: the line for a page in its own file, otherwise the whole
    /// scalar.
    pub fn error_span(&self, error: &EvalError) -> Span {
        let is_page = matches!(&self.body, Body::Template(template) if template.name() == PAGE);
        let Some(line) = error.line.filter(|line| is_page && *line > 1) else {
            return self.span.clone();
        };
        if self.span.file.text != self.source {
            // The page is part of the manifest, so the line does not count from the start of the
            // file.
            return self.span.clone();
        }
        let before = self.source.split_inclusive('\n').take(line - 1);
        let start = before.map(str::len).sum();
        let length = self.source[start..].lines().next().map_or(0, str::len);
        Span {
            line,
            bytes: start..start + length,
            ..self.span.clone()
        }
    }

    /// Returns the names that the expression uses.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Returns the text if the scalar is plain text, without expressions.
    pub fn literal(&self) -> Option<&str> {
        matches!(self.body, Body::Literal).then_some(self.source.as_str())
    }

    /// Evaluates the scalar to text. Lists and mappings are errors.
    pub fn text(&self, scope: &Scope) -> Result<Cow<'_, str>, EvalError> {
        match &self.body {
            Body::Literal | Body::Placeholder => Ok(Cow::Borrowed(&self.source)),
            Body::Template(template) => {
                let rendered = template.render(scope.value());
                rendered
                    .map(Cow::Owned)
                    .map_err(|error| EvalError::from(&error))
            }
            Body::Expression(_) => {
                let value = self.value(scope)?;
                match value.kind() {
                    ValueKind::String | ValueKind::Number | ValueKind::Bool => {
                        Ok(Cow::Owned(value.to_string()))
                    }
                    kind => Err(EvalError {
                        message: t!(
                            "the expression returns a %{kind}; text is needed",
                            kind = kind
                        )
                        .into_owned(),
                        hint: None,
                        line: None,
                    }),
                }
            }
        }
    }

    /// Evaluates the scalar. A single expression keeps its type. Undefined and none are errors.
    pub fn value(&self, scope: &Scope) -> Result<Value, EvalError> {
        let Body::Expression(expression) = &self.body else {
            return self.text(scope).map(|text| Value::from(&*text));
        };
        let value = expression
            .eval(scope.value())
            .map_err(|error| EvalError::from(&error))?;
        if value.is_undefined() || value.is_none() {
            return Err(EvalError {
                message: if value.is_none() {
                    t!("the value is none")
                } else {
                    t!("the value is undefined")
                }
                .into_owned(),
                hint: Some(t!("correct the cell; if the value may be missing, set a default in the manifest: {{ … | default('…') }}").into_owned()),
                line: None,
            });
        }
        Ok(value)
    }

    /// Evaluates the scalar once with placeholder values, to find unknown filters, tests and
    /// functions.
    pub(super) fn check_functions(&self) -> Result<(), Diagnostic> {
        let placeholder = Value::from_object(Placeholder);
        let outcome = match &self.body {
            Body::Literal | Body::Placeholder => return Ok(()),
            Body::Expression(expression) => expression.eval(placeholder).map(drop),
            Body::Template(template) => template.render(placeholder).map(drop),
        };
        match outcome {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest
                ) =>
            {
                Err(Diagnostic::error(format!("invalid expression: {}", error_message(&error)))
                    .at(&self.span)
                    .hint("available are the filters of minijinja and rmb, money, date, plus, epochMs, digits and mask"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.source).finish()
    }
}

impl From<&Error> for EvalError {
    fn from(error: &Error) -> Self {
        let message = error_message(error);
        Self {
            hint: filters::hint(&message).map(Cow::into_owned),
            message,
            line: error.line(),
        }
    }
}

/// Returns the message of an error, without the position, which is in the span.
pub(super) fn error_message(error: &Error) -> String {
    match error.detail() {
        _ if error.kind() == ErrorKind::OutOfFuel => {
            t!("the evaluation takes too many steps").into_owned()
        }
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// An object that has every name; each value is text.
#[derive(Debug)]
struct Placeholder;

impl Object for Placeholder {
    fn get_value(self: &std::sync::Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("var" | "env" | "row" | "run" | "flow" | "sum") => {
                Some(Value::from_object(Placeholder))
            }
            _ => Some(Value::from("0")),
        }
    }
}
