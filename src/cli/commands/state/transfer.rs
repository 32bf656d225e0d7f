//! `treaty state export` and `treaty state import`: a ledger as JSON lines.

use std::io::BufReader;

use crate::cli::args::{Export, Global, Import};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{out, prompt};
use crate::ledger::{ExportError, ImportError, VersionPolicy};
use crate::util::atomic_file::AtomicFile;
use crate::util::input_file;

pub(super) fn export(global: &Global, args: &Export) -> anyhow::Result<Exit> {
    let context = LedgerContext::load_to_read(global)?;
    let ledger = context.read_current_ledger()?;
    ledger.wait_until_verified()?;
    let version = env!("CARGO_PKG_VERSION");
    let Some(path) = &args.file else {
        let mut out = out::stream();
        return match ledger
            .export(version, out.document())
            .and_then(|()| Ok(out.flush()?))
        {
            // Write errors of standard output are reported when the command ends.
            Ok(()) | Err(ExportError::Write(_)) => Ok(Exit::Done),
            Err(ExportError::Ledger(error)) => Err(error.into()),
        };
    };
    let mut file = AtomicFile::create(path)?;
    ledger
        .export(version, &mut file)
        .map_err(|error| export_error(error, &path.display().to_string()))?;
    file.finish()?;
    if !global.quiet {
        context.note(format_args!(
            "the ledger was exported to {}; it contains signing links and unsent requests, so protect it like the ledger",
            path.display()
        ));
    }
    Ok(Exit::Done)
}

fn export_error(error: ExportError, path: &str) -> anyhow::Error {
    match error {
        ExportError::Ledger(error) => error.into(),
        ExportError::Write(error) => anyhow::anyhow!("{path} cannot be written: {error}"),
    }
}

pub(super) fn import(global: &Global, args: &Import) -> anyhow::Result<Exit> {
    let context = LedgerContext::load(global, Some(&args.consent))?;
    let shown = args.file.display().to_string();
    let file = input_file::open(&args.file).map_err(|error| {
        CliError::new(
            Exit::Usage,
            format!("{shown} cannot be read: {error}"),
            error.hint("give a file that treaty state export has written"),
        )
    })?;
    let settings = &context.project.settings;
    if !prompt::confirmed(&args.consent, settings)? {
        context.note(t!(prompt::DECLINED));
        return Ok(Exit::Error);
    }
    let ledger = context.lock_ledger(VersionPolicy::Import)?;
    let imported = ledger
        .import(&shown, BufReader::new(file), &context.binding)
        .map_err(|error| -> anyhow::Error {
            let (exit, hint) = match &error {
                ImportError::NotEmpty(_) => (
                    Exit::Usage,
                    "the ledger must be empty or not exist; move the existing one away",
                ),
                ImportError::Line { .. } => {
                    (Exit::Invalid, "export it again; nothing was imported")
                }
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
