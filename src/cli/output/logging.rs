//! Sets up the tracing subscriber of the process from the arguments: standard error, `--log-file`,
//! and the `run.log` of a run. Events of other targets than treaty's are never logged, whatever
//! `TREATY_LOG` contains: a library could log requests.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Span};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::fmt::{MakeWriter, layer as fmt_layer};
use tracing_subscriber::layer::{Context, Filter, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::log_file::LogFile;
use super::log_format::{LineFormat, NoFields, SpanFields};
use super::out;
use super::target::{CONSOLE, PREFIX};
use crate::cli::args::{Global, LogFormat};
use crate::cli::exit::{CliError, Exit};
use crate::manifest::Project;

/// The environment variable that contains filter directives.
const VARIABLE: &str = "TREATY_LOG";

/// The name of the log of a run, in the folder of its reports.
pub(in crate::cli) const RUN_LOG: &str = "run.log";

/// The least severe level on standard error; unset if it shows no log lines.
static STDERR_LEVEL: OnceLock<LevelFilter> = OnceLock::new();

/// The log of the run, for commands that have one.
static RUN_LOG_FILE: OnceLock<Arc<LogFile>> = OnceLock::new();

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;
type BoxedFilter = Box<dyn Filter<Registry> + Send + Sync>;

/// Sets up logging. `has_run_log`: whether the command writes a log beside its reports. If the
/// arguments or `TREATY_LOG` are invalid, sets up the defaults and returns the error.
pub(in crate::cli) fn start(global: &Global, has_run_log: bool) -> Result<(), CliError> {
    let directives = directives();
    let (known, wrong) = match directives {
        Ok(known) => (known, None),
        Err(error) => (None, Some(error)),
    };
    let file = global.log_file.as_deref().map(open).transpose();
    let (file, wrong) = match file {
        Ok(file) => (file, wrong),
        Err(error) => (None, wrong.or(Some(error))),
    };
    install(global, known.as_deref(), file, has_run_log);
    wrong.map_or(Ok(()), Err)
}

fn install(global: &Global, directives: Option<&str>, file: Option<LogFile>, has_run_log: bool) {
    let mut layers: Vec<BoxedLayer> = Vec::new();
    let mut most = LevelFilter::OFF;
    let mut add = |layer: BoxedLayer, level: LevelFilter| {
        most = most.max(level);
        layers.push(layer);
    };
    if let Some((filter, level)) = chosen(directives, stderr_level(global)) {
        // A second call in one process has no effect.
        let _ = STDERR_LEVEL.set(level);
        let is_text = global.log_format == LogFormat::Text;
        let format = if is_text {
            LineFormat::Text
        } else {
            LineFormat::Json
        };
        let filter = filter.and(OwnTargets {
            has_console: !is_text,
        });
        add(lines(format, || StderrLine, filter.boxed()), level);
    }
    let own = OwnTargets { has_console: true };
    if let Some((file, (filter, level))) =
        file.zip(chosen(directives, Some(file_level(global.verbose))))
    {
        let filter = filter.and(own).boxed();
        add(lines(LineFormat::Json, Arc::new(file), filter), level);
    }
    if has_run_log {
        let file = RUN_LOG_FILE.get_or_init(|| Arc::new(LogFile::buffered()));
        let level = run_log_level(global.verbose);
        let filter = level.and(own).boxed();
        add(lines(LineFormat::Json, file.clone(), filter), level);
    }
    if !layers.is_empty() {
        layers.push(SpanFields.with_filter(most.and(own)).boxed());
        // Fails only for a second call in one process; the first one wins.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(layers));
    }
}

/// Builds a layer that writes log lines.
fn lines<W>(format: LineFormat, writer: W, filter: BoxedFilter) -> BoxedLayer
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    fmt_layer()
        .event_format(format)
        .fmt_fields(NoFields)
        .with_writer(writer)
        .log_internal_errors(false)
        .with_filter(filter)
        .boxed()
}

/// Builds a filter from the directives, or from a level if there are none. Also returns the least
/// severe level that passes.
fn chosen(
    directives: Option<&str>,
    level: Option<LevelFilter>,
) -> Option<(BoxedFilter, LevelFilter)> {
    if let Some(filter) = directives.and_then(|text| parsed(text).ok()) {
        let level = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
        return Some((FilterExt::<Registry>::boxed(filter), level));
    }
    level.map(|level| (FilterExt::<Registry>::boxed(level), level))
}

/// Parses directives. The default level is `error`; a directive without a target overrides it.
fn parsed(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .parse(format!("error,{directives}"))
        .map_err(|error| error.to_string())
}

/// Reads and checks `TREATY_LOG`; none if it is unset or empty.
fn directives() -> Result<Option<String>, CliError> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let invalid = |why: String| {
        CliError::new(
            Exit::Usage,
            format!("{VARIABLE} is not a log filter: {why}"),
            "use a level (error, warn, info, debug, trace, off) or target=level, separated by commas: \
             info,treaty::client=debug",
        )
    };
    let value = value
        .into_string()
        .map_err(|_| invalid("it is not UTF-8".to_owned()))?;
    if let Some(unknown) = unknown_target(&value) {
        return Err(invalid(format!(
            "{unknown} is neither a level nor a target of treaty"
        )));
    }
    parsed(&value).map_err(invalid)?;
    Ok(Some(value))
}

/// Finds the first directive with a target of another crate. A misspelled level counts as a target.
fn unknown_target(directives: &str) -> Option<&str> {
    // Directives for spans have another syntax, which the parser checks.
    if directives.contains('[') {
        return None;
    }
    directives
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .map(|directive| directive.split('=').next().unwrap_or(directive).trim())
        .find(|target| !target.starts_with(PREFIX) && target.parse::<LevelFilter>().is_err())
}

fn open(path: &Path) -> Result<LogFile, CliError> {
    LogFile::open(path).map_err(|error| {
        CliError::new(
            Exit::Error,
            format!("the log file {} cannot be opened: {error}", path.display()),
            "choose a file in an existing, writable folder with --log-file",
        )
    })
}

/// The default level of standard error. In text format, it is none without `-v`: the progress
/// display shows the events.
fn stderr_level(global: &Global) -> Option<LevelFilter> {
    match (global.log_format, global.verbose) {
        (LogFormat::Json, 0) if global.quiet => Some(LevelFilter::WARN),
        (LogFormat::Json, 0) => Some(LevelFilter::INFO),
        (LogFormat::Text, 0) => None,
        (_, verbose) => Some(verbosity(verbose)),
    }
}

fn file_level(verbose: u8) -> LevelFilter {
    verbosity(verbose).max(LevelFilter::DEBUG)
}

fn run_log_level(verbose: u8) -> LevelFilter {
    verbosity(verbose).clamp(LevelFilter::INFO, LevelFilter::DEBUG)
}

fn verbosity(verbose: u8) -> LevelFilter {
    match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Adds the project and its environment to all later log lines of the command. Must be called
/// outside the spans of items.
pub(in crate::cli) fn name_project(project: &Project) {
    let span = Span::current();
    span.record("project", project.name.as_str());
    span.record("environment", project.settings.environment.as_str());
}

/// Adds the run to all later log lines of the command.
pub(in crate::cli) fn name_run(name: &str) {
    Span::current().record("run", name);
}

/// Opens the log of the run in the folder of its reports, and writes the buffered lines to it.
pub(in crate::cli) fn open_run_log(folder: &Path) -> io::Result<()> {
    match RUN_LOG_FILE.get() {
        Some(file) => file.open_at(&folder.join(RUN_LOG)),
        None => Ok(()),
    }
}

/// Whether standard error shows log lines of a level.
pub(in crate::cli) fn is_shown(level: Level) -> bool {
    STDERR_LEVEL.get().is_some_and(|most| level <= *most)
}

/// Emits events and returns whether standard error has shown any of them.
pub(in crate::cli) fn emit(events: impl FnOnce()) -> bool {
    let before = SHOWN.get();
    events();
    SHOWN.get() != before
}

thread_local! {
    /// The number of log lines that this thread has written to standard error.
    static SHOWN: Cell<u64> = const { Cell::new(0) };
}

/// Writes log lines to standard error.
struct StderrLine;

impl Write for StderrLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        SHOWN.set(SHOWN.get().wrapping_add(1));
        out::note(String::from_utf8_lossy(line).trim_end_matches('\n'));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A filter that passes only events and spans of treaty.
#[derive(Clone, Copy)]
struct OwnTargets {
    /// Whether events of the target [`CONSOLE`] pass.
    has_console: bool,
}

impl OwnTargets {
    fn passes(self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        target.starts_with(PREFIX) && (self.has_console || target != CONSOLE)
    }
}

impl<S> Filter<S> for OwnTargets {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.passes(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.passes(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_targets_of_other_crates() {
        for known in [
            "debug",
            "TREATY=off,warn",
            "info,treaty::client=debug",
            "off",
        ] {
            assert_eq!(unknown_target(&known.to_lowercase()), None, "{known}");
        }
        assert_eq!(unknown_target("info,debgu"), Some("debgu"));
        assert_eq!(unknown_target("hyper=trace"), Some("hyper"));
    }

    #[test]
    fn derives_levels_from_verbosity() {
        assert_eq!(file_level(0), LevelFilter::DEBUG);
        assert_eq!(file_level(3), LevelFilter::TRACE);
        assert_eq!(run_log_level(0), LevelFilter::INFO);
        assert_eq!(run_log_level(2), LevelFilter::DEBUG);
        assert_eq!(run_log_level(3), LevelFilter::DEBUG);
    }
}
