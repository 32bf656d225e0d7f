//! `treaty listen`: callbacks are received, written down and answered, and the flows that they tell of asked for.
//!
//! Receiving has threads of its own: asking for flows reads the ledger and waits for the service, and nobody who calls
//! waits for that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tracing::{Level, Span};

use super::apply::holder;
use super::args::{Global, Listen as Args, LogFormat};
use super::exit::{CliError, Exit, of_fatal};
use super::interrupt::interrupt;
use super::output::logging::emit;
use super::output::{escaped, stamped};
use super::progress::Progress;
use super::state::Place;
use super::{endpoint, follow, out};
use crate::address::FlowId;
use crate::api::callback::Verifier;
use crate::client::Credentials;
use crate::execute::{Stop, SyncStats};
use crate::ledger::{Binding, Inbox, LedgerError};
use crate::manifest::Settings;
use crate::webhook::{
    CallbackLog, Confirmer, ConfirmerEvent, Connection, Metrics, Outcome, Receiver, RetrySchedule,
    serve,
};

/// While the ledger is held, an endpoint that is down is waited for no longer: others may want it.
const OUTAGE: Duration = Duration::from_secs(3);
/// Refusals of one kind are told so often: whoever sends many may want to fill a disk.
const TOLD: Duration = Duration::from_secs(10);
/// Another run that is just making the ledger is waited for so long.
const MAKING: Duration = Duration::from_secs(5);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let place = Place::of(global, None)?;
    let (settings, root, binding) = (&place.project.settings, &place.project.root, &place.binding);
    // The emulator inside treaty needs none.
    let Some(credentials) = place.credentials.clone() else {
        return Err(no_callbacks().into());
    };
    let inbox = open(settings, binding)?;
    let (metrics, news) = <(Arc<Metrics>, Arc<Notify>)>::default();
    let receiver = Receiver::new(
        verifier(args, &credentials),
        inbox.clone(),
        metrics.clone(),
        news.clone(),
        hearer(global),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let bound = runtime.block_on(TcpListener::bind(args.addr));
    let listener = bound.with_context(|| format!("{} cannot be listened on", args.addr))?;
    let base = format!("http://{}", listener.local_addr()?);
    let (ask, stop) = watch::channel(Stop::No);
    let transport = endpoint::transport(root, settings)?;
    let hasty = hasty(settings);
    let confirmer = Confirmer {
        inbox,
        ledger: &settings.ledger,
        binding,
        holder: holder(),
        root,
        concurrency: settings.limits.concurrency.get(),
        connect: Box::new(|lease| {
            // What is told of failures begins anew each time: there is no report that holds the rest.
            let listener = Progress::new(global).listener();
            let own = Some(credentials.clone());
            let client = endpoint::client_over(transport.clone(), &hasty, own, lease, &listener);
            Connection { client, listener }
        }),
        on_event: Box::new(|said| say(global, &said)),
        metrics,
        new_callback: news,
        stop,
        retries: RetrySchedule::default(),
    };
    if !global.quiet {
        out::line(format_args!(
            "treaty receives callbacks at {base}{}",
            args.path
        ));
        out::line(format_args!(
            "its health is told at {base}/healthz, its counts at {base}/metrics"
        ));
        out::line("Ctrl-C ends it");
    }
    std::thread::scope(|scope| {
        if !args.no_confirm {
            let (span, show) = (Span::current(), Show::of(global));
            scope.spawn(move || span.in_scope(|| confirm(confirmer, show)));
        }
        runtime.block_on(async {
            let served = serve(listener, receiver.router(&args.path), async {
                interrupt().await;
                // Whoever confirms may have ended.
                let _ = ask.send(Stop::Drain);
            });
            tokio::select! {
                () = served => {}
                // The second time, nothing is waited for.
                () = twice() => std::process::exit(i32::from(Exit::Interrupted.code())),
            }
        });
    });
    Ok(Exit::Done)
}

async fn twice() {
    interrupt().await;
    interrupt().await;
}

fn no_callbacks() -> CliError {
    CliError::new(
        Exit::Usage,
        "the emulator inside treaty sends no callbacks, and has no secret to sign them with",
        "serve it with treaty sandbox --callback http://127.0.0.1:8088/callback, and choose an environment whose endpoint is its address",
    )
}

/// Opens the inbox. Who else begins at the same moment is just making the ledger.
fn open(settings: &Settings, binding: &Binding) -> Result<Inbox, LedgerError> {
    let begun = Instant::now();
    loop {
        match Inbox::open(&settings.ledger, binding) {
            Err(LedgerError::Held(_)) if begun.elapsed() < MAKING => {
                std::thread::sleep(Duration::from_millis(50));
            }
            result => return result,
        }
    }
}

fn verifier(args: &Args, credentials: &Credentials) -> Verifier {
    Verifier {
        app_id: credentials.app_id.clone(),
        app_secret: credentials.app_secret.clone(),
        max_age: SignedDuration::try_from(args.max_age.0).unwrap_or(SignedDuration::MAX),
    }
}

/// The settings of a client that holds the ledger briefly.
fn hasty(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.retries.outage = settings.retries.outage.min(OUTAGE);
    settings
}

/// Confirms on a thread of its own, until it is asked to stop.
fn confirm(confirmer: Confirmer<'_>, show: Show) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(confirmer.run()),
        Err(error) => {
            let text = format!("callbacks are only recorded: {error}");
            show.finding(Level::ERROR, &text, || {
                tracing::error!(event = "polling_failed", "{text}");
            });
        }
    }
}

fn say(global: &Global, said: &ConfirmerEvent<'_>) {
    let show = Show::of(global);
    match said {
        ConfirmerEvent::Polled(synced) if has_visited(synced) => {
            // What is left is taken up again by itself.
            let counts = SyncStats {
                stopped: false,
                ..(*synced).clone()
            };
            let text = follow::told(&counts);
            show.unless_quiet().finding(Level::INFO, &text, || {
                tracing::info!(event = "polled", "{text}");
            });
        }
        ConfirmerEvent::Unavailable(fatal) => {
            let (_, hint) = of_fatal(fatal);
            let text = format!(
                "flows cannot be asked for at the moment; callbacks are received all the same: {fatal}"
            );
            let with_hint = format!("{text}; hint: {hint}");
            show.finding(Level::WARN, &with_hint, || {
                tracing::warn!(event = "polling_failed", hint, "{text}");
            });
        }
        ConfirmerEvent::Available => {
            let text = "flows are asked for again";
            show.unless_quiet().finding(Level::INFO, text, || {
                tracing::info!(event = "polling_resumed", "{text}");
            });
        }
        ConfirmerEvent::Polled(_) => {}
    }
}

/// Where findings are shown beside the logs.
#[derive(Clone, Copy)]
struct Show {
    /// In text, standard error shows a finding with its timestamp and level, whether or not it shows log lines.
    is_text: bool,
    is_quiet: bool,
}

impl Show {
    fn of(global: &Global) -> Self {
        Self {
            is_text: global.log_format == LogFormat::Text,
            is_quiet: global.quiet,
        }
    }

    fn unless_quiet(self) -> Self {
        Self {
            is_text: self.is_text && !self.is_quiet,
            ..self
        }
    }

    /// Logs a finding, and shows it.
    fn finding(self, level: Level, text: &str, log: impl FnOnce()) {
        if !emit(log) && self.is_text {
            out::note(stamped(level, &escaped(text)));
        }
    }
}

fn has_visited(synced: &SyncStats) -> bool {
    let SyncStats {
        finished,
        done,
        waiting,
        ended,
        failed,
        in_doubt,
        cut_off,
        ..
    } = synced;
    finished + done + waiting + ended + failed + in_doubt + cut_off > 0
}

/// Logs callbacks. In text, standard error shows those that were refused, and not all of them: every [`TOLD`] one of a kind.
fn hearer(global: &Global) -> impl Fn(&CallbackLog<'_>) + Send + Sync + 'static {
    let (show, verbose) = (Show::of(global), global.verbose > 0);
    let told: Mutex<BTreeMap<&'static str, (Instant, u64)>> = Mutex::default();
    // The threads that receive have no spans of their own.
    let span = Span::current();
    move |heard| {
        let _entered = span.enter();
        let outcome = heard.outcome.word();
        if heard.outcome.is_accepted() {
            let flow_id = heard.flow.map(FlowId::as_str);
            let of_flow = flow_id.map_or_else(String::new, |flow| format!(" flow {flow}"));
            tracing::info!(
                event = "callback",
                outcome,
                flow_id,
                "callback: {outcome}{of_flow}"
            );
            return;
        }
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = match told.get_mut(outcome) {
            Some((at, untold)) if at.elapsed() < TOLD && !verbose => {
                *untold += 1;
                return;
            }
            Some((_, untold)) => *untold,
            None => 0,
        };
        told.insert(outcome, (Instant::now(), 0));
        let more = match untold {
            0 => String::new(),
            untold => format!(" ({untold} more since the last line)"),
        };
        let show = match heard.outcome {
            Outcome::Failed => show,
            _ => show.unless_quiet(),
        };
        let text = format!("callback refused: {outcome}: {}{more}", heard.why);
        show.finding(Level::WARN, &text, || {
            tracing::warn!(event = "callback", outcome, unreported = untold, "{text}");
        });
    }
}
