//! End-to-end benchmark of a batch of a million contracts: the real command, a generated sheet and
//! a service on this machine.
//!
//! - `cargo bench --bench million` runs all cases and prints a table.
//! - `cargo bench --bench million -- pace night` runs the named cases.
//! - `TREATY` is the path of the program to measure, for example `target/release/treaty`.
//! - `ROWS` is the number of rows; default 1,000,000.
//!
//! `wrk` measures the maximum request rate of the service. `benches/peers/run` installs the other
//! peers. A peer that is not installed gives a reading "not measured".

mod clock;
mod command;
mod faults;
mod limit;
mod night;
mod pace;
mod peers;
mod project;
mod reports;
mod service;
mod start;
mod wire;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The comparison of a reading with its target.
enum Verdict {
    Reached,
    NotReached,
    NotMeasured,
    NoTarget,
}

/// A line of the table.
pub(crate) struct Reading {
    measure: String,
    target: String,
    value: String,
    verdict: Verdict,
}

impl Reading {
    /// Creates a reading with a target.
    pub(crate) fn new(
        measure: impl Into<String>,
        target: impl Into<String>,
        value: impl Into<String>,
        is_reached: bool,
    ) -> Self {
        Self {
            measure: measure.into(),
            target: target.into(),
            value: value.into(),
            verdict: if is_reached {
                Verdict::Reached
            } else {
                Verdict::NotReached
            },
        }
    }

    /// Creates a reading without a target.
    pub(crate) fn without_target(measure: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            measure: measure.into(),
            target: String::new(),
            value: value.into(),
            verdict: Verdict::NoTarget,
        }
    }

    /// Creates a reading for a measure that was not taken, with the reason.
    pub(crate) fn not_measured(
        measure: impl Into<String>,
        target: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            measure: measure.into(),
            target: target.into(),
            value: reason.into(),
            verdict: Verdict::NotMeasured,
        }
    }
}

/// A case: its name on the command line and its function.
type Case = (&'static str, fn() -> Vec<Reading>);

const CASES: [Case; 9] = [
    ("start", start::readings),
    ("pace", pace::readings),
    ("wire", wire::readings),
    ("faults", faults::readings),
    ("throttled", faults::throttled),
    ("validate", night::validate),
    ("night", night::readings),
    ("reports", reports::readings),
    ("peers", peers::readings),
];

fn main() {
    let selected: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let known = |name: &String| CASES.iter().any(|(case, _)| case == name);
    if let Some(unknown) = selected.iter().find(|name| !known(name)) {
        let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
        eprintln!("unknown case {unknown}; available are {}", names.join(", "));
        std::process::exit(2);
    }
    println!("| measure | target | reading | |\n|---|---|---|---|");
    for (name, measure) in CASES {
        if selected.is_empty() || selected.iter().any(|own| own == name) {
            for reading in measure() {
                let Reading {
                    measure,
                    target,
                    value,
                    verdict,
                } = reading;
                let verdict = match verdict {
                    Verdict::Reached => "reached",
                    Verdict::NotReached => "not reached",
                    Verdict::NotMeasured => "not measured",
                    Verdict::NoTarget => "",
                };
                println!("| {measure} | {target} | {value} | {verdict} |");
            }
        }
    }
}

/// Returns the number of rows of the largest sheet.
pub(crate) fn million() -> u32 {
    let rows = std::env::var("ROWS")
        .ok()
        .and_then(|rows| rows.parse().ok());
    rows.unwrap_or(1_000_000)
}
