//! The minijinja environment: strict, with limited fuel, with the filters of treaty and without the
//! functions `debug`, which would print private values, and `namespace`.

use std::sync::LazyLock;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};

use super::filters;

/// The maximum number of steps of one evaluation. It stops endless loops.
const FUEL: u64 = 100_000;

/// The name of HTML templates. Values are escaped in them.
pub(super) const PAGE: &str = "page.html";

/// The environment of all expressions. It is static, so that compiled expressions can be stored.
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
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                t!("the value is none"),
            ));
        }
        escape_formatter(out, state, value)
    });
    env.remove_global("debug");
    // A loop can nest the values of a namespace so deeply that printing them overflows the stack.
    env.remove_global("namespace");
    filters::add(&mut env);
    env
});
