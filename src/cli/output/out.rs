//! The only writer of standard output and standard error. Results go to standard output, everything
//! else to standard error.
//!
//! - A text is a line. All control and bidirectional characters in it are escaped, because it may
//!   contain foreign text; only tabs and [styles](super::style) remain.
//! - Values of environment variables are masked on standard error and on a terminal.
//! - A closed pipe is not an error. Other write errors, such as a full disk, are recorded and
//!   reported when the command ends.

use std::fmt::Display;
use std::io::{Error, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use indicatif::ProgressBar;
use serde_json::Value;

use super::style::{BOLD_YELLOW, RESET, laid_out, rendered};
use super::target::CONSOLE;
use super::{clap_error, env_values};
use crate::cli::args::LogFormat;
use crate::manifest::LedgerSetting;
use crate::util::escape::{escaped, escaped_json};

/// Writes a line to standard output.
pub(in crate::cli) fn line(text: impl Display) {
    let text = rendered(&on_screen(text));
    let _ = writeln!(ErrorRecorder(anstream::stdout()), "{text}");
}

/// Writes lines to standard output.
pub(in crate::cli) fn lines<T: Display>(texts: impl IntoIterator<Item = T>) {
    texts.into_iter().for_each(line);
}

/// Writes a JSON document to standard output, indented.
pub(in crate::cli) fn json(document: &Value) {
    let text = on_screen(format_args!("{document:#}"));
    let text = escaped_json(&text);
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

/// Returns a buffered writer of long results to standard output. Stop at the first write error.
pub(in crate::cli) fn stream() -> Stream<impl Write> {
    let out = ErrorRecorder(anstream::stdout().lock());
    Stream(std::io::BufWriter::with_capacity(64 * 1024, out))
}

/// A buffered writer to standard output.
pub(in crate::cli) struct Stream<W: Write>(std::io::BufWriter<W>);

impl<W: Write> Stream<W> {
    /// Writes a line of text.
    pub(in crate::cli) fn line(&mut self, text: impl Display) -> std::io::Result<()> {
        writeln!(self.0, "{}", rendered(&text.to_string()))
    }

    /// Writes a part of a JSON document.
    pub(in crate::cli) fn json(&mut self, part: impl Display) -> std::io::Result<()> {
        let part = part.to_string();
        self.0.write_all(escaped_json(&part).as_bytes())
    }

    /// Returns a writer for a document whose parts are escaped already.
    pub(in crate::cli) fn document(&mut self) -> &mut impl Write {
        &mut self.0
    }

    pub(in crate::cli) fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Prints the message of the argument parser: an error, the help or the version.
pub(in crate::cli) fn clap(error: &clap::Error) {
    let (is_error, text) = (error.use_stderr(), clap_error::text(error));
    let text = laid_out(&text);
    if is_error {
        let _ = write!(anstream::stderr(), "{text}");
    } else {
        let _ = write!(ErrorRecorder(anstream::stdout()), "{text}");
    }
}

/// Removes the leading `./` that paths have when the project is the current folder.
pub(in crate::cli) fn shown(path: &Path) -> &Path {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest,
        _ => path,
    }
}

/// Describes the location of a ledger: a file as by [`shown`], or the address of a database.
pub(in crate::cli) fn ledger(setting: &LedgerSetting) -> String {
    match setting {
        LedgerSetting::File(path) => shown(path).display().to_string(),
        LedgerSetting::Postgres { address, .. } => address.to_string(),
    }
}

/// Formats a count with its noun: `1 row`, `2 rows`. `one` and `many` are the keys of texts.
pub(in crate::cli) fn plural(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => t!(one, count = count),
        count => t!(many, count = count),
    }
    .into_owned()
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
fn record_error(error: &Error) {
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

/// Logs a warning and, in text format, writes it to standard error.
pub(in crate::cli) fn log_warning(format: LogFormat, text: impl Display) {
    tracing::warn!(target: CONSOLE, event = "note", "{text}");
    if format == LogFormat::Text {
        warning(text);
    }
}

/// Warns of links of the service that are shown as text, if there are any.
pub(in crate::cli) fn warn_of_odd_links(format: LogFormat, count: u64) {
    if count > 0 {
        let text = match count {
            1 => t!(
                "1 signer has a link that is not safe to open, which is shown as text: do not pass it on, and ask the \
                 support of the service"
            ),
            count => t!(
                "%{count} signers have a link that is not safe to open, which is shown as text: do not pass it on, and \
                 ask the support of the service",
                count = count
            ),
        };
        log_warning(format, text);
    }
}

/// Writes a warning to standard error.
pub(in crate::cli) fn warning(text: impl Display) {
    note(format_args!(
        "{BOLD_YELLOW}{}{RESET}: {text}",
        t!("warning")
    ));
}

/// Writes a question to standard error, without a line break.
pub(in crate::cli) fn question(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stderr();
    write!(out, "{}", escaped(text))?;
    out.flush()
}

/// Writes a line to standard error: an error, a hint, progress.
pub(in crate::cli) fn note(text: impl Display) {
    let text = text.to_string();
    write_note(&rendered(&env_values::masked(&text)));
}

/// Writes lines to standard error that a library has laid out and colored. Foreign text in them is
/// escaped before.
pub(super) fn laid_out_note(text: &str) {
    write_note(&laid_out(&env_values::masked(text)));
}

fn write_note(text: &str) {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // Nothing can be reported when standard error itself is closed.
    let write = || drop(writeln!(anstream::stderr(), "{text}"));
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
