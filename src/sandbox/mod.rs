//! The sandbox: an emulator of the service.
//!
//! A pure [`World`] follows the rules of the API document. [`Sandbox`] serves it over HTTP and
//! stores it in a folder. [`Faults`] select calls that go wrong; [`FaultyServer`] injects the
//! faults.
//!
//! The sandbox shares the types of the operation table with the client but no logic, so that an
//! error in one is found by the other. It does not deduplicate: adding a signer twice creates two
//! tasks, as with the real service.

mod document_store;
mod drawing;
mod faults;
mod fixtures;
mod handlers;
mod http;
mod links;
mod missing_glyphs;
mod notifier;
mod pages;
mod requests;
mod world;

pub use self::http::{
    CallObserver, HttpResponse, Peer, RemoteAccess, Sandbox, ServedCall, WarningHandler,
};
pub use faults::{
    Counters, DOWNLOAD, Fault, Faults, FaultyServer, NoResponse, Rule, UPLOAD, operation_name,
};
pub use fixtures::{
    FixtureAccount, FixtureDesign, FixtureSeal, FixtureTemplate, Fixtures, is_seal_image,
};
pub use handlers::MAX_SEAL_SIZE;
pub use notifier::Notifier;
pub use requests::Spelling;
pub use world::{
    ActionError, AutoSign, Flow, FlowDoc, IdForm, InUse, SealChoice, SignPlace, StoreError, Task,
    UserAction, World,
};
