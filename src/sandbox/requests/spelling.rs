//! The spellings of requests.

/// The spellings that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// The types of the API document's tables only.
    #[default]
    Strict,
    /// Also numbers as text, text as numbers, and `""` and null for absent optionals.
    Lenient,
}
