//! The identity of a call: its attempts have it in common.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::time::Instant;

use crate::api::operation::Op;

/// Tells the attempts of one call from those of others.
#[derive(Debug, Clone, Copy)]
pub struct CallIdentity {
    /// The operation.
    pub(super) op: Op,
    /// The hash of operation and request.
    pub(super) key: u64,
    /// The start of the call.
    pub(super) began: Instant,
}

impl CallIdentity {
    /// Creates the identity of a call that begins now.
    pub(super) fn new(op: Op, body: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        (op, body).hash(&mut hasher);
        Self {
            op,
            key: hasher.finish(),
            began: Instant::now(),
        }
    }
}
