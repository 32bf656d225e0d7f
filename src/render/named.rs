//! What expressions name of the environment of the process: whether they would be rendered as they were before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::scope::Environ;

/// The names so far. Those who share it note into the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct Named(Arc<Mutex<BTreeSet<String>>>);

/// Stands for an expression that may name any of it.
const ANY: &str = "";

impl Named {
    /// Takes the field of `env` that an expression names; empty when it names `env` as a whole.
    pub(super) fn note(&self, field: &str) {
        self.names().insert(field.to_owned());
    }

    /// All that was named, with its values; none when some expression may name any of it.
    pub(super) fn values(&self, environ: &Environ) -> Option<BTreeMap<String, String>> {
        let names = self.names();
        let values = names.iter().filter_map(|name| {
            let value = environ.get(name)?;
            Some((name.clone(), value.clone()))
        });
        (!names.contains(ANY)).then(|| values.collect())
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        // Nothing panics while it is held; what is in it stays true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
