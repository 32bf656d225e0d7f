//! The duration of a run when the service fails or throttles some requests.

use std::time::{Duration, Instant};

use super::Reading;
use super::command::succeed;
use super::project::Project;
use super::service::{Behaviour, Service};

/// The shares of failing requests.
const SHARES: [f64; 2] = [0.02, 0.05];
/// Name, limits and number of rows of a run.
const LIMITS: [(&str, &str, u32); 2] = [
    ("no limit", "{ rate: none, concurrency: 64 }", 20_000),
    ("100/s", "{ rate: 100/s, concurrency: 64 }", 600),
];

/// Measures runs with random responses 503, 502 and 500 and closed connections.
pub(crate) fn readings() -> Vec<Reading> {
    let mut readings = Vec::new();
    for (name, limits, rows) in LIMITS {
        let healthy = run(rows, limits, Behaviour::default()).0;
        for failing in SHARES {
            let behaviour = |probes_fail| Behaviour {
                failing,
                probes_fail,
                limit: None,
            };
            let ratio = run(rows, limits, behaviour(false)).0 / healthy;
            let with_probes = run(rows, limits, behaviour(true)).0 / healthy;
            readings.push(Reading::new(
                format!("{:.0}% of requests fail, {name}, {rows} rows", failing * 100.0),
                "at most twice the time without failures, without waits before probes",
                format!("{ratio:.2}; {with_probes:.2} if calls of class probe fail too, each of which waits 5 s"),
                ratio <= 2.0,
            ));
        }
    }
    readings
}

/// Measures a run against a service that returns 429 above 100 requests per second.
pub(crate) fn throttled() -> Vec<Reading> {
    const LIMIT: usize = 100;
    const ROWS: u32 = 1_000;
    let behaviour = Behaviour {
        limit: Some(LIMIT),
        ..Behaviour::default()
    };
    let (seconds, calls) = run(ROWS, "{ rate: none, concurrency: 64 }", behaviour);
    // Each row needs six calls; the calls for resources are few.
    let accepted = f64::from(ROWS) * 6.0;
    let share = accepted / seconds / 100.0;
    vec![Reading::new(
        format!("the service returns 429 above {LIMIT}/s, no limit configured, {ROWS} rows"),
        format!("0.8 of {LIMIT}/s"),
        format!("{share:.2}; {calls} requests were sent for {accepted:.0} calls"),
        share >= 0.8,
    )]
}

/// Runs apply. Returns the seconds from the first to the last call, and the number of requests.
fn run(rows: u32, limits: &str, behaviour: Behaviour) -> (f64, usize) {
    let latency = (Duration::from_millis(1), Duration::from_millis(5));
    let service = Service::start_with(latency, behaviour);
    let project = Project::new(rows);
    project.settings(&service.base, limits);
    succeed(project.root(), &["apply", "--yes", "--quiet"]);
    let calls = service.take();
    let times = || calls.iter().map(|call| call.at);
    let first = times().min().unwrap_or_else(Instant::now);
    let last = times().max().unwrap_or(first);
    ((last - first).as_secs_f64(), calls.len())
}
