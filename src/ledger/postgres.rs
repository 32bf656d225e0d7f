//! The schema of a ledger in Postgres: created and migrated under a lock, and refused if it is newer
//! or is not a ledger.

use super::database::{Connection, Error, PostgresSettings, Result, params};
use super::failure::broken;
use super::file::{initial_values, write_salt};
use super::location::Location;
use super::{Binding, LedgerError, schema, version};

/// The name of the version of the tables in the table `meta`. The migrations of later versions will
/// compare it with theirs.
const TABLES_VERSION: &str = "tables";

/// Returns whether the schema has a table `meta`.
pub(super) fn exists(settings: &PostgresSettings) -> Result<bool> {
    has_ledger(&Connection::to_postgres(settings)?, settings)
}

fn has_ledger(connection: &Connection, settings: &PostgresSettings) -> Result<bool> {
    connection.exists(
        "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = ? AND tablename = 'meta'",
        params![&settings.address.schema],
    )
}

/// Creates the schema with an empty ledger, if there is none.
pub(super) fn create(settings: &PostgresSettings, binding: &Binding) -> Result<()> {
    let connection = Connection::to_postgres(settings)?;
    let transaction = connection.begin()?;
    // Two processes would create it at once.
    let lock = "SELECT CAST(pg_advisory_xact_lock(hashtext('treaty'), hashtext(?)) AS TEXT)";
    transaction.query_one(lock, params![&settings.address.schema], |_| Ok(()))?;
    if has_ledger(&transaction, settings)? {
        return Ok(());
    }
    let encoding = "SELECT current_setting('server_encoding')";
    let encoding: String = transaction.query_one(encoding, &[], |row| row.get(0))?;
    if encoding != "UTF8" {
        return Err(Error::Encoding(encoding));
    }
    let exists = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?";
    // A role without the right to create schemas may have got one.
    if !transaction.exists(exists, params![&settings.address.schema])? {
        let schema = settings.address.quoted_schema();
        transaction.execute_batch(&format!("CREATE SCHEMA {schema}"))?;
    }
    transaction.execute_batch(&schema::postgres_tables())?;
    let (salt, values) = initial_values(binding)?;
    write_salt(&transaction, &salt)?;
    for (name, value) in values {
        version::set(&transaction, name, &value)?;
    }
    version::set(&transaction, "serial", 0_i64)?;
    version::set(&transaction, TABLES_VERSION, schema::VERSION)?;
    transaction.commit()
}

/// Opens a connection to an existing ledger.
pub(super) fn open(
    location: &Location,
    settings: &PostgresSettings,
) -> Result<Connection, LedgerError> {
    let opened = || {
        let connection = Connection::to_postgres(settings)?;
        let found = version::number(&connection, TABLES_VERSION)?;
        Ok((connection, found))
    };
    let (connection, found) = opened().map_err(|error| broken(location, &error))?;
    match found {
        Some(schema::VERSION) => Ok(connection),
        Some(newer) if newer > schema::VERSION => Err(LedgerError::Newer(location.to_string())),
        _ => Err(LedgerError::NoLedger(location.to_string())),
    }
}
