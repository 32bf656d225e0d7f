//! The treaty binary: see the library for everything.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(treaty::cli::run().code())
}
