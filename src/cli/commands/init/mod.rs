//! `treaty init`: creates a project from a starter, or from a PDF template and a sheet.

mod column;
mod draft;
mod field;
mod files;
mod from_sheet;
mod input;
mod manifest_text;
mod matching;
mod meaning;
mod names;
mod questions;
mod scalars;
mod starter;

use std::path::PathBuf;

use starter::STARTERS;

use crate::cli::args::{Global, Init};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::out;
use crate::diagnostic::did_you_mean;

pub(super) fn run(global: &Global, args: &Init) -> anyhow::Result<Exit> {
    match (&args.template, &args.sheet) {
        (Some(template), Some(sheet)) => from_sheet::run(global.log_format, args, template, sheet),
        _ => from_starter(args),
    }
}

fn from_starter(args: &Init) -> anyhow::Result<Exit> {
    let name = args.first.as_deref().unwrap_or(STARTERS[0].name);
    let Some(starter) = STARTERS.iter().find(|starter| starter.name == name) else {
        let names = || STARTERS.iter().map(|starter| starter.name);
        let hint = match did_you_mean(name, names()) {
            Some(near) => format!("did you mean {near}?"),
            None => {
                let all: Vec<String> = STARTERS
                    .iter()
                    .map(|starter| format!("{} ({})", starter.name, starter.description))
                    .collect();
                format!("starters: {}", all.join("; "))
            }
        };
        return Err(CliError::new(Exit::Usage, format!("unknown starter {name}"), hint).into());
    };
    let folder = args.second.clone().unwrap_or_else(|| PathBuf::from("."));
    // Existing files are never overwritten; all are checked before the first is written.
    for (name, _) in starter.files {
        if *name != ".gitignore" && folder.join(name).exists() {
            return Err(CliError::new(
                Exit::Usage,
                format!("{} exists already", folder.join(name).display()),
                "choose another folder: treaty init STARTER DIR",
            )
            .into());
        }
    }
    for (name, bytes) in starter.files {
        files::write(&folder.join(name), bytes)?;
    }
    files::write_schemas(&folder)?;
    out::line(format_args!(
        "{}: {}",
        folder.display(),
        starter.description
    ));
    out::line(format_args!(
        "next: treaty{} plan",
        files::project_option(&folder)
    ));
    Ok(Exit::Done)
}
