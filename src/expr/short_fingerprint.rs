//! Half a fingerprint, for what is stored for each row.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Fingerprint;

/// The first 64 of the 128 bits of a fingerprint. A plan can have a million rows, and stores some
/// for each row and one for each recorded key: that saves 8 bytes each.
///
/// Two different values are equal here with a probability of 2⁻⁶⁴ (5 in 10²⁰); any two of a million
/// keys, of 3 in 10⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortFingerprint([u8; 8]);

impl Serialize for ShortFingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", u64::from_be_bytes(self.0)))
    }
}

impl<'de> Deserialize<'de> for ShortFingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16).map_err(D::Error::custom)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl From<Fingerprint> for ShortFingerprint {
    fn from(fingerprint: Fingerprint) -> Self {
        let [first @ .., _, _, _, _, _, _, _, _] = fingerprint.0;
        Self(first)
    }
}
