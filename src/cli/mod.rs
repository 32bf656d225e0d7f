//! The command line: parses arguments, runs one command, and returns its exit code. The only module
//! that reads from or writes to a terminal.

mod args;
mod commands;
mod completion;
mod context;
mod exit;
mod output;
mod process;

use args::{Args, Language, LogFormat};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use exit::CliError;
use tracing::{field, info_span};

pub use exit::Exit;
use output::{error, logging, out};

/// Whether the error for an unknown command proposes `revoke`, which ends contracts.
fn suggests_revoke(error: &clap::Error) -> bool {
    match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(name)) => name == "revoke",
        Some(ContextValue::Strings(names)) => names.iter().any(|name| name == "revoke"),
        _ => false,
    }
}

/// Runs treaty with the arguments of the process.
pub fn run() -> Exit {
    completion::answer_shell();
    process::prepare();
    let args = match Args::parse_process() {
        Ok(args) => args,
        Err(mut error) => {
            if error.kind() == ErrorKind::InvalidSubcommand && suggests_revoke(&error) {
                error.remove(ContextKind::SuggestedSubcommand);
            }
            // --help and --version print to standard output.
            let is_error = error.use_stderr();
            out::clap(&error);
            return if is_error {
                Exit::Usage
            } else {
                with_output_error(Exit::Done, LogFormat::Text)
            };
        }
    };
    args.global.color.write_global();
    let language = args.global.lang;
    language
        .unwrap_or_else(|| Language::of_environment(|name| std::env::var(name).ok()))
        .write_global();
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
        Ok(()) => commands::run(&args),
        Err(error) => Err(error.into()),
    };
    let format = args.global.log_format;
    let exit = result.unwrap_or_else(|error| error::report(&error, format));
    with_output_error(exit, format)
}

/// Returns the exit code, or 1 when standard output could not be written and nothing else failed.
fn with_output_error(exit: Exit, format: LogFormat) -> Exit {
    let Some(error) = out::write_error() else {
        return exit;
    };
    let error = CliError::new(
        Exit::Error,
        t!("standard output cannot be written: %{error}", error = error),
        t!("free disk space or redirect the output; the command itself has completed"),
    );
    let own = error::report(&error.into(), format);
    match exit {
        Exit::Done | Exit::Changes => own,
        worse => worse,
    }
}
