//! The variables that expressions use.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The variables that the expressions of several compilers use.
#[derive(Debug, Clone, Default)]
pub struct UsedVariables(Arc<Mutex<Used>>);

#[derive(Debug, Default)]
struct Used {
    names: BTreeSet<String>,
    /// Whether an expression computes the name: `var[row.name]`.
    is_any: bool,
}

impl UsedVariables {
    /// Records the use of a variable.
    pub(super) fn add(&self, name: &str) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.names.contains(name) {
            used.names.insert(name.to_owned());
        }
    }

    /// Records the use of a variable whose name is computed.
    pub(super) fn add_any(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_any = true;
    }

    /// Returns whether an expression uses a variable, or may use it.
    pub fn contains(&self, name: &str) -> bool {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.is_any || used.names.contains(name)
    }
}
