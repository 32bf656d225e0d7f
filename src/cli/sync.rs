//! `treaty sync`: what was sent is brought up to date, by the ledger alone.

use tokio::sync::watch;

use super::apply::holder;
use super::args::{Global, Sync as Args};
use super::endpoint;
use super::exit::Exit;
use super::interrupt::interruptible;
use super::out;
use super::progress::Progress;
use super::session::{Session, binding, load};
use crate::api::time;
use crate::apply::{Stop, Sync, Synced};
use crate::diagnostic::Findings;
use crate::ledger::Sqlite;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    // Only the settings are needed: what is wrong with manifests is said by the commands that use them.
    let project = load(&session, global, &mut findings)?;
    let settings = &project.settings;
    let credentials = endpoint::credentials(&settings.endpoint, &session.environ)?;
    let ledger = Sqlite::hold(
        &settings.ledger,
        &binding(settings, credentials.as_ref()),
        &holder(),
        &time::text(session.started),
    )?;
    let progress = Progress::new(global);
    let client = endpoint::client(
        &project.root,
        settings,
        credentials,
        ledger.pulse(),
        &progress.listener(),
    )?;
    let (ask, stop) = watch::channel(Stop::No);
    let sync = Sync {
        ledger: &ledger,
        client: &client,
        root: &project.root,
        targets: args.target.clone(),
        excludes: args.exclude.clone(),
        window: settings.limits.concurrency,
        listener: progress.listener(),
        stop,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let synced = runtime.block_on(interruptible(ask, sync.all()));
    progress.finish();
    let synced = synced?;
    for (address, failure) in &synced.endings {
        out::note(format_args!("{address}: {}", failure.message));
    }
    if !global.quiet {
        out::line(format_args!("{}", told(&synced)));
    }
    Ok(match synced {
        Synced { stopped: true, .. } => Exit::Interrupted,
        Synced { in_doubt: 1.., .. } => Exit::InDoubt,
        Synced { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    })
}

fn told(synced: &Synced) -> String {
    let counts = [
        (synced.finished, "finished"),
        (synced.waiting, "waiting for signatures"),
        (synced.ended, "refused, expired or revoked"),
        (synced.failed, "failed"),
        (synced.in_doubt, "in doubt"),
    ];
    let mut told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if synced.stopped {
        told.push("stopped before all were asked for".to_owned());
    }
    if told.is_empty() {
        "Nothing waits.".to_owned()
    } else {
        told.join(", ")
    }
}
