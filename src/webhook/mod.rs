//! Listening: callbacks come in over HTTP (section 5.9), are written down, and are answered; then the service is asked.
//!
//! Nothing is believed but that it is time to ask. Receiving needs no lease, so that several receivers can stand before
//! one ledger; confirming holds the ledger for a few seconds at a time, and leaves it to whoever else wants it.

mod again;
mod confirm;
mod metrics;
mod outcome;
mod receive;
mod serve;

pub use again::RetrySchedule;
pub use confirm::{Confirmed, Confirmer, Said, Way};
pub use metrics::{Metrics, PollOutcome};
pub use outcome::Outcome;
pub use receive::{CallbackLog, CallbackPath, Receiver};
pub use serve::serve;
