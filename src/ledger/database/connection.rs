//! A connection to a database and its transactions.

use std::ops::{ControlFlow, Deref};

use super::error::{Error, Result};
use super::postgres::settings::PostgresSettings;
use super::value::{Row, Value};
use super::{postgres, sqlite};

/// A connection to the database of a ledger.
#[derive(Debug)]
pub(in crate::ledger) struct Connection(pub(super) Backend);

/// The databases.
#[derive(Debug)]
pub(super) enum Backend {
    Sqlite(rusqlite::Connection),
    Postgres(postgres::Connection),
}

impl From<rusqlite::Connection> for Connection {
    fn from(connection: rusqlite::Connection) -> Self {
        // The statements of a run are about fifty.
        connection.set_prepared_statement_cache_capacity(128);
        Self(Backend::Sqlite(connection))
    }
}

impl Connection {
    /// Connects to a schema of a Postgres database. The schema need not exist.
    pub(in crate::ledger) fn to_postgres(settings: &PostgresSettings) -> Result<Self> {
        Ok(Self(Backend::Postgres(postgres::Connection::open(
            settings,
        )?)))
    }

    /// Returns the connection of an `SQLite` file; none for Postgres.
    pub(in crate::ledger) fn sqlite(&self) -> Option<&rusqlite::Connection> {
        match &self.0 {
            Backend::Sqlite(connection) => Some(connection),
            Backend::Postgres(_) => None,
        }
    }

    /// Sets what is done while another connection has locked the file: `retry` gets the number of
    /// attempts, and returns whether to make another one. A server has a queue.
    pub(in crate::ledger) fn retry_locked(&mut self, retry: fn(i32) -> bool) -> Result<()> {
        match &mut self.0 {
            Backend::Sqlite(connection) => Ok(connection.busy_handler(Some(retry))?),
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// Returns the time in milliseconds since 1970: that of the server, which is the same for all
    /// machines, or that of this machine for a file.
    pub(in crate::ledger) fn now(&self) -> i64 {
        match &self.0 {
            Backend::Sqlite(_) => sqlite::now(),
            Backend::Postgres(connection) => connection.now(),
        }
    }

    /// Connects again if the connection is lost. Returns whether it was.
    pub(in crate::ledger) fn restore(&self) -> Result<bool> {
        match &self.0 {
            Backend::Sqlite(_) => Ok(false),
            Backend::Postgres(connection) => connection.restore(),
        }
    }

    /// Executes a statement and returns the number of changed rows.
    pub(in crate::ledger) fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<u64> {
        match &self.0 {
            Backend::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Backend::Postgres(connection) => connection.execute(sql, params),
        }
    }

    /// Executes several statements without parameters.
    pub(in crate::ledger) fn execute_batch(&self, sql: &str) -> Result<()> {
        match &self.0 {
            Backend::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Backend::Postgres(connection) => connection.execute_batch(sql),
        }
    }

    /// Returns all rows.
    pub(in crate::ledger) fn query<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match &self.0 {
            Backend::Sqlite(connection) => {
                let mut found = Vec::new();
                sqlite::visit(connection, sql, params, &mut |row| {
                    found.push(read(row)?);
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(found)
            }
            Backend::Postgres(connection) => {
                let rows = connection.query(sql, params)?;
                rows.iter().map(|row| read(&Row::from(row))).collect()
            }
        }
    }

    /// Returns the first row; none if there is none.
    pub(in crate::ledger) fn query_optional<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match &self.0 {
            Backend::Sqlite(connection) => {
                let mut found = None;
                sqlite::visit(connection, sql, params, &mut |row| {
                    found = Some(read(row)?);
                    Ok(ControlFlow::Break(()))
                })?;
                Ok(found)
            }
            Backend::Postgres(connection) => {
                let rows = connection.query(sql, params)?;
                rows.first().map(|row| read(&Row::from(row))).transpose()
            }
        }
    }

    /// Returns the only row.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`] if there is none.
    pub(in crate::ledger) fn query_one<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query_optional(sql, params, read)?.ok_or(Error::NoRow)
    }

    /// Returns whether there is a row.
    pub(in crate::ledger) fn exists(&self, sql: &str, params: &[Value<'_>]) -> Result<bool> {
        Ok(self.query_optional(sql, params, |_| Ok(()))?.is_some())
    }

    /// Visits the rows without holding all of them in memory. `each` may use the connection.
    pub(in crate::ledger) fn visit(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        match &self.0 {
            Backend::Sqlite(connection) => sqlite::visit(connection, sql, params, &mut each),
            Backend::Postgres(connection) => connection.visit(sql, params, &mut each),
        }
    }

    /// Begins a transaction that writes.
    pub(in crate::ledger) fn begin(&self) -> Result<Transaction<'_>> {
        match &self.0 {
            Backend::Sqlite(connection) => connection.execute_batch("BEGIN IMMEDIATE")?,
            Backend::Postgres(connection) => connection.begin("BEGIN")?,
        }
        Ok(Transaction::begun(self))
    }

    /// Keeps other transactions from taking or renewing the lease until this one ends. A file is locked as a whole.
    pub(in crate::ledger) fn lock_lease(&self) -> Result<()> {
        match &self.0 {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(connection) => {
                connection.execute_batch("LOCK TABLE lease IN SHARE ROW EXCLUSIVE MODE")
            }
        }
    }

    /// Begins a transaction that reads one state of all tables, whatever others write meanwhile.
    pub(in crate::ledger) fn snapshot(&self) -> Result<Transaction<'_>> {
        self.hold_snapshot()?;
        Ok(Transaction::begun(self))
    }

    /// Reads one state of all tables from now on, until the connection is closed.
    pub(in crate::ledger) fn hold_snapshot(&self) -> Result<()> {
        match &self.0 {
            // The first read takes the snapshot.
            Backend::Sqlite(connection) => {
                Ok(connection.execute_batch("BEGIN; SELECT count(*) FROM meta")?)
            }
            Backend::Postgres(connection) => connection.begin(postgres::SNAPSHOT),
        }
    }

    fn end(&self, sql: &str) -> Result<()> {
        match &self.0 {
            Backend::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Backend::Postgres(connection) => connection.end(sql),
        }
    }
}

/// A transaction, which is rolled back when it is dropped.
#[derive(Debug)]
pub(in crate::ledger) struct Transaction<'c> {
    connection: &'c Connection,
    is_ended: bool,
}

impl<'c> Transaction<'c> {
    /// Takes over a transaction that was begun.
    pub(super) fn begun(connection: &'c Connection) -> Self {
        Self {
            connection,
            is_ended: false,
        }
    }

    /// Commits the transaction.
    ///
    /// # Errors
    ///
    /// An error. After [`Error::is_lost`] it is unknown whether the transaction was committed.
    pub(in crate::ledger) fn commit(mut self) -> Result<()> {
        self.is_ended = true;
        let committed = self.connection.end("COMMIT");
        if committed.is_err() {
            // SQLite keeps a transaction open whose commit has failed.
            let _ = self.connection.end("ROLLBACK");
        }
        committed
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.is_ended {
            // Without a connection, the server rolls it back.
            let _ = self.connection.end("ROLLBACK");
        }
    }
}
