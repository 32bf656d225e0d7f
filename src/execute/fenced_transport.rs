//! The transport of a run: it sends nothing once another run may hold the ledger.
//!
//! An intent is on disk before its request is sent. A process that is suspended between the two and wakes up later would send
//! what another run has probed, not found, and sent meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::client::{Problem, Transport, TransportError};
use crate::ledger::{LeaseHandle, LedgerError};

/// A transport that checks the ledger's lease before each request.
pub struct FencedTransport {
    /// Sends the requests.
    pub transport: Arc<dyn Transport>,
    /// Says whether the lease is held.
    pub lease: LeaseHandle,
}

impl Transport for FencedTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            match self.lease.check().await {
                Ok(()) => self.transport.send(request).await,
                Err(LedgerError::Taken(holder)) => Err(TransportError::LeaseLost(holder)),
                Err(error) => Err(TransportError::NotSent(Problem::passing(
                    error.to_string(),
                    "",
                ))),
            }
        })
    }
}
