//! Asking before something is done.

use std::io::{BufRead, IsTerminal, Write};

use super::args::{Apply, Consent};
use super::exit::{CliError, Exit};
use crate::manifest::Settings;

/// What a command line says beforehand, and what is to be done.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    yes: bool,
    confirm: Option<&'a str>,
    /// What is done without being asked: "apply".
    what: &'static str,
    /// The question.
    question: &'static str,
}

impl<'a> From<&'a Apply> for Said<'a> {
    fn from(args: &'a Apply) -> Self {
        Self {
            yes: args.yes,
            confirm: args.confirm.as_deref(),
            what: "apply",
            question: "Apply this to",
        }
    }
}

impl<'a> From<&'a Consent> for Said<'a> {
    fn from(args: &'a Consent) -> Self {
        Self {
            yes: args.yes,
            confirm: args.confirm.as_deref(),
            what: "do it",
            question: "Do this in",
        }
    }
}

/// Whether the command says all that it must, before anything is asked of the API.
pub(super) fn check<'a>(args: impl Into<Said<'a>>, settings: &Settings) -> Result<(), CliError> {
    let args = args.into();
    let name = &settings.environment;
    let usage = |message: String, hint: String| Err(CliError::new(Exit::Usage, message, hint));
    match args.confirm {
        Some(said) if said != name => usage(
            format!("the environment is {name}, and {said} was confirmed"),
            format!("say --confirm {name}"),
        ),
        None if settings.protected && (args.yes || !std::io::stdin().is_terminal()) => usage(
            format!("the environment {name} is protected"),
            format!("confirm it by name: --confirm {name}"),
        ),
        _ if !args.yes && !std::io::stdin().is_terminal() => usage(
            "nobody is there to be asked: standard input is no terminal".to_owned(),
            format!("say --yes to {} without being asked", args.what),
        ),
        _ => Ok(()),
    }
}

/// Whether the plan may be carried out: said beforehand, or asked for.
pub(super) fn confirmed<'a>(
    args: impl Into<Said<'a>>,
    settings: &Settings,
) -> Result<bool, CliError> {
    let args = args.into();
    let name = &settings.environment;
    if settings.protected && args.confirm.is_none() {
        return Ok(answer(&format!("{name} is protected. Its name, to go on: "))? == *name);
    }
    if args.yes {
        return Ok(true);
    }
    let answer = answer(&format!("{} {name}? [y/N] ", args.question))?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

fn answer(question: &str) -> Result<String, CliError> {
    let broken = |error: std::io::Error| {
        CliError::new(
            Exit::Error,
            format!("the answer cannot be read: {error}"),
            "",
        )
    };
    forget_typed().map_err(broken)?;
    let mut out = std::io::stderr();
    write!(out, "{question}")
        .and_then(|()| out.flush())
        .map_err(broken)?;
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(broken)?;
    Ok(line.trim().to_owned())
}

/// What was typed before a question was there is no answer to it.
#[cfg(unix)]
fn forget_typed() -> std::io::Result<()> {
    use rustix::termios::{QueueSelector, tcflush};
    match tcflush(std::io::stdin(), QueueSelector::IFlush) {
        // Nobody types there.
        Err(rustix::io::Errno::NOTTY) => Ok(()),
        flushed => Ok(flushed?),
    }
}

#[cfg(not(unix))]
fn forget_typed() -> std::io::Result<()> {
    Ok(())
}
