//! The state that all requests share: the world, its documents and the known apps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::response::{HttpResponse, internal_error};
use crate::sandbox::document_store::{DocumentStore, FileStorage};
use crate::sandbox::fixtures::{self, Fixtures};
use crate::sandbox::links::{LOCAL_KEY, LinkKey};
use crate::sandbox::world::{AppId, PendingCallback, World};

/// The state of a sandbox.
pub(crate) struct ServiceState {
    pub(crate) world: World,
    pub(crate) documents: DocumentStore,
    /// The key of the signatures in addresses.
    pub(crate) link_key: LinkKey,
    /// The apps that have sent a request since the start, each with its last secret.
    apps: BTreeMap<AppId, String>,
    /// The app of the last request. It receives the callbacks of flows without an app.
    last_app: Option<AppId>,
}

/// The credentials of an app.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: AppId,
    pub(crate) secret: String,
}

/// The shared, locked state of a sandbox.
#[derive(Clone)]
pub(crate) struct SharedState(Arc<Mutex<ServiceState>>);

impl SharedState {
    /// Creates the state with a world and the storage of its files.
    pub(crate) fn new(world: World, storage: FileStorage) -> Self {
        Self(Arc::new(Mutex::new(ServiceState {
            world,
            documents: DocumentStore::new(storage),
            link_key: LOCAL_KEY,
            apps: BTreeMap::new(),
            last_app: None,
        })))
    }

    /// Locks the state for one request.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ServiceState> {
        // After a panic the state is still usable: the failed request was not confirmed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServiceState {
    /// Remembers the credentials of a request.
    pub(crate) fn remember_app(&mut self, id: &str, secret: &str) -> AppId {
        self.apps.insert(id.to_owned(), secret.to_owned());
        self.last_app = Some(id.to_owned());
        id.to_owned()
    }

    /// Removes and returns the callbacks whose app is known; its secret signs them (API 5.9.2).
    /// The others remain: after a restart a secret is unknown until the app's first request.
    pub(crate) fn take_callbacks(&mut self) -> Vec<(App, PendingCallback)> {
        let mut ready = Vec::new();
        for callback in std::mem::take(&mut self.world.outbox) {
            match self.app_of(&callback) {
                Some(app) => ready.push((app, callback)),
                None => self.world.outbox.push(callback),
            }
        }
        ready
    }

    /// Returns the app that signs a callback, if its secret is known.
    fn app_of(&self, callback: &PendingCallback) -> Option<App> {
        let id = callback.app.as_ref().or(self.last_app.as_ref())?;
        let secret = self.apps.get(id)?;
        Some(App {
            id: id.clone(),
            secret: secret.clone(),
        })
    }

    /// Adds the records of fixtures. They are stored with the changes of the next request.
    ///
    /// # Errors
    /// An error if a file cannot be stored, or a seal cannot have its size.
    pub(crate) fn declare(&mut self, fixtures: &Fixtures) -> std::io::Result<()> {
        fixtures::declare(fixtures, &mut self.world, &mut self.documents)
    }

    /// Empties a world in memory. Returns false if the world is stored in a folder.
    pub(crate) fn clear(&mut self) -> bool {
        let is_cleared = self.documents.clear();
        if is_cleared {
            self.world.clear();
        }
        is_cleared
    }

    /// Stores the recorded changes, then returns `response`. If they cannot be stored, returns an
    /// error response instead.
    pub(crate) fn persist(&mut self, response: HttpResponse) -> HttpResponse {
        let changes = self.world.take_changes();
        match &mut self.documents.storage {
            FileStorage::Memory(_) => response,
            FileStorage::Folder(store) => match store.append(&changes) {
                Ok(()) => response,
                Err(error) => internal_error(error),
            },
        }
    }
}
