//! How a ledger is found, opened, created and verified, whatever its database is.

use super::database::Connection;
use super::failure::broken;
use super::location::Location;
use super::open_mode::OpenMode;
use super::{Binding, LedgerError, file, postgres};

/// Returns whether there is a ledger.
pub(super) fn exists(location: &Location) -> Result<bool, LedgerError> {
    match location {
        Location::File(path) => file::exists(path),
        Location::Postgres { settings, .. } => {
            postgres::exists(settings).map_err(|error| broken(location, &error))
        }
    }
}

/// Opens a connection for writing to an existing ledger, and migrates it.
pub(super) fn open(location: &Location) -> Result<Connection, LedgerError> {
    match location {
        Location::File(path) => file::open(path),
        Location::Postgres { settings, .. } => postgres::open(location, settings),
    }
}

/// Creates an empty ledger. Does nothing if another process has created one meanwhile.
pub(super) fn create(location: &Location, binding: &Binding) -> Result<(), LedgerError> {
    match location {
        Location::File(path) => file::create(path, binding),
        Location::Postgres { settings, .. } => {
            postgres::create(settings, binding).map_err(|error| broken(location, &error))
        }
    }
}

/// Verifies a whole file. A server verifies its own.
pub(super) fn verify(location: &Location) -> Result<(), LedgerError> {
    match location {
        Location::File(path) => file::verify(OpenMode::ReadWrite, path),
        Location::Postgres { .. } => Ok(()),
    }
}
