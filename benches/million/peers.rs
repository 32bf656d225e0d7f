//! What others make of the same sheet: a script as a user would write it, and Terraform. See `benches/peers/run`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Reading;
use super::command::succeed;
use super::project::Project;
use super::service::Service;
use super::wire::apply_rate;

/// Rows that Terraform plans: it takes minutes for ten times as many.
const ROWS: u32 = 200;

pub(crate) fn readings() -> Vec<Reading> {
    let mut readings = vec![user()];
    readings.extend(terraform());
    readings
}

fn peer(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "peers", name]
        .iter()
        .collect()
}

/// Calls a second of treaty, against 40 lines of asyncio and aiohttp, which remember nothing.
fn user() -> Reading {
    let what = "apply without a limit, against asyncio and aiohttp, both 64 at a time";
    let Some(python) = std::env::var_os("PYTHON") else {
        return Reading::new(what, "", "PYTHON names none that has aiohttp", true);
    };
    let service = Service::start((Duration::ZERO, Duration::ZERO));
    let project = Project::new(20_000);
    let output = Command::new(python)
        .arg(peer("user.py"))
        .arg(&service.base)
        .arg(project.root().join("loans.csv"))
        .output()
        .expect("a script");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{wrong}");
    let theirs: f64 = said.parse().expect("a number of calls");
    let own = apply_rate();
    let ratio = own / theirs;
    Reading::new(
        what,
        "3 times as many calls a second",
        format!("{own:.0} of treaty, {theirs:.0} of the script: {ratio:.1}"),
        ratio >= 3.0,
    )
}

/// The plan that has nothing to do, of Terraform and of treaty.
fn terraform() -> Vec<Reading> {
    let what = format!("Terraform, plan of {ROWS} `terraform_data` with nothing to do");
    let project = Project::new(ROWS);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(peer("main.tf"), folder.path().join("main.tf")).expect("copied");
    let sheet = format!("sheet={}", project.root().join("loans.csv").display());
    let run = |args: &[&str]| terraform_took(folder.path(), &sheet, args);
    let Some(_) = run(&["init", "-input=false"]) else {
        return vec![Reading::new(what, "", "terraform is not installed", true)];
    };
    run(&["apply", "-auto-approve", "-input=false"]);
    let theirs = run(&["plan", "-input=false", "-detailed-exitcode"]).unwrap_or_default();
    let service = Service::start((Duration::ZERO, Duration::ZERO));
    project.settings(&service.base, "{ rate: none, concurrency: 64 }");
    succeed(project.root(), &["apply", "--yes", "--quiet"]);
    let own = succeed(
        project.root(),
        &["plan", "--quiet", "--observe", "resources"],
    );
    vec![
        Reading::new(what, "", format!("{:.2} s", theirs.as_secs_f64()), true),
        Reading::new(
            format!("treaty, plan of {ROWS} recorded items with nothing to do"),
            "",
            format!("{:.2} s", own.seconds()),
            true,
        ),
    ]
}

/// How long a command of Terraform takes; none where it is not installed.
fn terraform_took(folder: &Path, sheet: &str, args: &[&str]) -> Option<Duration> {
    let began = Instant::now();
    let mut command = Command::new("terraform");
    command.args(args).current_dir(folder).stdin(Stdio::null());
    if args[0] != "init" {
        command.args(["-var", sheet]);
    }
    let output = command.output().ok()?;
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "terraform {args:?}: {wrong}");
    Some(began.elapsed())
}
