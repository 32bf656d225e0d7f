//! A scalar of a manifest: plain text, one whole expression, or text with expressions in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use minijinja::value::{Object, Value, ValueKind};
use minijinja::{Error, ErrorKind, Expression, Template};

use super::compared::{self, Compared};
use super::engine::{ENGINE, PAGE};
use super::scope::{Environ, Scope, Variables};
use super::{filters, reserved};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};

/// A scalar, compiled.
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

/// What an expression names. Each of these is a question of its own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Uses {
    /// Columns of the row.
    pub columns: BTreeSet<String>,
    /// Whether it names `run`: its value is another one in each run.
    pub run: bool,
    /// Whether it names `key`.
    pub key: bool,
    /// Whether it names `row` at all.
    pub row: bool,
    /// Whether it names a variable that is not set, where that is allowed: it has no value then.
    pub unset: bool,
}

/// Why an expression gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// What is wrong.
    pub message: String,
    /// What to do, if that is known.
    pub hint: Option<String>,
    /// The line of the expression's text, from 1.
    pub line: Option<usize>,
}

/// Compiles scalars, and holds the names that they use against those that there are.
#[derive(Debug, Clone)]
pub struct Compiler {
    variables: Variables,
    environ: Environ,
    /// Whether `row`, `key` and `run` can be named here.
    in_flow: bool,
    /// Whether variables may be named that are not set.
    lenient: bool,
}

impl Compiler {
    /// For everything that is no flow: `var` and `env` are in scope.
    pub fn new(variables: Variables, environ: Environ) -> Self {
        Self {
            variables,
            environ,
            in_flow: false,
            lenient: false,
        }
    }

    /// For flows: `row`, `key` and `run` are in scope too.
    #[must_use]
    pub fn in_flow(&self) -> Self {
        Self {
            in_flow: true,
            ..self.clone()
        }
    }

    /// For what is not used now: variables need not be set.
    #[must_use]
    pub fn lenient(&self) -> Self {
        Self {
            lenient: true,
            ..self.clone()
        }
    }

    /// The scope outside of flows.
    pub fn scope(&self) -> Scope {
        Scope::new(&self.variables, &self.environ)
    }

    /// Compiles one scalar and checks every name in it but the columns, which the sheet knows.
    pub fn compile(&self, source: &str, span: &Span) -> Result<Expr, Diagnostic> {
        let wrong = |error: &Error| {
            Diagnostic::error(format!("the expression is wrong: {}", told(error))).at(span)
        };
        let comparable = |compared: Option<Compared>| match compared {
            Some(compared) => Err(incomparable(&compared, span)),
            None => Ok(()),
        };
        let (body, names) = if !is_template(source) {
            (Body::Literal, BTreeSet::new())
        } else if let Some(inner) = whole_expression(source) {
            let compiled = ENGINE
                .compile_expression_owned(inner.to_owned())
                .map_err(|error| wrong(&error))?;
            comparable(compared::in_expression(inner))?;
            let names = compiled.undeclared_variables(true).into_iter().collect();
            (Body::Expression(Box::new(compiled)), names)
        } else {
            // A project is loaded once in a process, and its templates live as long as that.
            let kept: &'static str = Box::leak(source.to_owned().into_boxed_str());
            let compiled = ENGINE
                .template_from_named_str("scalar", kept)
                .map_err(|error| wrong(&error))?;
            comparable(compared::in_template(source))?;
            free(source, span)?;
            let names = compiled.undeclared_variables(true).into_iter().collect();
            (Body::Template(compiled), names)
        };
        let expr = Expr {
            source: source.to_owned(),
            span: span.clone(),
            uses: self.uses(source, &names, span)?,
            body,
        };
        expr.probe()?;
        Ok(expr)
    }

    /// Compiles a page of HTML, in which what is put in is escaped.
    pub fn compile_page(&self, source: &str, span: &Span) -> Result<Expr, Diagnostic> {
        // A project is loaded once in a process, and its templates live as long as that.
        let kept: &'static str = Box::leak(source.to_owned().into_boxed_str());
        let compiled = ENGINE
            .template_from_named_str(PAGE, kept)
            .map_err(|error| {
                Diagnostic::error(format!("the expression is wrong: {}", told(&error))).at(span)
            })?;
        if let Some(compared) = compared::in_template(source) {
            return Err(incomparable(&compared, span));
        }
        free(source, span)?;
        let names = compiled.undeclared_variables(true).into_iter().collect();
        let expr = Expr {
            source: source.to_owned(),
            span: span.clone(),
            uses: self.uses(source, &names, span)?,
            body: Body::Template(compiled),
        };
        expr.probe()?;
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
                    let near = did_you_mean(field, self.variables.keys().map(String::as_str));
                    let hint = match near {
                        Some(near) => format!("did you mean var.{near}?"),
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
                    .hint(format!("set it before treaty runs: export {field}=…")));
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
                        .hint("there are run.date and run.started"));
                }
                "row" | "key" | "run" => {
                    return Err(Diagnostic::error(format!("{root} cannot be named here"))
                        .at(span)
                        .hint("only a flow has rows; var and env can be named everywhere"));
                }
                other if ENGINE.globals().any(|(global, _)| global == other) => {}
                other => {
                    let scope = if self.in_flow {
                        "row, key, run, var and env"
                    } else {
                        "var and env"
                    };
                    let near = if self.in_flow {
                        format!("row.{other}")
                    } else {
                        format!("var.{other}")
                    };
                    return Err(Diagnostic::error(format!("nothing is called {other}"))
                        .at(span)
                        .hint(format!("in scope are {scope}; did you mean {near}?")));
                }
            }
        }
        Ok(uses)
    }
}

impl Expr {
    /// The scalar as it stands in the file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it stands.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Where an error stands: the line of a page, the whole of a scalar.
    pub fn error_span(&self, error: &EvalError) -> Span {
        let is_page = matches!(&self.body, Body::Template(template) if template.name() == PAGE);
        let Some(line) = error.line.filter(|line| is_page && *line > 1) else {
            return self.span.clone();
        };
        if self.span.file.text != self.source {
            // A page that is written in the manifest.
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

    /// What it names.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The text, when it is plain text and the same for all rows.
    pub fn literal(&self) -> Option<&str> {
        matches!(self.body, Body::Literal).then_some(self.source.as_str())
    }

    /// Its text in a scope.
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
                        message: format!("the expression gives a {kind}, where a text is needed"),
                        hint: None,
                        line: None,
                    }),
                }
            }
        }
    }

    /// Its value in a scope; a whole expression keeps its type. Undefined and none are errors.
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
                hint: Some("give it one: {{ … | default('…') }}".to_owned()),
                line: None,
            });
        }
        Ok(value)
    }

    /// Evaluates it once on values that are not there, to find unknown filters, tests and functions before a row does.
    fn probe(&self) -> Result<(), Diagnostic> {
        let anything = Value::from_object(Anything);
        let outcome = match &self.body {
            Body::Literal => return Ok(()),
            Body::Expression(expression) => expression.eval(anything).map(drop),
            Body::Template(template) => template.render(anything).map(drop),
        };
        match outcome {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest
                ) =>
            {
                Err(Diagnostic::error(format!("the expression is wrong: {}", told(&error)))
                    .at(&self.span)
                    .hint("treaty adds rmb, money, date, plus, epochMs, digits and mask to minijinja's own filters"))
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
        let message = told(error);
        Self {
            hint: filters::hint(&message).map(str::to_owned),
            message,
            line: error.line(),
        }
    }
}

/// The error in words: its own detail, not the place in the expression, which the span tells.
fn told(error: &Error) -> String {
    match error.detail() {
        _ if error.kind() == ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Text is neither equal to a number nor smaller or greater: such a comparison would take all rows, or none.
fn incomparable(compared: &Compared, span: &Span) -> Diagnostic {
    let Compared {
        text,
        number,
        meant,
    } = compared;
    let what = if text.starts_with("row") {
        "a cell is text"
    } else {
        "it is text"
    };
    Diagnostic::error(format!("{text} is compared with a number, {number}"))
        .at(span)
        .hint(format!("{what}: `{{{{ {meant} }}}}`"))
}

/// Refuses a template that gives one of treaty's own names another value.
fn free(source: &str, span: &Span) -> Result<(), Diagnostic> {
    let taken = reserved::taken(source);
    taken.map_or(Ok(()), |name| {
        let error = Diagnostic::error(format!("{name} is treaty's own, and cannot be set"));
        Err(error.at(span).hint("choose another name for it"))
    })
}

fn is_template(source: &str) -> bool {
    ["{{", "{%", "{#"]
        .iter()
        .any(|opening| source.contains(opening))
}

/// The inside of a scalar that is one expression and nothing else.
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
            // The expression ended before the scalar did.
            (None, '}') if previous == '}' => return None,
            _ => {}
        }
        previous = character;
    }
    Some(inner)
}

/// Columns that are named in brackets: `row["客户 编号"]`.
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

/// Has every name, and every name gives text.
#[derive(Debug)]
struct Anything;

impl Object for Anything {
    fn get_value(self: &std::sync::Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("var" | "env" | "row" | "run") => Some(Value::from_object(Anything)),
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
    fn scalars_render() {
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
    fn a_whole_expression_keeps_its_type() {
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
    fn columns_are_known_before_rows() {
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
    fn wrong_names_are_found_when_compiling() {
        for (source, message) in [
            ("{{ var.lendr }}", "there is no variable lendr"),
            (
                "{{ env.NOT_SET }}",
                "the environment variable NOT_SET is not set",
            ),
            ("{{ contract_no }}", "nothing is called contract_no"),
            (
                "{{ row.a | nosuch }}",
                "the expression is wrong: filter nosuch is unknown",
            ),
            ("{{ run.now }}", "run has no now"),
            (
                "{{ key +",
                "the expression is wrong: unexpected end of input, expected expression",
            ),
        ] {
            assert_eq!(text(source), Err(message.to_owned()), "{source}");
        }
        let outside = Compiler::new(Arc::default(), Arc::default()).compile("{{ row.a }}", &span());
        assert_eq!(
            outside.expect_err("refused").message,
            "row cannot be named here"
        );
    }
}
