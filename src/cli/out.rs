//! Printing: results to standard output, everything else to standard error. A reader that has gone away is no error; a disk
//! that is full is one, and is told when the command ends.

use std::fmt::Display;
use std::io::{Error, ErrorKind, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use indicatif::ProgressBar;

use super::args::LogFormat;
use super::output::logging::CONSOLE;

/// Prints a result, as it is.
pub(super) fn print(text: impl Display) {
    let _ = write!(Watched(anstream::stdout()), "{text}");
}

/// Prints a line of a result.
pub(super) fn line(text: impl Display) {
    let _ = writeln!(Watched(anstream::stdout()), "{text}");
}

/// Where a result of many lines goes, in pieces. What cannot be written ends it.
pub(super) fn stream() -> std::io::BufWriter<impl Write> {
    std::io::BufWriter::with_capacity(64 * 1024, Watched(anstream::stdout().lock()))
}

/// So many of something: `1 row`, `2 rows`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// Why a result did not get where it was to go, once all is written.
pub(super) fn lost() -> Option<&'static Error> {
    let _ = Watched(anstream::stdout()).flush();
    LOST.get()
}

/// Keeps why standard output could not be written first.
static LOST: OnceLock<Error> = OnceLock::new();

/// Standard output, of which nothing is lost without notice.
struct Watched<W>(W);

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).inspect_err(notice)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().inspect_err(notice)
    }
}

/// Whoever closed the pipe has read enough, and what was interrupted is written again.
pub(super) fn notice(error: &Error) {
    if !matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::Interrupted | ErrorKind::WouldBlock
    ) {
        // The first one says why.
        let _ = LOST.set(Error::new(error.kind(), error.to_string()));
    }
}

/// The progress bar on the terminal, if there is one: a line that is written takes it off for a moment.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sets or removes the progress bar that lines must not tear.
pub(super) fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Writes a note to standard error and to the logs. In text it is shown as it is; in JSON it is a log line.
pub(super) fn tell(format: LogFormat, text: impl Display) {
    tracing::info!(target: CONSOLE, event = "note", "{text}");
    if format == LogFormat::Text {
        note(text);
    }
}

/// Writes a line to standard error that is no result: an error, a hint, progress.
pub(super) fn note(text: impl Display) {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // Standard error that is closed has no reader.
    let write = || drop(writeln!(anstream::stderr(), "{text}"));
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
