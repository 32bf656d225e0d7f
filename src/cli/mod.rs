//! The command line: arguments → one command → an exit code. The only place that talks to a terminal.

mod apply;
mod args;
mod ask;
mod audit;
mod diagnostics;
mod ended;
mod endpoint;
mod excerpt;
mod exit;
mod faults;
mod follow;
mod init;
mod interrupt;
mod links;
mod listen;
mod markdown;
mod metrics;
mod out;
mod plan;
mod progress;
mod prompt;
mod report;
mod revoke;
mod sandbox;
mod schema;
mod session;
mod show;
mod state;
mod status;
mod sync;
mod validate;

use clap::Parser;

use args::{Args, Command};
pub use exit::Exit;

/// Runs treaty with the process's arguments.
pub fn run() -> Exit {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // A closed pipe is the reader's choice.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
        }
    };
    args.global.color.write_global();
    let result = match &args.command {
        Command::Init(own) => init::run(own),
        Command::Validate(own) => validate::run(&args.global, own),
        Command::Plan(own) => plan::run(&args.global, own),
        Command::Apply(own) => apply::run(&args.global, own),
        Command::Sync(own) => sync::run(&args.global, own),
        Command::Listen(own) => listen::run(&args.global, own),
        Command::Revoke(own) => revoke::run(&args.global, own),
        Command::Report(own) => report::run(&args.global, own),
        Command::Status(own) => status::run(&args.global, own),
        Command::State(own) => state::run(&args.global, own),
        Command::Audit(own) => audit::run(&args.global, own),
        Command::Ask(own) => ask::run(&args.global, own),
        Command::Sandbox(own) => sandbox::run(&args.global, own),
        Command::Schema(own) => Ok(schema::run(own)),
    };
    result.unwrap_or_else(|error| exit::report(&error, args.global.log_format))
}
