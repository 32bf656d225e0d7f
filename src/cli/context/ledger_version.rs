//! Compares the ledger with what is known outside of it: the reports of earlier runs, and the
//! accounts at the service.

use crate::cli::args::LedgerChoice;
use crate::cli::context::session::PlanContext;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::out;
use crate::ledger::{Evidence, LedgerError, VersionPolicy};
use crate::manifest::Project;
use crate::plan::{AccountAction, FlowPlan, Observe};
use crate::report::Summary;

/// The most items that a new ledger may send beside existing accounts without a confirmation.
const FEW: u64 = 10;

impl From<&LedgerChoice> for VersionPolicy {
    fn from(choice: &LedgerChoice) -> Self {
        match choice {
            LedgerChoice {
                new_ledger: true, ..
            } => Self::New,
            LedgerChoice {
                accept_ledger: true,
                ..
            } => Self::Accept,
            LedgerChoice { .. } => Self::Refuse,
        }
    }
}

/// Returns the ledger's versions in the newest `run.json` files of the project's environment: of the
/// newest run, and of the newest run whose file has a version.
pub(in crate::cli) fn evidence(project: &Project) -> Vec<Evidence> {
    let settings = &project.settings;
    // A missing folder has no reports.
    let folders = std::fs::read_dir(&settings.reports.directory)
        .into_iter()
        .flatten();
    let mut names: Vec<_> = folders
        .filter_map(|folder| Some(folder.ok()?.file_name()))
        .filter(|name| name != "latest")
        .collect();
    // The names of runs sort by time.
    names.sort();
    let own = names.into_iter().rev().filter_map(|name| {
        let folder = settings.reports.directory.join(name);
        let summary = Summary::read(&folder)?;
        let is_own = summary.project == project.name
            && summary.environment == settings.environment
            && summary.endpoint == settings.endpoint.to_string();
        is_own.then(|| Evidence {
            source: out::shown(&folder.join("run.json")).display().to_string(),
            version: summary.ledger,
        })
    });
    let mut evidence = Vec::new();
    for found in own {
        let has_version = found.version.is_some();
        if has_version || evidence.is_empty() {
            evidence.push(found);
        }
        if has_version {
            break;
        }
    }
    evidence
}

/// Accounts that the ledger does not record and that exist at the service.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct UnrecordedAccounts {
    /// Accounts of manifests.
    declared: u64,
    /// Accounts of rows that would be sent.
    of_rows: u64,
    /// Whether rows that would be sent have accounts that the ledger does not record.
    has_row_accounts: bool,
    /// The accounts that earlier runs of the ledger have found.
    found_before: u64,
    /// Items that would be sent.
    items: u64,
    /// The number of items that the ledger has sent, at most [`FEW`] + 1.
    sent: u64,
    /// Whether all accounts were looked up.
    is_complete: bool,
    /// Whether an operator has confirmed it.
    is_confirmed: bool,
}

impl UnrecordedAccounts {
    /// Counts the accounts that the plan has found with `observe`. Returns none if the ledger is old
    /// enough, or nothing is sent.
    pub(in crate::cli) fn beside_new_ledger(
        context: &PlanContext<'_>,
        observe: Observe,
    ) -> Result<Option<Self>, LedgerError> {
        let (plan, ledger) = (&context.planned.plan, context.ledger);
        let accounts = plan.resources.accounts.iter();
        let adopted = accounts.filter(|account| matches!(account.action, AccountAction::Adopt(_)));
        let found = Self {
            declared: adopted.count() as u64,
            of_rows: context.planned.existing.len() as u64,
            has_row_accounts: context.planned.unrecorded_accounts > 0,
            found_before: ledger.accounts_found()?.unwrap_or(0),
            items: plan.flows.iter().map(FlowPlan::work).sum(),
            sent: ledger.sent_items(FEW + 1)?,
            is_complete: observe == Observe::All,
            is_confirmed: ledger.is_confirmed()?,
        };
        if found.items == 0 {
            return Ok(None);
        }
        let least = u64::from(!found.is_complete);
        let is_younger = ledger.is_younger_than(found.count().max(least))?;
        Ok(is_younger.then_some(found))
    }

    /// The accounts that may belong to signers of contracts. Accounts of manifests count only if rows
    /// have no others: a company's own account proves nothing.
    fn count(self) -> u64 {
        if self.has_row_accounts {
            self.of_rows
        } else {
            self.declared
        }
    }

    /// Returns the number of accounts to record, if any: `audit` then reports no item as proven to
    /// exist exactly once.
    pub(in crate::cli) fn to_record(self) -> Option<u64> {
        let count = self.count();
        (count > 0 || !self.is_complete).then_some(count)
    }

    /// Describes the accounts for a note or an error.
    pub(in crate::cli) fn description(self) -> String {
        let accounts = |count: u64| match count {
            1 => t!("1 account"),
            count => t!("%{count} accounts", count = count),
        };
        let items = self.items;
        if self.count() > 0 {
            let sent = match self.sent {
                0 => t!("no sent items"),
                1..=FEW => t!("few sent items"),
                _ => t!("fewer sent items"),
            };
            return t!(
                "the ledger records %{sent}, but %{rows} of rows and %{manifests} of manifests exist at the service that it has not created: an earlier ledger may have sent these contracts (%{items} to send)",
                sent = sent,
                rows = accounts(self.of_rows),
                manifests = accounts(self.declared),
                items = items
            )
            .into_owned();
        }
        if self.found_before > 0 {
            return t!(
                "earlier runs with this ledger found %{accounts} at the service that it had not created: an earlier ledger may have sent these contracts (%{items} to send)",
                accounts = accounts(self.found_before),
                items = items
            )
            .into_owned();
        }
        t!(
            "the ledger records no sent items, and --observe skips the lookup of accounts: contracts that an earlier ledger has sent are not detected (%{items} to send)",
            items = items
        )
        .into_owned()
    }

    /// Fails if the items must not be sent without `--new-ledger`.
    pub(in crate::cli) fn require_confirmation(self, project: &Project) -> Result<(), CliError> {
        let is_evident = self.count() + self.found_before > 0;
        // Items of earlier runs count, too: otherwise several small runs would need no confirmation.
        let is_many = self.sent + self.items > FEW && is_evident;
        if self.is_confirmed || !(is_many || project.settings.protected) {
            return Ok(());
        }
        let hint = t!(
            "if a ledger existed, restore the newest one; if nothing was sent before, or to send everything again on purpose, add --new-ledger"
        );
        Err(CliError::new(Exit::Error, self.description(), hint))
    }
}
