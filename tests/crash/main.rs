//! Runs that are cut off anywhere, and completed by the next: a process is killed at every crash point, and at random
//! moments, against the sandbox over HTTP. Its world counts what people would have received.
//!
//! `cargo test --features crash-points --test crash -- --nocapture` prints the table; with `TREATY_LONG=1` every point
//! is met as often as a run passes it, and the random kills are many.

mod night;
// The scenario tests need more of it.
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

/// Whether every case is tried, and not a few of each.
fn long() -> bool {
    std::env::var_os("TREATY_LONG").is_some()
}

/// Kills at one point, the first time that it is passed and later; gives back what was counted.
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
            // The run does not pass here so often.
            break;
        }
        office.complete();
        counted.push(office.count());
    }
    counted
}

/// Works through all cases, eight at a time: most of the time of a resumed run is spent waiting before it looks a
/// second time.
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
fn nothing_is_sent_twice_or_lost_wherever_a_run_is_killed() {
    let nights: [&(dyn Night + Sync); 5] = [&Loans { rows: 3 }, &Leases, &Signing, &Revoked, &Cut];
    let cases = FAILPOINTS.iter();
    let cases = cases.flat_map(|point| nights.map(|night| (*point, night)));
    let table = Mutex::new(Table::new(&FAILPOINTS));
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
fn nothing_is_sent_twice_or_lost_whenever_a_run_is_killed() {
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
