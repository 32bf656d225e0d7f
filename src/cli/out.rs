//! Printing: results to standard output, everything else to standard error. A reader that has gone away is no error.

use std::fmt::Display;
use std::io::Write;

/// Prints a result, as it is.
pub(super) fn print(text: impl Display) {
    // Whoever closed the pipe has read enough.
    let _ = write!(anstream::stdout(), "{text}");
}

/// Prints a line of a result.
pub(super) fn line(text: impl Display) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Prints a line that is no result: an error, a hint, progress.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
