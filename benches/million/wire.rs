//! How many calls a second the wire carries: what `wrk` gets from the service, and what apply gets.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use super::Reading;
use super::command::succeed;
use super::project::Project;
use super::service::{Arrival, Service};

/// Rows of a run; each is six calls.
const ROWS: u32 = 20_000;

/// Without latency, beside `wrk`, which sends one body over and over and remembers nothing.
pub(crate) fn readings() -> Vec<Reading> {
    let apply = apply_rate();
    let service = Service::start((Duration::ZERO, Duration::ZERO));
    let peer = match wrk(&service, 64) {
        Some(peer) => format!("`wrk` makes {peer:.0}"),
        None => "`wrk` is not installed".to_owned(),
    };
    vec![Reading::new(
        "apply without a limit, 64 requests in flight, answers at once",
        "",
        format!("{apply:.0} calls/s; {peer}"),
        true,
    )]
}

/// Calls a second of an apply without a limit. The best of two runs, since the machine is shared.
pub(crate) fn apply_rate() -> f64 {
    let rates = (0..2).map(|_| {
        let service = Service::start((Duration::ZERO, Duration::ZERO));
        pace(&applied(&service, "{ rate: none, concurrency: 64 }", ROWS))
    });
    rates.fold(0.0, f64::max)
}

/// What arrives of a run.
fn applied(service: &Service, limits: &str, rows: u32) -> Vec<Arrival> {
    let project = Project::new(rows);
    project.settings(&service.base, limits);
    succeed(
        project.root(),
        &["apply", "--yes", "--quiet", "--observe", "resources"],
    );
    service.take()
}

/// The calls a second of the middle of a run: the first and the last tenth are left out, in which it begins and ends.
fn pace(calls: &[Arrival]) -> f64 {
    let (first, last) = (calls.len() / 10, calls.len() * 9 / 10);
    let middle = &calls[first..last];
    let took = middle[middle.len() - 1].at - middle[0].at;
    #[allow(clippy::cast_precision_loss)]
    let count = middle.len() as f64;
    count / took.as_secs_f64()
}

/// What `wrk` gets over so many connections with the body of a call that apply makes.
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
    let said = String::from_utf8(output.stdout).ok()?;
    let line = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    line?.trim().parse().ok()
}
