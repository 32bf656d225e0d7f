//! The data model of a loaded project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::account::Account;
use super::check::Check;
use super::collections::{List, Named};
use super::flow::Flow;
use super::moves::Moves;
use super::prune::Prune;
use super::seal::{Seal, Template};
use super::settings::Settings;
use crate::diagnostic::SourceFile;
use crate::expr::{ReadableEnv, Scope, Variables};

/// The name of the file that makes a folder a project.
pub const PROJECT_FILE: &str = "treaty.yaml";

/// The declarations of all manifests, with the settings of one environment.
#[derive(Debug)]
pub struct Project {
    /// The folder of `treaty.yaml`.
    pub root: PathBuf,
    /// The project's name.
    pub name: String,
    /// The settings of the selected environment.
    pub settings: Settings,
    /// Whether `treaty.yaml` has errors, so that settings may have placeholders.
    pub settings_have_errors: bool,
    /// Accounts by name.
    pub accounts: BTreeMap<String, Named<Account>>,
    /// Seals by name.
    pub seals: BTreeMap<String, Named<Seal>>,
    /// Templates by name.
    pub templates: BTreeMap<String, Named<Template>>,
    /// Flows by name.
    pub flows: BTreeMap<String, Named<Flow>>,
    /// The checks of every flow.
    pub checks: List<Check>,
    /// The earlier names of renamed declarations.
    pub moves: Moves,
    /// The kinds that apply removes when they are no longer declared.
    pub prune: Prune,
    /// The variables that expressions outside of flows can use.
    pub scope: Scope,
    /// The values of the variables, by name.
    pub variables: Variables,
    /// The environment variables that expressions can read.
    pub env: ReadableEnv,
    /// The files that were read: `treaty.yaml` and the manifests.
    pub sources: Vec<Arc<SourceFile>>,
    /// The declared names, each with its section. Contains invalid declarations too.
    pub(super) declared: BTreeSet<(&'static str, String)>,
    /// The recorded keys of the only items of flows without rows, by flow.
    pub(super) recorded_keys: OnceLock<BTreeMap<String, String>>,
}

impl Project {
    /// Sets the keys under which the only items of flows without rows are recorded, by flow.
    pub fn set_recorded_keys(&self, keys: BTreeMap<String, String>) {
        // A process works with one ledger, so a second command reads the same keys.
        if let Err(keys) = self.recorded_keys.set(keys) {
            debug_assert_eq!(self.recorded_keys.get(), Some(&keys));
        }
    }

    /// Returns the key of the only item of a flow without rows: the recorded one, which may be a name
    /// that the flow had before, otherwise the first known name of the flow.
    pub fn single_key<'a>(&'a self, flow: &'a str) -> &'a str {
        let recorded = self.recorded_keys.get().and_then(|keys| keys.get(flow));
        recorded.map_or_else(|| self.moves.original("flows", flow), String::as_str)
    }
}
