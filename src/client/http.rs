//! The transport over HTTP: `reqwest` without redirects, cookies, decompression and retries.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Uri, header};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Client, ClientBuilder};

use super::transport::{Problem, Transport, TransportError};
use crate::api::is_local;
use crate::util::http_client;

/// The timeout for making a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time after which an unused connection is closed. Many services close it after a similar
/// time, which would fail the next request.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// The time after which the operating system tests an idle connection.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// The maximum size of an operation's response, in bytes: many may be read at the same time.
const MAX_RESPONSE: usize = 8 * 1024 * 1024;
/// The maximum size of a downloaded document, in bytes.
const MAX_DOWNLOAD: usize = 64 * 1024 * 1024;

/// The beginning of the root cause if a proxy was reached but refused to connect.
const PROXY_REFUSED: &str = "tunnel error";

/// Sends requests over HTTPS, and over plain HTTP to this machine, with a connection pool.
#[derive(Debug)]
pub struct HttpTransport {
    /// Uses the proxies of the environment.
    client: Client,
    /// Connects to this machine without a proxy.
    loopback: Client,
}

impl HttpTransport {
    /// Creates a transport that trusts the system's certificates. It keeps up to `connections` idle
    /// connections to each host. A connection must be made within half of `timeout`, so that a
    /// request that times out has been sent.
    pub fn new(connections: usize, timeout: Duration) -> Result<Self, String> {
        let build = |builder: ClientBuilder| {
            let client = builder.build();
            client.map_err(|error| root_cause(&error))
        };
        let builder = || {
            http_client::builder()
                .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
                .pool_max_idle_per_host(connections)
                .pool_idle_timeout(POOL_IDLE_TIMEOUT)
                .tcp_nodelay(true)
                .tcp_keepalive(TCP_KEEPALIVE)
        };
        Ok(Self {
            client: build(builder())?,
            loopback: build(builder().no_proxy())?,
        })
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let uri = request.uri().clone();
        let limit = match *request.method() {
            Method::GET => MAX_DOWNLOAD,
            _ => MAX_RESPONSE,
        };
        let client = if is_local(&uri) {
            &self.loopback
        } else {
            &self.client
        };
        let request = request_of(request)?;
        let mut response = match client.execute(request).await {
            Ok(response) => response,
            Err(error) => return Err(send_error(&uri, &error)),
        };
        if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING)
            && encoding != "identity"
        {
            return Err(TransportError::Unreadable(compressed(&uri, encoding)));
        }
        let too_large = || TransportError::Unreadable(too_large(&uri, limit));
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).is_ok_and(|announced| announced > limit) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| {
            let host = host(&uri);
            TransportError::Disconnected(
                t!(
                    "the response of %{host} broke off: %{error}",
                    host = host,
                    error = root_cause(&error)
                )
                .into_owned(),
            )
        })? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        let mut complete = http::Response::new(body.freeze());
        *complete.status_mut() = response.status();
        *complete.headers_mut() = std::mem::take(response.headers_mut());
        Ok(complete)
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// Converts a request for `reqwest`. It asks for no compression, because the size of a compressed
/// response is unknown before it is unpacked.
fn request_of(mut request: http::Request<Bytes>) -> Result<reqwest::Request, TransportError> {
    let identity = HeaderValue::from_static("identity");
    request
        .headers_mut()
        .insert(header::ACCEPT_ENCODING, identity);
    reqwest::Request::try_from(request).map_err(|error| {
        let message = t!(
            "the address is invalid: %{error}",
            error = root_cause(&error)
        );
        TransportError::NotSent(Problem::permanent(
            message,
            t_key!("check the endpoint in treaty.yaml"),
        ))
    })
}

/// Classifies an error of `reqwest`: without a connection the request was not sent; otherwise it
/// may have been.
fn send_error(uri: &Uri, error: &reqwest::Error) -> TransportError {
    let host = host(uri);
    if !error.is_connect() {
        let why = root_cause(error);
        return TransportError::Disconnected(
            t!(
                "the connection to %{host} broke: %{why}",
                host = host,
                why = why
            )
            .into_owned(),
        );
    }
    let is_certificate = causes(error).any(|cause| {
        matches!(
            cause.downcast_ref(),
            Some(rustls::Error::InvalidCertificate(_))
        )
    });
    let why = root_cause(error);
    TransportError::NotSent(if causes(error).any(is_out_of_files) {
        Problem::passing(
            t!("too many open files: no connection to %{host}", host = host),
            t_key!("lower limits.concurrency, or raise the limit of open files: ulimit -n"),
        )
    } else if is_certificate {
        Problem::permanent(
            t!(
                "the certificate of %{host} is not trusted: %{why}",
                host = host,
                why = why
            ),
            t_key!(
                "check the address of the endpoint; for a private certificate authority, set SSL_CERT_FILE to a file with its certificates"
            ),
        )
    } else if let Some(proxy) = proxy(uri).filter(|_| why.starts_with(PROXY_REFUSED)) {
        Problem::passing(
            t!(
                "the proxy %{proxy} does not connect to %{host}: %{why}",
                proxy = proxy,
                host = host,
                why = why
            ),
            t_key!("check HTTPS_PROXY, ALL_PROXY and NO_PROXY, and the proxy's user and password"),
        )
    } else if let Some(proxy) = proxy(uri) {
        Problem::passing(
            t!(
                "no connection to %{host} through the proxy %{proxy}: %{why}",
                host = host,
                proxy = proxy,
                why = why
            ),
            t_key!("check HTTPS_PROXY, ALL_PROXY and NO_PROXY, and that the proxy is running"),
        )
    } else if error.is_timeout() {
        Problem::passing(
            t!("no connection to %{host} in time", host = host),
            t_key!("check the address of the endpoint, the network and the firewall"),
        )
    } else {
        Problem::passing(
            t!("no connection to %{host}: %{why}", host = host, why = why),
            t_key!("check the address of the endpoint and the network"),
        )
    })
}

/// Returns whether an error is the limit of open files, of the process or of the system.
fn is_out_of_files(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    let code = error.and_then(std::io::Error::raw_os_error);
    // EMFILE and ENFILE have the same numbers on all Unix systems; WSAEMFILE.
    matches!(code, Some(code) if cfg!(unix) && [23, 24].contains(&code) || code == 10_024)
}

/// Returns the host and port of the environment's proxy for the URL of an endpoint.
pub fn proxy_of(url: &str) -> Option<String> {
    proxy(&url.parse().ok()?)
}

/// Returns the host and port of the environment's proxy for an address.
fn proxy(uri: &Uri) -> Option<String> {
    if is_local(uri) {
        return None;
    }
    let proxy = Matcher::from_env().intercept(uri)?;
    let authority = proxy.uri().authority()?.as_str();
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some(host.to_owned())
}

fn compressed(uri: &Uri, encoding: &HeaderValue) -> Problem {
    // The header may repeat anything of the request.
    const KNOWN: [&str; 5] = ["gzip", "deflate", "br", "zstd", "compress"];
    let mut known = KNOWN.into_iter();
    let encoding = known.find(|known| encoding == *known);
    let encoding = encoding.map_or_else(|| t!("an unknown encoding"), Into::into);
    Problem::permanent(
        t!(
            "%{uri} sent a response compressed with %{encoding}, which was not asked for",
            uri = host(uri),
            encoding = encoding
        ),
        t_key!("configure the gateway in front of the service to pass responses through unchanged"),
    )
}

fn too_large(uri: &Uri, limit: usize) -> Problem {
    let mebibytes = limit / (1024 * 1024);
    Problem::permanent(
        t!(
            "the response of %{uri} is larger than %{mebibytes} MiB and was not read to its end",
            uri = host(uri),
            mebibytes = mebibytes
        ),
        t_key!("check the address of the endpoint, and the gateway in front of it"),
    )
}

/// Returns the host and port of an address.
fn host(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // Removes user and password.
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

/// An error and what caused it, from the outermost to the innermost.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    fn cause<'e>(error: &&'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
        let error: &'e (dyn Error + 'static) = *error;
        match error.downcast_ref::<std::io::Error>() {
            // An I/O error does not name the error that it wraps as its source.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), cause)
}

/// Returns the innermost cause, which names the reason. The outer ones only add context.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// Starts a service that handles each connection with `serve`, and returns its address.
    async fn service<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        format!("http://{address}/x")
    }

    /// Reads the next request; none if the client has closed the connection.
    async fn request(stream: &mut TcpStream) -> Option<String> {
        let mut request = String::new();
        let mut piece = [0; 1024];
        while !request.ends_with("{}") {
            let length = stream.read(&mut piece).await.ok().filter(|it| *it > 0)?;
            request.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        Some(request)
    }

    async fn post(transport: &HttpTransport, url: &str) -> Result<String, TransportError> {
        let request = http::Request::post(url).body(Bytes::from_static(b"{}"));
        let body = transport
            .send(request.expect("a request"))
            .await?
            .into_body();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn transport() -> HttpTransport {
        HttpTransport::new(4, Duration::from_secs(30)).expect("certificates")
    }

    #[tokio::test]
    async fn reuses_a_connection_and_asks_for_no_compression() {
        let url = service(async |mut stream| {
            let mut nth = 0;
            while let Some(request) = request(&mut stream).await {
                nth += 1;
                assert!(
                    request.contains("accept-encoding: identity\r\n"),
                    "{request}"
                );
                assert!(request.contains("user-agent: treaty/"), "{request}");
                let response = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{nth}");
                stream
                    .write_all(response.as_bytes())
                    .await
                    .expect("written");
            }
        });
        let (transport, url) = (transport(), url.await);
        assert_eq!(post(&transport, &url).await, Ok("1".to_owned()));
        assert_eq!(post(&transport, &url).await, Ok("2".to_owned()));
    }

    #[tokio::test]
    async fn reconnects_after_the_service_has_closed_the_connection() {
        let url = service(async |mut stream| {
            request(&mut stream).await;
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(response).await.expect("written");
        });
        let (transport, url) = (transport(), url.await);
        for _ in 0..3 {
            assert_eq!(post(&transport, &url).await, Ok("ok".to_owned()));
        }
    }

    #[tokio::test]
    async fn sends_no_retry_when_the_connection_breaks_before_the_response() {
        let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
        let url = service(move |mut stream| {
            let seen = seen.clone();
            async move {
                if request(&mut stream).await.is_some() {
                    seen.send(()).expect("a test");
                }
            }
        });
        let url = url.await;
        let result = post(&transport(), &url).await;
        assert!(
            matches!(result, Err(TransportError::Disconnected(_))),
            "{result:?}"
        );
        assert_eq!(requests.recv().await, Some(()));
        assert!(requests.try_recv().is_err());
    }

    #[tokio::test]
    async fn an_incomplete_response_counts_as_a_broken_connection() {
        let url = service(async |mut stream| {
            request(&mut stream).await;
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
            stream.write_all(response).await.expect("written");
        });
        let result = post(&transport(), &url.await).await;
        assert!(
            matches!(result, Err(TransportError::Disconnected(_))),
            "{result:?}"
        );
    }

    #[tokio::test]
    async fn reads_an_endless_response_only_up_to_the_limit() {
        let url = service(async |mut stream| {
            request(&mut stream).await;
            let mut more = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let piece = vec![b'x'; 1 << 16];
            while more.is_ok() {
                more = stream.write_all(&piece).await;
            }
        });
        let result = post(&transport(), &url.await).await;
        assert!(
            matches!(result, Err(TransportError::Unreadable(_))),
            "{result:?}"
        );
    }

    #[test]
    #[cfg(unix)]
    fn recognizes_the_limit_of_open_files() {
        let error = std::io::Error::from_raw_os_error(24);
        let wrapped = std::io::Error::other(error);
        assert!(causes(&wrapped).any(is_out_of_files));
        let refused = std::io::Error::from_raw_os_error(111);
        assert!(!causes(&refused).any(is_out_of_files));
    }

    #[tokio::test]
    async fn a_refused_connection_counts_as_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let result = post(&transport(), &format!("http://{address}/x")).await;
        let Err(TransportError::NotSent(problem)) = result else {
            panic!("{result:?}");
        };
        assert!(problem.message.contains(&address.to_string()), "{problem}");
        assert!(!problem.is_permanent && !problem.hint.is_empty());
    }
}
