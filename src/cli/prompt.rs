//! Asking before something is done.

use std::io::{BufRead, IsTerminal, Write};

use super::args::Apply;
use super::exit::{CliError, Exit};
use crate::manifest::Settings;

/// Whether the command says all that it must, before anything is asked of the API.
pub(super) fn check(args: &Apply, settings: &Settings) -> Result<(), CliError> {
    let name = &settings.environment;
    let usage = |message: String, hint: String| Err(CliError::new(Exit::Usage, message, hint));
    match &args.confirm {
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
            "say --yes to apply without being asked".to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Whether the plan may be carried out: said beforehand, or asked for.
pub(super) fn confirmed(args: &Apply, settings: &Settings) -> Result<bool, CliError> {
    let name = &settings.environment;
    if settings.protected && args.confirm.is_none() {
        return Ok(answer(&format!("{name} is protected. Its name, to go on: "))? == *name);
    }
    if args.yes {
        return Ok(true);
    }
    let answer = answer(&format!("Apply this to {name}? [y/N] "))?;
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
