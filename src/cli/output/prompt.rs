//! Confirmation prompts of commands that change something.

use std::io::{BufRead, IsTerminal};

use super::out;
use crate::cli::args::{Apply, Consent};
use crate::cli::exit::{CliError, Exit};
use crate::manifest::Settings;

/// The note when the answer is no.
pub(in crate::cli) const DECLINED: &str = t_key!("nothing was changed");

/// The consent in the arguments of a command, and the question if there is none.
#[derive(Clone, Copy)]
pub(in crate::cli) struct ConsentRequest<'a> {
    yes: bool,
    confirm: Option<&'a str>,
    /// The key of the question.
    question: &'static str,
}

impl<'a> From<&'a Apply> for ConsentRequest<'a> {
    fn from(args: &'a Apply) -> Self {
        Self {
            // A saved plan is the approval.
            yes: args.yes || args.file.is_some(),
            confirm: args.confirm.as_deref(),
            question: t_key!("Apply this plan to %{name}?"),
        }
    }
}

impl<'a> From<&'a Consent> for ConsentRequest<'a> {
    fn from(args: &'a Consent) -> Self {
        Self {
            yes: args.yes,
            confirm: args.confirm.as_deref(),
            question: t_key!("Make this change in %{name}?"),
        }
    }
}

/// Fails if the confirmation is missing and cannot be asked for: before any call to the API.
pub(in crate::cli) fn check<'a>(
    args: impl Into<ConsentRequest<'a>>,
    settings: &Settings,
) -> Result<(), CliError> {
    let args = args.into();
    let name = &settings.environment;
    let usage = |message: String, hint: String| Err(CliError::new(Exit::Usage, message, hint));
    match args.confirm {
        Some(confirmed) if confirmed != name => usage(
            t!(
                "--confirm %{confirmed} does not match the environment %{name}",
                confirmed = confirmed,
                name = name
            )
            .into_owned(),
            t!(
                "confirm the environment with --confirm %{name}",
                name = name
            )
            .into_owned(),
        ),
        None if settings.protected && (args.yes || !std::io::stdin().is_terminal()) => usage(
            t!("the environment %{name} is protected", name = name).into_owned(),
            t!("confirm it with --confirm %{name}", name = name).into_owned(),
        ),
        _ if !args.yes && !std::io::stdin().is_terminal() => usage(
            t!("confirmation is required, and standard input is not a terminal").into_owned(),
            t!("add --yes to continue without confirmation").into_owned(),
        ),
        _ => Ok(()),
    }
}

/// Returns whether the change is confirmed: by the arguments, or by the answer to a prompt.
pub(in crate::cli) fn confirmed<'a>(
    args: impl Into<ConsentRequest<'a>>,
    settings: &Settings,
) -> Result<bool, CliError> {
    let args = args.into();
    let name = &settings.environment;
    if settings.protected && args.confirm.is_none() {
        let question = t!(
            "%{name} is protected. Enter its name to continue: ",
            name = name
        );
        return Ok(answer(&question)? == *name);
    }
    if args.yes {
        return Ok(true);
    }
    agreed(&format!("{} [y/N] ", t!(args.question, name = name)))
}

/// Prints a question to standard error and returns whether the answer is yes.
pub(in crate::cli) fn agreed(question: &str) -> Result<bool, CliError> {
    let answer = answer(question)?.to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes"))
}

/// Prints a question to standard error and reads a line.
pub(in crate::cli) fn answer(question: &str) -> Result<String, CliError> {
    let broken = |error: std::io::Error| {
        CliError::new(
            Exit::Error,
            t!("the answer cannot be read: %{error}", error = error),
            "",
        )
    };
    discard_typed_input().map_err(broken)?;
    out::question(question).map_err(broken)?;
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(broken)?;
    Ok(line.trim().to_owned())
}

/// Discards input that was typed before the question appeared.
#[cfg(unix)]
fn discard_typed_input() -> std::io::Result<()> {
    use rustix::termios::{QueueSelector, tcflush};
    match tcflush(std::io::stdin(), QueueSelector::IFlush) {
        // Standard input is not a terminal.
        Err(rustix::io::Errno::NOTTY) => Ok(()),
        flushed => Ok(flushed?),
    }
}

#[cfg(not(unix))]
fn discard_typed_input() -> std::io::Result<()> {
    Ok(())
}
