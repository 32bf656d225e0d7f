//! `treaty listen`: receives, records and acknowledges callbacks, and polls the flows that they
//! name.
//!
//! Polling reads the ledger and waits for the service. It runs on a separate thread, so that it
//! does not delay the responses to callbacks.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tracing::{Level, Span};

use crate::address::FlowId;
use crate::api::callback::Verifier;
use crate::cli::args::{Global, Listen as Args, LogFormat};
use crate::cli::context::endpoint;
use crate::cli::context::follow;
use crate::cli::context::interrupt::{Interrupts, interrupt};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::ledger::{hold_options, holder};
use crate::cli::context::location::ledger_location;
use crate::cli::exit::{CliError, Exit, classify_fatal};
use crate::cli::output::logging::emit;
use crate::cli::output::out;
use crate::cli::output::progress::Progress;
use crate::cli::output::stamped;
use crate::cli::process;
use crate::client::Credentials;
use crate::execute::{Stop, SyncStats};
use crate::ledger::{Inbox, LedgerError, VersionPolicy};
use crate::manifest::Settings;
use crate::webhook::{
    CallbackLog, CallbackOutcome, Confirmer, ConfirmerEvent, Connection, Metrics, Receiver,
    RetrySchedule, ServerLimits, serve,
};

/// The maximum `retries.outage` while the listener holds the lease, so that other runs can acquire
/// it.
const MAX_OUTAGE: Duration = Duration::from_secs(3);

/// The minimum interval between two lines about refused callbacks of one kind. It limits the growth
/// of logs under an attack.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(10);

/// The time to wait for another process that is creating the ledger.
const CREATION_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let context = LedgerContext::load(global, None)?;
    let (settings, root, binding) = (
        &context.project.settings,
        &context.project.root,
        &context.binding,
    );
    // Only the sandbox in this process has no credentials.
    let Some(credentials) = context.credentials.clone() else {
        return Err(no_callbacks().into());
    };
    let inbox = open(&context)?;
    let (metrics, news) = <(Arc<Metrics>, Arc<Notify>)>::default();
    let receiver = Receiver::new(
        verifier(args, &credentials),
        inbox.clone(),
        metrics.clone(),
        news.clone(),
        callback_logger(global),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let bound = runtime.block_on(TcpListener::bind(args.addr));
    let listener = bound.with_context(|| t!("cannot listen on %{address}", address = args.addr))?;
    let base = format!("http://{}", listener.local_addr()?);
    let (requests, stop) = watch::channel(Stop::No);
    let transport = endpoint::transport(root, settings)?;
    let settings_with_short_outage = with_short_outage(settings);
    let confirmer = Confirmer {
        inbox,
        ledger: ledger_location(&settings.ledger, &context.session.environ)?,
        binding,
        holder: holder(),
        options: Box::new(|| hold_options(&context.project, VersionPolicy::Refuse)),
        root,
        concurrency: settings.limits.concurrency.get(),
        connect: Box::new(|lease| {
            // Each poll shows its first failures again, since there is no report with the others.
            let listener = Progress::new(global).listener();
            let own = Some(credentials.clone());
            let client = endpoint::client_with_transport(
                transport.clone(),
                &settings_with_short_outage,
                own,
                lease,
                &listener,
            );
            Connection { client, listener }
        }),
        on_event: Box::new(|event| show_event(global, &event)),
        metrics,
        new_callback: news,
        stop,
        retries: RetrySchedule::default(),
    };
    if !global.quiet {
        out::line(t!(
            "treaty receives callbacks at %{url}",
            url = format!("{base}{}", args.path)
        ));
        out::line(t!(
            "health at %{base}/healthz, metrics at %{base}/metrics",
            base = base
        ));
        out::line(t!("stop with Ctrl-C"));
    }
    std::thread::scope(|scope| {
        if !args.no_confirm {
            let (span, show) = (Span::current(), Show::of(global));
            scope.spawn(move || span.in_scope(|| confirm(confirmer, show)));
        }
        runtime.block_on(async {
            let served = serve(listener, receiver.router(&args.path), limits(args), async {
                interrupt().await;
                // The polling thread may have ended.
                let _ = requests.send(Stop::Drain);
            });
            tokio::select! {
                () = served => {}
                // The second interrupt does not wait for polling.
                () = second_interrupt() => std::process::exit(i32::from(Exit::Interrupted.code())),
            }
        });
    });
    Ok(Exit::Done)
}

/// The limits of the server. The client's connections need open files, too.
fn limits(args: &Args) -> ServerLimits {
    let defaults = ServerLimits::default();
    let possible = process::max_connections().map_or(usize::MAX, NonZeroUsize::get);
    ServerLimits {
        connections: defaults.connections.min(possible),
        per_address: args.connections_per_address.get(),
        ..defaults
    }
}

async fn second_interrupt() {
    let mut interrupts = Interrupts::install();
    interrupts.next().await;
    interrupts.next().await;
}

fn no_callbacks() -> CliError {
    CliError::new(
        Exit::Usage,
        t!("the built-in sandbox sends no callbacks"),
        t!(
            "run treaty sandbox --callback http://127.0.0.1:8088/callback, and use an environment whose endpoint is its address"
        ),
    )
}

/// Opens the inbox. Retries for [`CREATION_TIMEOUT`] while another process creates the ledger.
fn open(context: &LedgerContext) -> Result<Inbox, LedgerError> {
    let started = Instant::now();
    let options = hold_options(&context.project, VersionPolicy::Refuse);
    let location = ledger_location(&context.project.settings.ledger, &context.session.environ)?;
    loop {
        match Inbox::open(&location, &context.binding, &options) {
            Err(LedgerError::Held(_)) if started.elapsed() < CREATION_TIMEOUT => {
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

/// The settings with a short `retries.outage`, for a client that holds the lease.
fn with_short_outage(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.retries.outage = settings.retries.outage.min(MAX_OUTAGE);
    settings
}

/// Polls flows until the confirmer is asked to stop.
fn confirm(confirmer: Confirmer<'_>, show: Show) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(confirmer.run()),
        Err(error) => {
            let text = t!(
                "callbacks are recorded but flows are not polled: %{error}",
                error = error
            );
            show.finding(Level::ERROR, &text, || {
                tracing::error!(event = "polling_failed", "{text}");
            });
        }
    }
}

/// Shows an event of the polling thread.
fn show_event(global: &Global, event: &ConfirmerEvent<'_>) {
    let show = Show::of(global);
    match event {
        ConfirmerEvent::Polled(synced) if synced.has_polled() => {
            // The next poll continues with the rest.
            let counts = SyncStats {
                stopped: false,
                ..(*synced).clone()
            };
            let text = follow::summary(&counts);
            show.unless_quiet().finding(Level::INFO, &text, || {
                tracing::info!(event = "polled", "{text}");
            });
        }
        ConfirmerEvent::Unavailable(fatal) => {
            let (_, hint) = classify_fatal(fatal);
            let text = t!(
                "flows cannot be polled, callbacks are still received: %{error}",
                error = fatal
            );
            let with_hint = t!("%{text}; help: %{hint}", text = text, hint = hint);
            show.finding(Level::WARN, &with_hint, || {
                tracing::warn!(event = "polling_failed", hint, "{text}");
            });
        }
        ConfirmerEvent::Available => {
            let text = t!("flows are polled again");
            show.unless_quiet().finding(Level::INFO, &text, || {
                tracing::info!(event = "polling_resumed", "{text}");
            });
        }
        ConfirmerEvent::Polled(_) => {}
    }
}

/// How findings are shown on standard error, besides the logs.
#[derive(Clone, Copy)]
struct Show {
    /// Findings are shown even if standard error shows no log lines.
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

    /// Logs a finding and shows it.
    fn finding(self, level: Level, text: &str, log: impl FnOnce()) {
        if !emit(log) && self.is_text {
            out::note(stamped(level, text));
        }
    }
}

/// Returns a function that logs callbacks. In text format, it shows refused callbacks on standard
/// error, at most one of a kind in [`REFUSAL_INTERVAL`].
fn callback_logger(global: &Global) -> impl Fn(&CallbackLog<'_>) + Send + Sync + 'static {
    let (show, verbose) = (Show::of(global), global.verbose > 0);
    let shown: Mutex<BTreeMap<&'static str, (Instant, u64)>> = Mutex::default();
    // The receiving threads have no span.
    let span = Span::current();
    move |callback| {
        let _entered = span.enter();
        let outcome = callback.outcome.word();
        if callback.outcome.is_accepted() {
            let flow_id = callback.flow.map(FlowId::as_str);
            let of_flow = flow_id.map_or_else(String::new, |flow| format!(" flow {flow}"));
            tracing::info!(
                event = "callback",
                outcome,
                flow_id,
                "callback: {outcome}{of_flow}"
            );
            return;
        }
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        let suppressed = match shown.get_mut(outcome) {
            Some((at, suppressed)) if at.elapsed() < REFUSAL_INTERVAL && !verbose => {
                *suppressed += 1;
                return;
            }
            Some((_, suppressed)) => *suppressed,
            None => 0,
        };
        shown.insert(outcome, (Instant::now(), 0));
        let more = match suppressed {
            0 => String::new(),
            suppressed => {
                t!(" (%{count} more since the last line)", count = suppressed).into_owned()
            }
        };
        let show = match callback.outcome {
            CallbackOutcome::Failed => show,
            _ => show.unless_quiet(),
        };
        let text = t!(
            "callback refused: %{outcome}: %{why}%{more}",
            outcome = outcome,
            why = callback.why,
            more = more
        );
        show.finding(Level::WARN, &text, || {
            tracing::warn!(
                event = "callback",
                outcome,
                unreported = suppressed,
                "{text}"
            );
        });
    }
}
