//! What an expression can name: `var`, `env`, and in a flow `row`, `key` and `run`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::value::{Enumerator, Object, Value};

use crate::api::time;
use crate::sheet::Row;

/// The project's variables, already rendered.
pub type Variables = Arc<BTreeMap<String, String>>;

/// The environment variables, as a value, so that tests need not touch the process.
pub type Environ = Arc<BTreeMap<String, String>>;

/// When the run began, for `run.date` and `run.started`.
#[derive(Debug, Clone)]
pub struct RunTime {
    /// `2026-11-23`, in Asia/Shanghai.
    date: String,
    /// `2026-11-23 19:30:00`, in Asia/Shanghai.
    started: String,
}

impl RunTime {
    /// The run that begins at this moment.
    pub fn at(moment: Timestamp) -> Self {
        let started = time::text(moment);
        Self {
            date: started[..10].to_owned(),
            started,
        }
    }
}

/// The names that an expression sees.
#[derive(Debug, Clone)]
pub struct Scope {
    var: Value,
    env: Value,
    run: Option<Value>,
    key: Option<Value>,
    row: Option<Value>,
}

#[derive(Debug)]
struct Texts(Arc<BTreeMap<String, String>>);

#[derive(Debug)]
struct RowObject(Row);

#[derive(Debug)]
struct Names(Scope);

impl Scope {
    /// The scope of everything that is no flow.
    pub fn new(var: &Variables, env: &Environ) -> Self {
        Self {
            var: Value::from_object(Texts(var.clone())),
            env: Value::from_object(Texts(env.clone())),
            run: None,
            key: None,
            row: None,
        }
    }

    /// The same, with the run.
    #[must_use]
    pub fn with_run(mut self, run: &RunTime) -> Self {
        let fields = BTreeMap::from([
            ("date".to_owned(), run.date.clone()),
            ("started".to_owned(), run.started.clone()),
        ]);
        self.run = Some(Value::from_object(Texts(Arc::new(fields))));
        self
    }

    /// The same, with a row.
    #[must_use]
    pub fn with_row(&self, row: Row) -> Self {
        Self {
            row: Some(Value::from_object(RowObject(row))),
            ..self.clone()
        }
    }

    /// The same, with the item's key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(Value::from(key)),
            ..self.clone()
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::from_object(Names(self))
    }
}

impl Object for Texts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.get(key).map(|text| Value::from(text.as_str()))
    }

    // Nobody may print all of it: a row or the environment is private.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

impl Object for RowObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.get(key).map(Value::from)
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
            "var" => Some(self.0.var.clone()),
            "env" => Some(self.0.env.clone()),
            "run" => self.0.run.clone(),
            "key" => self.0.key.clone(),
            "row" => self.0.row.clone(),
            _ => None,
        }
    }
}
