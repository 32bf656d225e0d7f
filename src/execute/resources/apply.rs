//! Applies the planned actions on all resources.

use std::collections::HashMap;

use tracing::{Instrument as _, Span, info_span};

use crate::address::Address;
use crate::execute::error::StepError;
use crate::execute::event::Event;
use crate::execute::executor::{Executor, RunStats};
use crate::execute::stop::Stopped;
use crate::plan::Plan;

impl Executor<'_> {
    /// Applies the plan's actions on accounts, seals and templates, in this order. A failed
    /// resource is recorded and does not stop the run; a fatal error or a stop request does.
    #[allow(clippy::too_many_lines)]
    pub(crate) async fn apply_resources(
        &self,
        plan: &Plan,
        stats: &mut RunStats,
    ) -> Result<(), Stopped> {
        let symbols: HashMap<Address, char> = plan
            .resources
            .entries()
            .map(|entry| (entry.address, entry.action.symbol()))
            .collect();
        let removals = plan.removals().map(|(address, _)| (address.clone(), '-'));
        let symbols: HashMap<Address, char> = symbols.into_iter().chain(removals).collect();
        let mut record_result = |address: Address, result: Result<(), StepError>| {
            let failure = match result {
                Ok(()) => None,
                Err(error) => Some(error.into_failure().map_err(Stopped::Fatal)?),
            };
            if let Some(failure) = &failure {
                self.resolved()
                    .failed
                    .insert(address.clone(), failure.clone());
                stats
                    .failed_resources
                    .push((address.clone(), failure.clone()));
            }
            let symbol = symbols.get(&address).copied().unwrap_or('=');
            self.emit(Event::Resource {
                address,
                symbol,
                failure,
            });
            self.context.check_mismatches().map_err(Stopped::Fatal)
        };
        let unobserved = |address: &Address| {
            let failure = plan.resources.unobserved.get(address).cloned();
            failure.map_or(Ok(()), |failure| Err(StepError::Failed(failure)))
        };
        for (address, removal) in plan.removals() {
            self.check_stop()?;
            let removed = self.remove(removal).instrument(resource_span(address));
            record_result(address.clone(), removed.await)?;
        }
        for (name, deletion) in &plan.resources.absent {
            self.check_stop()?;
            let address = Address::Account(name.clone());
            if let Err(error) = unobserved(&address) {
                record_result(address, Err(error))?;
                continue;
            }
            let result = match deletion {
                Some(id) => {
                    self.delete_account(&self.desired().absent[name].third_id, id)
                        .instrument(resource_span(&address))
                        .await
                }
                None => Ok(()),
            };
            record_result(address, result)?;
        }
        for planned in &plan.resources.accounts {
            self.check_stop()?;
            let address = Address::Account(planned.name.clone());
            if let Err(error) = unobserved(&address) {
                record_result(address, Err(error))?;
                continue;
            }
            let result =
                self.apply_account(&address, &self.desired().accounts[&planned.name], planned);
            let result = result.instrument(resource_span(&address));
            let result = result.await.map(|id| {
                self.resolved().accounts.insert(planned.name.clone(), id);
            });
            record_result(address, result)?;
        }
        for (name, action, _) in &plan.resources.seals {
            self.check_stop()?;
            let seal = &self.desired().seals[name];
            let third_id = self
                .desired()
                .accounts
                .get(&seal.account)
                .map_or("", |account| account.third_id());
            // The plan did not find this account, so it did not look up its seals.
            let is_unseen = self.resolved().existing.contains(third_id);
            let address = Address::Seal(name.clone());
            let account =
                unobserved(&address).and_then(|()| self.resolved().account(&seal.account));
            let result = match account {
                Ok(account) => {
                    self.apply_seal(seal, third_id, &account, action, is_unseen)
                        .instrument(resource_span(&address))
                        .await
                }
                Err(error) => Err(error),
            };
            let result = result.map(|id| {
                self.resolved().seals.insert(name.clone(), id);
            });
            record_result(address, result)?;
        }
        for (name, action) in &plan.resources.templates {
            self.check_stop()?;
            let address = Address::Template(name.clone());
            let result = self
                .apply_template(&self.desired().templates[name], action)
                .instrument(resource_span(&address))
                .await
                .map(|id| {
                    self.resolved().templates.insert(name.clone(), id);
                });
            record_result(address, result)?;
        }
        Ok(())
    }
}

/// Returns the log span of a resource's action.
fn resource_span(address: &Address) -> Span {
    info_span!("resource", %address)
}
