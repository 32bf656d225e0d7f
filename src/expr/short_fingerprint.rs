//! Half a fingerprint, for what is stored for each row.

use super::Fingerprint;

/// The first 64 of the 128 bits of a fingerprint. A plan can have a million rows, and stores some
/// for each row and one for each recorded key: that saves 8 bytes each.
///
/// Two different values are equal here with a probability of 2⁻⁶⁴ (5 in 10²⁰); any two of a million
/// keys, of 3 in 10⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortFingerprint([u8; 8]);

impl From<Fingerprint> for ShortFingerprint {
    fn from(fingerprint: Fingerprint) -> Self {
        let [first @ .., _, _, _, _, _, _, _, _] = fingerprint.0;
        Self(first)
    }
}
