//! The emulator: a pure [`World`] that follows the API document's rules, behind an HTTP face, kept in a folder.
//!
//! It shares the operation table's types with the client and no logic, so that neither hides the other's mistakes.
//! It repeats what the service would repeat: a second call to ask a person is a second question. And it can lie the
//! way networks do: [`Faults`] say to which calls.

mod account;
mod ask;
mod document;
mod drawing;
mod face;
mod fault;
mod faults;
mod faulty;
mod file;
mod flow;
mod links;
mod notify;
mod pages;
mod papers;
mod position;
mod process;
mod seal;
mod serve;
mod signing;
mod store;
mod task;
mod unshown;
mod world;

pub use face::{Answer, Hear, Sandbox, Warn};
pub use fault::{Fault, Unanswered};
pub use faults::{Counters, DOWNLOAD, Faults, Rule, UPLOAD, operation};
pub use faulty::Faulty;
pub use notify::Notifier;
pub use signing::{AutoSign, NotPossible, UserAction};
pub use store::{InUse, StoreError};
pub use world::{Flow, FlowDoc, Place, Task, Used, World};
