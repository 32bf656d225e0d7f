//! Compiles scalars of a manifest and checks the names that they use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::Error;

use super::comparison::{self, InvalidComparison};
use super::complexity::{self, TooComplex};
use super::engine::{ENGINE, PAGE};
use super::environ::{ReadableEnv, is_reserved};
use super::reserved;
use super::scalar::{Body, Expr, Uses, error_message};
use super::scope::{Scope, Variables};
use super::used_variables::UsedVariables;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};

/// Compiles scalars and checks the names that they use.
#[derive(Debug, Clone)]
pub struct Compiler {
    variables: Variables,
    /// The declared variables without a value, and whether that was reported.
    missing: Arc<BTreeMap<String, bool>>,
    env: ReadableEnv,
    /// Whether `row`, `key` and `run` are in scope.
    in_flow: bool,
    /// Whether `flow` is in scope, too.
    in_check: bool,
    /// Whether unset variables are accepted.
    lenient: bool,
    used: UsedVariables,
}

impl Compiler {
    /// Creates a compiler for scalars outside of flows: `var` and `env` are in scope.
    pub fn new(variables: Variables, env: ReadableEnv) -> Self {
        Self {
            variables,
            missing: Arc::default(),
            env,
            in_flow: false,
            in_check: false,
            lenient: false,
            used: UsedVariables::default(),
        }
    }

    /// Returns a compiler that records the variables that its expressions use.
    #[must_use]
    pub fn with_used(self, used: UsedVariables) -> Self {
        Self { used, ..self }
    }

    /// Returns a compiler that knows the declared variables without a value, and whether that was
    /// reported: then it accepts them.
    #[must_use]
    pub fn with_missing(self, missing: Arc<BTreeMap<String, bool>>) -> Self {
        Self { missing, ..self }
    }

    /// Returns a compiler for flows: `row`, `key` and `run` are in scope, too.
    #[must_use]
    pub fn in_flow(&self) -> Self {
        Self {
            in_flow: true,
            ..self.clone()
        }
    }

    /// Returns a compiler for checks: `row`, `key`, `run` and `flow` are in scope, too.
    #[must_use]
    pub fn in_check(&self) -> Self {
        Self {
            in_check: true,
            ..self.in_flow()
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
        Scope::new(&self.variables, &self.env)
    }

    /// Compiles a scalar and checks its names. Columns are checked later, against the sheet.
    pub fn compile(&self, source: &str, span: &Span) -> Result<Expr, Diagnostic> {
        let invalid = |error: &Error| {
            let message = format!("invalid expression: {}", error_message(error));
            let invalid = Diagnostic::error(message).at(span);
            match bracketed_column(source) {
                Some(column) => invalid.hint(format!(
                    "a column whose name has other characters is written row['{column}']"
                )),
                None => invalid,
            }
        };
        let check_comparison = |comparison: Option<InvalidComparison>| match comparison {
            Some(comparison) => Err(comparison_error(&comparison, span)),
            None => Ok(()),
        };
        let too_complex = |why: TooComplex| too_complex(why, span);
        let (body, names) = if !has_expression(source) {
            (Body::Literal, BTreeSet::new())
        } else if let Some(inner) = whole_expression(source) {
            complexity::check_expression(inner).map_err(too_complex)?;
            let compiled = ENGINE
                .compile_expression_owned(inner.to_owned())
                .map_err(|error| invalid(&error))?;
            check_comparison(comparison::in_expression(inner))?;
            let names = compiled.undeclared_variables(true).into_iter().collect();
            (Body::Expression(Box::new(compiled)), names)
        } else {
            complexity::check_template(source).map_err(too_complex)?;
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
        complexity::check_page(source).map_err(|why| too_complex(why, span))?;
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

    /// Reports an environment variable that is not listed, or not set.
    fn check_env(&self, name: &str, span: &Span) -> Result<(), Diagnostic> {
        if !self.env.lists(name) {
            return Err(unlisted(name, &self.env).at(span));
        }
        if self.env.has(name) || self.lenient {
            return Ok(());
        }
        let error = Diagnostic::error(format!("the environment variable {name} is not set"));
        let hint = format!("set it before you run treaty: export {name}=…");
        Err(error.at(span).hint(hint))
    }

    /// Records the variables that an expression uses with a subscript: `var["name"]`.
    fn add_used(&self, source: &str) {
        let names = subscripts(source, "var[");
        for name in &names {
            self.used.add(name);
        }
        if names.is_empty() || names.len() < source.matches("var[").count() {
            self.used.add_any();
        }
    }

    /// Returns the error of a variable that is not declared.
    fn no_variable(&self, name: &str) -> Diagnostic {
        let known = self.variables.keys().chain(self.missing.keys());
        let hint = match did_you_mean(name, known.map(String::as_str)) {
            Some(name) => format!("did you mean var.{name}?"),
            None => "declare it under variables in treaty.yaml".to_owned(),
        };
        Diagnostic::error(format!("there is no variable {name}")).hint(hint)
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
            match (root, field) {
                ("var", "") => self.add_used(source),
                ("var", field) => self.used.add(field),
                _ => {}
            }
            match root {
                "var" if field.is_empty() => {
                    let names = subscripts(source, "var[");
                    let is_unknown = |name: &&String| {
                        !self.variables.contains_key(*name) && !self.missing.contains_key(*name)
                    };
                    if let Some(name) = names.iter().find(is_unknown).filter(|_| !self.lenient) {
                        return Err(self.no_variable(name).at(span));
                    }
                }
                "var" if self.variables.contains_key(field) => {}
                "env" if field.is_empty() => {
                    // A listed variable that is not set is undefined, so that it can have a default.
                    let names = subscripts(source, "env[");
                    if let Some(name) = names.iter().find(|name| !self.env.lists(name)) {
                        return Err(unlisted(name, &self.env).at(span));
                    }
                }
                "env" => {
                    self.check_env(field, span)?;
                    uses.unset |= !self.env.has(field);
                }
                "var" if self.lenient || self.missing.get(field) == Some(&true) => {
                    uses.unset = true;
                }
                "var" if self.missing.contains_key(field) => {
                    let error = format!("the variable {field} has no value");
                    return Err(Diagnostic::error(error).at(span).hint(format!(
                        "pass --var {field}=…, or write var[\"{field}\"] | default('…')"
                    )));
                }
                "var" => return Err(self.no_variable(field).at(span)),
                "row" if self.in_flow => {
                    uses.row = true;
                    if field.is_empty() {
                        uses.columns.extend(subscripts(source, "row["));
                    } else {
                        uses.columns.insert(field.to_owned());
                    }
                }
                "flow" if self.in_check => flow_uses(name, source, span, &mut uses)?,
                "flow" if self.in_flow => {
                    return Err(Diagnostic::error("flow cannot be used here")
                        .at(span)
                        .hint("flow exists only in checks"));
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

/// Adds the use of `flow.rows`, or of the sum of a column: `flow.sum.金额`.
fn flow_uses(name: &str, source: &str, span: &Span, uses: &mut Uses) -> Result<(), Diagnostic> {
    uses.flow = true;
    let mut fields = name.split('.').skip(1);
    let columns = match (fields.next(), fields.next()) {
        (Some("rows"), None) => return Ok(()),
        (Some("sum"), Some(column)) => vec![column.to_owned()],
        (Some("sum"), None) => subscripts(source, "flow.sum["),
        (None, _) => Vec::new(),
        (Some(field), _) => {
            let error = Diagnostic::error(format!("flow has no {field}")).at(span);
            return Err(error.hint(match did_you_mean(field, ["rows", "sum"]) {
                Some(near) => format!("did you mean flow.{near}?"),
                None => FLOW_FIELDS.to_owned(),
            }));
        }
    };
    if columns.is_empty() {
        let error = Diagnostic::error(format!("{name} needs a field")).at(span);
        return Err(error.hint(FLOW_FIELDS));
    }
    uses.columns.extend(columns.iter().cloned());
    uses.sums.extend(columns);
    Ok(())
}

const FLOW_FIELDS: &str = "use flow.rows for the number of rows, flow.sum.COLUMN or flow.sum[\"COLUMN\"] for the sum of a column";

/// Returns the column of `row.金额（元）`: its name has characters that need brackets and quotes.
fn bracketed_column(source: &str) -> Option<&str> {
    let ends = |c: char| c.is_whitespace() || (c.is_ascii_punctuation() && c != '_');
    let is_name = |c: char| c == '_' || c.is_alphanumeric();
    source.split("row.").skip(1).find_map(|rest| {
        let column = &rest[..rest.find(ends).unwrap_or(rest.len())];
        column.contains(|c| !is_name(c)).then_some(column)
    })
}

/// Reports an expression that is too long or too deep.
fn too_complex(why: TooComplex, span: &Span) -> Diagnostic {
    Diagnostic::error(why.message).at(span).hint(why.hint)
}

/// Reports an environment variable that expressions cannot read.
fn unlisted(name: &str, env: &ReadableEnv) -> Diagnostic {
    if is_reserved(name) {
        return Diagnostic::error(format!("expressions cannot read {name}")).hint(
            "variables that begin with TREATY_ are treaty's own; use a variable with another name",
        );
    }
    let message = format!("the environment variable {name} is not listed");
    let hint = match did_you_mean(name, env.names()) {
        Some(near) => format!("did you mean env.{near}?"),
        None => format!(
            "list it in treaty.yaml with env: [{name}], or run treaty with --allow-env {name}"
        ),
    };
    Diagnostic::error(message).hint(hint)
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
pub(super) fn whole_expression(source: &str) -> Option<&str> {
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

/// Returns the literal names that are used with a subscript: `row["客户 编号"]`. `opening` is the
/// name with its bracket: `row[`.
fn subscripts(source: &str, opening: &str) -> Vec<String> {
    source
        .split(opening)
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
