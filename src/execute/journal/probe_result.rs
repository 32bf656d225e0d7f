//! The result of a probe.

/// What looking tells.
pub(crate) enum ProbeResult<A> {
    /// It was carried out, and this is what it would have answered.
    Found(A),
    /// It was not.
    Absent,
    /// It was, and its answer was of use to nobody: it was taken back, and can be made again.
    Undone,
    /// That cannot be told.
    Unclear(String),
    /// That cannot be told yet: what the service shows lacks what was done before.
    Stale(String),
}

impl<A> ProbeResult<A> {
    /// A word for logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Absent => "absent",
            Self::Undone => "undone",
            Self::Unclear(_) => "unclear",
            Self::Stale(_) => "stale",
        }
    }
}
