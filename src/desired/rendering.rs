//! Renders the fields of an item or a resource into typed values, collecting errors with their
//! location and a fingerprint of the values.

use std::borrow::Cow;

use minijinja::value::ValueKind;

use super::check::Problem;
use super::label::label;
use super::suspicion::{self, Oddity, Suspicion};
use crate::api::code::Code;
use crate::diagnostic::{Diagnostic, Place, Span};
use crate::expr::{EvalError, Expr, Fingerprint, Fingerprinter, Salt, Scope};
use crate::manifest::{Moves, Value};
use crate::sheet::Row;

/// Renders expressions in one scope, for one row or for none.
pub(super) struct Rendering<'a> {
    scope: &'a Scope,
    row: Option<&'a Row>,
    /// The earlier names of declarations, under which they are in fingerprints.
    moves: Option<&'a Moves>,
    fingerprint: Fingerprinter,
    /// The fingerprint of the content, without the accounts, when requested.
    content: Option<Fingerprinter>,
    /// The errors found so far.
    pub(super) errors: Vec<Diagnostic>,
    /// The suspicious values found so far.
    pub(super) suspicions: Vec<Suspicion>,
}

impl<'a> Rendering<'a> {
    /// Creates a rendering without values or errors.
    pub(super) fn new(scope: &'a Scope, row: Option<&'a Row>, salt: &Salt) -> Self {
        Self {
            scope,
            row,
            moves: None,
            fingerprint: Fingerprinter::new(salt),
            content: None,
            errors: Vec::new(),
            suspicions: Vec::new(),
        }
    }

    /// Sets the earlier names of declarations.
    pub(super) fn with_moves(self, moves: &'a Moves) -> Self {
        Self {
            moves: Some(moves),
            ..self
        }
    }

    /// Adds the name of a declaration to the fingerprints: the first one that it had.
    pub(super) fn add_name(&mut self, role: &str, section: &'static str, name: &str) {
        let moves = self.moves;
        let name = moves.map_or(name, |moves| moves.original(section, name));
        self.add_input(role, name);
    }

    /// Returns the fingerprint of all values.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.finish()
    }

    /// Starts the content fingerprint, which includes all values added from now on.
    pub(super) fn begin_content(&mut self, salt: &Salt) {
        self.content = Some(Fingerprinter::new(salt));
    }

    /// Returns the content fingerprint, if it was started.
    pub(super) fn content_fingerprint(&self) -> Option<Fingerprint> {
        self.content.as_ref().map(Fingerprinter::finish)
    }

    /// Adds a value to the fingerprints.
    pub(super) fn add_input(&mut self, name: &str, value: &str) {
        self.fingerprint.field(name, value);
        if let Some(content) = &mut self.content {
            content.field(name, value);
        }
    }

    /// Records an error at the location that the value of `expr` comes from.
    pub(super) fn error(
        &mut self,
        expr: &Expr,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.error_at(expr, expr.span(), message, hint);
    }

    /// Records an error whose message begins with the name of the value.
    pub(super) fn value_error(
        &mut self,
        name: &str,
        expr: &Expr,
        message: &str,
        hint: impl Into<String>,
    ) {
        let label = label(name, expr.uses().single_column());
        self.error(expr, format!("{label} {message}"), hint);
    }

    fn error_at(
        &mut self,
        expr: &Expr,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let error = self.diagnostic(expr, span, message, hint);
        self.errors.push(error);
    }

    /// Returns an error at the location that the value of `expr` comes from.
    pub(super) fn diagnostic(
        &self,
        expr: &Expr,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnostic {
        let diagnostic = Diagnostic::error(message).hint(hint);
        match self.origin(expr) {
            Place::Cell(cell) => diagnostic.at(cell).related(span, t!("rendered here")),
            place => diagnostic.at(place),
        }
    }

    /// Evaluates an expression that is not part of the item, so that no fingerprint changes.
    pub(super) fn evaluate(&self, expr: &Expr) -> Result<minijinja::Value, EvalError> {
        expr.value(self.scope)
    }

    /// Records that an expression that is not part of the item has no value, unless its cell has
    /// another error.
    pub(super) fn evaluation_error(&mut self, name: &str, expr: &Expr, error: EvalError) {
        let place = self.origin(expr);
        if self
            .errors
            .iter()
            .any(|known| known.place.as_ref() == Some(&place))
        {
            return;
        }
        self.error(
            expr,
            t!("%{name}: %{error}", name = name, error = error.message),
            error.hint.unwrap_or_default(),
        );
    }

    /// Returns the location that a value comes from: the cell when the expression uses one column,
    /// the row when it uses several, otherwise the manifest.
    fn origin(&self, expr: &Expr) -> Place {
        let uses = expr.uses();
        match self.row {
            Some(row) if uses.row || uses.key => row.place(uses.single_column()).into(),
            _ => expr.span().into(),
        }
    }

    /// Returns the location of the row, or of the declaration when there is no row.
    pub(super) fn row_place(&self, declared: &Span) -> Place {
        match self.row {
            Some(row) => row.place(None).into(),
            None => declared.into(),
        }
    }

    /// Renders a text that may be empty.
    pub(super) fn text(&mut self, name: &str, expr: &Expr) -> Option<String> {
        if expr.is_placeholder() {
            return None;
        }
        match expr.text(self.scope) {
            Ok(text) => {
                let text = text.into_owned();
                self.record(name, expr, &text);
                self.examine(name, expr, &text).then_some(text)
            }
            Err(error) => {
                let span = expr.error_span(&error);
                let label = label(name, expr.uses().single_column());
                self.error_at(
                    expr,
                    &span,
                    t!("%{name}: %{error}", name = label, error = error.message),
                    error.hint.unwrap_or_default(),
                );
                None
            }
        }
    }

    /// Looks for damage in a value that comes from the row and in the cells that it is made of.
    /// Returns false when the value must not be used; the error is recorded then.
    fn examine(&mut self, name: &str, expr: &Expr, text: &str) -> bool {
        let Some(row) = self.row.filter(|_| expr.uses().row) else {
            return true;
        };
        let columns = &expr.uses().columns;
        let cells = || columns.iter().filter_map(|column| row.get(column));
        let damage = suspicion::damage(text).or_else(|| cells().find_map(suspicion::rounded_cell));
        if let Some((message, hint)) = damage {
            let place = self.origin(expr);
            // Several fields can use one cell.
            let is_known = |error: &Diagnostic| {
                error.place.as_ref() == Some(&place) && error.message.ends_with(&*message)
            };
            if !self.errors.iter().any(is_known) {
                self.value_error(name, expr, &message, hint);
            }
            return false;
        }
        if expr.has_zero_amount(text) {
            self.suspicions.push(Suspicion {
                field: name.to_owned(),
                kind: t_key!("is an amount of zero"),
                detail: String::new(),
                column: expr.uses().single_column().map(str::to_owned),
                hint: t_key!("correct the cell, or ignore this warning if nothing is owed"),
            });
        }
        if let Some(odd) = suspicion::oddity(text) {
            // Other characters are in the manifest, which can be seen and changed.
            let is_in_cell = |cell: &str| match odd.kind {
                suspicion::EDGE_BLANK => cell.trim().len() < cell.len(),
                _ => cell.contains(odd.character),
            };
            if columns.is_empty() || cells().any(is_in_cell) {
                self.suspect(name, expr, odd);
            }
        }
        true
    }

    /// Records a suspicious character of a value.
    pub(super) fn suspect(&mut self, name: &str, expr: &Expr, odd: Oddity) {
        self.suspicions.push(Suspicion {
            field: name.to_owned(),
            kind: odd.kind,
            detail: odd.detail(),
            column: expr.uses().single_column().map(str::to_owned),
            hint: odd.hint,
        });
    }

    /// Adds a rendered value to the fingerprints, unless it is empty or changes with every run.
    fn record(&mut self, name: &str, expr: &Expr, text: &str) {
        if !expr.uses().run && !text.is_empty() {
            self.add_input(name, text);
        }
    }

    /// Renders a text. Reports an error when it is empty.
    pub(super) fn required(&mut self, name: &str, expr: &Expr) -> Option<String> {
        let text = self.text(name, expr)?;
        if text.trim().is_empty() {
            let hint = t!("fill in the cell, or correct the expression");
            self.value_error(name, expr, &t!("is empty"), hint);
            return None;
        }
        Some(text)
    }

    /// Renders a text. Returns `None` when it is empty.
    pub(super) fn optional(&mut self, name: &str, expr: Option<&Expr>) -> Option<String> {
        expr.and_then(|expr| self.text(name, expr))
            .filter(|text| !text.trim().is_empty())
    }

    /// Renders a required text and checks its form.
    pub(super) fn checked(
        &mut self,
        name: &str,
        expr: &Expr,
        check: impl FnOnce(&str) -> Result<(), Problem>,
    ) -> Option<String> {
        let text = self.required(name, expr)?;
        self.verify(name, expr, &text, check).then_some(text)
    }

    /// Renders an optional text and checks its form.
    pub(super) fn optional_checked(
        &mut self,
        name: &str,
        expr: Option<&Expr>,
        check: impl FnOnce(&str) -> Result<(), Problem>,
    ) -> Option<String> {
        let text = self.optional(name, expr)?;
        expr.is_some_and(|expr| self.verify(name, expr, &text, check))
            .then_some(text)
    }

    fn verify(
        &mut self,
        name: &str,
        expr: &Expr,
        text: &str,
        check: impl FnOnce(&str) -> Result<(), Problem>,
    ) -> bool {
        match check(text) {
            Ok(()) => true,
            Err((message, hint)) => {
                self.value_error(name, expr, &message, hint);
                false
            }
        }
    }

    /// Renders an API code, given by name or number.
    pub(super) fn code<C: Code>(&mut self, expr: &Value<C>) -> Option<i64> {
        let codes = C::CODES;
        let text = self.required(codes.field, expr)?;
        let number = codes.number(text.trim());
        if number.is_none() {
            let given = expr
                .literal()
                .map_or_else(|| t!("this value"), Cow::Borrowed);
            self.value_error(
                codes.field,
                expr,
                &t!("cannot be %{given}", given = given),
                t!("it is one of %{choices}", choices = codes.choices()),
            );
        }
        number
    }

    /// Renders a list of API codes into the API's form, such as `1,2`. Returns `None` for an empty
    /// list.
    pub(super) fn codes<C: Code>(&mut self, exprs: &[Value<C>]) -> Option<String> {
        let numbers: Vec<String> = exprs
            .iter()
            .filter_map(|expr| self.code(expr))
            .map(|number| number.to_string())
            .collect();
        (!numbers.is_empty()).then(|| numbers.join(","))
    }

    /// Renders an integer. Returns `None` when the text is empty.
    pub(super) fn integer(&mut self, name: &str, expr: Option<&Expr>) -> Option<i64> {
        self.number_of(name, expr, &t!("must be a whole number"))
    }

    /// Renders a finite number. Returns `None` when the text is empty.
    pub(super) fn number(&mut self, name: &str, expr: Option<&Expr>) -> Option<f64> {
        self.number_of(name, expr, &t!("must be a number"))
            .filter(|number: &f64| number.is_finite())
    }

    fn number_of<T: std::str::FromStr>(
        &mut self,
        name: &str,
        expr: Option<&Expr>,
        message: &str,
    ) -> Option<T> {
        let text = self.optional(name, expr)?;
        let number = text.trim().parse().ok();
        if let (None, Some(expr)) = (&number, expr) {
            let hint = t!("correct the cell or the expression");
            self.value_error(name, expr, message, hint);
        }
        number
    }

    /// Renders a boolean. Accepts the texts `true` and `false`.
    pub(super) fn flag(&mut self, name: &str, expr: &Expr) -> Option<bool> {
        if expr.is_placeholder() {
            return None;
        }
        let value = match expr.value(self.scope) {
            Ok(value) => value,
            Err(error) => {
                let label = label(name, expr.uses().single_column());
                self.error(
                    expr,
                    t!("%{name}: %{error}", name = label, error = error.message),
                    error.hint.unwrap_or_default(),
                );
                return None;
            }
        };
        let flag = match (value.kind(), value.as_str()) {
            (ValueKind::Bool, _) => Some(value.is_true()),
            (_, Some("true")) => Some(true),
            (_, Some("false")) => Some(false),
            _ => None,
        };
        match flag {
            Some(flag) => self.record(name, expr, if flag { "true" } else { "false" }),
            None => {
                let hint = match expr.literal() {
                    Some(_) => t!("write true or false"),
                    None => t!("use a comparison, such as \"{{ row.status == 'approved' }}\""),
                };
                self.value_error(name, expr, &t!("must be true or false"), hint);
            }
        }
        flag
    }
}
