//! Writes results to standard output and everything else to standard error. Values of environment
//! variables are masked on standard error and on a terminal. A closed pipe is not an error. Other write errors, such as a full disk, are recorded and reported when the command ends.

use std::fmt::Display;
use std::io::{Error, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use indicatif::ProgressBar;

use super::env_values;
use super::target::CONSOLE;
use crate::cli::args::LogFormat;

/// Writes text to standard output.
pub(in crate::cli) fn print(text: impl Display) {
    let text = on_screen(text);
    let _ = write!(ErrorRecorder(anstream::stdout()), "{text}");
}

/// Writes a line to standard output.
pub(in crate::cli) fn line(text: impl Display) {
    let text = on_screen(text);
    let _ = writeln!(ErrorRecorder(anstream::stdout()), "{text}");
}

/// Masks values of environment variables if standard output is a terminal. Programs read it whole.
fn on_screen(text: impl Display) -> String {
    let text = text.to_string();
    if !std::io::stdout().is_terminal() {
        return text;
    }
    env_values::masked(&text).into_owned()
}

/// Returns a buffered writer to standard output, for long results. Stop at the first write error.
pub(in crate::cli) fn stream() -> std::io::BufWriter<impl Write> {
    std::io::BufWriter::with_capacity(64 * 1024, ErrorRecorder(anstream::stdout().lock()))
}

/// Removes the leading `./` that paths have when the project is the current folder.
pub(in crate::cli) fn shown(path: &Path) -> &Path {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest,
        _ => path,
    }
}

/// Formats a count with its noun: `1 row`, `2 rows`.
pub(in crate::cli) fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Flushes standard output and returns the first write error of the process.
pub(in crate::cli) fn write_error() -> Option<&'static Error> {
    let _ = ErrorRecorder(anstream::stdout()).flush();
    WRITE_ERROR.get()
}

/// The first write error of standard output.
static WRITE_ERROR: OnceLock<Error> = OnceLock::new();

/// A writer that records its write errors.
struct ErrorRecorder<W>(W);

impl<W: Write> Write for ErrorRecorder<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).inspect_err(record_error)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().inspect_err(record_error)
    }
}

/// Records a write error of standard output. A closed pipe and an interrupted write are ignored.
pub(in crate::cli) fn record_error(error: &Error) {
    if !matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::Interrupted | ErrorKind::WouldBlock
    ) {
        // Later errors are ignored.
        let _ = WRITE_ERROR.set(Error::new(error.kind(), error.to_string()));
    }
}

/// The progress bar on the terminal, if there is one. It is hidden while a line is written.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sets or removes the progress bar.
pub(in crate::cli) fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Logs a note and, in text format, writes it to standard error.
pub(in crate::cli) fn log_note(format: LogFormat, text: impl Display) {
    tracing::info!(target: CONSOLE, event = "note", "{text}");
    if format == LogFormat::Text {
        note(text);
    }
}

/// Writes a line to standard error: an error, a hint, progress.
pub(in crate::cli) fn note(text: impl Display) {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = text.to_string();
    let text = env_values::masked(&text);
    // Nothing can be reported when standard error itself is closed.
    let write = || drop(writeln!(anstream::stderr(), "{text}"));
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
