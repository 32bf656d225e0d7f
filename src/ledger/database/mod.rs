//! The database of a ledger: `SQLite` or Postgres behind one interface.
//!
//! Both execute the same SQL statements, so a statement uses only what both understand:
//!
//! - parameters are `?`, or `?1`, `?2` and so on;
//! - booleans are stored as the integers 0 and 1, and compared as such;
//! - `CASE`, `coalesce`, `CAST`, `ON CONFLICT`, `RETURNING` and `IS [NOT] DISTINCT FROM` exist in both,
//!   `iif`, `ifnull`, `GLOB`, `INSERT OR IGNORE` and `max` with two arguments do not;
//! - `json_extract(text, '$.name')` is a function of our own in Postgres, which returns a text;
//! - columns on the right side of `DO UPDATE SET` are written with the name of their table.

mod batch;
mod connection;
mod error;
mod postgres;
mod sqlite;
mod value;

pub(super) use batch::{Batch, StoredRow};
pub(super) use connection::Connection;
pub(super) use error::{Error, Result};
pub use postgres::settings::PostgresSettings;
pub(super) use value::{Row, Value, params};
