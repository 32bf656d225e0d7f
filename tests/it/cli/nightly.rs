//! `examples/nightly`: the commands of its units run, also while the previous run is active.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::cli::state::applied;
use crate::support::project::{Project, root};

/// Returns the arguments of the units' commands, without the program name.
fn commands() -> [Vec<String>; 2] {
    let folder = root().join("examples/nightly");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a unit");
    let service = read("systemd/treaty-nightly.service");
    let start = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let words = start.expect("a command").split(' ').skip(1);
    let job = read("kubernetes/cronjob.yaml");
    let args = job
        .lines()
        .find_map(|line| line.trim().strip_prefix("args: ["));
    let args = args.expect("arguments").trim_end_matches(']').split(", ");
    [
        words.map(str::to_owned).collect(),
        args.map(|word| word.trim_matches('"').to_owned()).collect(),
    ]
}

#[test]
fn runs_the_commands_of_the_units() {
    for command in commands() {
        for words in [
            ["apply", "--yes"].as_slice(),
            &["--wait", "--until", "06:00"],
            &["--confirm", "production"],
        ] {
            assert!(
                command.windows(words.len()).any(|own| own == words),
                "{command:?}"
            );
        }
        let project = Project::copy_of(&root().join("examples/nightly"));
        let sheet: Vec<String> = project
            .read("loans.csv")
            .lines()
            .take(4)
            .map(str::to_owned)
            .collect();
        project.write("loans.csv", sheet.join("\n"));
        project.replace(
            "treaty.yaml",
            "{ endpoint: \"https://o.tsign.cn/opentreaty-service\", protected: true }",
            "{ endpoint: sandbox, protected: true }",
        );
        let mut args: Vec<&str> = vec!["-e", "production"];
        args.extend(command.iter().map(|word| match word.as_str() {
            // No one signs here, so the test does not wait until 06:00.
            "06:00" => "0s",
            path if path.starts_with('/') => "treaty.prom",
            word => word,
        }));
        let run = project.expect(&args, 0);
        assert!(
            run.stdout.contains("flows.loans  3 waiting"),
            "{}",
            run.stdout
        );
        assert!(project.read("treaty.prom").contains("treaty_exit_code"));
        for report in ["loans.csv", "report.html", "junit.xml", "run.json"] {
            assert!(
                project.path("reports/latest").join(report).exists(),
                "{report}"
            );
        }
        // The next run follows items that are already sent, even if the sheet no longer has them.
        project.write("loans.csv", &sheet[0]);
        let run = project.expect(&args, 0);
        assert!(run.stdout.contains("3 waiting"), "{}", run.stdout);
    }
}

/// A process that is killed at the end of the test.
struct Night(Child);

impl Drop for Night {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn refuses_to_start_while_the_previous_run_is_active() {
    let project = applied(2);
    let mut first = project.command(&[
        "--log-format",
        "json",
        "apply",
        "--yes",
        "--wait",
        "--every",
        "1h",
    ]);
    let mut first = Night(
        first
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("treaty runs"),
    );
    let mut told = BufReader::new(first.0.stderr.take().expect("its words")).lines();
    let waits = told.find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("\"event\":\"following\""))
    });
    assert!(waits.is_some(), "it waits");
    let runs = || {
        std::fs::read_dir(project.path("reports"))
            .expect("reports")
            .count()
    };
    let before = runs();
    let run = project.expect(
        &[
            "apply",
            "--yes",
            "--wait",
            "--until",
            "06:00",
            "--metrics",
            "treaty.prom",
        ],
        75,
    );
    assert!(
        run.stderr.contains("another run holds the ledger") && run.stderr.contains("since"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("wait until the other"),
        "{}",
        run.stderr
    );
    assert!(project.read("treaty.prom").contains("} 75\n"));
    assert_eq!(runs(), before, "it has no reports: nothing was done");
    // Commands that only read the ledger work meanwhile.
    project.expect(&["status"], 0);
    assert!(
        first.0.try_wait().expect("a state").is_none(),
        "the first goes on"
    );

    // After SIGTERM the first run records everything and releases the lock.
    let id = first.0.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(kill.expect("kill").success());
    std::thread::spawn(move || told.for_each(drop));
    assert_eq!(first.0.wait().expect("ended").code(), Some(130));
    project.expect(&["apply", "--yes", "--wait", "--until", "0s"], 0);
}
