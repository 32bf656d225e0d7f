//! The record of served calls for tests of other programs (`--record`): a line of JSON for each.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::operation::Op;
use crate::api::{Shape, time};
use crate::cli::args::LogFormat;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::out;
use crate::sandbox::ServedCall;
use crate::util::private_file::{self, Access};

/// An open record.
pub(super) struct Record {
    file: File,
    path: PathBuf,
    /// Whether a call could not be written.
    is_incomplete: AtomicBool,
}

/// Fields of which only the end is recorded: enough to tell people apart in a test.
const SHORTENED: [&str; 4] = ["idNo", "legalIdNo", "mobile", "email"];
/// The number of characters that are left of them.
const LEFT: usize = 4;
/// The fields of uploads, downloads and commands, which have no shape.
const OWN_FIELDS: [&str; 8] = [
    "fileKey",
    "bytes",
    "contentType",
    "path",
    "flowId",
    "accountId",
    "thirdId",
    "reason",
];
/// The value of a field that is not recorded: it can be anything.
const UNKNOWN: &str = "…";

/// Opens a record and empties it. Only its owner can read it, also if others could before.
pub(super) fn open(path: &Path) -> Result<Record, CliError> {
    let file = private_file::open(path, Access::Append).and_then(|file| {
        file.set_len(0)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    });
    let file = file.map_err(|error| {
        CliError::new(
            Exit::Error,
            t!(
                "the record %{path} cannot be written: %{error}",
                path = path.display(),
                error = error
            ),
            t!("choose another file with --record"),
        )
    })?;
    Ok(Record {
        file,
        path: path.to_owned(),
        is_incomplete: AtomicBool::new(false),
    })
}

impl Record {
    /// Writes a call. Warns once if a call cannot be written.
    pub(super) fn write(&self, call: &ServedCall<'_>, log_format: LogFormat) {
        let line = json!({
            "time": time::rfc3339(Timestamp::now()),
            "operation": call.operation,
            "appId": call.app,
            "status": call.status,
            "errCode": call.code.map(|code| code.0),
            "reason": call.refusal,
            "coerced": call.coercions,
            "request": call.request.map(|request| recorded(call.operation, request)),
            "data": call.data.map(recorded_data),
        });
        // In one piece, so that a reader sees whole lines.
        let written = (&self.file).write_all(format!("{line}\n").as_bytes());
        if let Err(error) = written
            && !self.is_incomplete.swap(true, Ordering::Relaxed)
        {
            out::log_warning(
                log_format,
                t!(
                    "the record %{path} is incomplete: it cannot be written: %{error}",
                    path = self.path.display(),
                    error = error
                ),
            );
        }
    }
}

/// Returns a request without passwords and contents of files, with the ends of private values, and
/// without the values of fields that the operation does not have.
fn recorded(operation: &str, request: &Value) -> Value {
    let op = Op::ALL.iter().find(|op| op.path() == operation);
    match (op, request) {
        (Some(op), request) => known(op.request_shape(), request),
        (None, Value::Object(fields)) => {
            let fields = fields.iter().map(|(name, value)| {
                let is_known = OWN_FIELDS.contains(&name.as_str()) && is_scalar(value);
                let value = if is_known {
                    value.clone()
                } else {
                    UNKNOWN.into()
                };
                (name.clone(), value)
            });
            Value::Object(fields.collect())
        }
        _ => UNKNOWN.into(),
    }
}

/// Returns a value of a shape without what is private.
fn known(shape: &Shape, value: &Value) -> Value {
    match (shape, value) {
        (Shape::Object(shapes), Value::Object(fields)) => {
            let fields = fields.iter().map(|(name, value)| {
                let shape = shapes.iter().find(|field| field.name == *name);
                let value = match shape {
                    Some(shape) => field(name, &shape.shape, value),
                    None => UNKNOWN.into(),
                };
                (name.clone(), value)
            });
            Value::Object(fields.collect())
        }
        (Shape::List(element), Value::Array(values)) => {
            values.iter().map(|value| known(element, value)).collect()
        }
        // Form fields are complete, whatever their names are.
        (Shape::Map(entry), Value::Object(entries)) => {
            let entries = entries.iter();
            let entries = entries.map(|(name, value)| (name.clone(), known(entry, value)));
            Value::Object(entries.collect())
        }
        (Shape::Scalar { .. }, value) if is_scalar(value) => value.clone(),
        _ => UNKNOWN.into(),
    }
}

fn field(name: &str, shape: &Shape, value: &Value) -> Value {
    private(name, value).unwrap_or_else(|| known(shape, value))
}

/// Returns the data of a response without passwords and with the ends of private values. The service
/// decides what it contains, so every field is recorded.
fn recorded_data(data: &Value) -> Value {
    match data {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let value = private(name, value).unwrap_or_else(|| recorded_data(value));
                (name.clone(), value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(values) => values.iter().map(recorded_data).collect(),
        value => value.clone(),
    }
}

/// Returns what is recorded of a private value; none if the field is not private.
fn private(name: &str, value: &Value) -> Option<Value> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    match name {
        "docPwd" => Some("***".into()),
        "chunkedData" => Some(format!("{} characters", text.len()).into()),
        name if SHORTENED.contains(&name) => {
            let length = text.chars().count();
            // Of a short text, nothing is left.
            let end = text.chars().skip(length - LEFT.min(length / 2));
            Some(format!("***{}", end.collect::<String>()).into())
        }
        _ => None,
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_only_known_fields_without_secrets_and_with_the_ends_of_private_values() {
        let person = json!({
            "name": "张三", "idNo": 371_500_198_101_175_693_i64, "idType": 19, "mobile": "138",
            "idNumber": "371500198101175693", "password": { "text": "pw" }, "docPwd": 1,
        });
        let expected = json!({
            "name": "张三", "idNo": "***5693", "idType": 19, "mobile": "***8",
            "idNumber": "…", "password": "…", "docPwd": "…",
        });
        assert_eq!(recorded(Op::CreatePerson.path(), &person), expected);
        let document = json!({
            "docPwd": 123_456,
            "simpleFormFields": { "amount": "50000", "mobile": "13500000001", "idNo": "3715" },
        });
        let recorded_document = recorded(Op::CreateByTemplate.path(), &document);
        assert_eq!(
            recorded_document["simpleFormFields"],
            document["simpleFormFields"]
        );
        assert!(!recorded_document.to_string().contains("123456"));
        let command = json!({ "flowId": "1", "phone": 13_500_000_001_i64, "reason": ["x"] });
        let expected = json!({ "flowId": "1", "phone": "…", "reason": "…" });
        assert_eq!(recorded("_sandbox/sign", &command), expected);
    }

    #[test]
    fn records_private_values_of_responses_by_their_ends() {
        let data =
            json!({ "flowId": "1", "signers": [{ "mobile": "13500000001", "name": "张三" }] });
        let expected =
            json!({ "flowId": "1", "signers": [{ "mobile": "***0001", "name": "张三" }] });
        assert_eq!(recorded_data(&data), expected);
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_a_record_that_they_could_read_before() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.jsonl");
        std::fs::write(&path, "old").expect("written");
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, readable).expect("changed");
        open(&path).expect("opened");
        let metadata = std::fs::metadata(&path).expect("a file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(metadata.len(), 0);
    }
}
