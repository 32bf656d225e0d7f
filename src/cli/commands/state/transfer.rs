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
        context.note(t!(
            "the ledger was exported to %{file}; it contains signing links and unsent requests, so protect it like the ledger",
            file = path.display()
        ));
    }
    Ok(Exit::Done)
}

fn export_error(error: ExportError, path: &str) -> anyhow::Error {
    match error {
        ExportError::Ledger(error) => error.into(),
        ExportError::Write(error) => {
            let message = t!(
                "%{path} cannot be written: %{why}",
                path = path,
                why = error
            );
            anyhow::anyhow!(message.into_owned())
        }
    }
}

pub(super) fn import(global: &Global, args: &Import) -> anyhow::Result<Exit> {
    let context = LedgerContext::load(global, Some(&args.consent))?;
    let shown = args.file.display().to_string();
    let file = input_file::open(&args.file).map_err(|error| {
        CliError::new(
            Exit::Usage,
            t!("%{path} cannot be read: %{why}", path = shown, why = error),
            error.hint(t!("give a file that treaty state export has written")),
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
                    t!("the ledger must be empty or not exist; move the existing one away"),
                ),
                ImportError::Line { .. } => {
                    (Exit::Invalid, t!("export it again; nothing was imported"))
                }
                ImportError::Ledger(_) => match error {
                    ImportError::Ledger(own) => return own.into(),
                    other => return other.into(),
                },
            };
            CliError::new(exit, error.to_string(), hint).into()
        })?;
    out::line(t!(
        "%{items} items, %{resources} accounts, seals and templates, %{runs} runs",
        items = imported.items,
        resources = imported.resources,
        runs = imported.runs
    ));
    Ok(Exit::Done)
}
