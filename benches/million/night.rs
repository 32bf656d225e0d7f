//! The night itself: a sheet of a million rows is checked, sent, killed in the middle, gone on with, planned again and
//! reported.

use std::path::Path;
use std::time::{Duration, Instant};

use treaty::sheet::{Sheet, SheetFile};

use super::command::{self, Took, succeed};
use super::limit::Limit;
use super::project::Project;
use super::service::Service;
use super::{Reading, million};

/// What a row takes when each person is not asked for first.
const CALLS: usize = 5;

/// What was measured of one number of rows.
struct Night {
    rows: u32,
    validate: Took,
    plan: Took,
}

pub(crate) fn readings() -> Vec<Reading> {
    let mut readings = Vec::new();
    let small = night(million() / 10, &mut Vec::new());
    let large = night(million(), &mut readings);
    // By row: what does not grow counts for the smaller one.
    let growth = |of: fn(&Night) -> &Took| {
        of(&large).seconds() / of(&small).seconds() / f64::from(large.rows) * f64::from(small.rows)
    };
    let [validate, plan] = [growth(|night| &night.validate), growth(|night| &night.plan)];
    readings.push(Reading::new(
        format!("time a row, {} rows against {}", large.rows, small.rows),
        "1.15 times, at most",
        format!("`validate` {validate:.2}, plan {plan:.2}"),
        validate <= 1.15 && plan <= 1.15,
    ));
    let more = large.plan.megabytes() - small.plan.megabytes();
    let each = more * 1e6 / f64::from(large.rows - small.rows);
    readings.push(Reading::new(
        "memory of the plan, each row more",
        "64 bytes of index an item, and what validate keeps of a row",
        format!("{each:.0} bytes"),
        true,
    ));
    readings
}

/// `validate` alone, which takes seconds; the night takes half an hour.
pub(crate) fn validate() -> Vec<Reading> {
    let project = Project::new(million());
    project.settings("http://127.0.0.1:9", "{ rate: none, concurrency: 64 }");
    vec![validated(project.root(), million()).1]
}

/// Checks all rows, against the limit of one thread.
fn validated(root: &Path, rows: u32) -> (Took, Reading) {
    let limit = limit(root);
    let validate = quicker(|| succeed(root, &["validate", "--quiet"]));
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

fn night(rows: u32, readings: &mut Vec<Reading>) -> Night {
    let at_once = (Duration::ZERO, Duration::ZERO);
    let service = Service::start(at_once);
    let project = Project::new(rows);
    project.settings(&service.base, "{ rate: none, concurrency: 64 }");
    let root = project.root();

    let (validate, reading) = validated(root, rows);
    readings.push(reading);

    readings.extend(killed_and_resumed(&project, &service, rows, &validate));

    let args = ["plan", "--quiet", "--observe", "resources"];
    let plan = quicker(|| succeed(root, &args));
    let share = plan.seconds() / validate.seconds();
    readings.push(Reading::new(
        format!("plan of {rows} recorded items, nothing to do"),
        "1.5 of `validate`; 200 MB",
        format!(
            "{:.1} s: {share:.2}; {:.0} MB",
            plan.seconds(),
            plan.megabytes()
        ),
        share <= 1.5 && plan.megabytes() < 200.0,
    ));

    let report = succeed(root, &["report", "--quiet"]);
    let table = std::fs::metadata(project.reports().join("loans.csv")).expect("a report");
    #[allow(clippy::cast_precision_loss)]
    let size = table.len() as f64 / 1e6;
    readings.push(Reading::new(
        format!("reports of {rows} rows: CSV of {size:.0} MB, HTML, JSON"),
        "10 s",
        format!(
            "{:.1} s; {:.0} MB of memory",
            report.seconds(),
            report.megabytes()
        ),
        report.seconds() < 10.0,
    ));
    Night {
        rows,
        validate,
        plan,
    }
}

/// Sends all rows; the first run is killed when half of them are through.
fn killed_and_resumed(
    project: &Project,
    service: &Service,
    rows: u32,
    validate: &Took,
) -> Vec<Reading> {
    let apply = ["apply", "--yes", "--quiet", "--observe", "resources"];
    let half = CALLS * rows as usize / 2;
    let running = command::start(project.root(), &apply);
    while service.count() < half {
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill();
    service.take();
    let began = Instant::now();
    let mut running = command::start(project.root(), &apply);
    while service.count() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let resumed = began.elapsed().as_secs_f64();
    while !running.is_over() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = running.end();
    assert!(took.succeeded, "{}", took.said);
    let calls = service.take();
    let through = calls[calls.len() - 1].at - calls[0].at;
    #[allow(clippy::cast_precision_loss)]
    let rate = calls.len() as f64 / through.as_secs_f64();
    vec![
        Reading::new(
            format!("first call after a kill, {rows} items of which half are done"),
            "1.5 of `validate`",
            format!("{resumed:.1} s: {:.2}", resumed / validate.seconds()),
            resumed <= 1.5 * validate.seconds(),
        ),
        Reading::new(
            format!("the other half, {} calls, reports included", calls.len()),
            "",
            format!(
                "{rate:.0} calls/s; {:.1} s; {:.0} MB",
                took.seconds(),
                took.megabytes()
            ),
            true,
        ),
    ]
}

/// Seconds of one thread that parses, renders and hashes; the quicker of two.
fn limit(root: &Path) -> f64 {
    let file = SheetFile {
        path: root.join("loans.csv"),
        shown: "loans.csv".into(),
        encoding: None,
        delimiter: b',',
    };
    let sheet = Sheet::open(&file).expect("a sheet");
    let limit = Limit::new();
    let seconds = || {
        let began = Instant::now();
        limit.rows(&sheet);
        began.elapsed().as_secs_f64()
    };
    seconds().min(seconds())
}

/// The quicker of two.
fn quicker(measure: impl Fn() -> Took) -> Took {
    let (one, other) = (measure(), measure());
    if one.wall <= other.wall { one } else { other }
}
