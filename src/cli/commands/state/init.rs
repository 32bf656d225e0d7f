//! `treaty state init`: creates an empty ledger.

use crate::cli::args::{Global, InitLedger};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{out, prompt};
use crate::ledger::VersionPolicy;

pub(super) fn run(global: &Global, args: &InitLedger) -> anyhow::Result<Exit> {
    let context = LedgerContext::load(global, Some(&args.consent))?;
    let settings = &context.project.settings;
    let file = out::ledger(&settings.ledger);
    if context.read_ledger_unchecked()?.exists()? {
        let message = t!("the ledger %{file} exists already", file = file);
        let hint = t!("nothing is to be done: treaty plan -o uses it");
        return Err(CliError::new(Exit::Usage, message, hint).into());
    }
    if !prompt::confirmed(&args.consent, settings)? {
        context.note(t!(prompt::DECLINED));
        return Ok(Exit::Error);
    }
    let version = context.lock_ledger(VersionPolicy::Refuse)?.version()?;
    out::line(t!(
        "created the empty ledger %{file} with the id %{id}; contracts that were sent before are unknown to it",
        file = file,
        id = version.id
    ));
    Ok(Exit::Done)
}
