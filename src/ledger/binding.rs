//! The endpoint and the app that a ledger belongs to.

/// The endpoint and the app of a ledger. Ids of one endpoint or app are unknown to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The endpoint.
    pub endpoint: String,
    /// The app id; empty for the sandbox, `None` for a command that only reads and has no
    /// credentials. The ledger stores only its fingerprint.
    pub app_id: Option<String>,
}

impl Binding {
    /// Returns the app id of a command that writes.
    pub(super) fn app_id(&self) -> &str {
        self.app_id.as_deref().unwrap_or_default()
    }
}
