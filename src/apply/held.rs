//! The wire of a run: nothing goes out once another run may have taken the ledger.
//!
//! An intent is on disk before its call goes out; but a process that is stopped between the two and wakes up later
//! would send what another run has looked up, not found, and sent meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::client::{Departure, Wire, WireError};
use crate::ledger::{LedgerError, Pulse};

/// A wire that asks before each request whether the ledger is still held.
pub struct HeldWire {
    /// Carries what may go out.
    pub wire: Arc<dyn Wire>,
    /// Tells whether it may.
    pub pulse: Pulse,
}

impl Wire for HeldWire {
    fn send(
        &self,
        request: http::Request<Bytes>,
        departure: Departure,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, WireError>> {
        Box::pin(async move {
            match self.pulse.check().await {
                Ok(()) => self.wire.send(request, departure).await,
                Err(LedgerError::Taken(by)) => Err(WireError::Barred(by)),
                Err(error) => Err(WireError::NotSent(error.to_string())),
            }
        })
    }
}
