//! Settings of the process: its limits, and the effect of signals that would end it.

use std::num::NonZeroUsize;

/// The number of open files to ask for. A larger limit has no use.
const MAX_OPEN_FILES: u64 = 65_536;
/// The open files that are not connections: ledger, sheets, reports, logs.
const RESERVED_FILES: u64 = 64;
/// The open files of a connection: its socket, and the lookup of the host name before.
const FILES_PER_CONNECTION: u64 = 2;

/// Prepares the process. What the system does not support or allow is left out.
///
/// - The soft limit of open files is raised to the hard limit.
/// - No core file is written and no process of the same user can read the memory: it holds the app
///   secret, names and id numbers.
/// - A file that grows beyond the limit of file sizes is a write error; without this, SIGXFSZ ends
///   the process.
pub(super) fn prepare() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let files = getrlimit(Resource::Nofile);
        let wanted = files.maximum.unwrap_or(MAX_OPEN_FILES).min(MAX_OPEN_FILES);
        // macOS refuses more than 10,240, whatever its hard limit.
        for wanted in [wanted, wanted.min(10_240)] {
            let is_raised = |current| current >= wanted;
            let raised = Rlimit {
                current: Some(wanted),
                maximum: files.maximum,
            };
            if files.current.is_none_or(is_raised) || setrlimit(Resource::Nofile, raised).is_ok() {
                break;
            }
        }
        let core = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, core);
        let _ =
            signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Returns the number of connections that the limit of open files allows; `None` without a limit.
pub(super) fn max_connections() -> Option<NonZeroUsize> {
    #[cfg(unix)]
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let limit = None;
    limit.map(connections)
}

/// Returns the number of connections for a limit of open files, at least one.
fn connections(limit: u64) -> NonZeroUsize {
    let connections = limit.saturating_sub(RESERVED_FILES) / FILES_PER_CONNECTION;
    let connections = usize::try_from(connections).unwrap_or(usize::MAX);
    NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserves_open_files() {
        for (limit, expected) in [(0, 1), (64, 1), (256, 96), (65_536, 32_736)] {
            assert_eq!(connections(limit).get(), expected, "{limit}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn raises_open_files_and_writes_no_core_file() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        prepare();
        let files = getrlimit(Resource::Nofile);
        let hard = files.maximum.unwrap_or(MAX_OPEN_FILES);
        assert!(
            files
                .current
                .is_none_or(|soft| soft >= hard.min(MAX_OPEN_FILES))
        );
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
