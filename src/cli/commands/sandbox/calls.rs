//! The log of served calls (`-v`).

use crate::cli::args::LogFormat;
use crate::cli::output::out;
use crate::sandbox::ServedCall;

/// Prints a served call: the values that came in another spelling, and its result with the reason.
pub(super) fn print(log_format: LogFormat, call: &ServedCall<'_>) {
    let operation = call.operation;
    if log_format == LogFormat::Json {
        let mut event = serde_json::json!({ "event": "served", "operation": operation });
        match call.code {
            Some(code) => event["errCode"] = code.0.into(),
            None => event["status"] = call.status.into(),
        }
        if let Some(refusal) = call.refusal {
            event["reason"] = refusal.into();
        }
        if !call.coercions.is_empty() {
            event["coerced"] = call.coercions.into();
        }
        return out::note(event);
    }
    for coercion in call.coercions {
        out::note(format_args!("{operation}  {coercion}"));
    }
    match (call.refusal, call.code) {
        (None, _) => out::note(format_args!("{operation}  ok")),
        (Some(refusal), Some(code)) => out::note(format_args!("{operation}  {code} {refusal}")),
        (Some(refusal), None) => {
            out::note(format_args!("{operation}  {} {refusal}", call.status));
        }
    }
}
