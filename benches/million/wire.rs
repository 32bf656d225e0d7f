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

/// Without latency, against the limit.
pub(crate) fn readings() -> Vec<Reading> {
    let at_once = (Duration::ZERO, Duration::ZERO);
    // One after the other, twice, since the machine is shared: the best of each counts.
    let apply = (0..2).map(|_| {
        let service = Service::start(at_once);
        pace(&applied(&service, "{ rate: none, concurrency: 64 }", ROWS))
    });
    let apply = apply.fold(0.0, f64::max);
    let service = Service::start(at_once);
    let limit = (0..2).filter_map(|_| wrk(&service, 64)).reduce(f64::max);
    let Some(limit) = limit else {
        let reading = format!("{apply:.0} calls/s; wrk is not installed");
        return vec![Reading::new(
            "apply without a limit",
            "0.6 of wrk",
            reading,
            false,
        )];
    };
    let share = apply / limit;
    vec![Reading::new(
        "apply without a limit, 64 contracts at a time, answers at once",
        "0.6 of what wrk gets with 64 connections",
        format!("{apply:.0} calls/s of {limit:.0}: {share:.2}"),
        share >= 0.6,
    )]
}

/// With latency: so many calls in flight cannot be answered faster than that.
pub(crate) fn latency() -> Vec<Reading> {
    let ten = Duration::from_millis(10);
    let service = Service::start((ten, ten));
    let calls = applied(&service, "{ rate: none, concurrency: 256 }", 30_000);
    let latency = service.latency(calls.len());
    let calls = pace(&calls);
    let law = 256.0 / ten.as_secs_f64();
    let share = calls / law;
    // The service shares the cores: what it really made of ten milliseconds, and what another caller makes of it.
    let real = calls * latency / 256.0;
    let peer = wrk(&Service::start((ten, ten)), 256);
    let peer = peer.map_or(String::new(), |peer| format!("; wrk gets {peer:.0}"));
    vec![Reading::new(
        "apply, 256 calls in flight, each answered after 10 ms",
        "0.95 of the 25,600 calls/s that Little's law allows",
        format!(
            "{calls:.0} calls/s: {share:.2}; {real:.2} of it with the {:.1} ms that they took{peer}",
            latency * 1e3
        ),
        share >= 0.95,
    )]
}

/// What arrives of a run.
fn applied(service: &Service, limits: &str, rows: u32) -> Vec<Arrival> {
    let project = Project::new(rows);
    project.settings(&service.base, limits);
    succeed(
        project.root(),
        &["apply", "--yes", "--quiet", "--observe", "standing"],
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
