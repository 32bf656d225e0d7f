//! The reasons for which a saved plan is not applied.

use std::borrow::Cow;

/// A reason for which a saved plan is not applied. Nothing was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// Another version of treaty has made it: its name.
    Version(String),
    /// It is of another project: the plan's and the present one.
    Project(String, String),
    /// It is for another environment: the plan's and the present one.
    Environment(String, String),
    /// It is for another endpoint: the plan's and the present one.
    Endpoint(String, String),
    /// It has expired at this time.
    Expired(String),
    /// It was made with another ledger: the plan's id and the present one.
    Ledger(String, String),
    /// Its text is not the one that was written.
    Edited,
    /// The ledger was written since: the plan's serial, the present one, and the last run.
    Serial(i64, i64, Option<String>),
    /// Inputs or actions differ from the plan's.
    Changed(Vec<String>),
}

impl Stale {
    /// Returns the problem.
    pub fn message(&self) -> String {
        match self {
            Self::Version(version) => t!(
                "the plan was made by treaty %{version}, and this is treaty %{own}",
                version = version,
                own = env!("CARGO_PKG_VERSION")
            ),
            Self::Project(planned, own) => t!(
                "the plan is of the project %{planned}, and this is the project %{own}",
                planned = planned,
                own = own
            ),
            Self::Environment(planned, own) => t!(
                "the plan is for the environment %{planned}, and the environment %{own} is selected",
                planned = planned,
                own = own
            ),
            Self::Endpoint(planned, own) => t!(
                "the plan is for the endpoint %{planned}, and the environment has the endpoint %{own}",
                planned = planned,
                own = own
            ),
            Self::Expired(until) => t!("the plan has expired: it was valid until %{until}", until = until),
            Self::Ledger(planned, own) => t!(
                "the plan was made with the ledger %{planned}, and this is the ledger %{own}",
                planned = planned,
                own = own
            ),
            Self::Edited => t!("the plan was edited or is damaged: its authentication code does not fit its text"),
            Self::Serial(planned, own, run) => {
                let written = t!(
                    "the ledger was written since the plan was made: its serial was %{planned} and is %{own}",
                    planned = planned,
                    own = own
                );
                let run = run.as_ref().map(|run| t!("; the last run is %{run}", run = run));
                Cow::Owned(format!("{written}{}", run.unwrap_or_default()))
            }
            Self::Changed(changes) => {
                let changes = changes.join(&t!("; "));
                t!("the plan does not apply any more: %{changes}", changes = changes)
            }
        }
        .into_owned()
    }

    /// Returns the action.
    pub fn hint(&self) -> String {
        match self {
            Self::Version(_) => t!("make the plan and apply it with the same version of treaty; nothing was called"),
            Self::Project(..) => t!("select the folder of the project with -p; nothing was called"),
            Self::Environment(planned, _) => t!(
                "select the environment with -e %{planned}; nothing was called",
                planned = planned
            ),
            Self::Endpoint(..) | Self::Changed(_) => {
                t!("make a new plan with treaty plan -o and let it be approved; nothing was changed")
            }
            Self::Expired(_) => t!("make a new plan with treaty plan -o and let it be approved; nothing was called"),
            Self::Ledger(..) => t!(
                "put the ledger of the plan in its place, or make a new plan with this one; nothing was called"
            ),
            Self::Edited => t!("use the file as treaty plan -o has written it, or make a new plan; nothing was called"),
            Self::Serial(..) => t!(
                "a plan is applied once: if this plan was applied, see treaty status; otherwise make a new plan; nothing was called"
            ),
        }
        .into_owned()
    }
}
