//! Statements of one transaction whose results are needed only at its end.
//!
//! Postgres gets them without waiting for the result of each, so that a batch costs one round trip.

use std::ops::ControlFlow;

use super::connection::{Backend, Connection, Transaction};
use super::error::Result;
use super::postgres::Sent;
use super::sqlite;
use super::value::{OwnedValue, Row, Value};

/// Statements that are executed in the order in which they are added.
pub(in crate::ledger) struct Batch<'c> {
    connection: &'c Connection,
    /// The results of the queries, in their order.
    results: Vec<Vec<StoredRow>>,
    /// The statements that Postgres has not answered, and whether each is a query.
    sent: Vec<(Sent, bool)>,
}

/// A row of a result that is kept.
#[derive(Debug)]
pub(in crate::ledger) enum StoredRow {
    Sqlite(Vec<OwnedValue>),
    Postgres(tokio_postgres::Row),
}

impl StoredRow {
    /// Returns the row to read its columns.
    pub(in crate::ledger) fn row(&self) -> Row<'_> {
        match self {
            Self::Sqlite(values) => Row::Stored(values),
            Self::Postgres(row) => Row::Postgres(row),
        }
    }
}

impl<'c> Batch<'c> {
    /// Creates an empty batch in the transaction of a connection.
    pub(in crate::ledger) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            results: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Begins a transaction that writes. Postgres gets this with the first statements.
    pub(in crate::ledger) fn begin(connection: &'c Connection) -> Result<(Transaction<'c>, Self)> {
        let Backend::Postgres(postgres) = &connection.0 else {
            return Ok((connection.begin()?, Self::new(connection)));
        };
        postgres.restore()?;
        let mut batch = Self::new(connection);
        batch.run("BEGIN", &[])?;
        postgres.set_in_transaction();
        Ok((Transaction::begun(connection), batch))
    }

    /// Adds a statement without a result.
    ///
    /// # Errors
    ///
    /// An error of this or, with Postgres, an earlier statement.
    pub(in crate::ledger) fn run(&mut self, sql: &str, params: &[Value<'_>]) -> Result<()> {
        match &self.connection.0 {
            Backend::Sqlite(connection) => sqlite::execute(connection, sql, params).map(drop),
            Backend::Postgres(connection) => {
                self.sent.push((connection.send(sql, params)?, false));
                Ok(())
            }
        }
    }

    /// Adds a query. Its rows are at the next position of the result of [`Self::finish`].
    pub(in crate::ledger) fn query(&mut self, sql: &str, params: &[Value<'_>]) -> Result<()> {
        match &self.connection.0 {
            Backend::Sqlite(connection) => {
                let mut rows = Vec::new();
                sqlite::visit(connection, sql, params, &mut |row| {
                    let Row::Sqlite(columns) = row else {
                        return Ok(ControlFlow::Continue(()));
                    };
                    let values = (0..columns.as_ref().column_count())
                        .map(|column| row.value(column).map(OwnedValue::from))
                        .collect::<Result<_>>()?;
                    rows.push(StoredRow::Sqlite(values));
                    Ok(ControlFlow::Continue(()))
                })?;
                self.results.push(rows);
            }
            Backend::Postgres(connection) => {
                self.sent.push((connection.send(sql, params)?, true));
            }
        }
        Ok(())
    }

    /// Waits until all statements are executed, and returns the rows of each query.
    pub(in crate::ledger) fn finish(mut self) -> Result<Vec<Vec<StoredRow>>> {
        for (sent, is_query) in self.sent {
            let rows = sent.wait()?;
            if is_query {
                let rows = rows.into_iter().map(StoredRow::Postgres);
                self.results.push(rows.collect());
            }
        }
        Ok(self.results)
    }
}
