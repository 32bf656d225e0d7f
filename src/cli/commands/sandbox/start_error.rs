//! The errors of a server that cannot start.

use std::io::ErrorKind;
use std::path::Path;

use crate::cli::args::Sandbox as Args;
use crate::cli::context::endpoint::sandbox_folder;
use crate::cli::exit::{CliError, Exit};
use crate::sandbox::{InUse, StoreError};

/// The error when the address cannot be bound. If another process serves the world of this project,
/// it probably has the port.
pub(super) fn bind_error(args: &Args, project: &Path, error: &std::io::Error) -> CliError {
    let addr = args.addr;
    let message = t!(
        "cannot listen on %{address}: %{error}",
        address = addr,
        error = error
    );
    let in_use = (error.kind() == ErrorKind::AddrInUse && !args.memory)
        .then(|| InUse::of(&sandbox_folder(project)))
        .flatten();
    if let Some(in_use) = in_use {
        let message = format!(
            "{message}{}{}",
            t!("; "),
            t!("the sandbox world in %{world}", world = in_use)
        );
        return CliError::new(Exit::Held, message, held_hint(&in_use));
    }
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            t!(
                "stop the program that uses the port, such as a treaty sandbox in another window, or choose another port \
                with --addr; port 0 selects a free one"
            )
        }
        ErrorKind::PermissionDenied => {
            t!("choose a port above 1023 with --addr; port 0 selects a free one")
        }
        _ => t!("choose another loopback address with --addr"),
    };
    CliError::new(Exit::Error, message, hint)
}

/// The hint for a world that another process has open.
fn held_hint(in_use: &InUse) -> String {
    let kill = in_use.kill_command();
    let kill = kill.map(|kill| t!(" or %{kill}", kill = kill));
    t!(
        "use that sandbox, or stop it with Ctrl-C in its window%{kill}; for a second one, name another project folder \
         with -p, or start an empty world with --memory --addr 127.0.0.1:0",
        kill = kill.unwrap_or_default()
    )
    .into_owned()
}

/// Returns the error for fixtures that cannot be added.
pub(super) fn fixtures_error(error: &std::io::Error) -> CliError {
    CliError::new(
        Exit::Error,
        t!("the fixtures cannot be added: %{error}", error = error),
        t!("check the folder, or use an empty world in memory with --memory"),
    )
}

/// Returns the error for a world that cannot be opened.
pub(super) fn open_error(error: &StoreError) -> CliError {
    let (exit, hint) = match error {
        StoreError::Busy(in_use) => (Exit::Held, held_hint(in_use)),
        StoreError::Broken { .. } => (
            Exit::Error,
            t!("check the folder, or use an empty world in memory with --memory").into_owned(),
        ),
    };
    CliError::new(exit, error.to_string(), hint)
}
