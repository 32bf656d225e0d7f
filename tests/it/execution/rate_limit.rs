//! The client's rate limits, measured at the service.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, join, join_all};
use tokio::time::Instant;
use treaty::api::operation::Op;
use treaty::api::{ExchangeId, UploadUrl};
use treaty::client::{Client, Settings, Transport, TransportError};

/// The number of calls by which one second may exceed a limit.
const BURST: usize = 2;

/// Records the time of each call and responds that the account does not exist.
#[derive(Default)]
struct Counter(Mutex<Vec<(String, Instant)>>);

impl Transport for Counter {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        self.0.lock().expect("a lock").push((path, Instant::now()));
        let answer = Bytes::from_static(br#"{"errCode":1435204,"msg":"-"}"#);
        Box::pin(async move { Ok(http::Response::new(answer)) })
    }
}

/// Returns the largest number of calls within one second.
fn fullest(times: &[Instant]) -> usize {
    let within = |from: &Instant| {
        let second = times
            .iter()
            .filter(|at| *at >= from && **at - *from < Duration::from_secs(1));
        second.count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

/// Requests of a limited operation compete with others for the overall rate limit. Both limits
/// hold.
#[tokio::test(start_paused = true)]
async fn enforces_the_operation_limit_and_the_overall_limit() {
    let counter = Arc::new(Counter::default());
    let settings = Settings {
        endpoint: "http://world".into(),
        credentials: None,
        rate: Some(50.0),
        operation_rates: BTreeMap::from([(Op::UploadUrl, 5.0)]),
        concurrency: NonZeroUsize::new(128).expect("positive"),
        attempts: 1,
        backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        outage: Duration::from_mins(3),
        throttle_codes: Vec::new(),
    };
    let client = Client::new(counter.clone(), settings, Arc::new(|_| {}));
    let client = &client;
    let limited = (0..60).map(|_| async move {
        let request = UploadUrl {
            file_name: "a.pdf".into(),
            file_size: 1,
            content_type: "application/pdf".into(),
            content_md5: "-".into(),
        };
        client.call(&request).await
    });
    // Other requests come in waves, so the delay by the overall limit varies.
    let others = (0..500).map(|nth: u64| async move {
        tokio::time::sleep(Duration::from_secs(nth / 125 * 4)).await;
        let request = ExchangeId {
            third_id: nth.to_string(),
        };
        client.call(&request).await
    });
    join(join_all(limited), join_all(others)).await;
    let calls = counter.0.lock().expect("a lock").clone();
    let of = |op: Op| {
        let own = calls.iter().filter(|(path, _)| path == op.path());
        own.map(|(_, at)| *at).collect::<Vec<_>>()
    };
    assert_eq!(
        (of(Op::UploadUrl).len(), of(Op::ExchangeId).len()),
        (60, 500)
    );
    let limited = fullest(&of(Op::UploadUrl));
    assert!(limited <= 5 + BURST, "{limited}");
    // The waves delay the operation by at most a quarter of the time at its own limit.
    let own = of(Op::UploadUrl);
    let took = own[59] - own[0];
    assert!(took <= Duration::from_secs(15), "{took:?}");
    let all: Vec<Instant> = calls.iter().map(|(_, at)| *at).collect();
    assert!(fullest(&all) <= 50 + BURST, "{}", fullest(&all));
}
