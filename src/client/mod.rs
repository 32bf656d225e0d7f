//! The API client: sends typed requests within the limits, retries them, and returns typed answers.
//!
//! There is one rate limiter and one retry policy; the libraries below apply none of their own. A
//! failure tells whether the call may have taken effect, so that the caller can decide what to do.
//! The client knows neither the plan nor the ledger.

mod breaker;
mod call;
mod concurrency;
mod dispatch;
mod event;
mod failure;
mod hold;
mod http;
mod identity;
mod public;
mod rate_limit;
mod redactor;
mod request;
mod response;
mod retry;
mod retry_budget;
mod settings;
mod slowdown;
mod throttling;
mod transfer;
mod transient;
mod transport;
mod wait;
mod waits;
mod written_form;

pub use call::{Client, MAX_CALLS_PER_REQUEST};
pub use event::{CallEvent, ClientEvent, Throttle};
pub use failure::{CallFailure, LossCause};
pub use http::{HttpTransport, proxy_of};
pub use identity::CallIdentity;
pub use public::public;
pub use retry::RetryDelays;
pub use settings::{Credentials, Settings};
pub use transport::{Problem, Transport, TransportError};
