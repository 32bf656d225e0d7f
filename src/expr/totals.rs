//! The rows of a flow together, for checks: their number and the sums of columns.

use std::collections::BTreeMap;

use minijinja::value::Value;

use super::decimal::Digits;
use crate::sheet::Row;

/// The number of rows, and exact sums of columns.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// The number of rows.
    rows: u64,
    /// Sums by column.
    sums: BTreeMap<String, Decimal>,
}

impl Totals {
    /// Creates totals without rows.
    pub fn new<'c>(columns: impl IntoIterator<Item = &'c String>) -> Self {
        let columns = columns.into_iter().cloned();
        Self {
            rows: 0,
            sums: columns.map(|column| (column, Decimal(0))).collect(),
        }
    }

    /// Adds a row; `None` is the only item of a flow without rows. Empty cells do not count.
    pub fn add(&mut self, row: Option<&Row>) {
        self.rows += 1;
        let Some(row) = row else {
            return;
        };
        for (column, sum) in &mut self.sums {
            let number = row.get(column).and_then(Decimal::parse);
            // Saturation is out of reach: a sheet has about a million rows.
            sum.0 = sum.0.saturating_add(number.unwrap_or(Decimal(0)).0);
        }
    }

    /// Returns the totals for messages: `flow.rows is 3`.
    pub fn described(&self) -> Vec<(String, String)> {
        let rows = ("flow.rows".to_owned(), self.rows.to_string());
        let sums = self.sums.iter();
        let sums = sums.map(|(column, sum)| (format!("flow.sum.{column}"), sum.to_string()));
        std::iter::once(rows).chain(sums).collect()
    }

    /// Returns the value of `flow`.
    pub(super) fn value(&self) -> Value {
        let sums = self.sums.iter();
        let sums: BTreeMap<&str, Value> = sums
            .map(|(column, sum)| (column.as_str(), sum.value()))
            .collect();
        let fields = BTreeMap::from([("rows", Value::from(self.rows)), ("sum", Value::from(sums))]);
        Value::from(fields)
    }
}

/// Returns whether a cell can be part of a sum: a number of at most 18 digits and 6 decimals, with or
/// without thousands separators, or nothing.
pub fn is_summand(cell: &str) -> bool {
    cell.trim().is_empty() || Decimal::parse(cell).is_some()
}

/// The number of decimals that are kept.
const PLACES: usize = 6;
const ONE: i128 = 1_000_000;

/// A decimal number, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal(i128);

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let digits = Digits::of(text)?;
        if digits.whole.len() > 18 {
            return None;
        }
        let sign = if digits.is_negative { -1 } else { 1 };
        let whole: i128 = digits.whole.parse().ok()?;
        let places: i128 = digits.places_to(PLACES)?.parse().ok()?;
        Some(Self(sign * (whole * ONE + places)))
    }

    /// Returns an integer, or the nearest floating-point number, as that of a literal.
    fn value(self) -> Value {
        match i64::try_from(self.0 / ONE) {
            Ok(whole) if self.0 % ONE == 0 => Value::from(whole),
            _ => Value::from(self.to_string().parse::<f64>().unwrap_or(f64::NAN)),
        }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, places) = (self.0.abs() / ONE, self.0.abs() % ONE);
        let places = format!("{places:0PLACES$}");
        match places.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            places => write!(f, "{sign}{whole}.{places}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_decimals_without_rounding() {
        let mut sum = Decimal(0);
        for _ in 0..30 {
            sum.0 += Decimal::parse("0.1").expect("a number").0;
        }
        assert_eq!((sum.to_string(), sum.value()), ("3".to_owned(), 3.into()));
        let sum = Decimal::parse("1,234,567.890").expect("a number");
        assert_eq!(sum.to_string(), "1234567.89");
        assert_eq!(sum.value(), Value::from(1_234_567.89));
        assert_eq!(
            Decimal::parse("-0.05").map(|sum| sum.to_string()),
            Some("-0.05".to_owned())
        );
    }

    #[test]
    fn refuses_cells_that_are_no_numbers() {
        for cell in ["", " ", "0", "-12.5", "120,000.50", "1.5000000"] {
            assert!(is_summand(cell), "{cell:?}");
        }
        for cell in [
            "十万",
            "1e5",
            "1 000",
            "12,34",
            "0.0000001",
            "-",
            "NaN",
            "¥1",
            "9999999999999999999",
        ] {
            assert!(!is_summand(cell), "{cell:?}");
        }
    }
}
