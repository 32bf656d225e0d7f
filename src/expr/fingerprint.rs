//! Fingerprints: keyed hashes that detect changes without storing the values.
//!
//! The key is the salt of the ledger. Fingerprints of two ledgers cannot be compared, and
//! precomputed tables do not reveal the values.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The key of a ledger's fingerprints.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl Salt {
    /// The salt for checks without a ledger.
    pub const ZERO: Self = Self([0; 32]);

    /// Returns the fingerprint of a text.
    pub fn of(&self, text: &str) -> Fingerprint {
        let mut print = Fingerprinter::with_capacity(self, 16 + text.len());
        print.field("", text);
        print.finish()
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// A fingerprint of 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Parses the output of `Display`: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let number = u128::from_str_radix(text, 16).ok()?;
        (text.len() == 32).then_some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a fingerprint"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Builds a fingerprint from named fields.
///
/// Absent fields are not added. So a new optional field does not change existing fingerprints.
pub struct Fingerprinter {
    salt: Salt,
    /// The encoded fields. Hashing them at once is faster than hashing many small pieces.
    bytes: Vec<u8>,
}

/// The usual size of the encoded fields of a row.
const CAPACITY: usize = 1024;

impl Fingerprinter {
    /// Creates a fingerprint without fields.
    pub fn new(salt: &Salt) -> Self {
        Self::with_capacity(salt, CAPACITY)
    }

    fn with_capacity(salt: &Salt, capacity: usize) -> Self {
        Self {
            salt: salt.clone(),
            bytes: Vec::with_capacity(capacity),
        }
    }

    /// Adds a field. Each part is preceded by its length, so that different lists of fields have
    /// different encodings.
    pub fn field(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.bytes
                .extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }

    /// Returns the fingerprint of the added fields.
    pub fn finish(&self) -> Fingerprint {
        let hash = blake3::keyed_hash(&self.salt.0, &self.bytes);
        let mut print = [0; 16];
        print.copy_from_slice(&hash.as_bytes()[..16]);
        Fingerprint(print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_fields_have_different_fingerprints() {
        let print = |fields: &[(&str, &str)]| {
            let mut print = Fingerprinter::new(&Salt::ZERO);
            for (name, value) in fields {
                print.field(name, value);
            }
            print.finish()
        };
        assert_ne!(print(&[("a", "bc")]), print(&[("ab", "c")]));
        assert_ne!(print(&[("a", "")]), print(&[]));
        assert_eq!(print(&[("a", "b")]), print(&[("a", "b")]));
        assert_ne!(Salt::ZERO.of("x"), Salt([1; 32]).of("x"));
        let shown = print(&[("a", "b")]);
        assert_eq!(Fingerprint::parse(&shown.to_string()), Some(shown));
    }
}
