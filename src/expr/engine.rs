//! The one minijinja environment: strict, fuelled, with our filters, and with nothing that could print a context.

use std::sync::LazyLock;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};

use super::filters;

/// Steps that one expression may take: far above any honest one, far below one that never ends.
const FUEL: u64 = 100_000;

/// What a template is called that is a page of HTML: cells are escaped in it.
pub(super) const PAGE: &str = "page.html";

/// Shared by all expressions, so that each can be compiled once and kept for as long as the process lives.
pub(super) static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|name| match name {
        PAGE => minijinja::AutoEscape::Html,
        _ => minijinja::AutoEscape::None,
    });
    env.set_fuel(Some(FUEL));
    env.set_formatter(|out, state, value| {
        if value.is_none() {
            return Err(Error::new(ErrorKind::InvalidOperation, "the value is none"));
        }
        escape_formatter(out, state, value)
    });
    env.remove_global("debug");
    filters::add(&mut env);
    env
});
