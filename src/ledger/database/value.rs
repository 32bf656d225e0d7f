//! Values of parameters and columns.

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::error::{Error, Result};

/// A value of a parameter or a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::ledger) enum Value<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

/// Returns a slice of [`Value`]s.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::ledger::database::Value::from($value)),*] };
}
pub(in crate::ledger) use params;

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Value<'_> {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ValueRef;
        let value = match *self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        };
        Ok(rusqlite::types::ToSqlOutput::Borrowed(value))
    }
}

/// A value that owns its text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ledger) enum OwnedValue {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Blob(bytes.to_owned()),
        }
    }
}

impl OwnedValue {
    fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

type BoxedError = Box<dyn std::error::Error + Sync + Send>;

/// Postgres derives the type of a parameter from the statement.
impl ToSql for OwnedValue {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, BoxedError> {
        match (self, kind) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(number), &Type::INT8) => number.to_sql(kind, out),
            (Self::Integer(number), &Type::INT4) => i32::try_from(*number)?.to_sql(kind, out),
            (Self::Integer(number), &Type::BOOL) => (*number != 0).to_sql(kind, out),
            (Self::Integer(number), _) => number.to_string().to_sql(&Type::TEXT, out),
            (Self::Text(text), _) => text.to_sql(&Type::TEXT, out),
            (Self::Blob(bytes), _) => bytes.to_sql(&Type::BYTEA, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, BoxedError> {
        Ok(match *kind {
            Type::BOOL => Self::Integer(bool::from_sql(kind, raw)?.into()),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::BYTEA => Self::Blob(raw),
            _ => Self::Text(std::str::from_utf8(raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxedError> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        [
            Type::BOOL,
            Type::INT4,
            Type::INT8,
            Type::BYTEA,
            Type::TEXT,
            Type::VARCHAR,
            Type::NAME,
        ]
        .contains(kind)
    }
}

/// A row of a result.
#[derive(Debug, Clone, Copy)]
pub(in crate::ledger) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
    Stored(&'a [OwnedValue]),
}

impl<'a> From<&'a tokio_postgres::Row> for Row<'a> {
    fn from(row: &'a tokio_postgres::Row) -> Self {
        Self::Postgres(row)
    }
}

impl Row<'_> {
    /// Reads a column, from 0.
    pub(in crate::ledger) fn get<'r, T: FromValue<'r>>(&'r self, column: usize) -> Result<T> {
        let value = self.value(column)?;
        T::from_value(value).map_err(|why| Error::Value {
            column,
            why: why.to_owned(),
        })
    }

    pub(super) fn value(&self, column: usize) -> Result<Value<'_>> {
        use rusqlite::types::ValueRef;
        let row = match self {
            Self::Postgres(row) => return Ok(row.try_get(column)?),
            Self::Stored(values) => return Ok(values[column].borrowed()),
            Self::Sqlite(row) => row,
        };
        Ok(match row.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(bytes) => {
                Value::Text(std::str::from_utf8(bytes).map_err(|error| Error::Value {
                    column,
                    why: error.to_string(),
                })?)
            }
            ValueRef::Blob(bytes) => Value::Blob(bytes),
            ValueRef::Real(number) => {
                return Err(Error::Value {
                    column,
                    why: format!("{number} is not an integer"),
                });
            }
        })
    }
}

/// A type that a column is read as.
pub(in crate::ledger) trait FromValue<'a>: Sized {
    /// Converts a value, or returns the reason why it is not of this type.
    fn from_value(value: Value<'a>) -> Result<Self, &'static str>;
}

impl FromValue<'_> for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        match value {
            Value::Integer(number) => Ok(number),
            _ => Err("it is not an integer"),
        }
    }
}

impl FromValue<'_> for u32 {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        let number = i64::from_value(value)?;
        Self::try_from(number).map_err(|_| "it is out of range")
    }
}

impl FromValue<'_> for i32 {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        let number = i64::from_value(value)?;
        Self::try_from(number).map_err(|_| "it is out of range")
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        Ok(i64::from_value(value)? != 0)
    }
}

impl<'a> FromValue<'a> for &'a str {
    fn from_value(value: Value<'a>) -> Result<Self, &'static str> {
        match value {
            Value::Text(text) => Ok(text),
            _ => Err("it is not a text"),
        }
    }
}

impl FromValue<'_> for String {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl<'a> FromValue<'a> for &'a [u8] {
    fn from_value(value: Value<'a>) -> Result<Self, &'static str> {
        match value {
            Value::Blob(bytes) => Ok(bytes),
            _ => Err("it is not a blob"),
        }
    }
}

impl<const N: usize> FromValue<'_> for [u8; N] {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        let bytes = <&[u8]>::from_value(value)?;
        bytes.try_into().map_err(|_| "it has another length")
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    fn from_value(value: Value<'a>) -> Result<Self, &'static str> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}
