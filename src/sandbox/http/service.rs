//! A sandbox: its world and its settings.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::remote::RemoteAccess;
use super::response::HttpResponse;
use super::served::ServedCall;
use super::state::{App, SharedState};
use crate::sandbox::document_store::FileStorage;
use crate::sandbox::fixtures::Fixtures;
use crate::sandbox::requests::Spelling;
use crate::sandbox::world::{
    ActionError, AutoSign, IdForm, PendingCallback, StoreError, UserAction, World, WorldStore,
};

/// An emulated service. Clones share the same world.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) state: SharedState,
    pub(super) base_url: Arc<str>,
    pub(super) needs_credentials: bool,
    pub(super) call_observer: Option<Arc<CallObserver>>,
    pub(super) warning_handler: Option<Arc<WarningHandler>>,
    pub(super) signing_duration: SignedDuration,
    pub(super) spelling: Spelling,
    pub(super) id_form: IdForm,
    pub(super) fixtures: Option<Arc<Fixtures>>,
    pub(super) remote: Option<RemoteAccess>,
}

/// A function that is called after each operation, upload and download.
pub type CallObserver = dyn Fn(&ServedCall<'_>) + Send + Sync;

/// A function that is called with each warning about data that the sandbox cannot display.
pub type WarningHandler = dyn Fn(&str) + Send + Sync;

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Creates a sandbox with an empty world in memory. `base_url` is the address of the sandbox;
    /// the links in its responses start with it.
    pub fn in_memory(base_url: &str) -> Self {
        let storage = FileStorage::Memory(HashMap::new());
        Self::new(World::default(), storage, base_url)
    }

    /// Opens the world in a folder. Creates the folder if it does not exist.
    pub fn open(folder: &Path, base_url: &str) -> Result<Self, StoreError> {
        let (store, world) = WorldStore::open(folder)?;
        Ok(Self::new(world, FileStorage::Folder(store), base_url))
    }

    fn new(world: World, storage: FileStorage, base_url: &str) -> Self {
        Self {
            state: SharedState::new(world, storage),
            base_url: base_url.trim_end_matches('/').into(),
            needs_credentials: false,
            call_observer: None,
            warning_handler: None,
            signing_duration: SignedDuration::ZERO,
            spelling: Spelling::default(),
            id_form: IdForm::default(),
            fixtures: None,
            remote: None,
        }
    }

    /// Sets the spellings of requests that are accepted. Default: those of the API document.
    #[must_use]
    pub fn with_spelling(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }

    /// Sets the form of new ids of documents and flows.
    #[must_use]
    pub fn with_ids(self, id_form: IdForm) -> Self {
        Self { id_form, ..self }
    }

    /// Adds declared accounts, seals and templates to the world, now and after each reset.
    ///
    /// # Errors
    /// An error if a file cannot be stored, or a seal cannot have its size.
    pub fn with_fixtures(self, fixtures: Fixtures) -> std::io::Result<Self> {
        self.state.lock().declare(&fixtures)?;
        Ok(Self {
            fixtures: Some(Arc::new(fixtures)),
            ..self
        })
    }

    /// Serves other machines too. Their requests need the app secret.
    #[must_use]
    pub fn with_remote_access(self, remote: RemoteAccess) -> Self {
        self.state.lock().link_key = remote.link_key();
        Self {
            remote: Some(remote),
            ..self
        }
    }

    /// Sets the duration of an automatic signature (API 5.9.1).
    #[must_use]
    pub fn with_signing_duration(self, signing_duration: SignedDuration) -> Self {
        Self {
            signing_duration,
            ..self
        }
    }

    /// Sets a function that is called after each operation.
    #[must_use]
    pub fn on_call(self, call_observer: Arc<CallObserver>) -> Self {
        Self {
            call_observer: Some(call_observer),
            ..self
        }
    }

    /// Sets a function that is called with each warning.
    #[must_use]
    pub fn on_warning(self, warning_handler: Arc<WarningHandler>) -> Self {
        Self {
            warning_handler: Some(warning_handler),
            ..self
        }
    }

    /// Requires an app id and a secret in each request. All values are accepted.
    #[must_use]
    pub fn with_credentials(self) -> Self {
        Self {
            needs_credentials: true,
            ..self
        }
    }

    /// Reads the world.
    pub fn with_world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.state.lock().world)
    }

    /// Changes the world in a way that no request can, for example to simulate data loss.
    pub fn modify_world(&self, change: impl FnOnce(&mut World)) {
        let mut state = self.state.lock();
        change(&mut state.world);
        state.persist(HttpResponse::default());
    }

    /// Carries out a signer's action on the task with this token, as its sign page does.
    pub fn act(&self, token: &str, action: &UserAction, now: Timestamp) -> Result<(), ActionError> {
        let mut state = self.state.lock();
        let result = state.world.act(token, action, now);
        state.persist(HttpResponse::default());
        result
    }

    /// Advances the world to `now`: completes automatic signatures, expires flows, and with `auto`
    /// acts on the tasks that are due.
    pub fn advance(&self, auto: Option<&AutoSign>, now: Timestamp) {
        let mut state = self.state.lock();
        state
            .world
            .complete_automatic_signatures(self.signing_duration, now);
        state.world.expire(now);
        if let Some(auto) = auto {
            state.world.auto_sign(auto, now);
        }
        state.persist(HttpResponse::default());
    }

    /// Removes and returns the callbacks that can be sent, each with the app that signs it.
    pub(crate) fn take_callbacks(&self) -> Vec<(App, PendingCallback)> {
        self.state.lock().take_callbacks()
    }
}
