//! Shows the events of a run: a progress bar on a terminal, lines elsewhere. Logs each event first.
//! An event that standard error has shown as a log line is not shown again.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tracing::Level;

use super::event_log::EventLog;
use super::logging::{emit, is_shown};
use super::out;
use super::plan_text::{duration, whole_seconds};
use super::stamped;
use super::style::{GREEN, RED, RESET, YELLOW, set_message};
use super::target::CONSOLE;
use crate::api::operation::Op;
use crate::api::time;
use crate::cli::args::{Global, LogFormat};
use crate::client::{ClientEvent, Throttle};
use crate::execute::{Event, ItemOutcome, Listener, SyncStats};
use crate::ledger::Failure;
use crate::plan::Lookup;
use crate::report::{CallCount, Causes, Status};

/// The minimum interval between two lines of progress, where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The shortest retry delay that is shown.
const SHOWN_DELAY: Duration = Duration::from_secs(5);

/// The outcomes that are counted. Those of trouble are keys of texts.
const LOOKED_UP: &str = "looked up";
const DONE: &str = "done";
const FAILED: &str = t_key!("failed");
const IN_DOUBT: &str = t_key!("in doubt");
const INTERRUPTED: &str = "interrupted";

/// Displays events and counts API calls.
pub(in crate::cli) struct Progress(Arc<Mutex<Screen>>);

struct Screen {
    mode: OutputMode,
    log: EventLog,
    bar: Option<ProgressBar>,
    /// The number of items of the bar; 0 if unknown.
    total: u64,
    /// Items by outcome, since the bar began.
    outcomes: BTreeMap<&'static str, u64>,
    began: Instant,
    last_line: Instant,
    calls: BTreeMap<Op, CallCount>,
    /// The causes of the failures of items.
    causes: Causes,
    /// Whether sent items are polled until they end.
    following: bool,
    /// The number of ended items in the last line.
    followed: u64,
}

/// The most causes of failed items that are shown. The report contains all failures.
const SHOWN_CAUSES: usize = 20;

/// The format of the display.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OutputMode {
    /// On a terminal.
    Bar,
    /// Where standard error is not a terminal: each line has a timestamp and a level.
    Lines,
    /// With `--quiet`, and in JSON format, where each event is a log line.
    Silent,
}

impl Progress {
    /// Chooses the output mode.
    pub(in crate::cli) fn new(global: &Global) -> Self {
        let mode = match global.log_format {
            LogFormat::Json => OutputMode::Silent,
            LogFormat::Text if global.quiet => OutputMode::Silent,
            LogFormat::Text if std::io::stderr().is_terminal() => OutputMode::Bar,
            LogFormat::Text => OutputMode::Lines,
        };
        Self(Arc::new(Mutex::new(Screen {
            mode,
            log: EventLog::default(),
            bar: None,
            total: 0,
            outcomes: BTreeMap::new(),
            began: Instant::now(),
            last_line: Instant::now(),
            calls: BTreeMap::new(),
            causes: Causes::default(),
            following: false,
            followed: 0,
        })))
    }

    /// Returns the listener for the events of a run.
    pub(in crate::cli) fn listener(&self) -> Listener {
        let screen = self.0.clone();
        Arc::new(move |event| {
            screen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .handle(&event);
        })
    }

    /// Logs a note and shows it between the lines of progress.
    pub(in crate::cli) fn note(&self, text: &str) {
        let screen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::info!(target: CONSOLE, event = "note", "{text}");
        if screen.mode != OutputMode::Silent {
            screen.line(Level::INFO, text);
        }
    }

    /// Removes the bar, and shows how often each cause of failures occurred.
    pub(in crate::cli) fn finish(&self) {
        let mut screen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        screen.remove_bar();
        screen.show_causes();
    }

    /// The API calls so far, by operation.
    pub(in crate::cli) fn calls(&self) -> BTreeMap<Op, CallCount> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls
            .clone()
    }
}

impl Screen {
    fn handle(&mut self, event: &Event) {
        if let Event::Client(ClientEvent::Call(call)) = event {
            self.count(call);
        }
        let log = &mut self.log;
        let was_shown = emit(|| log.log(event));
        if self.mode != OutputMode::Silent {
            self.show(event, was_shown);
        }
    }

    fn count(&mut self, call: &crate::client::CallEvent) {
        let milliseconds = u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX);
        let count = self.calls.entry(call.op).or_default();
        count.attempts += 1;
        count.failed += u64::from(call.failure.is_some());
        count.repeated += u64::from(call.retry_in.is_some());
        count.milliseconds += milliseconds;
        count.slowest_milliseconds = count.slowest_milliseconds.max(milliseconds);
    }

    /// Shows an event. `was_shown`: standard error has shown it as a log line.
    fn show(&mut self, event: &Event, was_shown: bool) {
        match event {
            Event::Client(event) => self.show_client(event),
            Event::Lookup(Lookup::Started(0)) | Event::Items(0) | Event::Revoking(0) => {}
            Event::Lookup(Lookup::Started(count)) => {
                self.begin(*count as u64, &t!("looking up accounts"));
            }
            Event::Lookup(Lookup::Done) => self.advance(LOOKED_UP),
            Event::Resource {
                address,
                symbol,
                failure,
            } => match failure {
                _ if was_shown => {}
                Some(failure) => self.failed(&address.to_string(), failure),
                None if *symbol != '=' => {
                    self.line(Level::INFO, &format!("{GREEN}{symbol}{RESET} {address}"));
                }
                None => {}
            },
            Event::Revoking(count) => self.begin(*count, &t!("revoking")),
            Event::Items(count) => self.begin(*count, &t!("sending")),
            Event::Following(synced) => self.follow(synced, was_shown),
            Event::Item {
                address,
                row,
                outcome: ended,
            } => {
                let location = || match row {
                    Some(row) => t!("%{key} (row %{row})", key = address, row = row).into_owned(),
                    None => address.to_string(),
                };
                let outcome = match ended {
                    ItemOutcome::Sent | ItemOutcome::Done(_) | ItemOutcome::EndedEarly(..) => DONE,
                    ItemOutcome::Failed(_) => FAILED,
                    ItemOutcome::InDoubt(_) => IN_DOUBT,
                    ItemOutcome::Unsettled(_) | ItemOutcome::Interrupted => INTERRUPTED,
                };
                let failure = match ended {
                    _ if was_shown => None,
                    ItemOutcome::EndedEarly(_, failure) => Some((Status::Revoked, failure)),
                    ItemOutcome::Failed(failure) => Some((Status::Failed, failure)),
                    ItemOutcome::InDoubt(failure) => Some((Status::InDoubt, failure)),
                    ItemOutcome::Unsettled(failure) => Some((Status::Interrupted, failure)),
                    ItemOutcome::Sent | ItemOutcome::Done(_) | ItemOutcome::Interrupted => None,
                };
                if let Some((status, failure)) = failure {
                    self.item_failed(status, &location(), failure);
                }
                self.advance(outcome);
            }
            Event::Stopping(_) if was_shown => {}
            Event::Stopping(why) => {
                let label = t!("stopping");
                self.line(Level::WARN, &format!("{YELLOW}{label}{RESET}: {why}"));
            }
        }
    }

    /// Shows a delay of the client, unless standard error shows its log lines.
    fn show_client(&self, event: &ClientEvent) {
        if is_shown(Level::WARN) {
            return;
        }
        let text = match event {
            ClientEvent::Call(call) => {
                let pause = call.retry_in.filter(|pause| *pause >= SHOWN_DELAY);
                let (Some(failure), Some(pause)) = (&call.failure, pause) else {
                    return;
                };
                t!(
                    "retrying %{operation} in %{seconds} s: %{failure}",
                    operation = call.op,
                    seconds = pause.as_secs(),
                    failure = failure
                )
                .into_owned()
            }
            ClientEvent::Paused { why, pause } => {
                let text = t!(
                    "%{why}; retrying in %{seconds} s",
                    why = why,
                    seconds = format!("{:.1}", pause.as_secs_f64())
                );
                format!("{YELLOW}{}{RESET}: {text}", t!("paused"))
            }
            ClientEvent::Resumed { after } => {
                let text = t!(
                    "the endpoint responded again after %{seconds} s",
                    seconds = format!("{:.0}", after.as_secs_f64())
                );
                format!("{GREEN}{}{RESET}: {text}", t!("resumed"))
            }
            ClientEvent::Held { op, until } => {
                let until = time::local(*until).strftime("%H:%M:%S");
                t!(
                    "held %{operation}: the service asked to wait until %{time}",
                    operation = op,
                    time = until
                )
                .into_owned()
            }
            ClientEvent::Throttled(throttle) => throttle_text(throttle),
        };
        self.line(Level::WARN, &text);
    }

    /// Shows how many of the sent items have ended.
    fn follow(&mut self, synced: &SyncStats, was_shown: bool) {
        let ended = synced.archived + synced.signed + synced.ended();
        let all = ended + synced.waiting + synced.failed + synced.in_doubt + synced.interrupted;
        if !self.following {
            self.begin(all, &t!("waiting"));
            self.following = true;
        }
        let all = all.max(self.total);
        let trouble = [
            (synced.ended(), t_key!("ended early")),
            (synced.failed, FAILED),
            (synced.in_doubt, IN_DOUBT),
        ];
        let trouble = trouble_text(trouble);
        if let Some(bar) = &self.bar {
            bar.set_position(ended);
            set_message(bar, RED, &trouble);
        } else if !was_shown && ended != self.followed && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.followed = ended;
            let trouble = in_parentheses(&trouble);
            let text = t!("%{ended}/%{all} ended", ended = ended, all = all);
            self.line(Level::INFO, &format!("{text}{trouble}"));
        }
    }

    /// Shows the first failure of a cause; the others are counted.
    fn item_failed(&mut self, status: Status, location: &str, failure: &Failure) {
        let known = self.causes.distinct();
        let named = ("", location, None);
        self.causes.add(named, status, Some(failure));
        let (causes, _) = self.causes.distinct();
        if self.causes.distinct() == known {
            return;
        }
        if causes <= SHOWN_CAUSES {
            self.failed(location, failure);
        }
        if causes == SHOWN_CAUSES {
            self.line(Level::INFO, &t!("the report contains all further failures"));
        }
    }

    /// Shows how often each cause occurred, if it occurred more than once.
    fn show_causes(&mut self) {
        let causes = std::mem::take(&mut self.causes);
        let (frequent, _) = causes.most_frequent(SHOWN_CAUSES);
        for cause in frequent.iter().filter(|cause| cause.count > 1) {
            let text = t!(
                "%{count} times: %{message}",
                count = cause.count,
                message = cause.message
            );
            self.line(Level::WARN, &format!("{RED}!{RESET} {text}"));
        }
    }

    /// Shows a failure. In [`OutputMode::Lines`], the hint is on the same line.
    fn failed(&self, location: &str, failure: &Failure) {
        let Failure { message, hint, .. } = failure;
        let text = format!("{RED}!{RESET} {location}: {message}");
        match self.mode {
            _ if hint.is_empty() => self.line(Level::WARN, &text),
            OutputMode::Lines => self.line(Level::WARN, &format!("{text}; {}: {hint}", t!("help"))),
            OutputMode::Bar | OutputMode::Silent => {
                self.line(Level::WARN, &text);
                self.line(Level::WARN, &format!("  {}: {hint}", t!("help")));
            }
        }
    }

    /// Starts a new bar.
    fn begin(&mut self, total: u64, prefix: &str) {
        self.following = false;
        self.remove_bar();
        self.total = total;
        self.outcomes.clear();
        self.began = Instant::now();
        self.last_line = Instant::now();
        if self.mode == OutputMode::Bar {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let form = "{prefix} {wide_bar:.green/dim} {human_pos}/{human_len}  {rate}{left}{msg}";
            if let Ok(style) = ProgressStyle::with_template(form) {
                let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // The next update draws the rate again.
                    let _ = write!(out, "{:.1}/s", state.per_sec());
                };
                // The time is unknown before the first result.
                let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    if state.pos() > 0 {
                        let time = duration(whole_seconds(state.eta().as_secs_f64()));
                        let _ = write!(out, "  {}", t!("%{time} left", time = time));
                    }
                };
                let style = style.with_key("rate", rate).with_key("left", left);
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.set_prefix(prefix.to_owned());
            out::set_bar(Some(bar.clone()));
            self.bar = Some(bar);
        }
    }

    fn remove_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            out::set_bar(None);
            bar.finish_and_clear();
        }
    }

    /// Counts an outcome and updates the bar, or prints a line of progress.
    fn advance(&mut self, outcome: &'static str) {
        // Without a total there is no progress to show; polling shows its own.
        if self.following || self.total == 0 {
            return;
        }
        *self.outcomes.entry(outcome).or_default() += 1;
        let position: u64 = self.outcomes.values().sum();
        let counted = |outcome| (self.outcomes.get(outcome).copied().unwrap_or(0), outcome);
        let trouble = trouble_text([counted(FAILED), counted(IN_DOUBT)]);
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            set_message(bar, RED, &trouble);
        } else if self.last_line.elapsed() >= LINE_EVERY
            || (position == self.total && outcome != LOOKED_UP)
        {
            self.last_line = Instant::now();
            let elapsed = self.began.elapsed().as_secs_f64().max(0.001);
            // Counts of items are far below 2^52.
            #[allow(clippy::cast_precision_loss)]
            let (rate, left) = (
                position as f64 / elapsed,
                (self.total - position.min(self.total)) as f64,
            );
            let remaining = if position == self.total {
                String::new()
            } else {
                let time = duration(whole_seconds(left / rate));
                t!(", %{time} left", time = time).into_owned()
            };
            let trouble = in_parentheses(&trouble);
            let text = format!("{position}/{}{trouble}, {rate:.0}/s{remaining}", self.total);
            self.line(Level::INFO, &text);
        }
    }

    fn line(&self, level: Level, text: &str) {
        match self.mode {
            OutputMode::Lines => out::note(stamped(level, text)),
            OutputMode::Bar | OutputMode::Silent => out::note(text),
        }
    }
}

/// Describes the limits of a throttled client.
fn throttle_text(throttle: &Throttle) -> String {
    match throttle.rate {
        Some(rate) => t!("throttled: %{rate} calls/s", rate = format!("{rate:.1}")),
        None => t!(
            "throttled: %{count} calls in flight",
            count = throttle.in_flight
        ),
    }
    .into_owned()
}

/// Lists the numbers of items in trouble that are not zero. The outcomes are keys of texts.
fn trouble_text<'a>(counts: impl IntoIterator<Item = (u64, &'a str)>) -> String {
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts = counts.map(|(count, outcome)| {
        let status = t!(outcome);
        t!("%{count} %{status}", count = count, status = status).into_owned()
    });
    counts.collect::<Vec<_>>().join(&t!(", "))
}

/// Returns a text in parentheses, with a blank before them; nothing for an empty text.
fn in_parentheses(text: &str) -> String {
    match text {
        "" => String::new(),
        text => t!(" (%{text})", text = text).into_owned(),
    }
}
