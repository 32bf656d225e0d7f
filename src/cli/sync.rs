//! `treaty sync`: what was sent is brought up to date, by the ledger alone.

use super::args::{Global, Sync as Args};
use super::exit::Exit;
use super::follow::{self, Follow};
use super::metrics::Numbers;
use super::progress::Progress;
use super::state::{Place, meets, runtime};
use super::status;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut numbers = Numbers::of("sync");
    let result = synced(global, args, &mut numbers);
    numbers.write(args.metrics.as_deref(), result)
}

fn synced(global: &Global, args: &Args, numbers: &mut Numbers) -> anyhow::Result<Exit> {
    // Only the settings are needed: what is wrong with manifests is said by the commands that use them.
    let place = Place::of(global, None)?;
    numbers.name(&place.project);
    let ledger = place.hold()?;
    meets(&ledger, &args.matching.target)?;
    let progress = Progress::new(global);
    let client = place.client(&ledger, &progress)?;
    let runtime = runtime()?;
    let follow = Follow {
        project: &place.project,
        ledger: &ledger,
        client: &client,
        progress: &progress,
        runtime: &runtime,
        targets: &args.matching.target,
        excludes: &args.matching.exclude,
        waiting: &args.waiting,
        started: place.session.started,
    };
    let synced = follow.run();
    numbers.count(status::counts(&ledger, &args.matching)?, &progress);
    let synced = synced?;
    follow::say(&synced, global.quiet);
    Ok(follow::exit(&synced))
}
