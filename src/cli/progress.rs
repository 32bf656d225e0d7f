//! Shows the events of a run: a bar on a terminal, lines elsewhere. Hands each event to the log first, and writes no line
//! of its own for an event that standard error has shown as a log line.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tracing::Level;

use super::args::{Global, LogFormat};
use super::out;
use super::output::event_log::EventLog;
use super::output::logging::{CONSOLE, emit, is_shown};
use super::output::{escaped, stamped};
use crate::address::Address;
use crate::api::operation::Op;
use crate::client::{ClientEvent, Throttle};
use crate::execute::{Event, ItemOutcome, Listener, SyncStats};
use crate::ledger::Failure;
use crate::plan::Lookup;
use crate::report::CallCount;

/// Where no bar can be drawn, so much time passes between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A pause that is this long is told: nothing else moves on the screen meanwhile.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// How a question ends.
const ASKED: &str = "asked";

/// Reads events.
pub(super) struct Progress(Arc<Mutex<Screen>>);

struct Screen {
    voice: OutputMode,
    log: EventLog,
    bar: Option<ProgressBar>,
    total: u64,
    ended: BTreeMap<&'static str, u64>,
    began: Instant,
    last_line: Instant,
    calls: BTreeMap<Op, CallCount>,
    failures: usize,
    /// Whether items are followed until they have their end, and how many had it when that was told last.
    following: bool,
    followed: u64,
}

/// So many failed items are told one by one; all are in the report.
const FAILURES_TOLD: usize = 20;

/// How it is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OutputMode {
    Bar,
    /// Where standard error is no terminal: each line has a timestamp and a level.
    Lines,
    /// With `--quiet`, and in JSON, where each event is a log line.
    Silent,
}

impl Progress {
    pub(super) fn new(global: &Global) -> Self {
        let voice = match global.log_format {
            LogFormat::Json => OutputMode::Silent,
            LogFormat::Text if global.quiet => OutputMode::Silent,
            LogFormat::Text if std::io::stderr().is_terminal() => OutputMode::Bar,
            LogFormat::Text => OutputMode::Lines,
        };
        Self(Arc::new(Mutex::new(Screen {
            voice,
            log: EventLog::default(),
            bar: None,
            total: 0,
            ended: BTreeMap::new(),
            began: Instant::now(),
            last_line: Instant::now(),
            calls: BTreeMap::new(),
            failures: 0,
            following: false,
            followed: 0,
        })))
    }

    /// What hears of everything.
    pub(super) fn listener(&self) -> Listener {
        let screen = self.0.clone();
        Arc::new(move |event| {
            screen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .hear(&event);
        })
    }

    /// Logs a note, and shows it between the lines of progress.
    pub(super) fn tell(&self, text: &str) {
        let screen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::info!(target: CONSOLE, event = "note", "{text}");
        if screen.voice != OutputMode::Silent {
            screen.line(Level::INFO, text);
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        let mut screen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        screen.remove_bar();
    }

    /// The calls so far, by operation.
    pub(super) fn calls(&self) -> BTreeMap<Op, CallCount> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls
            .clone()
    }
}

impl Screen {
    fn hear(&mut self, event: &Event) {
        if let Event::Client(ClientEvent::Call(call)) = event {
            self.count(call);
        }
        let log = &mut self.log;
        let was_shown = emit(|| log.log(event));
        if self.voice != OutputMode::Silent {
            self.text(event, was_shown);
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

    /// Shows an event; `was_shown`: it is on standard error already, as a log line.
    fn text(&mut self, event: &Event, was_shown: bool) {
        match event {
            Event::Client(event) => self.client(event),
            Event::Lookup(Lookup::Started(0)) | Event::Items(0) | Event::Revoking(0) => {}
            Event::Lookup(Lookup::Started(count)) => self.begin(*count as u64, "asking"),
            Event::Lookup(Lookup::Done) => self.advance(ASKED),
            Event::Resource {
                address,
                symbol,
                failure,
            } => match failure {
                _ if was_shown => {}
                Some(failure) => self.failed(&address.to_string(), failure),
                None if *symbol != '=' => {
                    self.line(
                        Level::INFO,
                        &format!("\u{1b}[32m{symbol}\u{1b}[0m {}", shown(address)),
                    );
                }
                None => {}
            },
            Event::Revoking(count) => self.begin(*count, "revoking"),
            Event::Items(count) => self.begin(*count, "sending"),
            Event::Following(synced) => self.follow(synced, was_shown),
            Event::Item {
                address,
                row,
                outcome: ended,
            } => {
                let place = || match row {
                    Some(row) => format!("{address} (row {row})"),
                    None => address.to_string(),
                };
                let outcome = match ended {
                    ItemOutcome::Done(_) | ItemOutcome::EndedEarly(..) => "done",
                    ItemOutcome::Failed(_) => "failed",
                    ItemOutcome::InDoubt(_) => "in doubt",
                    ItemOutcome::Interrupted => "open",
                };
                match ended {
                    _ if was_shown => {}
                    ItemOutcome::EndedEarly(_, failure)
                    | ItemOutcome::Failed(failure)
                    | ItemOutcome::InDoubt(failure) => {
                        self.item_failed(&place(), failure);
                    }
                    ItemOutcome::Done(_) | ItemOutcome::Interrupted => {}
                }
                self.advance(outcome);
            }
            Event::Stopping(_) if was_shown => {}
            Event::Stopping(why) => {
                let text = format!("\u{1b}[33mstopping\u{1b}[0m: {}", escaped(why));
                self.line(Level::WARN, &text);
            }
        }
    }

    /// Shows what the client waits for, unless its own log lines are shown.
    fn client(&self, event: &ClientEvent) {
        if is_shown(Level::WARN) {
            return;
        }
        let text = match event {
            ClientEvent::Call(call) => {
                let pause = call.retry_in.filter(|pause| *pause >= WORTH_TELLING);
                let (Some(failure), Some(pause)) = (&call.failure, pause) else {
                    return;
                };
                let failure = escaped(&failure.to_string());
                format!("waiting {} s: {}: {failure}", pause.as_secs(), call.op)
            }
            ClientEvent::Paused { why, pause } => {
                let (why, seconds) = (escaped(why), pause.as_secs_f64());
                format!("\u{1b}[33mpaused\u{1b}[0m: {why}; trying again in {seconds:.1} s")
            }
            ClientEvent::Resumed { after } => {
                let seconds = after.as_secs_f64();
                format!(
                    "\u{1b}[32mgoing on\u{1b}[0m: the endpoint answers again after {seconds:.0} s"
                )
            }
            ClientEvent::Throttled(throttle) => format!("slowing down: {}", slower(throttle)),
        };
        self.line(Level::WARN, &text);
    }

    /// Shows how many of those that are followed have their end.
    fn follow(&mut self, synced: &SyncStats, was_shown: bool) {
        let over = synced.finished + synced.done + synced.ended;
        let all = over + synced.waiting + synced.failed + synced.in_doubt + synced.cut_off;
        if !self.following {
            self.begin(all, "waiting");
            self.following = true;
        }
        let all = all.max(self.total);
        let trouble = [
            (synced.ended, "ended early"),
            (synced.failed, "failed"),
            (synced.in_doubt, "in doubt"),
        ];
        let trouble = trouble.iter().filter(|(count, _)| *count > 0);
        let trouble: Vec<String> = trouble
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let trouble = trouble.join(", ");
        if let Some(bar) = &self.bar {
            bar.set_position(over);
            bar.set_message(match trouble.as_str() {
                "" => trouble,
                _ => format!("  \u{1b}[31m{trouble}\u{1b}[0m"),
            });
        } else if !was_shown && over != self.followed && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.followed = over;
            let trouble = match trouble.as_str() {
                "" => trouble,
                _ => format!(" ({trouble})"),
            };
            self.line(
                Level::INFO,
                &format!("{over}/{all} have their end{trouble}"),
            );
        }
    }

    /// Shows why an item failed, for the first failures only.
    fn item_failed(&mut self, place: &str, failure: &Failure) {
        self.failures += 1;
        if self.failures <= FAILURES_TOLD {
            self.failed(place, failure);
        }
        if self.failures == FAILURES_TOLD {
            self.line(Level::INFO, "further failures are in the report");
        }
    }

    /// Shows why something failed. Where lines are stamped, the hint is on the same line.
    fn failed(&self, place: &str, failure: &Failure) {
        let (place, message) = (escaped(place), escaped(&failure.message));
        let before_hint = match self.voice {
            OutputMode::Lines => "; hint: ",
            OutputMode::Bar | OutputMode::Silent => "\n  hint: ",
        };
        let hint = match escaped(&failure.hint) {
            hint if hint.is_empty() => hint,
            hint => format!("{before_hint}{hint}"),
        };
        let text = format!("\u{1b}[31m!\u{1b}[0m {place}: {message}{hint}");
        self.line(Level::WARN, &text);
    }

    fn begin(&mut self, total: u64, what: &'static str) {
        self.following = false;
        self.remove_bar();
        self.total = total;
        self.ended.clear();
        self.began = Instant::now();
        self.last_line = Instant::now();
        if self.voice == OutputMode::Bar {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let form =
                "{prefix} {wide_bar:.green/dim} {human_pos}/{human_len}  {rate}  {eta} left{msg}";
            if let Ok(style) = ProgressStyle::with_template(form) {
                let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // What cannot be drawn is drawn the next time.
                    let _ = write!(out, "{:.1}/s", state.per_sec());
                };
                bar.set_style(style.with_key("rate", rate).progress_chars("━╸─"));
            }
            bar.set_prefix(what);
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

    fn advance(&mut self, how: &'static str) {
        // What nobody has counted beforehand is told by whoever does it.
        if self.following || self.total == 0 {
            return;
        }
        *self.ended.entry(how).or_default() += 1;
        let position: u64 = self.ended.values().sum();
        let trouble: Vec<String> = ["failed", "in doubt"]
            .into_iter()
            .filter_map(|how| Some(format!("{} {how}", self.ended.get(how)?)))
            .collect();
        let trouble = trouble.join(", ");
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(if trouble.is_empty() {
                trouble
            } else {
                format!("  \u{1b}[31m{trouble}\u{1b}[0m")
            });
        } else if self.last_line.elapsed() >= LINE_EVERY || (position == self.total && how != ASKED)
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
                format!(", {} left", super::show::duration(left / rate))
            };
            let trouble = if trouble.is_empty() {
                trouble
            } else {
                format!(" ({trouble})")
            };
            let text = format!("{position}/{}{trouble}, {rate:.0}/s{remaining}", self.total);
            self.line(Level::INFO, &text);
        }
    }

    fn line(&self, level: Level, text: &str) {
        match self.voice {
            OutputMode::Lines => out::note(stamped(level, text)),
            OutputMode::Bar | OutputMode::Silent => out::note(text),
        }
    }
}

/// The limits of a client that is slowed down, in words.
fn slower(throttle: &Throttle) -> String {
    let limit = match throttle.rate {
        Some(rate) => format!("{rate:.1} calls/s"),
        None => format!("{} calls in flight", throttle.in_flight),
    };
    match throttle.pause {
        Some(pause) => format!("{limit}, after a pause of {} s", pause.as_secs()),
        None => limit,
    }
}

/// An address as it can be shown on a terminal.
fn shown(address: &Address) -> String {
    escaped(&address.to_string())
}
