//! What happens, on the screen: a bar on a terminal, lines elsewhere, or one JSON object each. A reader of events.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::args::{Global, LogFormat};
use super::out;
use crate::api::operation::Op;
use crate::apply::{Ended, Event, Listener, Synced};
use crate::client::{ClientEvent, Throttle};
use crate::ledger::Failure;
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
    voice: Voice,
    verbose: bool,
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
enum Voice {
    Bar,
    Lines,
    Json,
    Silent,
}

impl Progress {
    pub(super) fn new(global: &Global) -> Self {
        let voice = match global.log_format {
            LogFormat::Json => Voice::Json,
            LogFormat::Text if global.quiet => Voice::Silent,
            LogFormat::Text if std::io::stderr().is_terminal() => Voice::Bar,
            LogFormat::Text => Voice::Lines,
        };
        Self(Arc::new(Mutex::new(Screen {
            voice,
            verbose: global.verbose > 0,
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

    /// Says something between the lines of progress.
    pub(super) fn tell(&self, text: &str) {
        let screen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match screen.voice {
            Voice::Silent => {}
            Voice::Json => out::note(serde_json::json!({ "event": "note", "message": text })),
            Voice::Bar | Voice::Lines => screen.line(text),
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn finish(&self) {
        if let Some(bar) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .bar
            .take()
        {
            bar.finish_and_clear();
        }
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
        match self.voice {
            Voice::Json => self.json(event),
            Voice::Silent => {}
            Voice::Bar | Voice::Lines => self.text(event),
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

    fn text(&mut self, event: &Event) {
        match event {
            Event::Client(ClientEvent::Call(call)) => {
                if let (Some(failure), Some(pause)) = (
                    &call.failure,
                    call.retry_in.filter(|pause| *pause >= WORTH_TELLING),
                ) {
                    self.line(&format!(
                        "waiting {} s: {}: {failure}",
                        pause.as_secs(),
                        call.op
                    ));
                }
                if self.verbose {
                    let outcome = match (&call.failure, call.retry_in.is_some()) {
                        (None, _) => String::new(),
                        (Some(failure), false) => format!("  {failure}"),
                        (Some(failure), true) => format!("  {failure}; again"),
                    };
                    self.line(&format!(
                        "  {} ms  {}{outcome}",
                        call.took.as_millis(),
                        call.op
                    ));
                }
            }
            Event::Client(ClientEvent::Paused { why, pause }) => {
                let seconds = pause.as_secs_f64();
                self.line(&format!(
                    "\u{1b}[33mpaused\u{1b}[0m: {why}; trying again in {seconds:.1} s"
                ));
            }
            Event::Client(ClientEvent::Resumed { after }) => {
                self.line(&format!(
                    "\u{1b}[32mgoing on\u{1b}[0m: the endpoint answers again after {:.0} s",
                    after.as_secs_f64()
                ));
            }
            Event::Client(ClientEvent::Throttled(throttle)) => {
                self.line(&format!("slowing down: {}", slower(throttle)));
            }
            Event::Asking(0) | Event::Items(0) | Event::Revoking(0) => {}
            Event::Asking(count) => self.begin(*count as u64, "asking"),
            Event::Asked => self.advance(ASKED),
            Event::Standing {
                address,
                symbol,
                failure,
            } => match failure {
                Some(failure) => self.line(&failed(&address.to_string(), failure)),
                None if *symbol != '=' => {
                    self.line(&format!("\u{1b}[32m{symbol}\u{1b}[0m {address}"));
                }
                None => {}
            },
            Event::Revoking(count) => self.begin(*count, "revoking"),
            Event::Items(count) => self.begin(*count, "sending"),
            Event::Following(synced) => self.follow(synced),
            Event::Item {
                address,
                row,
                ended,
            } => {
                let place = match row {
                    Some(row) => format!("{address} (row {row})"),
                    None => address.to_string(),
                };
                match ended {
                    Ended::Done(_) => self.advance("done"),
                    Ended::Over(_, why) => {
                        self.failure(&place, why);
                        self.advance("done");
                    }
                    Ended::Failed(failure) => {
                        self.failure(&place, failure);
                        self.advance("failed");
                    }
                    Ended::InDoubt(failure) => {
                        self.failure(&place, failure);
                        self.advance("in doubt");
                    }
                    Ended::Open => self.advance("open"),
                }
            }
            Event::Stopping(why) => self.line(&format!("\u{1b}[33mstopping\u{1b}[0m: {why}")),
        }
    }

    /// Shows how many of those that are followed have their end.
    fn follow(&mut self, synced: &Synced) {
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
        } else if over != self.followed && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.followed = over;
            let trouble = match trouble.as_str() {
                "" => trouble,
                _ => format!(" ({trouble})"),
            };
            self.line(&format!("{over}/{all} have their end{trouble}"));
        }
    }

    fn failure(&mut self, place: &str, failure: &Failure) {
        self.failures += 1;
        match self.failures.cmp(&FAILURES_TOLD) {
            std::cmp::Ordering::Less => self.line(&failed(place, failure)),
            std::cmp::Ordering::Equal => {
                self.line(&failed(place, failure));
                self.line("  further failures are in the report");
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    fn begin(&mut self, total: u64, what: &'static str) {
        self.following = false;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.total = total;
        self.ended.clear();
        self.began = Instant::now();
        self.last_line = Instant::now();
        if self.voice == Voice::Bar {
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
            self.bar = Some(bar);
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
            self.line(&format!(
                "{position}/{}{trouble}, {rate:.0}/s{remaining}",
                self.total
            ));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| out::note(text)),
            None => out::note(text),
        }
    }

    fn json(&self, event: &Event) {
        let value = match event {
            Event::Client(ClientEvent::Call(_)) if !self.verbose => return,
            Event::Client(ClientEvent::Paused { why, pause }) => serde_json::json!({
                "event": "paused", "why": why, "milliseconds": pause.as_millis(),
            }),
            Event::Client(ClientEvent::Resumed { after }) => {
                serde_json::json!({ "event": "back", "milliseconds": after.as_millis() })
            }
            Event::Client(ClientEvent::Throttled(throttle)) => serde_json::json!({
                "event": "throttled", "rate": throttle.rate, "inFlight": throttle.in_flight,
            }),
            Event::Client(ClientEvent::Call(call)) => serde_json::json!({
                "event": "call", "operation": call.op.path(), "milliseconds": call.took.as_millis(),
                "failure": call.failure.as_ref().map(ToString::to_string), "again": call.retry_in.is_some(),
            }),
            Event::Asking(count) => serde_json::json!({ "event": "asking", "count": count }),
            Event::Asked => return,
            Event::Standing {
                address,
                symbol,
                failure,
            } => serde_json::json!({
                "event": "standing", "address": address.to_string(), "action": symbol.to_string(),
                "failure": failure.as_ref().map(failure_json),
            }),
            Event::Revoking(count) => serde_json::json!({ "event": "revoking", "count": count }),
            Event::Items(count) => serde_json::json!({ "event": "items", "count": count }),
            Event::Item {
                address,
                row,
                ended,
            } => {
                let (status, failure) = match ended {
                    Ended::Done(_) => ("done", None),
                    Ended::Over(_, why) => ("ended", Some(failure_json(why))),
                    Ended::Failed(failure) => ("failed", Some(failure_json(failure))),
                    Ended::InDoubt(failure) => ("in_doubt", Some(failure_json(failure))),
                    Ended::Open => ("open", None),
                };
                serde_json::json!({
                    "event": "item", "address": address.to_string(), "row": row, "status": status, "failure": failure,
                })
            }
            Event::Following(synced) => serde_json::json!({
                "event": "following", "finished": synced.finished, "done": synced.done, "waiting": synced.waiting,
                "ended": synced.ended, "failed": synced.failed, "inDoubt": synced.in_doubt,
            }),
            Event::Stopping(why) => serde_json::json!({ "event": "stopping", "why": why }),
        };
        out::note(value);
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

fn failed(what: &str, failure: &Failure) -> String {
    let hint = if failure.hint.is_empty() {
        String::new()
    } else {
        format!("\n  hint: {}", failure.hint)
    };
    format!("\u{1b}[31m!\u{1b}[0m {what}: {}{hint}", failure.message)
}

fn failure_json(failure: &Failure) -> serde_json::Value {
    serde_json::json!({ "code": failure.code, "message": failure.message, "hint": failure.hint })
}
