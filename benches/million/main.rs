//! A night of a million contracts, as the people who run it would see it: the real command, a real sheet, a service on
//! this machine.
//!
//! `cargo bench --bench million` measures all and prints a table; `cargo bench --bench million -- pace resume` only some.
//! `TREATY` names the program to measure, such as `target/release/treaty`, which is linked more tightly than a bench is.
//! `ROWS` is the number of rows instead of 1,000,000. `wrk` is asked for the limit of the wire, where it is installed;
//! `benches/peers/run` sees to the other peers.

mod clock;
mod command;
mod faults;
mod limit;
mod night;
mod pace;
mod peers;
mod project;
mod service;
mod start;
mod wire;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One line of the table.
pub(crate) struct Reading {
    pub(crate) what: String,
    pub(crate) target: String,
    pub(crate) seen: String,
    pub(crate) reached: bool,
}

impl Reading {
    pub(crate) fn new(
        what: impl Into<String>,
        target: impl Into<String>,
        seen: impl Into<String>,
        reached: bool,
    ) -> Self {
        Self {
            what: what.into(),
            target: target.into(),
            seen: seen.into(),
            reached,
        }
    }
}

/// A case: its name on the command line, and what measures it.
type Case = (&'static str, fn() -> Vec<Reading>);

const CASES: [Case; 8] = [
    ("start", start::readings),
    ("pace", pace::readings),
    ("wire", wire::readings),
    ("faults", faults::readings),
    ("throttled", faults::throttled),
    ("validate", night::validate),
    ("night", night::readings),
    ("peers", peers::readings),
];

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let known = |name: &String| CASES.iter().any(|(case, _)| case == name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
        eprintln!("no case {unknown}; there are {}", names.join(", "));
        std::process::exit(2);
    }
    println!("| what | target | reading | |\n|---|---|---|---|");
    for (name, measure) in CASES {
        if wanted.is_empty() || wanted.iter().any(|own| own == name) {
            for line in measure() {
                let Reading {
                    what,
                    target,
                    seen,
                    reached,
                } = line;
                let reached = if reached { "" } else { "not reached" };
                println!("| {what} | {target} | {seen} | {reached} |");
            }
        }
    }
}

/// The number of rows of the largest sheet.
pub(crate) fn million() -> u32 {
    let rows = std::env::var("ROWS")
        .ok()
        .and_then(|rows| rows.parse().ok());
    rows.unwrap_or(1_000_000)
}
