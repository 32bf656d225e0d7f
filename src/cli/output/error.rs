//! Prints and logs the error that ends a command.

use super::target::CONSOLE;
use super::{env_values, out, wrap};
use crate::cli::args::LogFormat;
use crate::cli::exit::{self, Exit};

/// The width of the prefix of a hint, in columns.
const HINT_PREFIX: usize = "  help: ".len();

/// Logs and prints an error with its hint. Returns its exit code.
pub(in crate::cli) fn report(error: &anyhow::Error, format: LogFormat) -> Exit {
    let (exit, hint) = exit::classify(error);
    // The alternate format appends the causes of the error.
    let message = format!("{error:#}");
    let (message, hint) = (env_values::masked(&message), env_values::masked(&hint));
    tracing::error!(
        target: CONSOLE,
        event = "error",
        exit_code = exit.code(),
        hint = Some(&*hint).filter(|hint| !hint.is_empty()),
        "{message}"
    );
    if format == LogFormat::Text {
        out::note(format_args!("\u{1b}[1;31merror\u{1b}[0m: {message}"));
        if !hint.is_empty() {
            let hint = wrap::wrapped(&hint, wrap::width(), HINT_PREFIX).replace('\n', "\n        ");
            out::note(format_args!("  \u{1b}[1;36mhelp\u{1b}[0m: {hint}"));
        }
    }
    exit
}
