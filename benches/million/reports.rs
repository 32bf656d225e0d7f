//! The reports of a recorded batch: CSV, HTML and JSON, and workbooks.

use std::path::Path;
use std::time::Duration;

use crate::command::succeed;
use crate::project::Project;
use crate::service::Service;
use crate::{Reading, million};

/// Sends all rows, then measures their reports.
pub(crate) fn readings() -> Vec<Reading> {
    let rows = million();
    let service = Service::start((Duration::ZERO, Duration::ZERO));
    let project = Project::new(rows);
    project.settings(&service.base, "{ rate: none, concurrency: 64 }");
    let apply = ["apply", "--yes", "--quiet", "--observe", "resources"];
    succeed(project.root(), &apply);
    measure(&project, rows)
}

/// Measures the reports of the last run of a project.
pub(crate) fn measure(project: &Project, rows: u32) -> Vec<Reading> {
    let root = project.root();
    let report = succeed(root, &["report", "--quiet"]);
    let csv = Reading::new(
        format!(
            "reports of {rows} rows: CSV of {:.0} MB, HTML, JSON",
            megabytes(&project.reports().join("loans.csv"))
        ),
        "10 s",
        format!(
            "{:.1} s; {:.0} MB of memory",
            report.seconds(),
            report.megabytes()
        ),
        report.seconds() < 10.0,
    );
    let settings = root.join("treaty.yaml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    let with_workbooks = format!("{text}reports: {{ formats: [xlsx] }}\n");
    std::fs::write(&settings, with_workbooks).expect("written");
    let workbook = succeed(root, &["report", "--quiet"]);
    std::fs::write(&settings, text).expect("written");
    let workbook = Reading::new(
        format!(
            "workbook of {rows} rows, {:.0} MB",
            megabytes(&project.reports().join("loans.xlsx"))
        ),
        "30 s; 250 MB of memory",
        format!(
            "{:.1} s; {:.0} MB of memory; {:.1} times the CSV",
            workbook.seconds(),
            workbook.megabytes(),
            workbook.seconds() / report.seconds()
        ),
        workbook.seconds() < 30.0 && workbook.megabytes() < 250.0,
    );
    vec![csv, workbook]
}

/// Returns the size of a file.
fn megabytes(file: &Path) -> f64 {
    let size = std::fs::metadata(file).expect("a report").len();
    #[allow(clippy::cast_precision_loss)]
    let size = size as f64;
    size / 1e6
}
