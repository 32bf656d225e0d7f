//! `treaty state export` and `import`: a ledger as a file of lines.

use std::fs::File;
use std::io::{BufReader, Write};

use super::super::args::{Export, Global, Import};
use super::super::exit::{CliError, Exit};
use super::super::{out, prompt};
use super::Place;
use crate::ledger::{ExportError, ImportError};
use crate::util::atomic_file::AtomicFile;

pub(super) fn export(global: &Global, args: &Export) -> anyhow::Result<Exit> {
    let place = Place::of(global, None)?;
    let ledger = place.read()?;
    let version = env!("CARGO_PKG_VERSION");
    let Some(path) = &args.file else {
        let mut out = out::stream();
        return match ledger
            .export(version, &mut out)
            .and_then(|()| Ok(out.flush()?))
        {
            // Whoever closed the pipe has read enough; anything else is told when the command ends.
            Ok(()) | Err(ExportError::Write(_)) => Ok(Exit::Done),
            Err(ExportError::Ledger(error)) => Err(error.into()),
        };
    };
    let mut file = AtomicFile::create(path)?;
    ledger
        .export(version, &mut file)
        .map_err(|error| failed(error, &path.display().to_string()))?;
    file.finish()?;
    if !global.quiet {
        place.tell(format_args!(
            "The ledger is in {}. It holds links and what waits to be sent: keep it like the ledger itself.",
            path.display()
        ));
    }
    Ok(Exit::Done)
}

fn failed(error: ExportError, place: &str) -> anyhow::Error {
    match error {
        ExportError::Ledger(error) => error.into(),
        ExportError::Write(error) => anyhow::anyhow!("{place} cannot be written: {error}"),
    }
}

pub(super) fn import(global: &Global, args: &Import) -> anyhow::Result<Exit> {
    let place = Place::of(global, Some(&args.consent))?;
    let shown = args.file.display().to_string();
    let file = File::open(&args.file).map_err(|error| {
        CliError::new(
            Exit::Usage,
            format!("{shown} cannot be read: {error}"),
            "it is what treaty state export has written",
        )
    })?;
    let settings = &place.project.settings;
    if !prompt::confirmed(&args.consent, settings)? {
        place.tell("Nothing was done.");
        return Ok(Exit::Done);
    }
    let ledger = place.hold()?;
    let imported = ledger
        .import(&shown, BufReader::new(file), &place.binding)
        .map_err(|error| -> anyhow::Error {
            let (exit, hint) = match &error {
                ImportError::NotEmpty(_) => (
                    Exit::Usage,
                    "import goes into a ledger that is not there yet, or empty: move the other one away",
                ),
                ImportError::Line { .. } => (
                    Exit::Invalid,
                    "export it again; nothing was taken from the file",
                ),
                ImportError::Ledger(_) => match error {
                    ImportError::Ledger(own) => return own.into(),
                    other => return other.into(),
                },
            };
            CliError::new(exit, error.to_string(), hint).into()
        })?;
    out::line(format_args!(
        "{} items, {} accounts, seals and templates, {} runs",
        imported.items, imported.resources, imported.runs
    ));
    Ok(Exit::Done)
}
