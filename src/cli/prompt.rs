//! Asking before something is done.

use std::io::{BufRead, IsTerminal, Write};

use super::args::Apply;
use super::exit::{CliError, Exit};
use crate::manifest::Settings;

/// Whether the plan may be carried out: asked for, said beforehand, or refused.
pub(super) fn confirmed(args: &Apply, settings: &Settings) -> Result<bool, CliError> {
    let name = &settings.environment;
    if settings.protected {
        match &args.confirm {
            Some(said) if said == name => return if args.yes { Ok(true) } else { ask(name) },
            Some(said) => {
                let message = format!("the environment is {name}, and {said} was confirmed");
                return Err(CliError::new(
                    Exit::Usage,
                    message,
                    format!("say --confirm {name}"),
                ));
            }
            None if args.yes || !std::io::stdin().is_terminal() => {
                let message = format!("the environment {name} is protected");
                return Err(CliError::new(
                    Exit::Usage,
                    message,
                    format!("confirm it by name: --confirm {name}"),
                ));
            }
            None => {
                let answer = answer(&format!("{name} is protected. Its name, to go on: "))?;
                return Ok(answer == *name);
            }
        }
    }
    if args.yes { Ok(true) } else { ask(name) }
}

fn ask(name: &str) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::new(
            Exit::Usage,
            "nobody is there to be asked: standard input is no terminal",
            "say --yes to apply without being asked",
        ));
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
