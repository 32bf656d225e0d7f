//! Whether the limit is held, as the service counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use treaty::api::operation::Op;

use super::Reading;
use super::command::succeed;
use super::project::Project;
use super::service::{Arrival, Service};

/// Calls a second, seconds that a run takes, and calls in flight at most.
const RATES: [(u32, u32, u32); 3] = [(10, 30, 16), (50, 60, 32), (400, 60, 128)];
/// What a row takes when each person is asked for.
const CALLS: u32 = 6;

pub(crate) fn readings() -> Vec<Reading> {
    let latency = (Duration::from_millis(5), Duration::from_millis(200));
    let mut readings = Vec::new();
    // `RATE=400` measures this one alone, `RATE=20` that of one operation.
    let only: Option<u32> = std::env::var("RATE")
        .ok()
        .and_then(|rate| rate.parse().ok());
    for (rate, seconds, window) in RATES {
        if only.is_some_and(|only| only != rate) {
            continue;
        }
        let rows = rate * seconds / CALLS;
        let limits = format!("{{ rate: {rate}/s, concurrency: {window} }}");
        let calls = night(rows, &limits, latency);
        readings.push(held(
            &format!("{rate} calls/s, answers after 5 to 200 ms"),
            f64::from(rate),
            &calls,
        ));
        readings.push(in_order(rate, window, &calls));
    }
    if only.is_some_and(|only| only != 20) {
        return readings;
    }
    // One operation's own limit, below that of all.
    let limits = "{ rate: 400/s, concurrency: 128, operations: { doc/createbytemplate: 20/s } }";
    let calls = night(300, limits, latency);
    let own: Vec<Arrival> = calls
        .iter()
        .copied()
        .filter(|call| call.op == Op::CreateByTemplate)
        .collect();
    readings.push(held("20/s of one operation, of 400/s in all", 20.0, &own));
    readings.push(in_order(400, 128, &calls));
    readings
}

/// Sends rows, and gives what arrived of them; what stands is not counted.
fn night(rows: u32, limits: &str, latency: (Duration, Duration)) -> Vec<Arrival> {
    let service = Service::start(latency);
    let project = Project::new(rows);
    project.settings(&service.base, limits);
    succeed(project.root(), &["apply", "--yes", "--quiet"]);
    let mut calls = service.take();
    calls.sort_by_key(|call| call.at);
    calls
}

/// The mean, and the fullest second.
fn held(what: &str, rate: f64, calls: &[Arrival]) -> Reading {
    let (Some(first), Some(last)) = (calls.first(), calls.last()) else {
        return Reading::new(what, "", "no calls", false);
    };
    #[allow(clippy::cast_precision_loss)]
    let mean = (calls.len() - 1) as f64 / (last.at - first.at).as_secs_f64() / rate;
    let mut begin = 0;
    let mut fullest = 0;
    for (at, call) in calls.iter().enumerate() {
        while call.at - calls[begin].at >= Duration::from_secs(1) {
            begin += 1;
        }
        fullest = fullest.max(at + 1 - begin);
    }
    #[allow(clippy::cast_precision_loss)]
    let fullest = fullest as f64;
    let allowed = (rate + 2.0).max(rate * 1.01);
    Reading::new(
        what,
        format!("mean 0.97; {allowed:.0} in any second"),
        format!("mean {mean:.3}; {fullest:.0} in the fullest second"),
        mean >= 0.97 && fullest <= allowed,
    )
}

/// How many rows were between their first call and their last at once.
fn in_order(rate: u32, window: u32, calls: &[Arrival]) -> Reading {
    let mut under_way = BTreeSet::new();
    let mut most = 0;
    let mut ended = BTreeMap::new();
    for call in calls {
        let Some(row) = call.row else { continue };
        if call.op == Op::CreatePerson {
            under_way.insert(row);
            most = most.max(under_way.len());
        } else {
            under_way.remove(&row);
            ended.insert(row, ended.len());
        }
    }
    let displaced = ended.iter().map(|(row, at)| at.abs_diff(*row as usize));
    let displaced = displaced.max().unwrap_or(0);
    let window = window as usize;
    Reading::new(
        format!("… rows of {rate}/s that are half done at once"),
        format!("{window}, the items in progress"),
        format!("{most}; none ended more than {displaced} places from its own"),
        most <= window && displaced <= 2 * window,
    )
}
