//! Executes a plan: revocations first, then resources, then the items in the order of the sheet,
//! each as a sequence of journaled steps. Order and actions are fixed by the plan.
//!
//! [`Executor`] runs the plan and sends [`Event`]s to a [`Listener`]; the step journal sends each
//! call whose repetition could have a legal effect at most once.

mod after_signing;
mod clock;
mod context;
mod create_flow;
mod deferred;
mod error;
mod event;
mod executor;
mod fenced_transport;
mod flow;
mod item;
mod item_loop;
mod journal;
mod locks;
mod resolved;
mod resources;
mod revoke;
mod signers;
mod stop;
mod taken_account;

pub(crate) use after_signing::completion_steps;
pub(crate) use clock::Clock;
pub(crate) use context::StepContext;
pub(crate) use error::StepError;
pub use event::{Event, ItemOutcome, Listener, SyncStats};
pub use executor::{ExecutionContext, Executor, RunStats};
pub use fenced_transport::FencedTransport;
#[cfg(test)]
pub(crate) use flow::signed_task;
pub(crate) use flow::{FlowRef, FlowState, FoundTask, ended_status, sent_flow, why};
pub(crate) use journal::{ItemJournal, SETTLE_DELAY, undecided_step};
pub(crate) use locks::Locks;
pub(crate) use signers::{
    SignStates, SignerIdentity, SignerRequest, signer_identity, signers, signs_at_once,
};
pub use stop::{CanaryEnd, Stop, Stopped};
pub(crate) use stop::{ending_waits, stop_requested};
pub use taken_account::TakenAccount;
