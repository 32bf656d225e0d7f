//! The maximum request rate: of apply without a limit, and of `wrk` on the same service.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use super::Reading;
use super::command::succeed;
use super::project::Project;
use super::service::{Arrival, Service};

/// The number of rows of a run. Each row needs six calls.
const ROWS: u32 = 20_000;

/// Measures apply and `wrk` without latency. `wrk` sends the same body repeatedly and stores no
/// state.
pub(crate) fn readings() -> Vec<Reading> {
    let apply = apply_rate();
    let service = Service::start((Duration::ZERO, Duration::ZERO));
    let peer = "`wrk`, 64 connections, responses without latency";
    vec![
        Reading::without_target(
            "apply without a limit, 64 requests in flight, responses without latency",
            format!("{apply:.0} calls/s"),
        ),
        match wrk(&service, 64) {
            Some(rate) => Reading::without_target(peer, format!("{rate:.0} requests/s")),
            None => Reading::not_measured(peer, "", "wrk is not installed"),
        },
    ]
}

/// Returns the calls per second of apply without a limit: the better of two runs.
pub(crate) fn apply_rate() -> f64 {
    let rates = (0..2).map(|_| {
        let service = Service::start((Duration::ZERO, Duration::ZERO));
        middle_rate(&arrivals(&service, "{ rate: none, concurrency: 64 }", ROWS))
    });
    rates.fold(0.0, f64::max)
}

/// Runs apply and returns the calls that arrived.
fn arrivals(service: &Service, limits: &str, rows: u32) -> Vec<Arrival> {
    let project = Project::new(rows);
    project.settings(&service.base, limits);
    succeed(
        project.root(),
        &["apply", "--yes", "--quiet", "--observe", "resources"],
    );
    service.take()
}

/// Returns the calls per second without the first and the last tenth of the calls.
fn middle_rate(calls: &[Arrival]) -> f64 {
    let (first, last) = (calls.len() / 10, calls.len() * 9 / 10);
    let middle = &calls[first..last];
    let duration = middle[middle.len() - 1].at - middle[0].at;
    #[allow(clippy::cast_precision_loss)]
    let count = middle.len() as f64;
    count / duration.as_secs_f64()
}

/// Returns the requests per second of `wrk` with a request body of apply; `None` if it is not
/// installed.
fn wrk(service: &Service, connections: u32) -> Option<f64> {
    let mut script = tempfile::NamedTempFile::new().expect("a file");
    let body = r#"{"businessScene":"借款合同签署","initiatorAccountId":"0123456789abcdef","signValidity":1800000000000,"signPlatform":"1","noticeType":"1","addSignTime":true,"docId":"00000000000000000000000000000042","docName":"借款合同-HT-0000042"}"#;
    write!(
        script,
        "wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n"
    )
    .expect("written");
    let output = Command::new("wrk")
        .args(["-t1", "-d5s"])
        .arg(format!("-c{connections}"))
        .arg("-s")
        .arg(script.path())
        .arg(format!("{}/sign/contract/addProcess", service.base))
        .output()
        .ok()?;
    service.take();
    let stdout = String::from_utf8(output.stdout).ok()?;
    let line = stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    line?.trim().parse().ok()
}
