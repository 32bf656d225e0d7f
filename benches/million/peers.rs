//! Compares treaty with peers on the same sheet: a Python script and Terraform. See
//! `benches/peers/run`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Reading;
use super::command::succeed;
use super::project::Project;
use super::service::Service;
use super::wire::apply_rate;

/// The number of rows for Terraform, which needs minutes for ten times as many.
const ROWS: u32 = 200;

pub(crate) fn readings() -> Vec<Reading> {
    let mut readings = vec![script()];
    readings.extend(terraform());
    readings
}

fn peer(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "peers", name]
        .iter()
        .collect()
}

/// Compares the calls per second of treaty with those of a script that uses aiohttp and stores no
/// state.
fn script() -> Reading {
    const TARGET: &str = "3 times as many calls/s";
    let measure =
        "apply without a limit and a script with aiohttp, both with 64 requests in flight";
    let Some(python) = std::env::var_os("PYTHON") else {
        return Reading::not_measured(
            measure,
            TARGET,
            "PYTHON is not set to a Python with aiohttp",
        );
    };
    let service = Service::start((Duration::ZERO, Duration::ZERO));
    let project = Project::new(20_000);
    let output = Command::new(python)
        .arg(peer("user.py"))
        .arg(&service.base)
        .arg(project.root().join("loans.csv"))
        .output()
        .expect("a script");
    let stdout = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let script_rate: f64 = stdout.parse().expect("a number of calls");
    let rate = apply_rate();
    let ratio = rate / script_rate;
    Reading::new(
        measure,
        TARGET,
        format!("treaty {rate:.0} calls/s, script {script_rate:.0} calls/s: {ratio:.1}"),
        ratio >= 3.0,
    )
}

/// Compares the duration of a plan without changes.
fn terraform() -> Vec<Reading> {
    let measure = format!("Terraform: plan of {ROWS} `terraform_data` without changes");
    let project = Project::new(ROWS);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(peer("main.tf"), folder.path().join("main.tf")).expect("copied");
    let sheet = format!("sheet={}", project.root().join("loans.csv").display());
    let run = |args: &[&str]| terraform_duration(folder.path(), &sheet, args);
    let Some(_) = run(&["init", "-input=false"]) else {
        return vec![Reading::not_measured(
            measure,
            "",
            "terraform is not installed",
        )];
    };
    run(&["apply", "-auto-approve", "-input=false"]);
    let terraform = run(&["plan", "-input=false", "-detailed-exitcode"]).unwrap_or_default();
    let service = Service::start((Duration::ZERO, Duration::ZERO));
    project.settings(&service.base, "{ rate: none, concurrency: 64 }");
    succeed(project.root(), &["apply", "--yes", "--quiet"]);
    let treaty = succeed(
        project.root(),
        &["plan", "--quiet", "--observe", "resources"],
    );
    vec![
        Reading::without_target(measure, format!("{:.2} s", terraform.as_secs_f64())),
        Reading::without_target(
            format!("treaty: plan of {ROWS} recorded items without changes"),
            format!("{:.2} s", treaty.seconds()),
        ),
    ]
}

/// Runs a Terraform command and returns its duration; `None` if Terraform is not installed.
fn terraform_duration(folder: &Path, sheet: &str, args: &[&str]) -> Option<Duration> {
    let started = Instant::now();
    let mut command = Command::new("terraform");
    command.args(args).current_dir(folder).stdin(Stdio::null());
    if args[0] != "init" {
        command.args(["-var", sheet]);
    }
    let output = command.output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "terraform {args:?}: {stderr}");
    Some(started.elapsed())
}
