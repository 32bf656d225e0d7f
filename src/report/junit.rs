//! `junit.xml`: one suite a flow and one case an item, for systems that show what CI has tried.
//!
//! What failed is a failure, what is in doubt an error. Who refused or let the time pass is no mistake of the run's, as
//! its exit code says too: such cases are skipped ones, with the reason.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use super::row::{ItemDetails, Status};
use super::summary::Summary;
use crate::util::atomic_file::{AtomicFile, FileError};

/// So much room is left for a tag whose numbers are known at its end only.
const ROOM: usize = 160;

/// The file, while it is written.
pub(super) struct Junit {
    file: AtomicFile,
    project: String,
    /// Where the first tag stands.
    top: u64,
    all: Numbers,
    suite: Option<Suite>,
}

struct Suite {
    name: String,
    /// Where its tag stands.
    at: u64,
    numbers: Numbers,
}

#[derive(Debug, Default, Clone, Copy)]
struct Numbers {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl Numbers {
    fn add(&mut self, other: Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }

    fn text(self) -> String {
        format!(
            r#"tests="{}" failures="{}" errors="{}" skipped="{}""#,
            self.tests, self.failures, self.errors, self.skipped
        )
    }
}

impl Junit {
    pub(super) fn begin(folder: &Path, project: &str) -> Result<Self, FileError> {
        let file = AtomicFile::create(&folder.join("junit.xml"))?;
        let mut junit = Self {
            file,
            project: project.to_owned(),
            top: 0,
            all: Numbers::default(),
            suite: None,
        };
        junit.put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        junit.top = junit.leave_room(project)?;
        Ok(junit)
    }

    pub(super) fn begin_suite(&mut self, name: &str) -> Result<(), FileError> {
        let at = self.leave_room(name)?;
        self.suite = Some(Suite {
            name: name.to_owned(),
            at,
            numbers: Numbers::default(),
        });
        Ok(())
    }

    pub(super) fn case(
        &mut self,
        key: &str,
        row: Option<u64>,
        status: Status,
        said: &ItemDetails,
    ) -> Result<(), FileError> {
        let name = match (key, row) {
            ("", Some(row)) => format!("row {row}"),
            (key, _) => key.to_owned(),
        };
        let [code, message, hint] = said.failed();
        let outcome = match status {
            Status::Failed => Outcome::Failure,
            Status::InDoubt => Outcome::Error,
            Status::Skipped | Status::Rejected | Status::Expired | Status::Revoked => {
                Outcome::Skipped
            }
            Status::Done | Status::Waiting | Status::Unchanged | Status::Finished => {
                Outcome::Passed
            }
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
        outcome: Outcome,
        code: &str,
        message: &str,
        hint: &str,
    ) -> Result<(), FileError> {
        let Some(suite) = &mut self.suite else {
            return Ok(());
        };
        suite.numbers.tests += 1;
        let class = escaped(&format!("{}.{}", self.project, suite.name));
        let head = format!(
            r#"    <testcase classname="{class}" name="{}""#,
            escaped(name)
        );
        let (tag, number) = match outcome {
            Outcome::Passed => return self.put(&format!("{head}/>\n")),
            Outcome::Failure => ("failure", &mut suite.numbers.failures),
            Outcome::Error => ("error", &mut suite.numbers.errors),
            Outcome::Skipped => ("skipped", &mut suite.numbers.skipped),
        };
        *number += 1;
        let code = match (outcome, code) {
            // A skipped case has a message alone.
            (Outcome::Skipped, _) | (_, "") => String::new(),
            (_, code) => format!(r#" type="{}""#, escaped(code)),
        };
        let (message, hint) = (escaped(message), escaped(hint));
        let inside = match (outcome, hint.as_str()) {
            (Outcome::Skipped, _) | (_, "") => format!(r#"<{tag} message="{message}"{code}/>"#),
            (_, hint) => format!(r#"<{tag} message="{message}"{code}>{hint}</{tag}>"#),
        };
        self.put(&format!("{head}>{inside}</testcase>\n"))
    }

    pub(super) fn end_suite(&mut self) -> Result<(), FileError> {
        let Some(suite) = self.suite.take() else {
            return Ok(());
        };
        self.put("  </testsuite>\n")?;
        self.all.add(suite.numbers);
        let (name, numbers) = (escaped(&suite.name), suite.numbers.text());
        self.fill(
            suite.at,
            &suite.name,
            &format!(r#"  <testsuite name="{name}" {numbers}"#),
        )
    }

    /// Standing things that failed are a suite of their own.
    pub(super) fn finish(mut self, summary: &Summary) -> Result<(), FileError> {
        if !summary.standing_failures.is_empty() {
            self.begin_suite("standing")?;
            for (address, message) in &summary.standing_failures {
                self.put_case(address, Outcome::Failure, "", message, "")?;
            }
            self.end_suite()?;
        }
        self.put("</testsuites>\n")?;
        let name = escaped(&self.project);
        let (numbers, seconds) = (self.all.text(), summary.seconds);
        let tag = format!(r#"<testsuites name="{name}" {numbers} time="{seconds:.3}""#);
        self.fill(self.top, &self.project.clone(), &tag)?;
        self.file.finish()
    }

    /// Leaves room for a tag, and tells where it stands.
    fn leave_room(&mut self, name: &str) -> Result<u64, FileError> {
        let at = self.file.stream_position();
        let at = at.map_err(|why| self.file.error(why))?;
        let room = " ".repeat(room(name));
        self.put(&format!("{room}\n"))?;
        Ok(at)
    }

    /// Fills the room that was left: blanks before a tag's end mean nothing.
    fn fill(&mut self, at: u64, name: &str, tag: &str) -> Result<(), FileError> {
        let blanks = " ".repeat((room(name) - 1).saturating_sub(tag.len()));
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

/// How a case went.
#[derive(Clone, Copy)]
enum Outcome {
    Passed,
    Failure,
    Error,
    Skipped,
}

/// The room for a tag with a name, in bytes.
fn room(name: &str) -> usize {
    ROOM + escaped(name).len()
}

/// A text in an attribute or an element. What XML cannot hold at all becomes a mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_escaped_or_marked() {
        assert_eq!(
            escaped("<a b=\"c\">&\u{0}\n甲"),
            "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}&#10;甲"
        );
    }
}
