//! `treaty sync`: what was sent is brought up to date, by the ledger alone.

use super::apply::holder;
use super::args::{Global, Sync as Args};
use super::endpoint;
use super::exit::Exit;
use super::follow::{self, Follow};
use super::progress::Progress;
use super::session::{Session, binding, load};
use super::state::meets;
use crate::api::time;
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
    meets(&ledger, &args.matching.target)?;
    let progress = Progress::new(global);
    let client = endpoint::client(
        &project.root,
        settings,
        credentials,
        ledger.pulse(),
        &progress.listener(),
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let follow = Follow {
        project: &project,
        ledger: &ledger,
        client: &client,
        progress: &progress,
        runtime: &runtime,
        targets: &args.matching.target,
        excludes: &args.matching.exclude,
        waiting: &args.waiting,
        started: session.started,
    };
    let synced = follow.run()?;
    follow::say(&synced, global.quiet);
    Ok(follow::exit(&synced))
}
