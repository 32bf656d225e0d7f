//! Sending the emulated service's callbacks (section 5.9): signed, waited for no longer than two seconds, and
//! repeated until somebody takes them or six were sent.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use http::header;
use jiff::Timestamp;
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::face::{App, Sandbox};
use super::signing::AutoSign;
use super::world::Notice;
use crate::api::callback::{ALGORITHM, ALGORITHM_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::api::{APP_ID_HEADER, is_loopback};
use crate::util::http_client;

/// A receiver has so long (5.9.1) …
const PATIENCE: Duration = Duration::from_secs(2);
/// … and is told so often.
const TIMES: u32 = 6;

/// How often flows are looked at whose time may have run out, and people who may sign by themselves.
const TICK: Duration = Duration::from_millis(200);

/// Tells the world's news.
#[derive(Debug, Clone)]
pub struct Notifier {
    /// Where callbacks of flows go that name no `noticeUrl` on this machine.
    pub url: Option<String>,
    /// The time between two attempts; half an hour by the document.
    pub interval: Duration,
    /// Whether everybody signs by himself.
    pub auto_sign: Option<AutoSign>,
}

impl Notifier {
    /// Lets time pass in a sandbox, and sends what there is to tell. Never ends by itself.
    pub async fn run(self, sandbox: Sandbox) {
        let Ok(post) = Post::new() else { return };
        loop {
            for delivery in self.step(&post, &sandbox, Timestamp::now()) {
                // Each waits for its receiver alone.
                tokio::spawn(delivery);
            }
            sleep(TICK).await;
        }
    }

    /// One step of [`run`](Self::run), and its end: every callback was taken, or sent as often as it may be.
    pub async fn flush(&self, sandbox: &Sandbox, now: Timestamp) -> Result<(), String> {
        let post = Post::new()?;
        join_all(self.step(&post, sandbox, now)).await;
        Ok(())
    }

    /// What there is to tell at a moment.
    fn step(
        &self,
        post: &Post,
        sandbox: &Sandbox,
        now: Timestamp,
    ) -> Vec<impl Future<Output = ()> + Send + 'static> {
        sandbox.pass(self.auto_sign.as_ref(), now);
        let notices = sandbox.take_notices();
        let deliveries = notices.into_iter().filter_map(|(app, notice)| {
            // What a manifest names for production is never told what happened in an emulator.
            let own = notice.url.clone().filter(|url| is_loopback(url));
            let url = own.or_else(|| self.url.clone())?;
            let way = Way {
                client: post.client.clone(),
                places: post.places.clone(),
                url,
            };
            Some(deliver(way, app, notice, self.interval))
        });
        deliveries.collect()
    }
}

/// So many callbacks are on their way at the same time: a receiver that is slow for many is slow for each.
const AT_ONCE: usize = 32;

/// The way to receivers.
struct Post {
    places: Arc<Semaphore>,
    client: reqwest::Client,
}

impl Post {
    fn new() -> Result<Self, String> {
        Ok(Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            client: http_client::builder()
                .timeout(PATIENCE)
                .no_proxy()
                .build()
                .map_err(|error| error.to_string())?,
        })
    }
}

/// The way of one callback.
struct Way {
    client: reqwest::Client,
    places: Arc<Semaphore>,
    url: String,
}

async fn deliver(way: Way, app: App, notice: Notice, interval: Duration) {
    let Way {
        client,
        places,
        url,
    } = way;
    // A callback is plain data with text keys, which JSON can always say.
    let body = serde_json::to_string(&notice.callback).unwrap_or_default();
    for attempt in 1..=TIMES {
        // Nobody closes it.
        let place = places.acquire().await;
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
        // A status of 200 to 399 means that it arrived (5.9.1).
        let taken = match request.send().await {
            Ok(response) => (200..400).contains(&response.status().as_u16()),
            Err(_) => false,
        };
        drop(place);
        if taken || attempt == TIMES {
            return;
        }
        sleep(interval).await;
    }
}

/// HMAC-SHA256 over the timestamp, the values of the query in the order of their keys, and the body; in hexadecimal.
fn signature(secret: &str, timestamp: &str, url: &str, body: &str) -> String {
    let address = url.split_once('#').map_or(url, |(address, _)| address);
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort();
    // HMAC takes a key of any length.
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

    /// Computed with another implementation.
    #[test]
    fn callbacks_are_signed_over_timestamp_query_and_body() {
        let url = "http://127.0.0.1:8088/callback?b=2&a=1";
        assert_eq!(
            signature("secret", "1700000000000", url, "{}"),
            "cf24f6a7ffdf9bcf57da9f3ba00a23222c1c5c50999252ea4f74560698fc4b97"
        );
    }
}
