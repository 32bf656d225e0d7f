//! The record of served calls for tests of other programs (`--record`): a line of JSON for each.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::time;
use crate::cli::exit::{CliError, Exit};
use crate::sandbox::ServedCall;
use crate::util::private_file::{self, Access};

/// An open record.
pub(super) struct Record(File);

/// Fields of which only the end is recorded: enough to tell people apart in a test.
const SHORTENED: [&str; 4] = ["idNo", "legalIdNo", "mobile", "email"];
/// The number of characters that are left of them.
const LEFT: usize = 4;

/// Opens a record and empties it.
pub(super) fn open(path: &Path) -> Result<Record, CliError> {
    let file = private_file::open(path, Access::Append).and_then(|file| {
        file.set_len(0)?;
        Ok(file)
    });
    file.map(Record).map_err(|error| {
        CliError::new(
            Exit::Error,
            format!("the record {} cannot be written: {error}", path.display()),
            "choose another file with --record",
        )
    })
}

impl Record {
    /// Writes a call. A record that cannot be written is incomplete.
    pub(super) fn write(&self, call: &ServedCall<'_>) {
        let line = json!({
            "time": time::rfc3339(Timestamp::now()),
            "operation": call.operation,
            "appId": call.app,
            "status": call.status,
            "errCode": call.code.map(|code| code.0),
            "reason": call.refusal,
            "coerced": call.coercions,
            "request": call.request.map(shortened),
            "data": call.data,
        });
        // In one piece, so that a reader sees whole lines.
        let _ = (&self.0).write_all(format!("{line}\n").as_bytes());
    }
}

/// Returns a request without passwords and contents of files, and with the ends of private values.
fn shortened(request: &Value) -> Value {
    match request {
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.clone(), field(name, value)));
            Value::Object(fields.collect())
        }
        Value::Array(values) => values.iter().map(shortened).collect(),
        other => other.clone(),
    }
}

fn field(name: &str, value: &Value) -> Value {
    match value.as_str() {
        Some(_) if name == "docPwd" => "***".into(),
        Some(data) if name == "chunkedData" => format!("{} characters", data.len()).into(),
        Some(text) if SHORTENED.contains(&name) => {
            let length = text.chars().count();
            // Of a short text, nothing is left.
            let end = text.chars().skip(length - LEFT.min(length / 2));
            format!("***{}", end.collect::<String>()).into()
        }
        _ => shortened(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_secrets_and_shortens_private_values() {
        let request = json!({
            "name": "张三", "idNo": "371500198101175693", "mobile": "138", "docPwd": "pw",
            "chunkedFields": [{ "chunkedData": "PGI+", "sequence": 1 }],
            "simpleFormFields": { "amount": "50000" },
        });
        let expected = json!({
            "name": "张三", "idNo": "***5693", "mobile": "***8", "docPwd": "***",
            "chunkedFields": [{ "chunkedData": "4 characters", "sequence": 1 }],
            "simpleFormFields": { "amount": "50000" },
        });
        assert_eq!(shortened(&request), expected);
    }
}
