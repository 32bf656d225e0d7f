//! Start-up time and size of the program.

use super::Reading;
use super::command::{program, succeed};
use super::project::Project;

pub(crate) fn readings() -> Vec<Reading> {
    let project = Project::new(10);
    // The minimum of 20 runs: the machine is shared, and the first run reads the program from disk.
    let fastest = |args: &[&str]| {
        let times = (0..20).map(|_| succeed(project.root(), args).seconds() * 1e3);
        times.fold(f64::INFINITY, f64::min)
    };
    let (validate, help) = (fastest(&["validate"]), fastest(&["--help"]));
    let program = std::fs::metadata(program()).expect("the program");
    #[allow(clippy::cast_precision_loss)]
    let size = program.len() as f64 / 1e6;
    vec![
        Reading::new(
            "`validate` of 10 rows",
            "15 ms",
            format!("{validate:.0} ms"),
            validate < 15.0,
        ),
        Reading::new("`--help`", "5 ms", format!("{help:.0} ms"), help < 5.0),
        Reading::new(
            "size of the program",
            "30 MB",
            format!("{size:.1} MB"),
            size < 30.0,
        ),
    ]
}
