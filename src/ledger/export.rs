//! Exports a ledger as lines of JSON, and imports such an export.
//!
//! An export has a header, then runs, resources, and items with their steps, and a last line with
//! the number of lines before it, so that a truncated file is detected. Only one line at a time is
//! held in memory. An import is one transaction.

use std::io::{BufRead, Read as _, Write};
use std::ops::ControlFlow;

use super::database::{self, Batch, Connection, Row, params};
use super::failure::broken;
use super::lines::{
    FORMAT, FORMAT_WITH_WAITING, Header, Item, Line, Refused, Resource, Run, Status, Step,
};
use super::record::{EntityId, ResourceKind};
use super::version::{self, ACKNOWLEDGED, EXISTING_ACCOUNTS};
use super::{Binding, Ledger, LedgerError, Store, opening, reads, schema};
use crate::expr::{Fingerprint, Salt};
use crate::util::escape::escaped_json;

/// An error during an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// The limit of a line of an import, in bytes. An exported item has a few KiB.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// The number of lines whose statements are sent together.
const BATCH: u64 = 500;

/// An error during an import. Nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The ledger is not empty.
    #[error("the ledger {0} is not empty")]
    NotEmpty(String),
    /// A line is invalid.
    #[error("{file}, line {line}: {why}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The reason.
        why: String,
    },
    /// The export belongs to another endpoint or app, or the ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The numbers of imported records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Runs.
    pub runs: u64,
    /// Accounts, seals and templates.
    pub resources: u64,
    /// Items.
    pub items: u64,
}

impl Store {
    /// Writes all records to `out`, from one consistent snapshot. `version` is that of treaty.
    pub fn export(&self, version: &str, out: &mut dyn Write) -> Result<(), ExportError> {
        let mut lines = Lines { out, count: 0 };
        let mut failed = None;
        self.reading(|connection| {
            // The transaction is the snapshot: it does not see later writes.
            let snapshot = connection.snapshot()?;
            match export(&snapshot, self.salt(), version, &mut lines) {
                Ok(()) => {}
                Err(Stop::Database(error)) => return Err(error),
                Err(Stop::Write(error)) => failed = Some(error),
            }
            snapshot.commit()
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Imports an export into an empty ledger, completely or not at all. Takes the ledger: it must
    /// be opened again, because the import replaces the key of its fingerprints.
    pub fn import(
        self,
        file: &str,
        lines: impl BufRead,
        binding: &Binding,
    ) -> Result<Imported, ImportError> {
        let own = |error: database::Error| ImportError::from(broken(self.location(), &error));
        let connection = opening::open(self.location())?;
        let transaction = connection.begin().map_err(own)?;
        if !version::is_empty(&transaction).map_err(own)? {
            return Err(ImportError::NotEmpty(self.location().to_string()));
        }
        let imported = import(&transaction, file, lines, binding)?;
        transaction.commit().map_err(own)?;
        Ok(imported)
    }
}

/// The reason why an export stopped.
enum Stop {
    Database(database::Error),
    Write(std::io::Error),
}

impl From<database::Error> for Stop {
    fn from(error: database::Error) -> Self {
        Self::Database(error)
    }
}

struct Lines<'a> {
    out: &'a mut dyn Write,
    count: u64,
}

impl Lines<'_> {
    fn write(&mut self, line: &Line) -> Result<(), Stop> {
        self.count += 1;
        let text = serde_json::to_string(line).map_err(|error| Stop::Write(error.into()))?;
        let mut text = escaped_json(&text).into_owned().into_bytes();
        text.push(b'\n');
        self.out.write_all(&text).map_err(Stop::Write)
    }
}

fn export(
    connection: &Connection,
    salt: &Salt,
    version: &str,
    lines: &mut Lines<'_>,
) -> Result<(), Stop> {
    let text = |name: &str| version::text(connection, name).map(Option::unwrap_or_default);
    lines.write(&Line::Ledger(Header {
        format: FORMAT,
        treaty: version.to_owned(),
        endpoint: text("endpoint")?,
        app: text("app")?,
        salt: hex::encode(salt.0),
        version: Some(version::read(connection)?),
        writers: version::writers(connection)?,
        supersedes: version::superseded(connection)?,
        existing_accounts: version::number(connection, EXISTING_ACCOUNTS)?,
        acknowledged: version::number(connection, ACKNOWLEDGED)?,
    }))?;
    let runs = "SELECT id, name, begun, ended, exit FROM run ORDER BY id";
    write_rows(connection, lines, runs, |row| {
        Ok(Line::Run(Run {
            id: row.get(0)?,
            name: row.get(1)?,
            begun: row.get(2)?,
            ended: row.get(3)?,
            exit: row.get(4)?,
        }))
    })?;
    let resources =
        "SELECT id, kind, identity, remote_id, fields, granted, deadline FROM thing ORDER BY id";
    write_rows(connection, lines, resources, |row| {
        let (id, kind) = (row.get(0)?, row.get(1)?);
        Ok(Line::Resource(Resource {
            id,
            kind: ResourceKind::from_number(kind)
                .ok_or_else(|| database::Error::out_of_range(1, kind))?,
            identity: row.get(2)?,
            remote_id: row.get(3)?,
            fields: reads::json(row, 4)?.unwrap_or_default(),
            granted: row.get(5)?,
            deadline: row.get(6)?,
            steps: steps(connection, id)?,
        }))
    })?;
    let items = "SELECT item.id, flow.name, key, fingerprint, status, sent, attempts, run, code, message, hint,
                 content, sent_at, moved_at, looked_at, cells, earlier
               FROM item JOIN flow ON flow.id = item.flow ORDER BY item.id";
    write_rows(connection, lines, items, |row| {
        let fingerprint = |column| -> database::Result<Option<String>> {
            let bytes: Option<[u8; 16]> = row.get(column)?;
            Ok(bytes.map(|bytes| Fingerprint(bytes).to_string()))
        };
        let id = row.get(0)?;
        Ok(Line::Item(Box::new(Item {
            id,
            flow: row.get(1)?,
            key: row.get(2)?,
            fingerprint: fingerprint(3)?.unwrap_or_default(),
            status: Status(reads::status(row, 4)?),
            sent: row.get(5)?,
            attempts: row.get(6)?,
            run: row.get(7)?,
            code: row.get(8)?,
            message: row.get(9)?,
            hint: row.get(10)?,
            content: fingerprint(11)?,
            sent_at: row.get(12)?,
            moved_at: row.get(13)?,
            polled_at: row.get(14)?,
            cells: fingerprint(15)?,
            earlier: row.get(16)?,
            refused: refused(connection, id)?,
            steps: steps(connection, id)?,
        })))
    })?;
    let count = lines.count;
    lines.write(&Line::End { lines: count })
}

/// Writes a line for each row of a query.
fn write_rows(
    connection: &Connection,
    lines: &mut Lines<'_>,
    sql: &str,
    line: impl Fn(&Row<'_>) -> database::Result<Line>,
) -> Result<(), Stop> {
    let mut failed = None;
    connection.visit(sql, &[], |row| {
        Ok(match lines.write(&line(row)?) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })
    })?;
    failed.map_or(Ok(()), Err)
}

fn steps(connection: &Connection, subject: EntityId) -> database::Result<Vec<Step>> {
    let sql = "SELECT name, operation, legal, begun, deferral, receipt, sign_status, sign_time
               FROM step WHERE subject = ? ORDER BY name";
    connection.query(sql, params![subject], |row| {
        Ok(Step {
            name: row.get(0)?,
            operation: row.get(1)?,
            legal: row.get(2)?,
            begun: row.get(3)?,
            deferral: reads::json(row, 4)?,
            receipt: reads::json(row, 5)?,
            sign_status: row.get(6)?,
            sign_time: row.get(7)?,
        })
    })
}

fn refused(connection: &Connection, subject: EntityId) -> database::Result<Vec<Refused>> {
    let sql = "SELECT step, operation FROM refused WHERE subject = ? ORDER BY step";
    connection.query(sql, params![subject], |row| {
        Ok(Refused {
            step: row.get(0)?,
            operation: row.get(1)?,
        })
    })
}

fn import(
    transaction: &Connection,
    file: &str,
    mut lines: impl BufRead,
    binding: &Binding,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let (mut number, mut format) = (0, FORMAT);
    let mut ended = false;
    let mut text = String::new();
    let mut batch = Batch::new(transaction);
    loop {
        text.clear();
        let invalid = |line, why: String| ImportError::Line {
            file: file.to_owned(),
            line,
            why,
        };
        let read = lines.by_ref().take(MAX_LINE).read_line(&mut text);
        let read = read.map_err(|error| invalid(number + 1, error.to_string()))?;
        if read as u64 == MAX_LINE {
            let why = format!("the line is longer than {} MiB", MAX_LINE >> 20);
            return Err(invalid(number + 1, why));
        }
        if read == 0 {
            break;
        }
        number += 1;
        let invalid = |why: String| invalid(number, why);
        if ended {
            return Err(invalid("a line after the end line".to_owned()));
        }
        let line: Line = serde_json::from_str(&text).map_err(|error| invalid(message(&error)))?;
        let inserted = match line {
            Line::Ledger(header) if number == 1 => {
                format = header.format;
                let salt = header.salt(binding, file)?.map_err(&invalid)?;
                header.insert(transaction, &salt)
            }
            _ if number == 1 => {
                return Err(invalid("this is not an exported ledger".to_owned()));
            }
            Line::Ledger(_) => return Err(invalid("a second header".to_owned())),
            Line::Run(run) => {
                run.check().map_err(&invalid)?;
                imported.runs += 1;
                run.insert(&mut batch)
            }
            Line::Resource(resource) => {
                imported.resources += 1;
                resource.insert(&mut batch)
            }
            Line::Item(item) => {
                item.check().map_err(&invalid)?;
                imported.items += 1;
                let fingerprint = Fingerprint::parse(&item.fingerprint)
                    .ok_or_else(|| invalid("fingerprint is invalid".to_owned()))?;
                item.insert(&mut batch, fingerprint)
            }
            Line::End { lines } if lines + 1 == number => {
                ended = true;
                Ok(())
            }
            Line::End { lines } => {
                return Err(invalid(format!(
                    "{lines} lines were exported, but the file has {}",
                    number - 1
                )));
            }
        };
        let flushed = inserted.and_then(|()| {
            if number % BATCH == 0 {
                let full = std::mem::replace(&mut batch, Batch::new(transaction));
                full.finish()?;
            }
            Ok(())
        });
        flushed.map_err(|error| invalid(error.to_string()))?;
    }
    batch.finish().map_err(|error| ImportError::Line {
        file: file.to_owned(),
        line: number,
        why: error.to_string(),
    })?;
    if ended {
        if format < FORMAT_WITH_WAITING {
            let marked = transaction.execute(&schema::mark_waiting(), &[]);
            marked.map_err(|error| ImportError::Line {
                file: file.to_owned(),
                line: number,
                why: error.to_string(),
            })?;
        }
        return Ok(imported);
    }
    Err(ImportError::Line {
        file: file.to_owned(),
        line: number + 1,
        why: "the end line is missing: the file was cut off".to_owned(),
    })
}

/// Formats a parser's error. Its line number is left out: the parser sees one line only.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let column = error.column();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (column {column})"),
        None => text,
    }
}
