//! The treaty binary: see the library for everything.

use std::process::ExitCode;

/// Rows are rendered on one core and freed on another: see `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(treaty::cli::run().code())
}
