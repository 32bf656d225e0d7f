//! Crash tests: a process is killed at every failpoint and at random times, against the sandbox
//! over HTTP; the next run completes its work. The tests count duplicates and losses in the world.
//!
//! `cargo test --features crash-points --test crash -- --nocapture` prints the table. With
//! `TREATY_TEST_POSTGRES`, the ledgers are in Postgres: see `.ci/postgres`. With
//! `TREATY_LONG=1`, each failpoint is tested at every pass, and there are more random kills.

mod night;
#[path = "../it/support/postgres.rs"]
mod postgres;
// The scenario tests use more of this module.
#[allow(dead_code)]
#[path = "../it/support/project.rs"]
mod project;
mod random;
#[path = "../it/support/serve.rs"]
mod serve;
mod table;

use std::sync::Mutex;

use treaty::util::failpoint::FAILPOINTS;

use night::{Cut, Leases, Loans, Night, Revoked, Signing};
use table::{Counted, Table};

/// Returns whether all cases are tested, instead of a few of each.
fn long() -> bool {
    std::env::var_os("TREATY_LONG").is_some()
}

/// Kills runs at the nth pass of a failpoint, for several n, and returns the counts.
fn at_point(night: &dyn Night, point: &str) -> Vec<Counted> {
    let times: Vec<u32> = if long() {
        (1..40).collect()
    } else {
        vec![1, 3]
    };
    let mut counted = Vec::new();
    for nth in times {
        let office = night.begin();
        if !office.apply_until_killed(&format!("{point}:{nth}")) {
            // The run does not pass this failpoint as often.
            break;
        }
        office.complete();
        counted.push(office.count());
    }
    counted
}

/// Processes all cases, eight in parallel: a resumed run mostly waits before its probes.
fn at_once<T: Send>(cases: Vec<T>, work: impl Fn(T) + Sync) {
    let cases = Mutex::new(cases);
    let next = || cases.lock().expect("cases").pop();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(case) = next() {
                    work(case);
                }
            });
        }
    });
}

#[test]
fn kills_at_failpoints_duplicate_and_lose_nothing() {
    let nights: [&(dyn Night + Sync); 5] = [&Loans { rows: 3 }, &Leases, &Signing, &Revoked, &Cut];
    // A ledger in Postgres has no file that could be incomplete.
    let is_file = postgres::new_ledger().is_none();
    let points = FAILPOINTS.iter().copied();
    let points: Vec<&str> = points
        .filter(|point| is_file || !point.starts_with("ledger."))
        .collect();
    let cases = points.iter();
    let cases = cases.flat_map(|point| nights.map(|night| (*point, night)));
    let table = Mutex::new(Table::new(&points));
    at_once(cases.collect(), |(point, night)| {
        for counted in at_point(night, point) {
            table.lock().expect("a table").add(point, counted);
        }
    });
    let table = table.into_inner().expect("a table");
    table.print("crash point");
    table.assert_clean();
}

#[test]
fn kills_at_random_times_duplicate_and_lose_nothing() {
    let nights = if long() { 300 } else { 12 };
    let table = Mutex::new(Table::new(&["SIGKILL"]));
    at_once((1..=nights).collect(), |seed| {
        let counted = random::night(seed);
        table.lock().expect("a table").add("SIGKILL", counted);
    });
    let table = table.into_inner().expect("a table");
    table.print("three kills a night, at random");
    table.assert_clean();
}
