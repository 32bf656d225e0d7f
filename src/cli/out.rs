//! Printing: results to standard output, everything else to standard error. A reader that has gone away is no error.

use std::fmt::Display;
use std::io::Write;

use super::args::LogFormat;

/// Prints a result, as it is.
pub(super) fn print(text: impl Display) {
    // Whoever closed the pipe has read enough.
    let _ = write!(anstream::stdout(), "{text}");
}

/// Prints a line of a result.
pub(super) fn line(text: impl Display) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Where a result of many lines goes, in pieces. Whoever closed the pipe has read enough: what cannot be written ends it.
pub(super) fn stream() -> std::io::BufWriter<impl Write> {
    std::io::BufWriter::with_capacity(64 * 1024, anstream::stdout().lock())
}

/// Prints what there is to say beside a result, in the form that was asked for.
pub(super) fn tell(format: LogFormat, text: impl Display) {
    match format {
        LogFormat::Text => note(text),
        LogFormat::Json => {
            note(serde_json::json!({ "event": "note", "message": text.to_string() }));
        }
    }
}

/// Prints a line that is no result: an error, a hint, progress.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
