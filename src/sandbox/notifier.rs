//! Sends the callbacks of the emulated service (API 5.9): signed, with a timeout of two seconds and
//! up to six attempts.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use http::header;
use jiff::Timestamp;
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::http::{App, Sandbox};
use super::world::{AutoSign, PendingCallback};
use crate::api::callback::{ALGORITHM, ALGORITHM_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::api::{APP_ID_HEADER, is_loopback};
use crate::util::http_client;

/// The timeout of an attempt (API 5.9.1).
const TIMEOUT: Duration = Duration::from_secs(2);
/// The number of attempts (API 5.9).
const MAX_ATTEMPTS: u32 = 6;
/// The number of callbacks in flight.
const MAX_IN_FLIGHT: usize = 32;
/// The interval between two checks for expired flows, due signatures and pending callbacks.
const TICK: Duration = Duration::from_millis(200);

/// Advances the time of a sandbox and delivers its callbacks.
#[derive(Debug, Clone)]
pub struct Notifier {
    /// The receiver for flows whose `noticeUrl` is absent or not on this machine.
    pub url: Option<String>,
    /// The time between two attempts. The API document says 30 minutes.
    pub interval: Duration,
    /// Signs or refuses all tasks automatically, if set.
    pub auto_sign: Option<AutoSign>,
}

impl Notifier {
    /// Runs until the task is cancelled: advances the sandbox to the current time and sends its
    /// callbacks every 200 ms.
    pub async fn run(self, sandbox: Sandbox) {
        let Ok(sender) = Sender::new() else { return };
        loop {
            for delivery in self.step(&sender, &sandbox, Timestamp::now()) {
                // A slow receiver must not delay the others.
                tokio::spawn(delivery);
            }
            sleep(TICK).await;
        }
    }

    /// Does one step of [`run`](Self::run) and waits until every callback was delivered or had its
    /// last attempt.
    pub async fn flush(&self, sandbox: &Sandbox, now: Timestamp) -> Result<(), String> {
        let sender = Sender::new()?;
        join_all(self.step(&sender, sandbox, now)).await;
        Ok(())
    }

    /// Advances the sandbox to `now` and returns the deliveries of its pending callbacks.
    fn step(
        &self,
        sender: &Sender,
        sandbox: &Sandbox,
        now: Timestamp,
    ) -> Vec<impl Future<Output = ()> + Send + 'static> {
        sandbox.advance(self.auto_sign.as_ref(), now);
        let pending = sandbox.take_callbacks();
        let deliveries = pending.into_iter().filter_map(|(app, callback)| {
            // A production receiver never gets callbacks of the sandbox.
            let own = callback.url.clone().filter(|url| is_loopback(url));
            let url = own.or_else(|| self.url.clone())?;
            Some(deliver(sender.clone(), url, app, callback, self.interval))
        });
        deliveries.collect()
    }
}

/// The HTTP client with its limit of callbacks in flight.
#[derive(Clone)]
struct Sender {
    permits: Arc<Semaphore>,
    client: reqwest::Client,
}

impl Sender {
    fn new() -> Result<Self, String> {
        Ok(Self {
            permits: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            client: http_client::builder()
                .timeout(TIMEOUT)
                .no_proxy()
                .build()
                .map_err(|error| error.to_string())?,
        })
    }
}

async fn deliver(
    sender: Sender,
    url: String,
    app: App,
    callback: PendingCallback,
    interval: Duration,
) {
    let Sender { client, permits } = sender;
    // Serialization cannot fail: a callback is plain data with text keys.
    let body = serde_json::to_string(&callback.callback).unwrap_or_default();
    for attempt in 1..=MAX_ATTEMPTS {
        // The semaphore is never closed.
        let permit = permits.acquire().await;
        let timestamp = Timestamp::now().as_millisecond().to_string();
        let signature = signature(&app.secret, &timestamp, &url, &body);
        let request = client
            .post(&url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(APP_ID_HEADER, &app.id)
            .header(TIMESTAMP_HEADER, &timestamp)
            .header(ALGORITHM_HEADER, ALGORITHM)
            .header(SIGNATURE_HEADER, signature)
            .body(body.clone());
        // A status from 200 to 399 confirms the callback (API 5.9.1).
        let is_delivered = match request.send().await {
            Ok(response) => (200..400).contains(&response.status().as_u16()),
            Err(_) => false,
        };
        drop(permit);
        if is_delivered || attempt == MAX_ATTEMPTS {
            return;
        }
        sleep(interval).await;
    }
}

/// Returns the signature of a callback (API 5.9.2): HMAC-SHA256 in hexadecimal over the timestamp,
/// the query values in the order of their keys, and the body.
fn signature(secret: &str, timestamp: &str, url: &str, body: &str) -> String {
    let address = url.split_once('#').map_or(url, |(address, _)| address);
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort();
    // HMAC accepts a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(timestamp.as_bytes());
    for (_, value) in &pairs {
        mac.update(value.as_bytes());
    }
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected value was computed with another implementation.
    #[test]
    fn signs_timestamp_query_values_and_body() {
        let url = "http://127.0.0.1:8088/callback?b=2&a=1";
        assert_eq!(
            signature("secret", "1700000000000", url, "{}"),
            "cf24f6a7ffdf9bcf57da9f3ba00a23222c1c5c50999252ea4f74560698fc4b97"
        );
    }
}
