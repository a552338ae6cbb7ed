//! Reading cells of rows into domain types and writing domain words into cells. Invariant: a cell that does not parse
//! is `Corrupt` and names its column; nothing is guessed.

use crate::{Result, StoreError};
use quorate_domain::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{ColumnIndex, Decode, Row, Sqlite, Type, sqlite::SqliteRow};
use std::{fmt::Display, str::FromStr};

/// Typed access to one row.
pub(crate) trait Cells {
    /// A cell of a plain type.
    fn cell<'r, T>(&'r self, column: &'static str) -> Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>;

    /// A moment.
    fn at(&self, column: &'static str) -> Result<Timestamp> {
        self.cell(column).map(Timestamp)
    }

    /// A moment or nothing.
    fn at_opt(&self, column: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.cell::<Option<i64>>(column)?.map(Timestamp))
    }

    /// Text that parses: ids, roles, versions.
    fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T> {
        parse(column, &self.cell::<String>(column)?)
    }

    /// Text that parses, or nothing.
    fn parsed_opt<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>> {
        self.cell::<Option<String>>(column)?.map(|text| parse(column, &text)).transpose()
    }

    /// JSON.
    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        from_json(column, &self.cell::<String>(column)?)
    }

    /// A number that is not negative.
    fn count(&self, column: &'static str) -> Result<u32> {
        let number: i64 = self.cell(column)?;
        u32::try_from(number).map_err(|_| StoreError::Corrupt { what: format!("{column} is {number}") })
    }

    /// The serialized name of a unit variant.
    fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        let text: String = self.cell(column)?;
        serde_json::from_value(serde_json::Value::String(text)).map_err(|error| corrupt(column, error))
    }
}

impl Cells for SqliteRow
where
    &'static str: ColumnIndex<SqliteRow>,
{
    fn cell<'r, T>(&'r self, column: &'static str) -> Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.try_get(column).map_err(|error| corrupt(column, error))
    }
}

fn corrupt(column: &str, error: impl Display) -> StoreError {
    StoreError::Corrupt { what: format!("{column}: {error}") }
}

fn parse<T: FromStr<Err: Display>>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error| corrupt(column, error))
}

pub(crate) fn from_json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| corrupt(column, error))
}

/// The serialized name of a unit variant, as `Cells::word` reads it.
pub(crate) fn word<T: Serialize>(column: &str, value: &T) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(corrupt(column, format!("{other} is not a word"))),
        Err(error) => Err(corrupt(column, error)),
    }
}

/// JSON text, as `Cells::json` reads it.
pub(crate) fn json<T: Serialize>(column: &str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| corrupt(column, error))
}
