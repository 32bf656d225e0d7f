//! Receives callbacks over HTTP (section 5.9), records them, and polls the flows that they name.
//!
//! A callback never sets a state: it only triggers a poll of its flow. Receiving needs no lease, so
//! several receivers can share one ledger. Polling holds the ledger for a few seconds at a time and
//! leaves it to other runs in between.

mod client_address;
mod confirm;
mod metrics;
mod outcome;
mod receive;
mod retry_schedule;
mod serve;

pub use confirm::{ConfirmStep, Confirmer, ConfirmerEvent, Connection};
pub use metrics::{Metrics, PollOutcome};
pub use outcome::CallbackOutcome;
pub use receive::{CallbackLog, CallbackPath, Receiver};
pub use retry_schedule::RetrySchedule;
pub use serve::{ServerLimits, serve};
