//! `--metrics FILE`: the result of a command in the Prometheus text format, written even when the
//! command fails at the start.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use crate::cli::exit::{self, Exit};
use crate::cli::output::progress::Progress;
use crate::manifest::Project;
use crate::report::{Calls, Counts, Metrics, Summary, write_metrics};

/// The metrics of a command so far.
pub(in crate::cli) struct CommandMetrics {
    command: &'static str,
    started: Timestamp,
    project: String,
    environment: String,
    items: BTreeMap<String, Counts>,
    calls: Calls,
}

impl CommandMetrics {
    /// Starts the metrics of a command.
    pub(in crate::cli) fn new(command: &'static str) -> Self {
        Self {
            command,
            started: Timestamp::now(),
            project: String::new(),
            environment: String::new(),
            items: BTreeMap::new(),
            calls: Calls::new(),
        }
    }

    /// Sets the project and environment.
    pub(in crate::cli) fn set_project(&mut self, project: &Project) {
        self.project.clone_from(&project.name);
        self.environment.clone_from(&project.settings.environment);
    }

    /// Sets the counts of a run.
    pub(in crate::cli) fn set_run(&mut self, summary: &Summary) {
        self.items.clone_from(&summary.items);
        self.calls.clone_from(&summary.calls);
    }

    /// Sets the counts of a command that has no run.
    pub(in crate::cli) fn set_counts(
        &mut self,
        items: BTreeMap<String, Counts>,
        progress: &Progress,
    ) {
        self.items = items;
        let calls = progress.calls().into_iter();
        self.calls = calls
            .map(|(op, count)| (op.path().to_owned(), count))
            .collect();
    }

    /// Writes the metrics to `path`, if given, and returns `result`. A write error replaces
    /// success, but no other result.
    pub(in crate::cli) fn write(
        &self,
        path: Option<&Path>,
        result: anyhow::Result<Exit>,
    ) -> anyhow::Result<Exit> {
        let Some(path) = path else { return result };
        let exit = match &result {
            Ok(exit) => *exit,
            Err(error) => exit::classify(error).0,
        };
        let written = write_metrics(
            path,
            &Metrics {
                project: &self.project,
                environment: &self.environment,
                command: self.command,
                exit_code: exit.code(),
                started: self.started,
                ended: Timestamp::now(),
                items: &self.items,
                calls: &self.calls,
            },
        );
        match (result, written) {
            (Ok(Exit::Done), Err(error)) => Err(error.into()),
            // The error of the command is more important.
            (result, _) => result,
        }
    }
}
