//! Differences between the ledger and the service: accounts and seals that exist at the service, or
//! do not.

use std::borrow::Cow;

use super::diff::{Observed, RecordedResources};
use crate::address::Address;
use crate::desired::Resources;

/// A difference between the ledger and the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The resource or item.
    pub address: Address,
    /// The difference.
    pub difference: String,
    /// The action.
    pub hint: String,
}

/// Compares the recorded accounts and seals with the observed ones.
pub(crate) fn resource_drift(
    resources: &Resources,
    recorded: &RecordedResources,
    observed: &Observed,
) -> Vec<Drift> {
    let mut drift = Vec::new();
    let mut add = |address: Address, difference: Cow<'_, str>, hint: &str| {
        drift.push(Drift {
            address,
            difference: difference.into_owned(),
            hint: t!(hint).into_owned(),
        });
    };
    for (name, account) in &resources.accounts {
        let Some(found) = observed.accounts.get(account.third_id()) else {
            continue;
        };
        let known = recorded.accounts.get(account.third_id());
        let address = Address::Account(name.clone());
        match (known.map(|known| &known.account_id), found) {
            (Some(known), None) => add(
                address,
                t!(
                    "the account %{known} is recorded, and the service has none",
                    known = known
                ),
                t_key!("apply creates it again"),
            ),
            (Some(known), Some(found)) if known != found => add(
                address,
                t!(
                    "the account %{known} is recorded, and the service has %{found}",
                    known = known,
                    found = found
                ),
                t_key!("apply records it and sets its fields"),
            ),
            (None, Some(found)) => add(
                address,
                t!(
                    "the service has the account %{found}, which is not recorded",
                    found = found
                ),
                t_key!("apply records it and sets its fields"),
            ),
            _ => {}
        }
    }
    for (name, seal) in &resources.seals {
        let Some(account) = resources.accounts.get(&seal.account) else {
            continue;
        };
        let Some(found) = observed.seals.get(account.third_id()) else {
            continue;
        };
        let identity = (account.third_id().to_owned(), seal.alias.clone());
        let known = recorded.seals.get(&identity).map(|known| &known.seal_id);
        let address = Address::Seal(name.clone());
        let alias = Some(seal.alias.as_str());
        let with_alias = found.iter().find(|(_, own)| own.as_deref() == alias);
        let own = known.and_then(|known| found.iter().find(|(id, _)| id == known));
        match (known, own, with_alias) {
            (Some(known), None, _) => add(
                address,
                t!(
                    "the seal %{known} is recorded, and the account does not have it",
                    known = known
                ),
                t_key!("apply creates it again, or records the one with its alias"),
            ),
            (Some(known), Some((_, Some(other))), _) if other != &seal.alias => add(
                address,
                t!(
                    "the seal %{known} has the alias %{other} at the service",
                    known = known,
                    other = other
                ),
                t_key!("set the alias at the service's own pages, or declare it"),
            ),
            (None, _, Some((found, _))) => add(
                address,
                t!(
                    "the account has the seal %{found}, which is not recorded",
                    found = found
                ),
                t_key!("apply records it"),
            ),
            _ => {}
        }
    }
    drift
}
