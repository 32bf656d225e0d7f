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
mod output;
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
mod wrap;

use args::{Args, Command, LogFormat};
use clap::Parser;
use exit::CliError;
use tracing::{field, info_span};

pub use exit::Exit;
use output::logging;

/// Runs treaty with the process's arguments.
pub fn run() -> Exit {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let printed = error.print();
            if error.use_stderr() {
                return Exit::Usage;
            }
            // What was asked for is the help.
            let _ = printed.inspect_err(out::notice);
            return told(Exit::Done, LogFormat::Text);
        }
    };
    args.global.color.write_global();
    let logs = logging::start(&args.global, args.command.has_run_log());
    let _span = info_span!(
        "run",
        command = args.command.name(),
        project = field::Empty,
        environment = field::Empty,
        run = field::Empty,
    )
    .entered();
    let result = match logs {
        Ok(()) => command(&args),
        Err(error) => Err(error.into()),
    };
    let format = args.global.log_format;
    let exit = result.unwrap_or_else(|error| exit::report(&error, format));
    told(exit, format)
}

fn command(args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
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
    }
}

/// A command is not well whose result nobody could read. What went wrong before is worse.
fn told(exit: Exit, format: LogFormat) -> Exit {
    let Some(why) = out::lost() else { return exit };
    let lost = CliError::new(
        Exit::Error,
        format!("standard output cannot be written: {why}"),
        "make room, or send it elsewhere; what the command has done stays done",
    );
    let own = exit::report(&lost.into(), format);
    match exit {
        Exit::Done | Exit::Changes => own,
        worse => worse,
    }
}
