//! treaty as its users start it, with what it took.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a command took.
#[derive(Debug, Clone)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// The most memory that it held; Linux tells it, elsewhere it is 0.
    pub(crate) bytes: u64,
    /// What it said.
    pub(crate) said: String,
    pub(crate) succeeded: bool,
}

impl Took {
    pub(crate) fn seconds(&self) -> f64 {
        self.wall.as_secs_f64()
    }

    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }
}

/// A command that goes on.
pub(crate) struct Running {
    child: Child,
    began: Instant,
    bytes: u64,
}

/// The program: the one of this build, or the one that `TREATY` names.
pub(crate) fn program() -> PathBuf {
    let named = std::env::var_os("TREATY").map(PathBuf::from);
    let own = || PathBuf::from(env!("CARGO_BIN_EXE_treaty"));
    let program = named.unwrap_or_else(own);
    program.canonicalize().expect("a program")
}

/// Starts treaty in a project.
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
        began: Instant::now(),
        bytes: 0,
    }
}

/// Starts treaty in a project, and waits for its end.
pub(crate) fn run(root: &Path, args: &[&str]) -> Took {
    let mut running = start(root, args);
    let mut pause = Duration::from_micros(100);
    while !running.is_over() {
        std::thread::sleep(pause);
        pause = Duration::from_millis(20).min(pause * 21 / 20);
    }
    running.end()
}

/// The same, which must succeed.
pub(crate) fn succeed(root: &Path, args: &[&str]) -> Took {
    let took = run(root, args);
    assert!(took.succeeded, "treaty {args:?}: {}", took.said);
    took
}

impl Running {
    /// Whether it has ended; looks at its memory otherwise.
    pub(crate) fn is_over(&mut self) -> bool {
        let over = self.child.try_wait().expect("a state").is_some();
        if !over {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
            let peak = status.ok().and_then(|status| {
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix("VmHWM:"))?;
                line.trim().trim_end_matches(" kB").parse::<u64>().ok()
            });
            self.bytes = self.bytes.max(peak.unwrap_or(0) * 1024);
        }
        over
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    pub(crate) fn end(mut self) -> Took {
        let status = self.child.wait().expect("an end");
        let wall = self.began.elapsed();
        let mut said = String::new();
        if let Some(mut stream) = self.child.stderr.take() {
            stream.read_to_string(&mut said).expect("its words");
        }
        Took {
            wall,
            bytes: self.bytes,
            said,
            succeeded: status.success(),
        }
    }
}
