//! The client's rate limits, measured at the service.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, join, join_all};
use http::StatusCode;
use tokio::time::Instant;
use treaty::api::operation::Op;
use treaty::api::{ExchangeId, UploadUrl};
use treaty::client::{CallFailure, Client, Settings, Transport, TransportError};

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

fn settings(rate: Option<f64>) -> Settings {
    Settings {
        endpoint: "http://world".into(),
        credentials: None,
        rate,
        operation_rates: BTreeMap::new(),
        concurrency: NonZeroUsize::new(64).expect("positive"),
        attempts: 5,
        backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        outage: Duration::from_mins(3),
        throttle_codes: Vec::new(),
    }
}

fn client(transport: Arc<dyn Transport>, settings: Settings) -> Client {
    Client::new(transport, settings, Arc::new(|_| {}))
}

/// Responds after a few milliseconds, and fails some requests.
struct Service {
    /// Answers 429 to further requests of a second.
    limit: Option<usize>,
    /// Answers 503 to each request whose number is a multiple of this.
    fails_each: Option<usize>,
    state: Mutex<ServiceState>,
}

#[derive(Default)]
struct ServiceState {
    requests: usize,
    /// The times of the accepted requests of the last second.
    accepted: VecDeque<Instant>,
    uploads: Vec<Instant>,
}

impl Service {
    fn new(limit: Option<usize>, fails_each: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            fails_each,
            state: Mutex::default(),
        })
    }

    fn status(&self) -> StatusCode {
        let (mut state, now) = (self.state.lock().expect("a lock"), Instant::now());
        state.requests += 1;
        if self
            .fails_each
            .is_some_and(|each| state.requests % each == 0)
        {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let is_old = |at: &Instant| now - *at >= Duration::from_secs(1);
        while state.accepted.front().is_some_and(is_old) {
            state.accepted.pop_front();
        }
        if self
            .limit
            .is_some_and(|limit| state.accepted.len() >= limit)
        {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        state.accepted.push_back(now);
        StatusCode::OK
    }
}

impl Transport for Service {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let is_upload = request.method() == http::Method::PUT;
        let status = if is_upload {
            let mut state = self.state.lock().expect("a lock");
            state.uploads.push(Instant::now());
            StatusCode::OK
        } else {
            self.status()
        };
        let path = request.uri().path().trim_start_matches('/');
        let body: &'static [u8] = if is_upload {
            br#"{"errCode":0,"msg":"-"}"#
        } else if path == Op::UploadUrl.path() {
            br#"{"errCode":0,"msg":"-","data":{"fileKey":"k","uploadUrl":"http://world/put"}}"#
        } else {
            br#"{"errCode":1435204,"msg":"-"}"#
        };
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            let mut response = http::Response::new(Bytes::from_static(body));
            *response.status_mut() = status;
            Ok(response)
        })
    }
}

/// Looks up so many accounts, as many items in progress as apply has, and returns the seconds.
async fn look_up(client: &Client, count: usize) -> f64 {
    let began = Instant::now();
    let calls = (0..count).map(|nth| async move {
        let request = ExchangeId {
            third_id: nth.to_string(),
        };
        let answer = client.call(&request).await;
        assert!(
            matches!(answer, Err(CallFailure::Refused { .. })),
            "{answer:?}"
        );
    });
    futures::stream::iter(calls)
        .buffer_unordered(1000)
        .collect::<Vec<()>>()
        .await;
    began.elapsed().as_secs_f64()
}

/// A service that throttles is used at 0.8 of its limit at least, although none is configured. The
/// retries of throttled requests do not wait for the retry budget.
#[tokio::test(start_paused = true)]
async fn uses_most_of_the_limit_of_a_service_that_throttles() {
    let client = client(Service::new(Some(100), None), settings(None));
    let seconds = look_up(&client, 6000).await;
    assert!(6000.0 / seconds >= 80.0, "{:.0}/s", 6000.0 / seconds);
}

/// One request of twenty fails: the run takes at most twice as long.
#[tokio::test(start_paused = true)]
async fn transient_failures_do_not_slow_the_run_down() {
    for rate in [Some(100.0), None] {
        let healthy = client(Service::new(None, None), settings(rate));
        let failing = client(Service::new(None, Some(20)), settings(rate));
        let healthy = look_up(&healthy, 6000).await;
        let failing = look_up(&failing, 6000).await;
        // Without a limit the healthy run takes a third of a second, and the delay of a retry longer.
        let bound = (2.0 * healthy).max(3.0);
        assert!(failing <= bound, "{rate:?}: {healthy:.1} s, {failing:.1} s");
    }
}

/// The upload itself goes to the storage, which has no part in the limits of the API.
#[tokio::test(start_paused = true)]
async fn uploads_need_no_permit_of_the_rate_limit() {
    let service = Service::new(None, None);
    let client = client(service.clone(), settings(Some(1.0)));
    let bytes = Bytes::from_static(b"%PDF-");
    for _ in 0..4 {
        let uploaded = client.upload("a.pdf", "application/pdf", &bytes).await;
        uploaded.expect("a file key");
    }
    let state = service.state.lock().expect("a lock");
    // The burst lets two addresses through at once; each upload follows its address immediately.
    let first = state.uploads[0];
    let seconds: Vec<u64> = state
        .uploads
        .iter()
        .map(|at| (*at - first).as_secs())
        .collect();
    assert_eq!(seconds, [0, 0, 1, 2]);
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
    let client = client(
        counter.clone(),
        Settings {
            operation_rates: BTreeMap::from([(Op::UploadUrl, 5.0)]),
            attempts: 1,
            ..settings(Some(50.0))
        },
    );
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
