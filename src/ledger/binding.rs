//! The endpoint and the app that a ledger belongs to.

/// The endpoint and the app of a ledger. Ids of one endpoint or app are unknown to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The endpoint.
    pub endpoint: String,
    /// The app id; empty for the sandbox. The ledger stores only its fingerprint.
    pub app_id: String,
}
