//! `--metrics FILE`: how a command went, for those who watch machines, also when it could not even begin.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::exit::{self, Exit};
use super::progress::Progress;
use crate::manifest::Project;
use crate::report::{Calls, Counts, Metrics, Summary, write_metrics};

/// What a command has to tell, as far as it came.
pub(super) struct Numbers {
    command: &'static str,
    started: Timestamp,
    project: String,
    environment: String,
    items: BTreeMap<String, Counts>,
    calls: Calls,
}

impl Numbers {
    /// Those of a command that begins now.
    pub(super) fn of(command: &'static str) -> Self {
        Self {
            command,
            started: Timestamp::now(),
            project: String::new(),
            environment: String::new(),
            items: BTreeMap::new(),
            calls: Calls::new(),
        }
    }

    /// Whose they are.
    pub(super) fn name(&mut self, project: &Project) {
        self.project.clone_from(&project.name);
        self.environment.clone_from(&project.settings.environment);
    }

    /// What a run has counted.
    pub(super) fn take(&mut self, summary: &Summary) {
        self.items.clone_from(&summary.items);
        self.calls.clone_from(&summary.calls);
    }

    /// What was counted without a run.
    pub(super) fn count(&mut self, items: BTreeMap<String, Counts>, progress: &Progress) {
        self.items = items;
        let calls = progress.calls().into_iter();
        self.calls = calls
            .map(|(op, count)| (op.path().to_owned(), count))
            .collect();
    }

    /// Writes them where that was asked for. A command that was well is not when nobody could be told.
    pub(super) fn write(
        &self,
        path: Option<&Path>,
        result: anyhow::Result<Exit>,
    ) -> anyhow::Result<Exit> {
        let Some(path) = path else { return result };
        let exit = match &result {
            Ok(exit) => *exit,
            Err(error) => exit::of(error),
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
            // What went wrong before is worse.
            (result, _) => result,
        }
    }
}
