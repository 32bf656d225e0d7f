//! The connections of each client address: a bounded number is served and a bounded number waits, so
//! that one address cannot take all connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The number of connections that may wait for each one that is served.
const WAITING: usize = 4;

/// The served and waiting connections of each client address.
pub(super) struct AddressLimiter {
    limit: usize,
    permits: HashMap<IpAddr, Weak<AddressPermits>>,
}

/// The permits of one address.
struct AddressPermits {
    served: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// The permit of one connection.
pub(super) struct ConnectionPermit {
    permits: Arc<AddressPermits>,
    is_served: bool,
    /// The permit to be served, or to wait.
    permit: OwnedSemaphorePermit,
}

impl AddressLimiter {
    /// Creates the limiter: for each address, `limit` connections are served at the same time.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            permits: HashMap::new(),
        }
    }

    /// Admits a connection; none if too many of its address wait already.
    pub(super) fn admit(&mut self, address: IpAddr) -> Option<ConnectionPermit> {
        self.permits.retain(|_, permits| permits.strong_count() > 0);
        let entry = self.permits.entry(client(address)).or_default();
        let permits = entry.upgrade().unwrap_or_else(|| {
            let permits = Arc::new(AddressPermits {
                served: Arc::new(Semaphore::new(self.limit)),
                waiting: Arc::new(Semaphore::new(WAITING * self.limit)),
            });
            *entry = Arc::downgrade(&permits);
            permits
        });
        let served = permits.served.clone().try_acquire_owned().ok();
        let is_served = served.is_some();
        let permit = match served {
            Some(served) => served,
            None => permits.waiting.clone().try_acquire_owned().ok()?,
        };
        Some(ConnectionPermit {
            permits,
            is_served,
            permit,
        })
    }
}

impl ConnectionPermit {
    /// Waits until the connection may be served. Returns false if the time is over.
    pub(super) async fn wait(&mut self, time: Duration) -> bool {
        if !self.is_served
            && let Ok(Ok(served)) = timeout(time, self.permits.served.clone().acquire_owned()).await
        {
            self.is_served = true;
            self.permit = served;
        }
        self.is_served
    }
}

/// Returns the address of a client. One client has a whole /64 network of IPv6.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn connections_of_one_address_wait_for_each_other() {
        let mut addresses = AddressLimiter::new(1);
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        let mut permits: Vec<ConnectionPermit> = (0..=WAITING)
            .map(|_| addresses.admit(address).expect("served or waiting"))
            .collect();
        assert!(addresses.admit(address).is_none(), "four wait already");
        let other = "192.0.2.2".parse().expect("an address");
        let mut other = addresses.admit(other).expect("another address");
        assert_eq!(other.wait(SECOND).now_or_never(), Some(true));
        let mut last = permits.pop().expect("a permit");
        assert!(!last.wait(SECOND).await, "nobody leaves");
        drop(permits.remove(0));
        assert!(last.wait(SECOND).await);
        drop((permits, last));
        assert!(addresses.admit(address).is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let client = |text: &str| super::client(text.parse().expect("an address"));
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
    }
}
