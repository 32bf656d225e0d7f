//! Connections that nobody uses at the moment.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use hyper::body::Body;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

/// A connection that was not used for so long is closed: many services close it themselves then, at any moment.
const IDLE: Duration = Duration::from_secs(90);

/// Connections by their hosts, so many of each at most.
#[derive(Debug)]
pub(super) struct Idle<B> {
    hosts: Mutex<HashMap<Host, Vec<Since<B>>>>,
    most: usize,
}

/// Where a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Host(Option<Scheme>, Option<Authority>);

impl Host {
    pub(super) fn of(uri: &Uri) -> Self {
        Self(uri.scheme().cloned(), uri.authority().cloned())
    }
}

/// A connection, and when it was used last.
#[derive(Debug)]
struct Since<B> {
    connection: SendRequest<B>,
    used: Instant,
}

impl<B: Body + Send + 'static> Idle<B> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            hosts: Mutex::default(),
            most,
        }
    }

    /// The one that was used last, if there is one that still stands.
    pub(super) fn take(&self, host: &Host) -> Option<SendRequest<B>> {
        let mut hosts = self.hosts();
        let own = hosts.get_mut(host)?;
        while let Some(last) = own.pop() {
            if last.used.elapsed() >= IDLE {
                // Those before it were used before it.
                own.clear();
            } else if !last.connection.is_closed() {
                return Some(last.connection);
            }
        }
        None
    }

    /// Keeps one for those who come next.
    pub(super) fn put(&self, host: Host, connection: SendRequest<B>) {
        let mut hosts = self.hosts();
        let own = hosts.entry(host).or_default();
        if own.len() < self.most && !connection.is_closed() {
            let used = Instant::now();
            own.push(Since { connection, used });
        }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<Host, Vec<Since<B>>>> {
        // Nothing panics while it is held; what is in it stays true.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
