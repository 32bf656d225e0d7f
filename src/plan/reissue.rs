//! The items that `--reissue` names: those that are sent again, and those that are not, with the
//! reasons.

use std::collections::{BTreeMap, HashSet};

use super::diff::NotReissued;
use super::selection::Selection;
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::ledger::{Ledger, LedgerError};

/// The most addresses that are named one by one.
const MOST_NAMED: usize = 20;

/// The matches of the patterns of `--reissue`.
#[derive(Debug, Default)]
pub(crate) struct ReissueMatches {
    /// The indexes of the patterns that match a row.
    matched: HashSet<usize>,
    /// The items that are named by their address and are not sent again.
    refused: Vec<(Address, NotReissued)>,
    /// The number of other items that match and are not sent again.
    others: BTreeMap<(String, NotReissued), u64>,
}

impl ReissueMatches {
    /// Records the row of an address, and why its item is not sent again, if it is not.
    pub(crate) fn record(
        &mut self,
        selection: &Selection,
        address: &Address,
        refusal: Option<NotReissued>,
    ) {
        let mut is_named = false;
        for (at, pattern) in selection.reissue.iter().enumerate() {
            if pattern.matches(address) {
                self.matched.insert(at);
                is_named |= pattern.exact().as_ref() == Some(address);
            }
        }
        let Some(refusal) = refusal else { return };
        // A repeated command continues what it has begun.
        if is_named && refusal != NotReissued::UnderWay {
            self.refused.push((address.clone(), refusal));
        } else if let Address::Item { flow, .. } = address {
            *self.others.entry((flow.clone(), refusal)).or_default() += 1;
        }
    }

    /// Returns the errors of items that cannot be sent again, and the warnings of those that a
    /// pattern matches.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub(crate) fn findings(
        mut self,
        selection: &Selection,
        ledger: &dyn Ledger,
    ) -> Result<Vec<Diagnostic>, LedgerError> {
        let mut findings = Vec::new();
        for (at, pattern) in selection.reissue.iter().enumerate() {
            if self.matched.contains(&at) {
                continue;
            }
            match pattern.exact() {
                Some(address @ Address::Item { .. }) => {
                    let Address::Item { flow, key } = &address else {
                        continue;
                    };
                    let refusal = match ledger.item(flow, key)? {
                        _ if !selection.may_select_flow(flow) => NotReissued::Excluded,
                        Some(_) => NotReissued::NoRow,
                        None => NotReissued::Unknown,
                    };
                    self.refused.push((address, refusal));
                }
                _ => findings.push(
                    Diagnostic::error(t!("--reissue %{pattern} matches no row", pattern = pattern))
                        .hint(t!("addresses look like flows.loans and 'flows.loans[\"HT-1\"]'; plan --all lists them")),
                ),
            }
        }
        let more = self.refused.len().saturating_sub(MOST_NAMED);
        for (address, refusal) in self.refused.into_iter().take(MOST_NAMED) {
            let (why, hint) = words(refusal);
            let message = t!(
                "%{address} is not sent again: %{why}",
                address = address,
                why = t!(why)
            );
            findings.push(Diagnostic::error(message).hint(t!(hint)));
        }
        if more > 0 {
            let message = t!(
                "%{count} more items of --reissue are not sent again",
                count = more
            );
            findings.push(Diagnostic::error(message));
        }
        for ((flow, refusal), count) in self.others {
            let (why, hint) = words(refusal);
            let why = t!(why);
            let message = match count {
                1 => t!(
                    "flows.%{flow}: 1 item of --reissue not sent again: %{why}",
                    flow = flow,
                    why = why
                ),
                count => t!(
                    "flows.%{flow}: %{count} items of --reissue not sent again: %{why}",
                    flow = flow,
                    count = count,
                    why = why
                ),
            };
            findings.push(Diagnostic::warning(message).hint(t!(hint)));
        }
        Ok(findings)
    }
}

/// Returns the keys of the reason and of a hint.
fn words(refusal: NotReissued) -> (&'static str, &'static str) {
    match refusal {
        NotReissued::Signed => (
            t_key!("all have signed, and a signed contract is not replaced"),
            t_key!("give the row a new key to send another contract"),
        ),
        NotReissued::InDoubt => (
            t_key!("it is unknown whether it was sent"),
            t_key!("run apply --retry in-doubt or state settle first"),
        ),
        NotReissued::UnderWay => (
            t_key!("the row was sent again before, and this contract can still be signed"),
            t_key!("to replace it once more, run treaty revoke first, then repeat this command"),
        ),
        NotReissued::Invalid => (
            t_key!("its row has errors"),
            t_key!("correct the row and run the command again"),
        ),
        NotReissued::LeftOut => (
            t_key!("where leaves its row out"),
            t_key!("change the row or where of the flow, then run the command again"),
        ),
        NotReissued::Excluded => (
            t_key!("--target or --exclude leaves it out"),
            t_key!("name it in --target, too, or remove --reissue"),
        ),
        NotReissued::NoRow => (
            t_key!("its row is not in the sheet"),
            t_key!("put the row back; treaty revoke only revokes the contract"),
        ),
        NotReissued::Unknown => (
            t_key!("it has neither a row nor a record"),
            t_key!("check the flow and the key; plan --all lists the addresses of the rows"),
        ),
    }
}
