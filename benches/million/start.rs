//! How long it takes until treaty has done something small, and how large it is.

use super::Reading;
use super::command::{program, succeed};
use super::project::Project;

pub(crate) fn readings() -> Vec<Reading> {
    let project = Project::new(10);
    // The quickest of some: the machine is shared, and the first reads the program from disk.
    let quickest = |args: &[&str]| {
        let times = (0..20).map(|_| succeed(project.root(), args).seconds() * 1e3);
        times.fold(f64::INFINITY, f64::min)
    };
    let (validate, help) = (quickest(&["validate"]), quickest(&["--help"]));
    let program = std::fs::metadata(program()).expect("the program");
    #[allow(clippy::cast_precision_loss)]
    let size = program.len() as f64 / 1e6;
    vec![
        Reading::new(
            "`validate` of ten rows",
            "15 ms",
            format!("{validate:.0} ms"),
            validate < 15.0,
        ),
        Reading::new("`--help`", "5 ms", format!("{help:.0} ms"), help < 5.0),
        Reading::new("the program", "30 MB", format!("{size:.1} MB"), size < 30.0),
    ]
}
