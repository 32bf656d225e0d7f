//! The treaty binary. The program is in the library.

use std::process::ExitCode;

/// Faster than the system allocator when memory is freed on another thread: see `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(treaty::cli::run().code())
}
