//! Checks that the rate limit is reached and not exceeded, measured at the service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use treaty::api::operation::Op;

use super::Reading;
use super::command::succeed;
use super::project::Project;
use super::service::{Arrival, Service};

/// Calls per second, duration of the run in seconds, and maximum number of requests in flight.
const RATES: [(u32, u32, u32); 3] = [(10, 30, 16), (50, 60, 32), (400, 60, 128)];
/// The number of calls per row when each account is looked up.
const CALLS: u32 = 6;

pub(crate) fn readings() -> Vec<Reading> {
    let latency = (Duration::from_millis(5), Duration::from_millis(200));
    let mut readings = Vec::new();
    // `RATE=400` selects this rate, `RATE=20` the limit of one operation.
    let only: Option<u32> = std::env::var("RATE")
        .ok()
        .and_then(|rate| rate.parse().ok());
    for (rate, seconds, concurrency) in RATES {
        if only.is_some_and(|only| only != rate) {
            continue;
        }
        let rows = rate * seconds / CALLS;
        let limits = format!("{{ rate: {rate}/s, concurrency: {concurrency} }}");
        let calls = send(rows, &limits, latency);
        readings.push(rate_reading(
            &format!("{rate} calls/s, responses after 5 to 200 ms"),
            f64::from(rate),
            &calls,
        ));
        readings.push(order_reading(rate, concurrency, &calls));
    }
    if only.is_some_and(|only| only != 20) {
        return readings;
    }
    // The limit of one operation, below the common limit.
    let limits = "{ rate: 400/s, concurrency: 128, operations: { doc/createbytemplate: 20/s } }";
    let calls = send(300, limits, latency);
    let limited: Vec<Arrival> = calls
        .iter()
        .copied()
        .filter(|call| call.op == Op::CreateByTemplate)
        .collect();
    readings.push(rate_reading(
        "20/s of one operation, of 400/s in all",
        20.0,
        &limited,
    ));
    readings.push(order_reading(400, 128, &calls));
    readings
}

/// Sends rows and returns the calls that arrived, in order.
fn send(rows: u32, limits: &str, latency: (Duration, Duration)) -> Vec<Arrival> {
    let service = Service::start(latency);
    let project = Project::new(rows);
    project.settings(&service.base, limits);
    succeed(project.root(), &["apply", "--yes", "--quiet"]);
    let mut calls = service.take();
    calls.sort_by_key(|call| call.at);
    calls
}

/// Compares the mean rate and the busiest second with the limit.
fn rate_reading(measure: &str, rate: f64, calls: &[Arrival]) -> Reading {
    let (Some(first), Some(last)) = (calls.first(), calls.last()) else {
        return Reading::new(measure, "", "no calls", false);
    };
    #[allow(clippy::cast_precision_loss)]
    let mean = (calls.len() - 1) as f64 / (last.at - first.at).as_secs_f64() / rate;
    let mut start = 0;
    let mut busiest = 0;
    for (at, call) in calls.iter().enumerate() {
        while call.at - calls[start].at >= Duration::from_secs(1) {
            start += 1;
        }
        busiest = busiest.max(at + 1 - start);
    }
    #[allow(clippy::cast_precision_loss)]
    let busiest = busiest as f64;
    let allowed = (rate + 2.0).max(rate * 1.01);
    Reading::new(
        measure,
        format!("mean 0.97; {allowed:.0} in any second"),
        format!("mean {mean:.3}; {busiest:.0} in the busiest second"),
        mean >= 0.97 && busiest <= allowed,
    )
}

/// Measures how many rows were in progress at the same time, and how far rows ended out of order.
fn order_reading(rate: u32, concurrency: u32, calls: &[Arrival]) -> Reading {
    let mut in_progress = BTreeSet::new();
    let mut max_in_progress = 0;
    let mut ended = BTreeMap::new();
    for call in calls {
        let Some(row) = call.row else { continue };
        if call.op == Op::CreatePerson {
            in_progress.insert(row);
            max_in_progress = max_in_progress.max(in_progress.len());
        } else {
            in_progress.remove(&row);
            ended.insert(row, ended.len());
        }
    }
    let displaced = ended.iter().map(|(row, at)| at.abs_diff(*row as usize));
    let displaced = displaced.max().unwrap_or(0);
    let concurrency = concurrency as usize;
    Reading::new(
        format!("rows in progress at the same time, {rate} calls/s"),
        format!("{concurrency}, the maximum of items in progress"),
        format!("{max_in_progress}; rows ended at most {displaced} positions out of order"),
        max_in_progress <= concurrency && displaced <= 2 * concurrency,
    )
}
