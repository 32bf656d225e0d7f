//! The scenarios of the crash tests: loans that are sent, leases that are signed and archived,
//! loans that are revoked.

use std::collections::BTreeMap;
use std::process::{Command, ExitStatus};

use jiff::{SignedDuration, Timestamp};
use treaty::api::FlowStatus;
use treaty::sandbox::{AutoSign, Flow, Sandbox};

use crate::postgres;
use crate::project::{Project, Run, root};
use crate::serve::serve;
use crate::table::Counted;

/// A scenario that can be started repeatedly.
pub(crate) trait Night {
    /// Returns a project and a world, ready for the command that is killed.
    fn begin(&self) -> Office;
}

/// A project, its world, and the expected results.
pub(crate) struct Office {
    pub(crate) project: Project,
    pub(crate) sandbox: Sandbox,
    /// The number of signers of each item.
    signers: usize,
    /// The expected number of items.
    items: usize,
    /// The expected number of revoked flows.
    revoked: usize,
    /// Whether signers sign until all flows are archived and downloaded.
    to_the_end: bool,
    /// Whether everything was applied before the command that is killed.
    applied: bool,
}

/// Loans of the example: each borrower is asked once.
pub(crate) struct Loans {
    pub(crate) rows: usize,
}

/// Leases of the example: two documents, three signers in sequence, archived and downloaded.
pub(crate) struct Leases;

/// Leases that are sent; their syncs are killed.
pub(crate) struct Signing;

impl Night for Signing {
    fn begin(&self) -> Office {
        let mut office = Leases.begin();
        assert_eq!(office.run(&["apply", "--yes"], None).code, 0);
        office.applied = true;
        office
    }
}

/// Loans with removed rows.
pub(crate) struct Revoked;

/// Loans whose first run was killed after a response that it had not recorded.
pub(crate) struct Cut;

impl Night for Cut {
    fn begin(&self) -> Office {
        let office = Loans { rows: 3 }.begin();
        // The first two signers are the lender and a borrower.
        assert!(office.apply_until_killed("step.answered:4"));
        office
    }
}

impl Night for Loans {
    fn begin(&self) -> Office {
        let project = Project::loans();
        let lines: Vec<String> = project
            .sheet()
            .lines()
            .take(self.rows + 1)
            .map(str::to_owned)
            .collect();
        project.set_sheet(&lines.join("\r\n"));
        Office::new(project, 2, self.rows)
    }
}

impl Night for Leases {
    fn begin(&self) -> Office {
        let project = Project::copy_of(&root().join("examples/tenancy"));
        let sheet = project.read("tenants.csv");
        let lines: Vec<&str> = sheet.lines().take(3).collect();
        project.write("tenants.csv", lines.join("\n"));
        let mut office = Office::new(project, 3, 2);
        office.to_the_end = true;
        office
    }
}

impl Night for Revoked {
    fn begin(&self) -> Office {
        let mut office = Loans { rows: 4 }.begin();
        let manifest = office.project.read("manifests/loans.yaml");
        office.project.write(
            "manifests/loans.yaml",
            format!("{manifest}    onVanish: revoke\n"),
        );
        assert_eq!(office.run(&["apply", "--yes"], None).code, 0);
        let sheet = office.project.sheet();
        let lines: Vec<&str> = sheet.lines().take(3).collect();
        office.project.set_sheet(&lines.join("\r\n"));
        office.items = 2;
        office.revoked = 2;
        office
    }
}

impl Office {
    fn new(project: Project, signers: usize, items: usize) -> Self {
        let (base, sandbox) = served();
        let ledger = postgres::new_ledger().unwrap_or_default();
        project.write(
            "treaty.yaml",
            format!(
                "{ledger}version: 1\nproject: crash\ndefaultEnvironment: test\nenvironments:\n  test: {{ endpoint: \"{base}\" }}\n\
                 variables: {{ lender: 天谷, landlord: 安居 }}\nlimits: {{ rate: none }}\nretries: {{ backoff: 1ms, timeout: 5s }}\n\
                 failures: {{ revoke: 100% }}\n"
            ),
        );
        Self {
            project,
            sandbox,
            signers,
            items,
            revoked: 0,
            to_the_end: false,
            applied: false,
        }
    }

    /// Runs a command, which is killed if it reaches the failpoint.
    fn run(&self, args: &[&str], crash: Option<&str>) -> Run {
        Run::from(self.command(args, crash).output().expect("treaty runs"))
    }

    pub(crate) fn command(&self, args: &[&str], crash: Option<&str>) -> Command {
        let mut command = self.project.command(args);
        command
            .env("TREATY_APP_ID", "app")
            .env("TREATY_APP_SECRET", "secret");
        if let Some(crash) = crash {
            command.env("TREATY_CRASH", crash);
        }
        command
    }

    /// Applies and syncs until everything is done or a command is killed. Returns whether one was
    /// killed.
    pub(crate) fn apply_until_killed(&self, crash: &str) -> bool {
        let killed = |args: &[&str]| {
            was_killed(
                self.command(args, Some(crash))
                    .output()
                    .expect("treaty runs")
                    .status,
            )
        };
        if !self.applied && killed(&["apply", "--yes"]) {
            return true;
        }
        for _ in 0..if self.to_the_end { 3 } else { 0 } {
            self.everybody_signs();
            if killed(&["sync"]) {
                return true;
            }
        }
        false
    }

    /// Completes the work with the same commands, as an operator does.
    pub(crate) fn complete(&self) {
        let run = self.run(&["apply", "--yes"], None);
        assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
        for _ in 0..if self.to_the_end { 4 } else { 0 } {
            self.everybody_signs();
            let run = self.run(&["sync"], None);
            assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
        }
        let run = self.run(&["plan", "--detailed-exitcode"], None);
        assert_eq!(run.code, 0, "nothing is left to do\n{}", run.stdout);
        // The report describes the last run, which covers all items.
        let run = self.run(&["apply", "--yes"], None);
        assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    }

    fn everybody_signs(&self) {
        let auto = AutoSign {
            after: SignedDuration::ZERO,
            refuse: 0.0,
            seed: 0,
        };
        self.sandbox.advance(Some(&auto), Timestamp::now());
    }

    /// Compares the tasks, links and files in the world with the expected ones.
    pub(crate) fn count(&self) -> Counted {
        let flows: Vec<Flow> = self
            .sandbox
            .with_world(|world| world.flows().cloned().collect());
        let mut counted = Counted::default();
        let asked: Vec<&Flow> = flows
            .iter()
            .filter(|flow| flow.live_tasks().next().is_some())
            .collect();
        let ended = |flow: &&&Flow| flow.status == FlowStatus::Revoked;
        let revoked = asked.iter().filter(ended).count();
        // More flows than items mean duplicates; fewer mean losses.
        counted.difference(asked.len(), self.items + self.revoked);
        counted.difference(revoked, self.revoked);
        let mut people: BTreeMap<String, usize> = BTreeMap::new();
        for flow in &asked {
            let live: Vec<String> = flow
                .live_tasks()
                .map(|account| account.as_str().to_owned())
                .collect();
            counted.difference(live.len(), self.signers);
            counted.again += flow.tasks.len() - live.len();
            for (at, account) in live.iter().enumerate() {
                // One person has two tasks in one flow.
                counted.duplicates += usize::from(live[..at].contains(account) && !self.to_the_end);
                *people.entry(account.clone()).or_default() += 1;
            }
        }
        let report = self.project.report(if self.to_the_end {
            "leases.csv"
        } else {
            "loans.csv"
        });
        let link = if self.to_the_end {
            "treaty_tenant_sign_url"
        } else {
            "treaty_borrower_sign_url"
        };
        for row in &report {
            counted.in_doubt += usize::from(row["treaty_status"] == "in_doubt");
            counted.lost += usize::from(row[link].is_empty() || row["treaty_flow_id"].is_empty());
        }
        if self.to_the_end {
            let finished = asked
                .iter()
                .filter(|flow| flow.status == FlowStatus::Finished)
                .count();
            counted.lost += self.items.abs_diff(finished);
            for row in &report {
                for document in ["lease", "rules"] {
                    let path = format!("signed/{}-{document}.pdf", row["treaty_key"]);
                    let file = std::fs::read(self.project.path(&path)).unwrap_or_default();
                    let whole =
                        file.starts_with(b"%PDF-") && file.trim_ascii_end().ends_with(b"%%EOF");
                    counted.lost += usize::from(!whole);
                }
            }
        }
        counted
    }
}

impl Counted {
    fn difference(&mut self, found: usize, expected: usize) {
        self.duplicates += found.saturating_sub(expected);
        self.lost += expected.saturating_sub(found);
    }
}

/// Returns whether a process was ended by a signal.
#[cfg(unix)]
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status).is_some()
}

/// Serves an empty world, and returns its address.
fn served() -> (String, Sandbox) {
    let (tell, told) = std::sync::mpsc::channel();
    let base = serve(move |base| {
        let sandbox = Sandbox::in_memory(base);
        tell.send(sandbox.clone()).expect("somebody waits");
        sandbox.with_credentials().router()
    });
    (base, told.recv().expect("a world"))
}
