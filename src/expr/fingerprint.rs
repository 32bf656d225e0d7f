//! Fingerprints: whether something is still what it was, without keeping what it was.
//!
//! They are keyed with the ledger's own salt: those of two ledgers cannot be compared, and no table made
//! beforehand finds what stands behind one.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The key of a ledger's fingerprints.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl Salt {
    /// The salt where nothing is recorded: for checks that need no ledger.
    pub const ZERO: Self = Self([0; 32]);

    /// The fingerprint of one text.
    pub fn of(&self, text: &str) -> Fingerprint {
        let mut print = Fingerprinter::with_room(self, 16 + text.len());
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
    /// Reads the form of its `Display`.
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
        Self::parse(&text).ok_or_else(|| D::Error::custom("no fingerprint"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes the fields of a thing one by one. A field that is absent is not given, so that an optional field which
/// is added to the language later changes no fingerprint that exists.
pub struct Fingerprinter {
    salt: Salt,
    /// All that was taken: hashed at once, which is much faster than in many small pieces.
    taken: Vec<u8>,
}

/// What a row's fields come to, mostly.
const ROOM: usize = 1024;

impl Fingerprinter {
    /// Begins one.
    pub fn new(salt: &Salt) -> Self {
        Self::with_room(salt, ROOM)
    }

    fn with_room(salt: &Salt, room: usize) -> Self {
        Self {
            salt: salt.clone(),
            taken: Vec::with_capacity(room),
        }
    }

    /// Takes a field; lengths stand before the bytes, so that no two lists of fields look alike.
    pub fn field(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.taken
                .extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.taken.extend_from_slice(part.as_bytes());
        }
    }

    /// The fingerprint of all that was taken.
    pub fn finish(&self) -> Fingerprint {
        let hash = blake3::keyed_hash(&self.salt.0, &self.taken);
        let mut print = [0; 16];
        print.copy_from_slice(&hash.as_bytes()[..16]);
        Fingerprint(print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
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
