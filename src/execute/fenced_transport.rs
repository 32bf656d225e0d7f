//! The transport of a run, which sends nothing once another run may hold the ledger's lease.
//!
//! An intent is on disk before its request is sent. A process that is suspended between the two and
//! resumes later would otherwise send a request that another run has probed, not found, and sent
//! itself.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::client::{Problem, Transport, TransportError};
use crate::ledger::{LeaseHandle, LedgerError};

/// A transport that checks the ledger's lease before each request.
pub struct FencedTransport {
    /// The transport that sends the requests.
    pub transport: Arc<dyn Transport>,
    /// The lease to check.
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
