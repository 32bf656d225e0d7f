//! The HTTP interface: requests from a socket or from the same process, and their responses.

mod access;
mod call;
mod driver;
mod envelope;
mod files;
mod handle;
mod object_storage;
mod origin;
mod remote;
mod response;
mod served;
mod service;
mod state;

pub(crate) use handle::MAX_BODY_BYTES;
pub use remote::{Peer, RemoteAccess};
pub use response::HttpResponse;
pub(crate) use response::{JSON, body_too_large, internal_error, relative_path, response};
pub use served::ServedCall;
pub use service::{CallObserver, Sandbox, WarningHandler};
pub(crate) use state::{App, ServiceState, SharedState};
