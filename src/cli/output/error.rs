//! Prints and logs the error that ends a command.

use super::style::{BOLD_CYAN, BOLD_RED, RESET};
use super::target::CONSOLE;
use super::{env_values, out, wrap};
use crate::cli::args::LogFormat;
use crate::cli::exit::{self, Exit};
use crate::util::escape::escaped;

/// The width of the prefix of a hint, in columns. The Chinese label is as wide as the English one.
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
        out::note(format_args!("{BOLD_RED}{}{RESET}: {message}", t!("error")));
        let hint = wrap::wrapped(&escaped(&hint), wrap::width(), HINT_PREFIX);
        for (at, line) in hint.lines().enumerate() {
            match at {
                0 => out::note(format_args!("  {BOLD_CYAN}{}{RESET}: {line}", t!("help"))),
                _ => out::note(format_args!("{:HINT_PREFIX$}{line}", "")),
            }
        }
    }
    exit
}
