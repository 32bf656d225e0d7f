//! The result of a probe.

/// The result of a probe: whether a call without a response took effect.
pub(crate) enum ProbeResult<A> {
    /// It took effect; the value is the response that it would have had.
    Found(A),
    /// It did not take effect.
    Absent,
    /// It took effect, but its response cannot be recovered. Its effect was undone, so that the
    /// call can be sent again.
    Undone,
    /// The probe cannot determine it; the text is the reason.
    Unclear(String),
    /// The probe cannot determine it yet: the service's details lack earlier changes. The text says
    /// what they lack.
    Stale(String),
}

impl<A> ProbeResult<A> {
    /// Returns the result's name in the log.
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
