//! The names available to expressions: `var` and `env`; in a flow also `row`, `key` and `run`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, ErrorKind};

use super::environ::ReadableEnv;
use super::totals::Totals;
use crate::api::time;
use crate::sheet::Row;

/// The rendered variables of the project.
pub type Variables = Arc<BTreeMap<String, Value>>;

/// The start of the run, for `run.date` and `run.started`.
#[derive(Debug, Clone)]
pub struct RunTime {
    moment: Timestamp,
    /// `2026-11-23`, in Asia/Shanghai.
    date: String,
    /// `2026-11-23 19:30:00`, in Asia/Shanghai.
    started: String,
}

impl RunTime {
    /// Creates the values for a run that starts at this moment.
    pub fn at(moment: Timestamp) -> Self {
        let started = time::text(moment);
        Self {
            moment,
            date: started[..10].to_owned(),
            started,
        }
    }

    /// Returns the start of the run.
    pub fn moment(&self) -> Timestamp {
        self.moment
    }
}

/// The values of all names. Created once per row and shared by all expressions of the row.
#[derive(Debug, Clone)]
pub struct Scope(Arc<Names>);

#[derive(Debug, Clone)]
struct Names {
    var: Value,
    env: Value,
    run: Option<Value>,
    key: Option<Value>,
    row: Option<Value>,
    flow: Option<Value>,
}

#[derive(Debug)]
struct ValueMap(Variables);

#[derive(Debug)]
struct RowObject(Row);

impl Scope {
    /// Creates the scope outside of flows.
    pub fn new(var: &Variables, env: &ReadableEnv) -> Self {
        Self(Arc::new(Names {
            var: Value::from_object(ValueMap(var.clone())),
            env: Value::from_object(env.clone()),
            run: None,
            key: None,
            row: None,
            flow: None,
        }))
    }

    /// Adds `run`.
    #[must_use]
    pub fn with_run(&self, run: &RunTime) -> Self {
        let fields = BTreeMap::from([
            ("date".to_owned(), run.date.as_str().into()),
            ("started".to_owned(), run.started.as_str().into()),
        ]);
        self.with(|names| names.run = Some(Value::from_object(ValueMap(Arc::new(fields)))))
    }

    /// Adds `row`.
    #[must_use]
    pub fn with_row(&self, row: Row) -> Self {
        self.with(|names| names.row = Some(Value::from_object(RowObject(row))))
    }

    /// Adds `key`.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        self.with(|names| names.key = Some(Value::from(key)))
    }

    /// Adds `flow`.
    #[must_use]
    pub fn with_flow(&self, totals: &Totals) -> Self {
        self.with(|names| names.flow = Some(totals.value()))
    }

    fn with(&self, change: impl FnOnce(&mut Names)) -> Self {
        let mut names = Names::clone(&self.0);
        change(&mut names);
        Self(Arc::new(names))
    }

    pub(super) fn value(&self) -> Value {
        Value::from_dyn_object(self.0.clone())
    }
}

impl Object for ValueMap {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.get(key).cloned()
    }

    // Not enumerable, so that a template cannot print all private values.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

impl Object for RowObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        // The value of an error is refused wherever it is used. This also covers columns whose names
        // are known only now, such as `row[var.column]`.
        match self.0.problem(key) {
            Some(problem) => Some(Value::from(Error::new(
                ErrorKind::InvalidOperation,
                problem.diagnostic.message.clone(),
            ))),
            None => self.0.get(key).map(Value::from),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "var" => Some(self.var.clone()),
            "env" => Some(self.env.clone()),
            "run" => self.run.clone(),
            "key" => self.key.clone(),
            "row" => self.row.clone(),
            "flow" => self.flow.clone(),
            _ => None,
        }
    }
}
