//! The check of the ledger: it opens, is not damaged, and knows what was sent.

use super::check::{Check, Level};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::ledger_version::evidence;
use crate::cli::exit;
use crate::cli::output::out;
use crate::ledger::{LedgerError, Store};

const NAME: &str = t_key!("ledger");

pub(super) fn check(context: &LedgerContext) -> Check {
    match inspect(context) {
        Ok(check) => check,
        Err(error) => {
            let error = anyhow::Error::from(error);
            let (_, hint) = exit::classify(&error);
            Check::new(NAME, Level::Error, error.to_string(), hint)
        }
    }
}

fn inspect(context: &LedgerContext) -> Result<Check, LedgerError> {
    let shown = out::ledger(&context.project.settings.ledger);
    let ledger = context.read_ledger_unchecked()?;
    ledger.wait_until_verified()?;
    ledger.check_version(&evidence(&context.project))?;
    if !ledger.exists()? {
        let message = t!(
            "%{path} does not exist yet; the first apply creates it",
            path = shown
        );
        return Ok(Check::ok(NAME, message));
    }
    let message = t!(
        "%{path} is intact: %{version}",
        path = shown,
        version = described(&ledger)?
    );
    let repeated = ledger.repeated_ids()?;
    if repeated.is_empty() {
        return Ok(Check::ok(NAME, message));
    }
    let message = t!(
        "%{message}; ids are recorded more than once",
        message = message
    );
    let hint = t!("compare the rows with treaty audit before their links are used");
    Ok(Check::new(NAME, Level::Warning, message, hint))
}

/// Describes the version of the ledger and the run that holds it.
fn described(ledger: &Store) -> Result<String, LedgerError> {
    let version = ledger.version()?;
    let id: String = version.id.chars().take(8).collect();
    let holder = match ledger.holder()? {
        Some(holder) => t!(
            "held by %{holder} since %{time}",
            holder = holder.name,
            time = holder.since
        ),
        None => t!("no run holds it"),
    };
    let version = t!(
        "id %{id}, serial %{serial}",
        id = id,
        serial = version.serial
    );
    Ok(t!("%{version}, %{holder}", version = version, holder = holder).into_owned())
}
