//! What `Deserialize` implementations need besides the value: the compiler of expressions, the
//! location and the findings. `serde` passes no context to them, hence the thread-local.

use std::cell::RefCell;

use crate::diagnostic::{Diagnostic, Span};
use crate::expr::{Compiler, Expr, Uses};
use crate::manifest::characters;

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Returns the required fields of a type, by its name. `serde` does not say which they are.
pub(in crate::manifest) type RequiredFields = fn(&str) -> &'static [String];

/// The state of [`decode`](super::decode).
pub(super) struct Context {
    compiler: Compiler,
    required_fields: RequiredFields,
    pub(super) findings: Vec<Diagnostic>,
    /// The location and the name in messages of the value that is being decoded.
    span: Span,
    label: String,
    /// Whether the value that is being decoded was already reported.
    is_reported: bool,
    /// The number of declarations without a kind. They cannot be used at all.
    unusable: usize,
    /// The names that expressions of the current flow use, with the location of the expression.
    uses: Vec<(Uses, Span)>,
}

impl Context {
    pub(super) fn new(compiler: Compiler, required_fields: RequiredFields, span: Span) -> Self {
        Self {
            compiler,
            required_fields,
            findings: Vec::new(),
            span,
            label: String::new(),
            is_reported: false,
            unusable: 0,
            uses: Vec::new(),
        }
    }
}

/// Installs a context for the current thread.
pub(super) fn enter(context: Context) {
    CONTEXT.set(Some(context));
}

/// Removes the context of the current thread.
pub(super) fn leave() -> Context {
    CONTEXT.take().expect("enter was called")
}

fn with<R>(f: impl FnOnce(&mut Context) -> R) -> R {
    CONTEXT.with_borrow_mut(|context| f(context.as_mut().expect("called from decode")))
}

/// Returns the required fields of a type.
pub(super) fn required_fields(type_name: &str) -> &'static [String] {
    with(|context| (context.required_fields)(type_name))
}

/// Begins a value at this location.
pub(super) fn begin(span: &Span, label: &str) {
    with(|context| {
        context.span = span.clone();
        label.clone_into(&mut context.label);
        context.is_reported = false;
    });
}

/// Adds an error at `span`.
pub(in crate::manifest) fn error(span: &Span, message: impl Into<String>, hint: impl Into<String>) {
    push(Diagnostic::error(message).at(span).hint(hint));
}

/// Adds a diagnostic that concerns no value.
pub(super) fn push(diagnostic: Diagnostic) {
    with(|context| context.findings.push(diagnostic));
}

/// Adds an error about the current value, which a placeholder replaces.
pub(super) fn replace(diagnostic: Diagnostic) {
    with(|context| {
        context.is_reported = true;
        context.findings.push(diagnostic);
    });
}

/// Begins a placeholder for a value that was reported.
pub(super) fn begin_placeholder(span: &Span) {
    begin(span, "");
    with(|context| context.is_reported = true);
}

/// Makes the declaration that contains the current value unusable.
pub(super) fn make_unusable() {
    with(|context| context.unusable += 1);
}

/// Returns whether the current value was reported, so that it is a placeholder.
pub(in crate::manifest) fn is_reported() -> bool {
    with(|context| context.is_reported)
}

/// Reports that the current scalar is not a valid value of its field: `LABEL cannot be TEXT`. Does
/// nothing when the scalar was already reported.
pub(in crate::manifest) fn refuse(text: &str, hint: impl Into<String>) {
    let error = with(|context| {
        let text = if text.is_empty() { "empty" } else { text };
        let message = format!("{} cannot be {text}", context.label);
        (!context.is_reported).then(|| Diagnostic::error(message).at(&context.span).hint(hint))
    });
    if let Some(error) = error {
        replace(error);
    }
}

/// Returns the location of the current value.
pub(in crate::manifest) fn span() -> Span {
    with(|context| context.span.clone())
}

/// Decodes a declaration. Returns `None` when it is unusable.
pub(in crate::manifest) fn usable<T>(decode: impl FnOnce() -> Option<T>) -> Option<T> {
    let before = with(|context| context.unusable);
    let value = decode();
    let after = with(|context| std::mem::replace(&mut context.unusable, before));
    value.filter(|_| before == after)
}

/// Decodes with `row`, `key` and `run` in scope.
pub(in crate::manifest) fn in_flow<R>(f: impl FnOnce() -> R) -> R {
    with_compiler(Compiler::in_flow, f)
}

/// Decodes with `row`, `key`, `run` and `flow` in scope.
pub(in crate::manifest) fn in_check<R>(f: impl FnOnce() -> R) -> R {
    with_compiler(Compiler::in_check, f)
}

fn with_compiler<R>(change: impl FnOnce(&Compiler) -> Compiler, f: impl FnOnce() -> R) -> R {
    let outer = with(|context| {
        let inner = change(&context.compiler);
        std::mem::replace(&mut context.compiler, inner)
    });
    let result = f();
    with(|context| context.compiler = outer);
    result
}

/// Decodes without adding the names that expressions use to those of the current flow.
pub(in crate::manifest) fn with_own_uses<R>(f: impl FnOnce() -> R) -> R {
    let outer = take_uses();
    let result = f();
    with(|context| context.uses = outer);
    result
}

/// Returns the names used by the expressions that were compiled since the last call.
pub(in crate::manifest) fn take_uses() -> Vec<(Uses, Span)> {
    with(|context| std::mem::take(&mut context.uses))
}

/// Warns of a text that was probably meant as an expression.
fn warn_almost_expression(source: &str, span: &Span) {
    if let Some((message, hint)) = characters::almost_expression(source) {
        push(Diagnostic::warning(message).at(span).hint(hint));
    }
}

/// Compiles the current scalar. Reports an error and returns a placeholder when it is invalid.
pub(in crate::manifest) fn compile(source: &str) -> Expr {
    let (compiler, span) = with(|context| (context.compiler.clone(), context.span.clone()));
    if is_reported() {
        return Expr::placeholder(&span);
    }
    warn_almost_expression(source, &span);
    match compiler.compile(source, &span) {
        Ok(expr) => {
            let uses = expr.uses().clone();
            if uses.unset {
                // The variable was reported, or its part of the project is not selected.
                with(|context| context.is_reported = true);
                return Expr::placeholder(&span);
            }
            with(|context| context.uses.push((uses, span)));
            expr
        }
        Err(error) => {
            replace(error);
            Expr::placeholder(&span)
        }
    }
}

/// Renders the current scalar, which must be the same for all rows. Reports an error and returns
/// `None` when it is not.
pub(super) fn render(source: &str) -> Option<String> {
    let (compiler, span) = with(|context| (context.compiler.clone(), context.span.clone()));
    let label = with(|context| context.label.clone());
    warn_almost_expression(source, &span);
    let expr = compiler.compile(source, &span).map_err(replace).ok()?;
    let uses = expr.uses();
    if uses.row || uses.key || uses.run {
        replace(
            Diagnostic::error(format!("{label} must be the same for all rows"))
                .at(&span)
                .hint("only var and env can be used here"),
        );
        return None;
    }
    if uses.unset {
        // Only in parts that are not selected: there is no value, and that is not an error.
        with(|context| context.is_reported = true);
        return None;
    }
    match expr.text(&compiler.scope()) {
        Ok(text) => Some(text.into_owned()),
        Err(error) => {
            replace(
                Diagnostic::error(format!("{label}: {}", error.message))
                    .at(&span)
                    .hint(error.hint.unwrap_or_default()),
            );
            None
        }
    }
}
