//! The environment variables of the process, and those of them that expressions can read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, Value};

/// The prefix of the variables of treaty, such as the app secret. Expressions never read them.
const RESERVED_PREFIX: &str = "TREATY_";

/// Whether a variable is one of treaty's own. Ignores case, because Windows does.
pub fn is_reserved(name: &str) -> bool {
    let start = name.as_bytes().get(..RESERVED_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX.as_bytes()))
}

/// Whether a text can be the name of an environment variable in an expression.
pub fn is_env_name(text: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_start) && text.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// The environment variables of the process. They are passed as a value for tests.
///
/// [`Environ::readable`] is the only way from here to a [`Compiler`](super::Compiler).
#[derive(Clone, Default)]
pub struct Environ(Arc<Variables>);

/// The values of variables that the command line gives.
#[derive(Default)]
pub struct VariableSources {
    /// The values of `--var`, in their order.
    pub values: Vec<(String, String)>,
    /// The files of `--var-file`, in their order.
    pub files: Vec<PathBuf>,
}

#[derive(Default)]
struct Variables {
    values: BTreeMap<String, String>,
    /// The variables that the command line lists.
    allowed: Vec<String>,
    /// The values of variables on the command line.
    sources: VariableSources,
    /// The values that expressions could read so far.
    exposed: Mutex<BTreeSet<String>>,
}

impl Environ {
    /// Creates the environment from the variables of the process. Expressions can read those in
    /// `allowed` without a list in the project.
    pub fn new(
        values: BTreeMap<String, String>,
        allowed: Vec<String>,
        sources: VariableSources,
    ) -> Self {
        Self(Arc::new(Variables {
            values,
            allowed,
            sources,
            exposed: Mutex::default(),
        }))
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.values.get(name).map(String::as_str)
    }

    /// Returns the variables whose name begins with a prefix and is longer.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.0.values.iter();
        let all = all.map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(move |(name, _)| name.len() > prefix.len() && name.starts_with(prefix))
    }

    /// Returns the values of variables on the command line.
    pub fn sources(&self) -> &VariableSources {
        &self.0.sources
    }

    /// Adds a private value that expressions can read, to mask it in output.
    pub fn expose(&self, value: &str) {
        self.exposed().insert(value.to_owned());
    }

    /// Returns the variables that expressions can read: the listed ones and those that the command
    /// line allows, without those of treaty.
    pub fn readable<'a>(&'a self, listed: impl IntoIterator<Item = &'a str>) -> ReadableEnv {
        let allowed = self.0.allowed.iter().map(String::as_str);
        let names = listed.into_iter().chain(allowed);
        let values: BTreeMap<String, Option<String>> = names
            .filter(|name| !is_reserved(name))
            .map(|name| (name.to_owned(), self.get(name).map(str::to_owned)))
            .collect();
        let mut exposed = self.exposed();
        exposed.extend(values.values().flatten().cloned());
        ReadableEnv(Arc::new(values))
    }

    /// Returns the values that expressions could read so far, to mask them in output.
    pub fn exposed_values(&self) -> Vec<String> {
        self.exposed().iter().cloned().collect()
    }

    fn exposed(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        // Nothing panics while it is held.
        self.0
            .exposed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// Without values, which are private.
impl fmt::Debug for Environ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environ").finish_non_exhaustive()
    }
}

/// The environment variables that expressions can read. A listed variable that is not set has no
/// value.
#[derive(Clone, Default)]
pub struct ReadableEnv(Arc<BTreeMap<String, Option<String>>>);

impl ReadableEnv {
    /// Whether a variable is listed.
    pub(super) fn lists(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a variable is listed and set.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Option::is_some)
    }

    /// Returns the listed variables, each with its value if it is set.
    pub fn values(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let all = self.0.iter();
        all.map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Returns the names of the listed variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for ReadableEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Object for ReadableEnv {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let value = self.0.get(key)?.as_deref();
        value.map(Value::from)
    }

    // Not enumerable, so that a template cannot print all private values.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_the_variables_of_treaty_in_any_case() {
        for (name, expected) in [
            ("TREATY_APP_SECRET", true),
            ("Treaty_app_secret", true),
            ("TREATY_", true),
            ("TREATY", false),
            ("MY_TREATY_SECRET", false),
            ("合同合同", false),
        ] {
            assert_eq!(is_reserved(name), expected, "{name}");
        }
    }

    #[test]
    fn exposes_only_listed_values() {
        let values = ["CITY", "HOME", "TREATY_APP_SECRET", "TOWN"];
        let values = values.map(|name| (name.to_owned(), format!("value of {name}")));
        let environ = Environ::new(
            values.into(),
            vec!["TOWN".to_owned()],
            VariableSources::default(),
        );
        let env = environ.readable(["CITY", "TREATY_APP_SECRET", "NOT_SET"]);
        assert_eq!(env.names().collect::<Vec<_>>(), ["CITY", "NOT_SET", "TOWN"]);
        assert!(env.has("CITY") && env.has("TOWN") && !env.has("NOT_SET"));
        assert_eq!(environ.exposed_values(), ["value of CITY", "value of TOWN"]);
        assert!(!format!("{environ:?}{env:?}").contains("value"));
    }
}
