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

use std::path::{Path, PathBuf};

use starter::{STARTERS, Starter, with_project_name};

use crate::cli::args::{Global, Init};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::out;
use crate::diagnostic::did_you_mean;
use crate::util::escape::is_unsafe;

pub(super) fn run(global: &Global, args: &Init) -> anyhow::Result<Exit> {
    match (&args.template, &args.sheet) {
        (Some(template), Some(sheet)) => from_sheet::run(global.log_format, args, template, sheet),
        _ => from_starter(args),
    }
}

fn from_starter(args: &Init) -> anyhow::Result<Exit> {
    let (starter, folder) = starter_and_folder(args)?;
    let hint = t!("name a new folder: treaty init DIR, or treaty init STARTER DIR");
    files::check_empty(&folder, &hint)?;
    let name = project_name(&folder);
    for (path, bytes) in starter.files {
        let bytes = match (*path, &name) {
            ("treaty.yaml", Some(name)) => with_project_name(bytes, name),
            _ => bytes.to_vec(),
        };
        files::write(&folder.join(path), &bytes)?;
    }
    files::write_schemas(&folder)?;
    out::line(t!(
        "%{folder}: %{description} (starter %{name})",
        folder = folder.display(),
        description = t!(starter.description),
        name = starter.name
    ));
    out::line(t!(
        "next: treaty%{project} plan",
        project = files::project_option(&folder)
    ));
    Ok(Exit::Done)
}

/// Returns the starter and the folder of the arguments. A single argument that names no starter is
/// the folder.
fn starter_and_folder(args: &Init) -> Result<(&'static Starter, PathBuf), CliError> {
    let first = args.first.as_deref();
    let named = |name: &str| STARTERS.iter().find(|starter| starter.name == name);
    match (first, &args.second) {
        (None, _) => Ok((&STARTERS[0], PathBuf::from("."))),
        (Some(first), None) => Ok(match named(first) {
            Some(starter) => (starter, PathBuf::from(".")),
            None => (&STARTERS[0], PathBuf::from(first)),
        }),
        (Some(first), Some(folder)) => match named(first) {
            Some(starter) => Ok((starter, folder.clone())),
            None => Err(unknown_starter(first)),
        },
    }
}

fn unknown_starter(name: &str) -> CliError {
    let names = STARTERS.iter().map(|starter| starter.name);
    let hint = match did_you_mean(name, names) {
        Some(near) => t!("did you mean %{near}?", near = near),
        None => {
            let all: Vec<String> = STARTERS
                .iter()
                .map(|starter| format!("{} ({})", starter.name, t!(starter.description)))
                .collect();
            t!("starters: %{starters}", starters = all.join(&t!("; ")))
        }
    };
    let message = t!("unknown starter %{name}", name = name);
    CliError::new(Exit::Usage, message, hint)
}

/// Returns the name of the project in a folder: the folder's, without the characters that a project
/// name cannot contain.
fn project_name(folder: &Path) -> Option<String> {
    let absolute = std::path::absolute(folder).ok()?;
    let name = absolute
        .file_name()?
        .to_string_lossy()
        .replace(is_unsafe, "");
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
