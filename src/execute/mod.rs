//! Carries out a plan: resources first, then the items in the sheet's order, each as a sequence of journaled steps. Decides nothing
//! that the plan has decided. Knows neither terminal nor YAML.

mod after_signing;
mod clock;
mod concurrency;
mod context;
mod deferred;
mod error;
mod event;
mod executor;
mod fenced_transport;
mod flow;
mod item;
mod journal;
mod locks;
mod resources;
mod revoke;
mod signers;
mod steps;
mod stop;

pub(crate) use after_signing::afterwards;
pub(crate) use clock::Clock;
pub(crate) use context::StepContext;
pub(crate) use error::StepError;
pub use event::{Ended, Event, Listener, SyncStats};
pub use executor::{Apply, ExecutionContext, RunStats};
pub use fenced_transport::FencedTransport;
#[cfg(test)]
pub(crate) use flow::signed_task;
pub(crate) use flow::{FlowRef, FlowState, FoundTask, ended_status, sent_flow, why};
pub(crate) use journal::{ItemJournal, SETTLE_DELAY, undecided_step};
pub(crate) use locks::Locks;
pub(crate) use signers::{
    SignStates, SignerIdentity, SignerRequest, SigningMethod, signer_identity, signers,
    signs_at_once,
};
pub(crate) use steps::{ARCHIVE, END, REVOKE, document_step, step_of};
pub use steps::{DOCUMENT, DOWNLOAD, PROCESS, SIGNER};
pub(crate) use stop::stopped_now;
pub use stop::{Stop, Stopped};
