//! Compares a saved plan with the project, the service, the ledger and the actions of now.

use jiff::Timestamp;

use super::changed::changed;
use super::model::{PlanHead, SavedPlan};
use super::stale::Stale;
use crate::api::time;
use crate::ledger::LedgerVersion;
use crate::plan::Plan;

impl SavedPlan {
    /// Checks what can be checked without the ledger: the version, the project, the environment,
    /// the endpoint and the expiry.
    ///
    /// # Errors
    /// The first mismatch.
    pub fn check_head(&self, own: &PlanHead, now: Timestamp) -> Result<(), Stale> {
        let head = &self.head;
        let both = |planned: &String, own: &String| (planned.clone(), own.clone());
        if head.treaty != own.treaty {
            return Err(Stale::Version(head.treaty.clone()));
        }
        if head.project != own.project {
            let (planned, own) = both(&head.project, &own.project);
            return Err(Stale::Project(planned, own));
        }
        if head.environment != own.environment {
            let (planned, own) = both(&head.environment, &own.environment);
            return Err(Stale::Environment(planned, own));
        }
        if head.endpoint != own.endpoint {
            let (planned, own) = both(&head.endpoint, &own.endpoint);
            return Err(Stale::Endpoint(planned, own));
        }
        match self.valid_until.map(Timestamp::from_millisecond) {
            Some(Ok(until)) if now > until => Err(Stale::Expired(time::text(until))),
            _ => Ok(()),
        }
    }

    /// Checks the ledger's id. Only with the same ledger can the authentication code be
    /// checked.
    ///
    /// # Errors
    /// [`Stale::Ledger`] for another ledger.
    pub fn check_ledger(&self, own: &LedgerVersion) -> Result<(), Stale> {
        let planned = self.head.ledger_id.clone().unwrap_or_default();
        if planned == own.id {
            return Ok(());
        }
        Err(Stale::Ledger(planned, own.id.clone()))
    }

    /// Checks the ledger's serial. `last_run`: the name of its last run.
    ///
    /// # Errors
    /// [`Stale::Serial`] if the ledger was written since.
    pub fn check_serial(&self, own: &LedgerVersion, last_run: Option<String>) -> Result<(), Stale> {
        if self.head.serial == own.serial {
            return Ok(());
        }
        Err(Stale::Serial(self.head.serial, own.serial, last_run))
    }

    /// Compares the actions with those of a plan that was made now.
    ///
    /// # Errors
    /// [`Stale::Changed`] with what differs.
    pub fn check_actions(&self, now: &Plan) -> Result<(), Stale> {
        match changed(&self.plan, now) {
            none if none.is_empty() => Ok(()),
            changed => Err(Stale::Changed(changed)),
        }
    }
}
