//! The client: typed requests → the API's answers, within the limits and with retries.
//!
//! One rate limiter that all calls pass, one retry policy, none hidden in a library. A failure says what the call may have
//! done, and the caller decides by it. The client knows neither the plan nor the ledger.

mod breaker;
mod call;
mod concurrency;
mod dispatch;
mod event;
mod failure;
mod http;
mod rate_limit;
mod request;
mod response;
mod retry;
mod retry_budget;
mod settings;
mod slowdown;
mod transfer;
mod transient;
mod transport;

pub use call::Client;
pub use event::{CallEvent, ClientEvent, Throttle};
pub use failure::{Failure, LossCause, public};
pub use http::HttpTransport;
pub use retry::RetryDelays;
pub use settings::{Credentials, Settings};
pub use transport::{Problem, Transport, TransportError};
