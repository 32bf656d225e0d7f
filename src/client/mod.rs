//! The client: typed requests → the API, at the allowed pace, again as the repeat class allows.
//!
//! One limiter that all calls pass, one retry policy, none hidden in a library. What a failed call may have done is
//! part of its failure, and whoever called decides by it. Knows neither plan nor ledger.

mod breaker;
mod budget;
mod call;
mod failure;
mod head;
mod https;
mod line;
mod pace;
mod upload;
mod window;
mod wire;

pub use call::{CallEvent, Client, ClientEvent, Credentials, Settings};
pub use failure::{Failure, Lost, public};
pub use https::Https;
pub use pace::Departure;
pub use window::WIDEST;
pub use wire::{Wire, WireError};
