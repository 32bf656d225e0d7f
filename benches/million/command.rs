//! Runs the treaty command and measures its time and memory.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The resource usage and the outcome of a command.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// The peak memory in bytes; 0 on systems other than Linux.
    pub(crate) bytes: u64,
    /// The output on standard error.
    pub(crate) stderr: String,
    pub(crate) succeeded: bool,
}

impl Usage {
    pub(crate) fn seconds(&self) -> f64 {
        self.wall.as_secs_f64()
    }

    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }
}

/// A running command.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    bytes: u64,
}

/// Returns the path of the program: `TREATY`, or the program of this build.
pub(crate) fn program() -> PathBuf {
    let configured = std::env::var_os("TREATY").map(PathBuf::from);
    let own = || PathBuf::from(env!("CARGO_BIN_EXE_treaty"));
    let program = configured.unwrap_or_else(own);
    program.canonicalize().expect("a program")
}

/// Starts treaty in a project folder.
pub(crate) fn start(root: &Path, args: &[&str]) -> Running {
    let child = Command::new(program())
        .args(args)
        .current_dir(root)
        .env("TREATY_APP_ID", "bench")
        .env("TREATY_APP_SECRET", "a secret of the bench")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("treaty");
    Running {
        child,
        started: Instant::now(),
        bytes: 0,
    }
}

/// Runs treaty in a project folder and waits for its end.
pub(crate) fn run(root: &Path, args: &[&str]) -> Usage {
    let mut running = start(root, args);
    let mut pause = Duration::from_micros(100);
    while !running.has_ended() {
        std::thread::sleep(pause);
        pause = Duration::from_millis(20).min(pause * 21 / 20);
    }
    running.wait()
}

/// Runs treaty in a project folder. Panics if it fails.
pub(crate) fn succeed(root: &Path, args: &[&str]) -> Usage {
    let usage = run(root, args);
    assert!(usage.succeeded, "treaty {args:?}: {}", usage.stderr);
    usage
}

impl Running {
    /// Whether the command has ended. If not, updates the peak memory.
    pub(crate) fn has_ended(&mut self) -> bool {
        let has_ended = self.child.try_wait().expect("a state").is_some();
        if !has_ended {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
            let peak = status.ok().and_then(|status| {
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix("VmHWM:"))?;
                line.trim().trim_end_matches(" kB").parse::<u64>().ok()
            });
            self.bytes = self.bytes.max(peak.unwrap_or(0) * 1024);
        }
        has_ended
    }

    /// Kills the command without cleanup.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Waits for the end of the command.
    pub(crate) fn wait(mut self) -> Usage {
        let status = self.child.wait().expect("an end");
        let wall = self.started.elapsed();
        let mut stderr = String::new();
        if let Some(mut stream) = self.child.stderr.take() {
            stream.read_to_string(&mut stderr).expect("standard error");
        }
        Usage {
            wall,
            bytes: self.bytes,
            stderr,
            succeeded: status.success(),
        }
    }
}
