//! The result of a probe.

/// What looking tells.
pub(crate) enum Seen<A> {
    /// It was carried out, and this is what it would have answered.
    There(A),
    /// It was not.
    NotThere,
    /// It was, and its answer was of use to nobody: it was taken back, and can be made again.
    TakenBack,
    /// That cannot be told.
    Unclear(String),
    /// That cannot be told yet: what the service shows lacks what was done before.
    Behind(String),
}

impl<A> Seen<A> {
    /// A word for logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::There(_) => "there",
            Self::NotThere => "not_there",
            Self::TakenBack => "taken_back",
            Self::Unclear(_) => "unclear",
            Self::Behind(_) => "behind",
        }
    }
}
