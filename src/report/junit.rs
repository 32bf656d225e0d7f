//! Writes `junit.xml` for CI systems: one suite a flow, one case an item.
//!
//! A failed item and a row that was not used are failures, an item in doubt is an error. Rejected, expired and revoked items
//! are skipped cases with the reason, because the run did not fail, and its exit code does not
//! count them either.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use super::row::ReportRow;
use super::status::Status;
use super::summary::Summary;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::escape::escaped_xml;

/// The number of bytes reserved for a start tag, without its name; its counts are known at the end
/// only.
const RESERVED: usize = 160;

/// The unfinished file.
pub(super) struct Junit {
    file: AtomicFile,
    project: String,
    /// The offset of the first tag.
    top: u64,
    /// The counts of all suites.
    total: CaseCounts,
    suite: Option<Suite>,
}

struct Suite {
    name: String,
    /// The offset of its tag.
    at: u64,
    counts: CaseCounts,
}

#[derive(Debug, Default, Clone, Copy)]
struct CaseCounts {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl CaseCounts {
    fn add(&mut self, other: Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }

    /// Returns the counts as XML attributes.
    fn attributes(self) -> String {
        format!(
            r#"tests="{}" failures="{}" errors="{}" skipped="{}""#,
            self.tests, self.failures, self.errors, self.skipped
        )
    }
}

impl Junit {
    /// Creates the file in a folder.
    pub(super) fn begin(folder: &Path, project: &str) -> Result<Self, FileError> {
        let file = AtomicFile::create(&folder.join("junit.xml"))?;
        let mut junit = Self {
            file,
            project: project.to_owned(),
            top: 0,
            total: CaseCounts::default(),
            suite: None,
        };
        junit.put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        junit.top = junit.reserve(project)?;
        Ok(junit)
    }

    /// Begins a suite.
    pub(super) fn begin_suite(&mut self, name: &str) -> Result<(), FileError> {
        let at = self.reserve(name)?;
        self.suite = Some(Suite {
            name: name.to_owned(),
            at,
            counts: CaseCounts::default(),
        });
        Ok(())
    }

    /// Adds the case of an item; an item without a key is named by its row number.
    pub(super) fn case(&mut self, key: &str, row: &ReportRow) -> Result<(), FileError> {
        let status = row.status;
        let name = match (key, row.number) {
            ("", Some(row)) => format!("row {row}"),
            (key, _) => key.to_owned(),
        };
        let [code, message, hint] = row.details.failure_texts();
        let outcome = match status {
            _ if row.is_unused() => CaseOutcome::Failure,
            Status::Failed | Status::NotStarted => CaseOutcome::Failure,
            Status::InDoubt | Status::Interrupted => CaseOutcome::Error,
            Status::Excluded | Status::Rejected | Status::Expired | Status::Revoked => {
                CaseOutcome::Skipped
            }
            Status::Sent
            | Status::Waiting
            | Status::Signed
            | Status::Archived
            | Status::Unchanged => CaseOutcome::Passed,
        };
        let message = match message.as_str() {
            "" => status.word().to_owned(),
            message => format!("{}: {message}", status.word()),
        };
        self.put_case(&name, outcome, &code, &message, &hint)
    }

    fn put_case(
        &mut self,
        name: &str,
        outcome: CaseOutcome,
        code: &str,
        message: &str,
        hint: &str,
    ) -> Result<(), FileError> {
        let Some(suite) = &mut self.suite else {
            return Ok(());
        };
        suite.counts.tests += 1;
        let class = escaped_xml(&format!("{}.{}", self.project, suite.name));
        let head = format!(
            r#"    <testcase classname="{class}" name="{}""#,
            escaped_xml(name)
        );
        let (tag, number) = match outcome {
            CaseOutcome::Passed => return self.put(&format!("{head}/>\n")),
            CaseOutcome::Failure => ("failure", &mut suite.counts.failures),
            CaseOutcome::Error => ("error", &mut suite.counts.errors),
            CaseOutcome::Skipped => ("skipped", &mut suite.counts.skipped),
        };
        *number += 1;
        let code = match (outcome, code) {
            // A skipped case has only a message.
            (CaseOutcome::Skipped, _) | (_, "") => String::new(),
            (_, code) => format!(r#" type="{}""#, escaped_xml(code)),
        };
        let (message, hint) = (escaped_xml(message), escaped_xml(hint));
        let inside = match (outcome, hint.as_str()) {
            (CaseOutcome::Skipped, _) | (_, "") => format!(r#"<{tag} message="{message}"{code}/>"#),
            (_, hint) => format!(r#"<{tag} message="{message}"{code}>{hint}</{tag}>"#),
        };
        self.put(&format!("{head}>{inside}</testcase>\n"))
    }

    /// Ends the suite and writes its counts.
    pub(super) fn end_suite(&mut self) -> Result<(), FileError> {
        let Some(suite) = self.suite.take() else {
            return Ok(());
        };
        self.put("  </testsuite>\n")?;
        self.total.add(suite.counts);
        let (name, numbers) = (escaped_xml(&suite.name), suite.counts.attributes());
        self.write_reserved(
            suite.at,
            &suite.name,
            &format!(r#"  <testsuite name="{name}" {numbers}"#),
        )
    }

    /// Adds a suite for failed resources and puts the file in place.
    pub(super) fn finish(mut self, summary: &Summary) -> Result<(), FileError> {
        if !summary.resource_failures.is_empty() {
            self.begin_suite("resources")?;
            for (address, message) in &summary.resource_failures {
                self.put_case(address, CaseOutcome::Failure, "", message, "")?;
            }
            self.end_suite()?;
        }
        self.put("</testsuites>\n")?;
        let name = escaped_xml(&self.project);
        let (numbers, seconds) = (self.total.attributes(), summary.seconds);
        let tag = format!(r#"<testsuites name="{name}" {numbers} time="{seconds:.3}""#);
        self.write_reserved(self.top, &self.project.clone(), &tag)?;
        self.file.finish()
    }

    /// Reserves space for a tag and returns its offset.
    fn reserve(&mut self, name: &str) -> Result<u64, FileError> {
        let at = self.file.stream_position();
        let at = at.map_err(|why| self.file.error(why))?;
        let blanks = " ".repeat(reserved_length(name));
        self.put(&format!("{blanks}\n"))?;
        Ok(at)
    }

    /// Writes a tag into its reserved space; XML ignores blanks before the end of a tag.
    fn write_reserved(&mut self, at: u64, name: &str, tag: &str) -> Result<(), FileError> {
        let blanks = " ".repeat((reserved_length(name) - 1).saturating_sub(tag.len()));
        let put = self.file.seek(SeekFrom::Start(at));
        let put = put.and_then(|_| self.file.write_all(format!("{tag}{blanks}>").as_bytes()));
        let put = put.and_then(|()| self.file.seek(SeekFrom::End(0)));
        put.map(drop).map_err(|why| self.file.error(why))
    }

    fn put(&mut self, text: &str) -> Result<(), FileError> {
        let put = self.file.write_all(text.as_bytes());
        put.map_err(|why| self.file.error(why))
    }
}

/// The result of a case.
#[derive(Clone, Copy)]
enum CaseOutcome {
    Passed,
    Failure,
    Error,
    Skipped,
}

/// Returns the space reserved for the tag of a suite, in bytes.
fn reserved_length(name: &str) -> usize {
    RESERVED + escaped_xml(name).len()
}
