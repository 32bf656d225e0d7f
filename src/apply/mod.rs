//! Applying: what exists is asked for and a plan made of it; then each action, as straight-line code over durable steps.
//!
//! Binds plan, client and ledger, with one file for each kind of thing. It decides nothing that the plan has decided;
//! it only finds out. Knows neither terminal nor YAML.

mod account;
mod adopt;
mod advance;
mod alike;
mod ask;
mod ask_anew;
mod assign;
mod audit;
mod caller;
mod clock;
mod compare;
mod concurrency;
mod event;
mod finish;
mod halt;
mod held;
mod item;
mod known;
mod locks;
mod look;
mod needs;
mod observe;
mod plan_flow;
mod revoke;
mod round;
mod row_accounts;
mod rows;
mod run;
mod schedule;
mod seal;
mod settle;
mod step;
mod survey;
mod sync;
mod template;
mod vanished;
mod visit;
mod window;
mod withdraw;

pub use adopt::{Adopter, Adoption, NotAdopted};
pub use ask_anew::AskAnew;
pub use audit::{Audit, AuditError, Audited, Verdict};
pub use event::{Ended, Event, Listener};
pub use halt::Fatal;
pub use held::FencedTransport;
pub use item::{DOCUMENT, DOWNLOAD, PROCESS, SIGNER};
pub use rows::Rows;
pub use run::{Apply, Orders, Stop, Stopped, Tally};
pub use seal::{identity as seal_identity, parts as seal_parts};
pub use settle::settle_again;
pub use survey::{Observe, Refused, Selection, Survey, Surveyor, survey};
pub use sync::{Course, ENDINGS, Sync, Synced, Wait};
pub use withdraw::{Withdrawal, Withdrawn};
