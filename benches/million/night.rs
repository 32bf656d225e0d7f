//! The whole batch: validates a sheet of a million rows, sends it, kills the run halfway, resumes
//! it, plans again and writes the reports.

use std::path::Path;
use std::time::{Duration, Instant};

use treaty::sheet::{Sheet, SheetFile};

use super::command::{self, Usage, succeed};
use super::limit::Limit;
use super::project::Project;
use super::reports;
use super::service::Service;
use super::{Reading, million};

/// The number of calls per row without account lookups.
const CALLS: usize = 5;

/// The measurements for one number of rows.
struct Batch {
    rows: u32,
    validate: Usage,
    plan: Usage,
}

pub(crate) fn readings() -> Vec<Reading> {
    let mut readings = Vec::new();
    let small = batch(million() / 10, &mut Vec::new());
    let large = batch(million(), &mut readings);
    // The ratio of the times per row.
    let growth = |usage: fn(&Batch) -> &Usage| {
        usage(&large).seconds() / usage(&small).seconds() / f64::from(large.rows)
            * f64::from(small.rows)
    };
    let [validate, plan] = [growth(|batch| &batch.validate), growth(|batch| &batch.plan)];
    readings.push(Reading::new(
        format!(
            "time per row, {} rows compared with {}",
            large.rows, small.rows
        ),
        "at most 1.15 times",
        format!("`validate` {validate:.2}, plan {plan:.2}"),
        validate <= 1.15 && plan <= 1.15,
    ));
    let difference = large.plan.megabytes() - small.plan.megabytes();
    let bytes = difference * 1e6 / f64::from(large.rows - small.rows);
    readings.push(Reading::without_target(
        "memory of the plan per additional row",
        format!("{bytes:.0} bytes"),
    ));
    readings
}

/// Measures only `validate`, which takes seconds. The whole batch takes half an hour.
pub(crate) fn validate() -> Vec<Reading> {
    let project = Project::new(million());
    project.settings("http://127.0.0.1:9", "{ rate: none, concurrency: 64 }");
    vec![validated(project.root(), million()).1]
}

/// Measures `validate` and compares it with the lower bound of one thread.
fn validated(root: &Path, rows: u32) -> (Usage, Reading) {
    let limit = limit(root);
    let validate = faster(|| succeed(root, &["validate", "--quiet"]));
    let share = validate.seconds() / limit;
    let reading = Reading::new(
        format!("`validate` of {rows} rows"),
        format!("1.5 of the {limit:.1} s of one thread that parses, renders and hashes; 200 MB"),
        format!(
            "{:.1} s: {share:.2}; {:.0} MB",
            validate.seconds(),
            validate.megabytes()
        ),
        share <= 1.5 && validate.megabytes() < 200.0,
    );
    (validate, reading)
}

fn batch(rows: u32, readings: &mut Vec<Reading>) -> Batch {
    let no_latency = (Duration::ZERO, Duration::ZERO);
    let service = Service::start(no_latency);
    let project = Project::new(rows);
    project.settings(&service.base, "{ rate: none, concurrency: 64 }");
    let root = project.root();

    let (validate, reading) = validated(root, rows);
    readings.push(reading);

    readings.extend(killed_and_resumed(&project, &service, rows, &validate));

    let args = ["plan", "--quiet", "--observe", "resources"];
    let plan = faster(|| succeed(root, &args));
    let share = plan.seconds() / validate.seconds();
    readings.push(Reading::new(
        format!("plan of {rows} recorded items without changes"),
        "1.5 of `validate`; 200 MB",
        format!(
            "{:.1} s: {share:.2}; {:.0} MB",
            plan.seconds(),
            plan.megabytes()
        ),
        share <= 1.5 && plan.megabytes() < 200.0,
    ));

    readings.extend(reports::measure(&project, rows));
    Batch {
        rows,
        validate,
        plan,
    }
}

/// Sends all rows. Kills the first run after half of the calls and resumes it.
fn killed_and_resumed(
    project: &Project,
    service: &Service,
    rows: u32,
    validate: &Usage,
) -> Vec<Reading> {
    let apply = ["apply", "--yes", "--quiet", "--observe", "resources"];
    let half = CALLS * rows as usize / 2;
    let running = command::start(project.root(), &apply);
    while service.count() < half {
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill();
    service.take();
    let started = Instant::now();
    let mut running = command::start(project.root(), &apply);
    while service.count() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let resumed = started.elapsed().as_secs_f64();
    while !running.has_ended() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let usage = running.wait();
    assert!(usage.succeeded, "{}", usage.stderr);
    let calls = service.take();
    let duration = calls[calls.len() - 1].at - calls[0].at;
    #[allow(clippy::cast_precision_loss)]
    let rate = calls.len() as f64 / duration.as_secs_f64();
    vec![
        Reading::new(
            format!("time to the first call after a kill, half of {rows} items done"),
            "1.5 of `validate`",
            format!("{resumed:.1} s: {:.2}", resumed / validate.seconds()),
            resumed <= 1.5 * validate.seconds(),
        ),
        Reading::without_target(
            format!("the other half, {} calls, with reports", calls.len()),
            format!(
                "{rate:.0} calls/s; {:.1} s; {:.0} MB",
                usage.seconds(),
                usage.megabytes()
            ),
        ),
    ]
}

/// Returns the seconds of one thread that parses, renders and hashes: the faster of two runs.
fn limit(root: &Path) -> f64 {
    let file = SheetFile {
        path: root.join("loans.csv"),
        shown: "loans.csv".into(),
        ..SheetFile::default()
    };
    let sheet = Sheet::open(&file).expect("a sheet");
    let limit = Limit::new();
    let seconds = || {
        let started = Instant::now();
        limit.rows(&sheet);
        started.elapsed().as_secs_f64()
    };
    seconds().min(seconds())
}

/// Measures twice and returns the faster run.
fn faster(measure: impl Fn() -> Usage) -> Usage {
    let (one, other) = (measure(), measure());
    if one.wall <= other.wall { one } else { other }
}
