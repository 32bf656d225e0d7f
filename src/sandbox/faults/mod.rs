//! Fault injection: the kinds of faults, the rules that select calls, and the server.

mod fault;
mod rules;
mod server;

pub use fault::{Fault, NoResponse};
pub use rules::{Counters, DOWNLOAD, Faults, Rule, UPLOAD, operation_name};
pub use server::FaultyServer;
