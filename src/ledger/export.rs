//! A ledger as lines of JSON, and lines of JSON as a ledger: to move it, to look at it, to keep it elsewhere.
//!
//! First a header, then runs, things, items with their steps, last how many lines there were, so that a file that was
//! cut off is known for one. Nothing is held but one line; what is read in goes into one transaction.

use std::io::{BufRead, Write};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::file::broken;
use super::lines::{FORMAT, Header, Item, Line, Resource, Run, Status, Step};
use super::record::{EntityId, ResourceKind};
use super::{Binding, Ledger, LedgerError, Sqlite, schema, store};
use crate::expr::{Fingerprint, Salt};

/// Why a ledger cannot be written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What was read cannot be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// Why a file cannot become a ledger. Nothing was taken from it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is something in the ledger already.
    #[error("the ledger {0} holds something already")]
    NotEmpty(String),
    /// A line is not as it should be.
    #[error("{file}, line {line}: {why}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// The file belongs to something else, or the ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What was read in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Runs.
    pub runs: u64,
    /// Accounts, seals and templates.
    pub things: u64,
    /// Items.
    pub items: u64,
}

impl Sqlite {
    /// Writes all of it out, as it is at one moment.
    pub fn export(&self, version: &str, out: &mut dyn Write) -> Result<(), ExportError> {
        let mut lines = Lines { out, count: 0 };
        let mut failed = None;
        self.reading(|connection| {
            // What others write meanwhile is not seen.
            let moment = connection.unchecked_transaction()?;
            match export(&moment, self.salt(), version, &mut lines) {
                Ok(()) => {}
                Err(Stop::Database(error)) => return Err(error),
                Err(Stop::Write(error)) => failed = Some(error),
            }
            moment.commit()
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Reads all of it in, into a ledger that holds nothing yet; all or nothing. The ledger must be opened again after
    /// that: its fingerprints have another key now.
    pub fn import(
        self,
        file: &str,
        lines: impl BufRead,
        binding: &Binding,
    ) -> Result<Imported, ImportError> {
        let own = |error: rusqlite::Error| ImportError::from(broken(self.path(), &error));
        let mut connection = Connection::open(self.path()).map_err(own)?;
        schema::configure(&connection).map_err(own)?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(own)?;
        let holds = "SELECT EXISTS (SELECT 1 FROM item) OR EXISTS (SELECT 1 FROM thing) OR EXISTS (SELECT 1 FROM run)";
        if transaction
            .query_row(holds, [], |row| row.get(0))
            .map_err(own)?
        {
            return Err(ImportError::NotEmpty(self.path().display().to_string()));
        }
        let imported = import(&transaction, file, lines, binding)?;
        transaction.commit().map_err(own)?;
        Ok(imported)
    }
}

enum Stop {
    Database(rusqlite::Error),
    Write(std::io::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

struct Lines<'a> {
    out: &'a mut dyn Write,
    count: u64,
}

impl Lines<'_> {
    fn line(&mut self, line: &Line) -> Result<(), Stop> {
        self.count += 1;
        let mut text = serde_json::to_vec(line).map_err(|error| Stop::Write(error.into()))?;
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
    let meta = |name: &str| {
        let sql = "SELECT CAST(value AS TEXT) FROM meta WHERE name = ?";
        connection.query_row(sql, [name], |row| row.get::<_, String>(0))
    };
    lines.line(&Line::Ledger(Header {
        format: FORMAT,
        treaty: version.to_owned(),
        endpoint: meta("endpoint")?,
        app: meta("app")?,
        salt: hex::encode(salt.0),
    }))?;
    let mut statement =
        connection.prepare("SELECT id, name, begun, ended, exit FROM run ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        lines.line(&Line::Run(Run {
            id: row.get(0)?,
            name: row.get(1)?,
            begun: row.get(2)?,
            ended: row.get(3)?,
            exit: row.get(4)?,
        }))?;
    }
    let sql =
        "SELECT id, kind, identity, remote_id, fields, granted, deadline FROM thing ORDER BY id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, kind) = (row.get(0)?, row.get(1)?);
        lines.line(&Line::Resource(Resource {
            id,
            kind: ResourceKind::numbered(kind)
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(1, kind))?,
            identity: row.get(2)?,
            remote_id: row.get(3)?,
            fields: store::json(row, 4)?.unwrap_or_default(),
            granted: row.get(5)?,
            deadline: row.get(6)?,
            steps: steps(connection, id)?,
        }))?;
    }
    let sql = "SELECT item.id, flow.name, key, fingerprint, status, sent, attempts, run, code, message, hint,
                 content, sent_at, moved_at, looked_at
               FROM item JOIN flow ON flow.id = item.flow ORDER BY item.id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        lines.line(&Line::Item(Box::new(Item {
            id,
            flow: row.get(1)?,
            key: row.get(2)?,
            fingerprint: Fingerprint(row.get(3)?).to_string(),
            status: Status(store::status(row, 4)?),
            sent: row.get(5)?,
            attempts: row.get(6)?,
            run: row.get(7)?,
            code: row.get(8)?,
            message: row.get(9)?,
            hint: row.get(10)?,
            content: row
                .get::<_, Option<[u8; 16]>>(11)?
                .map(|content| Fingerprint(content).to_string()),
            sent_at: row.get(12)?,
            moved_at: row.get(13)?,
            looked_at: row.get(14)?,
            steps: steps(connection, id)?,
        })))?;
    }
    let before = lines.count;
    lines.line(&Line::End { lines: before })
}

fn steps(connection: &Connection, subject: EntityId) -> rusqlite::Result<Vec<Step>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, operation, legal, begun, deferral, receipt, sign_status, sign_time
         FROM step WHERE subject = ? ORDER BY name",
    )?;
    let rows = statement.query_map([subject], |row| {
        Ok(Step {
            name: row.get(0)?,
            operation: row.get(1)?,
            legal: row.get(2)?,
            begun: row.get(3)?,
            deferral: store::json(row, 4)?,
            receipt: store::json(row, 5)?,
            sign_status: row.get(6)?,
            sign_time: row.get(7)?,
        })
    })?;
    rows.collect()
}

fn import(
    transaction: &Transaction<'_>,
    file: &str,
    mut lines: impl BufRead,
    binding: &Binding,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let (mut number, mut format) = (0, FORMAT);
    let mut ended = false;
    let mut text = String::new();
    loop {
        text.clear();
        let wrong = |line, why: String| ImportError::Line {
            file: file.to_owned(),
            line,
            why,
        };
        let read = lines.read_line(&mut text);
        let read = read.map_err(|error| wrong(number + 1, error.to_string()))?;
        if read == 0 {
            break;
        }
        number += 1;
        let wrong = |why: String| wrong(number, why);
        if ended {
            return Err(wrong("something comes after the end".to_owned()));
        }
        let line: Line = serde_json::from_str(&text).map_err(|error| wrong(told(&error)))?;
        let done = match line {
            Line::Ledger(header) if number == 1 => {
                format = header.format;
                let salt = header.salt(binding, file)?.map_err(&wrong)?;
                header.keep(transaction, &salt)
            }
            _ if number == 1 => {
                return Err(wrong("this is no ledger that was exported".to_owned()));
            }
            Line::Ledger(_) => return Err(wrong("another ledger begins here".to_owned())),
            Line::Run(run) => {
                imported.runs += 1;
                run.keep(transaction)
            }
            Line::Resource(thing) => {
                imported.things += 1;
                thing.keep(transaction)
            }
            Line::Item(item) => {
                imported.items += 1;
                let print = Fingerprint::parse(&item.fingerprint)
                    .ok_or_else(|| wrong("fingerprint is none".to_owned()))?;
                item.keep(transaction, print)
            }
            Line::End { lines } if lines + 1 == number => {
                ended = true;
                Ok(())
            }
            Line::End { lines } => {
                return Err(wrong(format!(
                    "{lines} lines were exported, and {} are here",
                    number - 1
                )));
            }
        };
        done.map_err(|error| wrong(error.to_string()))?;
    }
    if ended {
        if format < FORMAT {
            let told = transaction.execute(schema::TELL_WAITING, []);
            told.map_err(|error| ImportError::Line {
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
        why: "the file ends before its end line: it was cut off".to_owned(),
    })
}

/// What is wrong with a line; its number is that of the file.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let column = error.column();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (column {column})"),
        None => text,
    }
}
