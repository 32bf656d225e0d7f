//! Compiled scalars of a manifest: plain text, a single expression, or a template.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use minijinja::value::{Object, Value, ValueKind};
use minijinja::{Error, ErrorKind, Expression, Template};

use super::comparison::{self, InvalidComparison};
use super::engine::{ENGINE, PAGE};
use super::scope::{Environ, Scope, Variables};
use super::{filters, reserved};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};

/// A compiled scalar.
pub struct Expr {
    source: String,
    span: Span,
    body: Body,
    uses: Uses,
}

enum Body {
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
    /// Whether it uses an unset variable. Only a lenient compiler accepts this; the expression then
    /// has no value.
    pub unset: bool,
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

/// Compiles scalars and checks the names that they use.
#[derive(Debug, Clone)]
pub struct Compiler {
    variables: Variables,
    environ: Environ,
    /// Whether `row`, `key` and `run` are in scope.
    in_flow: bool,
    /// Whether unset variables are accepted.
    lenient: bool,
}

impl Compiler {
    /// Creates a compiler for scalars outside of flows: `var` and `env` are in scope.
    pub fn new(variables: Variables, environ: Environ) -> Self {
        Self {
            variables,
            environ,
            in_flow: false,
            lenient: false,
        }
    }

    /// Returns a compiler for flows: `row`, `key` and `run` are in scope, too.
    #[must_use]
    pub fn in_flow(&self) -> Self {
        Self {
            in_flow: true,
            ..self.clone()
        }
    }

    /// Returns a compiler for parts that are not selected: it accepts unset variables.
    #[must_use]
    pub fn lenient(&self) -> Self {
        Self {
            lenient: true,
            ..self.clone()
        }
    }

    /// Returns the scope outside of flows.
    pub fn scope(&self) -> Scope {
        Scope::new(&self.variables, &self.environ)
    }

    /// Compiles a scalar and checks its names. Columns are checked later, against the sheet.
    pub fn compile(&self, source: &str, span: &Span) -> Result<Expr, Diagnostic> {
        let invalid = |error: &Error| {
            Diagnostic::error(format!("invalid expression: {}", error_message(error))).at(span)
        };
        let check_comparison = |comparison: Option<InvalidComparison>| match comparison {
            Some(comparison) => Err(comparison_error(&comparison, span)),
            None => Ok(()),
        };
        let (body, names) = if !has_expression(source) {
            (Body::Literal, BTreeSet::new())
        } else if let Some(inner) = whole_expression(source) {
            let compiled = ENGINE
                .compile_expression_owned(inner.to_owned())
                .map_err(|error| invalid(&error))?;
            check_comparison(comparison::in_expression(inner))?;
            let names = compiled.undeclared_variables(true).into_iter().collect();
            (Body::Expression(Box::new(compiled)), names)
        } else {
            // A process loads one project, and its templates are used until the process ends.
            let leaked: &'static str = Box::leak(source.to_owned().into_boxed_str());
            let compiled = ENGINE
                .template_from_named_str("scalar", leaked)
                .map_err(|error| invalid(&error))?;
            check_comparison(comparison::in_template(source))?;
            check_reserved_names(source, span)?;
            let names = compiled.undeclared_variables(true).into_iter().collect();
            (Body::Template(compiled), names)
        };
        let expr = Expr {
            source: source.to_owned(),
            span: span.clone(),
            uses: self.uses(source, &names, span)?,
            body,
        };
        expr.check_functions()?;
        Ok(expr)
    }

    /// Compiles an HTML page. Inserted values are escaped.
    pub fn compile_page(&self, source: &str, span: &Span) -> Result<Expr, Diagnostic> {
        // A process loads one project, and its templates are used until the process ends.
        let leaked: &'static str = Box::leak(source.to_owned().into_boxed_str());
        let compiled = ENGINE
            .template_from_named_str(PAGE, leaked)
            .map_err(|error| {
                Diagnostic::error(format!("invalid expression: {}", error_message(&error))).at(span)
            })?;
        if let Some(comparison) = comparison::in_template(source) {
            return Err(comparison_error(&comparison, span));
        }
        check_reserved_names(source, span)?;
        let names = compiled.undeclared_variables(true).into_iter().collect();
        let expr = Expr {
            source: source.to_owned(),
            span: span.clone(),
            uses: self.uses(source, &names, span)?,
            body: Body::Template(compiled),
        };
        expr.check_functions()?;
        Ok(expr)
    }

    fn uses(
        &self,
        source: &str,
        names: &BTreeSet<String>,
        span: &Span,
    ) -> Result<Uses, Diagnostic> {
        let mut uses = Uses::default();
        for name in names {
            let (root, field) = name.split_once('.').unwrap_or((name, ""));
            let field = field.split('.').next().unwrap_or_default();
            match root {
                "var" if field.is_empty() || self.variables.contains_key(field) => {}
                "env" if field.is_empty() || self.environ.contains_key(field) => {}
                "var" | "env" if self.lenient => uses.unset = true,
                "var" => {
                    let suggestion = did_you_mean(field, self.variables.keys().map(String::as_str));
                    let hint = match suggestion {
                        Some(name) => format!("did you mean var.{name}?"),
                        None => "declare it under variables in treaty.yaml".to_owned(),
                    };
                    return Err(Diagnostic::error(format!("there is no variable {field}"))
                        .at(span)
                        .hint(hint));
                }
                "env" => {
                    return Err(Diagnostic::error(format!(
                        "the environment variable {field} is not set"
                    ))
                    .at(span)
                    .hint(format!("set it before you run treaty: export {field}=…")));
                }
                "row" if self.in_flow => {
                    uses.row = true;
                    if field.is_empty() {
                        uses.columns.extend(subscripts(source));
                    } else {
                        uses.columns.insert(field.to_owned());
                    }
                }
                "key" if self.in_flow => uses.key = true,
                "run" if self.in_flow && matches!(field, "" | "date" | "started") => {
                    uses.run = true;
                }
                "run" if self.in_flow => {
                    return Err(Diagnostic::error(format!("run has no {field}"))
                        .at(span)
                        .hint("use run.date or run.started"));
                }
                "row" | "key" | "run" => {
                    return Err(Diagnostic::error(format!("{root} cannot be used here"))
                        .at(span)
                        .hint("row, key and run exist only in flows; var and env can be used everywhere"));
                }
                other if ENGINE.globals().any(|(global, _)| global == other) => {}
                other => {
                    let scope = if self.in_flow {
                        "row, key, run, var and env"
                    } else {
                        "var and env"
                    };
                    let suggestion = if self.in_flow {
                        format!("row.{other}")
                    } else {
                        format!("var.{other}")
                    };
                    return Err(Diagnostic::error(format!("unknown name {other}"))
                        .at(span)
                        .hint(format!("available are {scope}; did you mean {suggestion}?")));
                }
            }
        }
        Ok(uses)
    }
}

impl Expr {
    /// Creates an empty text, in the place of a scalar that is missing or invalid.
    pub fn empty(span: &Span) -> Self {
        Self {
            source: String::new(),
            span: span.clone(),
            body: Body::Literal,
            uses: Uses::default(),
        }
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
            Body::Literal => Ok(Cow::Borrowed(&self.source)),
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
                        message: format!("the expression returns a {kind}; text is needed"),
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
                    "the value is none"
                } else {
                    "the value is undefined"
                }
                .to_owned(),
                hint: Some("set a default: {{ … | default('…') }}".to_owned()),
                line: None,
            });
        }
        Ok(value)
    }

    /// Evaluates the scalar once with placeholder values, to find unknown filters, tests and
    /// functions.
    fn check_functions(&self) -> Result<(), Diagnostic> {
        let placeholder = Value::from_object(Placeholder);
        let outcome = match &self.body {
            Body::Literal => return Ok(()),
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
            hint: filters::hint(&message).map(str::to_owned),
            message,
            line: error.line(),
        }
    }
}

/// Returns the message of an error, without the position, which is in the span.
fn error_message(error: &Error) -> String {
    match error.detail() {
        _ if error.kind() == ErrorKind::OutOfFuel => {
            "the evaluation takes too many steps".to_owned()
        }
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Reports a comparison of text with a number. It would select all rows or none.
fn comparison_error(comparison: &InvalidComparison, span: &Span) -> Diagnostic {
    let InvalidComparison {
        text,
        number,
        suggestion,
    } = comparison;
    let reason = if text.starts_with("row") {
        "a cell is text"
    } else {
        "the value is text"
    };
    Diagnostic::error(format!("{text} is compared with a number, {number}"))
        .at(span)
        .hint(format!("{reason}; convert it: `{{{{ {suggestion} }}}}`"))
}

/// Rejects a template that assigns to a reserved name.
fn check_reserved_names(source: &str, span: &Span) -> Result<(), Diagnostic> {
    reserved::assigned_name(source).map_or(Ok(()), |name| {
        let error = Diagnostic::error(format!("{name} is reserved and cannot be assigned"));
        Err(error.at(span).hint("use another name"))
    })
}

/// Returns whether a text contains an expression.
pub fn has_expression(source: &str) -> bool {
    ["{{", "{%", "{#"]
        .iter()
        .any(|opening| source.contains(opening))
}

/// Returns the expression of a scalar that consists of a single expression.
fn whole_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    let mut quote = None;
    let mut previous = ' ';
    for character in inner.chars() {
        match (quote, character) {
            (Some(open), close) if open == close && previous != '\\' => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            // The expression ends before the scalar.
            (None, '}') if previous == '}' => return None,
            _ => {}
        }
        previous = character;
    }
    Some(inner)
}

/// Returns the columns that are used with a subscript: `row["客户 编号"]`.
fn subscripts(source: &str) -> Vec<String> {
    source
        .split("row[")
        .skip(1)
        .filter_map(|rest| {
            let quote = rest
                .chars()
                .next()
                .filter(|first| matches!(first, '"' | '\''))?;
            let (column, behind) = rest[1..].split_once(quote)?;
            behind
                .trim_start()
                .starts_with(']')
                .then(|| column.to_owned())
        })
        .collect()
}

/// An object that has every name; each value is text.
#[derive(Debug)]
struct Placeholder;

impl Object for Placeholder {
    fn get_value(self: &std::sync::Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("var" | "env" | "row" | "run") => Some(Value::from_object(Placeholder)),
            _ => Some(Value::from("0")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::SourceFile;

    fn span() -> Span {
        let file = SourceFile {
            path: "treaty.yaml".into(),
            text: String::new(),
        };
        Span {
            file: Arc::new(file),
            line: 1,
            column: 1,
            bytes: 0..0,
        }
    }

    fn compiler() -> Compiler {
        let texts =
            |name: &str, text: &str| Arc::new(BTreeMap::from([(name.to_owned(), text.to_owned())]));
        Compiler::new(texts("lender", "天谷"), texts("HOME_TOWN", "杭州")).in_flow()
    }

    fn compile(source: &str) -> Result<Expr, Diagnostic> {
        compiler().compile(source, &span())
    }

    fn text(source: &str) -> Result<String, String> {
        let expr = compile(source).map_err(|diagnostic| diagnostic.message)?;
        let scope = compiler().scope().with_key("HT-1");
        expr.text(&scope)
            .map(Cow::into_owned)
            .map_err(|error| error.message)
    }

    #[test]
    fn renders_scalars() {
        for (source, expected) in [
            ("plain", "plain"),
            ("{{ var.lender }}", "天谷"),
            ("{{ env.HOME_TOWN }}市", "杭州市"),
            ("合同-{{ key }}", "合同-HT-1"),
            ("{{ 1010.10 | rmb }}", "壹仟零壹拾元壹角"),
            ("{{ key }}{{ key }}", "HT-1HT-1"),
            ("{{ '}}' }}", "}}"),
            ("{% if key %}yes{% endif %}", "yes"),
            (
                "{{ '2026-11-23' | plus('7d') | date('%Y年%m月%d日') }}",
                "2026年11月30日",
            ),
        ] {
            assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn a_single_expression_keeps_its_type() {
        let expr = compile("{{ key == 'HT-1' }}").expect("compiled");
        let value = expr
            .value(&compiler().scope().with_key("HT-1"))
            .expect("a value");
        assert_eq!(value, Value::from(true));
    }

    #[test]
    fn undefined_and_none_are_errors() {
        for source in [
            "{{ none }}",
            "x{{ none }}",
            "{{ row.missing }}",
            "x{{ row.missing }}",
        ] {
            assert!(text(source).is_err(), "{source}");
        }
    }

    #[test]
    fn finds_the_columns_used() {
        let uses = compile("{{ row.姓名 }}{{ row['客户 编号'] }}")
            .expect("compiled")
            .uses()
            .clone();
        assert_eq!(
            uses.columns,
            BTreeSet::from(["姓名".to_owned(), "客户 编号".to_owned()])
        );
        assert!(
            compile("{{ run.started | plus('7d') | epochMs }}")
                .expect("compiled")
                .uses()
                .run
        );
    }

    #[test]
    fn reports_unknown_names_when_compiling() {
        for (source, message) in [
            ("{{ var.lendr }}", "there is no variable lendr"),
            (
                "{{ env.NOT_SET }}",
                "the environment variable NOT_SET is not set",
            ),
            ("{{ contract_no }}", "unknown name contract_no"),
            (
                "{{ row.a | nosuch }}",
                "invalid expression: filter nosuch is unknown",
            ),
            ("{{ run.now }}", "run has no now"),
            (
                "{{ key +",
                "invalid expression: unexpected end of input, expected expression",
            ),
        ] {
            assert_eq!(text(source), Err(message.to_owned()), "{source}");
        }
        let outside = Compiler::new(Arc::default(), Arc::default()).compile("{{ row.a }}", &span());
        assert_eq!(
            outside.expect_err("refused").message,
            "row cannot be used here"
        );
    }
}
