//! Requests over HTTPS, and to this machine without it: a pool of connections.

mod dial;
mod idle;

use std::error::Error;
use std::fmt;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures::future::poll_fn;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::client::proxy::matcher::Matcher;

use dial::Dial;
use idle::{Host, Idle};

/// Who calls; and that whatever is answered is read.
static USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("treaty/", env!("CARGO_PKG_VERSION")));
static ACCEPT: HeaderValue = HeaderValue::from_static("*/*");

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The request never left.
    NotSent(String),
    /// It left, or may have.
    Lost(String),
}

/// A pool of connections. No redirects, which would carry credentials elsewhere, and no retries, which are the ledger's
/// business: only what found its connection closed before any of it was written is written to another.
pub struct Pool<B> {
    dial: Dial,
    idle: Idle<B>,
}

impl<B> Pool<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Keeps so many connections to each host, through the proxies of `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub fn new(connections: usize) -> Result<Self, String> {
        let dial = Dial::new(Matcher::from_env()).map_err(|error| error.to_string())?;
        let idle = Idle::new(connections);
        Ok(Self { dial, idle })
    }

    /// Sends a request, and reads an answer that is no larger than so many bytes.
    pub async fn send(
        &self,
        mut request: Request<B>,
        largest: usize,
    ) -> Result<Response<Bytes>, Unanswered> {
        let to = address(&mut request).map_err(Unanswered::NotSent)?;
        let host = Host::of(&to);
        loop {
            let (mut connection, is_new) = match self.idle.take(&host) {
                Some(connection) => (connection, false),
                None => (self.connect(to.clone()).await?, true),
            };
            // One that closes before it is ready is told by what follows.
            let _ = connection.ready().await;
            match connection.try_send_request(request).await {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    let body = read(body, largest).await.map_err(Unanswered::Lost)?;
                    self.idle.put(host, connection);
                    return Ok(Response::from_parts(parts, body));
                }
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !is_new => request = unsent,
                    Some(_) => return Err(Unanswered::NotSent(innermost(failed.error()))),
                    None => return Err(Unanswered::Lost(innermost(failed.error()))),
                },
            }
        }
    }

    async fn connect(&self, to: Uri) -> Result<SendRequest<B>, Unanswered> {
        let not_sent = |error: &(dyn Error + 'static)| Unanswered::NotSent(innermost(error));
        let way = self.dial.connect(to).await;
        let way = way.map_err(|error| not_sent(&*error))?;
        let (connection, driver) = handshake(way).await.map_err(|error| not_sent(&error))?;
        // What goes wrong is told to whoever has sent a request.
        tokio::spawn(async { drop(driver.await) });
        Ok(connection)
    }
}

impl<B> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

/// Where a request goes; it itself says that in its headers.
fn address<B>(request: &mut Request<B>) -> Result<Uri, String> {
    let path = request.uri().path_and_query().cloned();
    let path = path.unwrap_or(PathAndQuery::from_static("/"));
    let to = std::mem::replace(request.uri_mut(), path.into());
    let host = to.authority().ok_or("the address names no host")?.as_str();
    // Without a login before it, and a port that goes without saying.
    let host = host.rsplit('@').next().unwrap_or_default();
    let port = if to.scheme() == Some(&Scheme::HTTPS) {
        ":443"
    } else {
        ":80"
    };
    let host = host.strip_suffix(port).unwrap_or(host);
    let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    headers.insert(header::USER_AGENT, USER_AGENT.clone());
    headers.insert(header::ACCEPT, ACCEPT.clone());
    Ok(to)
}

/// All of an answer.
async fn read(mut body: Incoming, largest: usize) -> Result<Bytes, String> {
    let mut all = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // What is no data is a trailer.
        let Ok(piece) = frame.map_err(|error| innermost(&error))?.into_data() else {
            continue;
        };
        if all.len() + piece.len() > largest {
            return Err("the answer does not end".to_owned());
        }
        if all.is_empty() && body.is_end_stream() {
            return Ok(piece);
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

/// The innermost reason.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A service that does something with each of its connections, and its address.
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

    /// The next request, until its end; none once the caller has gone.
    async fn request(stream: &mut TcpStream) -> Option<String> {
        let mut heard = String::new();
        let mut piece = [0; 1024];
        while !heard.ends_with("{}") {
            let length = stream.read(&mut piece).await.ok().filter(|it| *it > 0)?;
            heard.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        Some(heard)
    }

    async fn post(pool: &Pool<String>, url: &str) -> Result<String, Unanswered> {
        let request = Request::post(url).body("{}".to_owned());
        let sent = pool.send(request.expect("a request"), 1 << 20);
        let body = sent.await?.into_body();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn pool() -> Pool<String> {
        Pool::new(4).expect("certificates")
    }

    #[tokio::test]
    async fn one_connection_serves_calls_that_follow_each_other() {
        let url = service(async |mut stream| {
            let mut nth = 0;
            while let Some(heard) = request(&mut stream).await {
                nth += 1;
                assert!(heard.contains("\r\nuser-agent: treaty/"), "{heard}");
                // In two pieces, of which the caller sees one.
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n{nth}");
                stream.write_all(head.as_bytes()).await.expect("written");
                tokio::task::yield_now().await;
                stream.write_all(b"abc").await.expect("written");
            }
        });
        let (pool, url) = (pool(), url.await);
        assert_eq!(post(&pool, &url).await, Ok("1abc".to_owned()));
        assert_eq!(post(&pool, &url).await, Ok("2abc".to_owned()));
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_meanwhile_is_not_used_again() {
        let url = service(async |mut stream| {
            request(&mut stream).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.expect("written");
        });
        let (pool, url) = (pool(), url.await);
        for _ in 0..3 {
            assert_eq!(post(&pool, &url).await, Ok("ok".to_owned()));
        }
    }

    #[test]
    fn a_request_names_its_host_and_no_more() {
        for (url, host, path) in [
            (
                "http://127.0.0.1:7878/a/b?c=d",
                "127.0.0.1:7878",
                "/a/b?c=d",
            ),
            ("https://me:p@service.example:443", "service.example", "/"),
            ("https://service.example:80/x", "service.example:80", "/x"),
            ("http://[::1]:80/x", "[::1]", "/x"),
        ] {
            let mut request = Request::get(url).body(()).expect("a request");
            let to = address(&mut request).expect("an address");
            assert_eq!(to, *url);
            assert_eq!(request.headers()[header::HOST], host);
            assert_eq!(*request.uri(), *path);
        }
    }

    #[tokio::test]
    async fn what_left_and_was_not_answered_is_lost_and_sent_by_nobody_again() {
        let (heard, mut times) = tokio::sync::mpsc::unbounded_channel();
        let url = service(move |mut stream| {
            let heard = heard.clone();
            async move {
                if request(&mut stream).await.is_some() {
                    heard.send(()).expect("a test");
                }
            }
        });
        let url = url.await;
        let answer = post(&pool(), &url).await;
        assert!(matches!(answer, Err(Unanswered::Lost(_))), "{answer:?}");
        assert_eq!(times.recv().await, Some(()));
        assert!(times.try_recv().is_err());
    }

    #[tokio::test]
    async fn what_reached_nobody_was_not_sent() {
        let url = {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            format!("http://{}", listener.local_addr().expect("an address"))
        };
        let answer = post(&pool(), &url).await;
        assert!(matches!(answer, Err(Unanswered::NotSent(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_lost() {
        let url = service(async |mut stream| {
            request(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\n\r\n";
            let mut more = stream.write_all(head).await;
            let piece = vec![b'x'; 1 << 16];
            while more.is_ok() {
                more = stream.write_all(&piece).await;
            }
        });
        let answer = post(&pool(), &url.await).await;
        assert_eq!(
            answer,
            Err(Unanswered::Lost("the answer does not end".to_owned()))
        );
    }

    #[tokio::test]
    async fn nobody_is_followed_elsewhere() {
        let url = service(async |mut stream| {
            request(&mut stream).await;
            let away = b"HTTP/1.1 302 Found\r\nlocation: /y\r\ncontent-length: 4\r\n\r\naway";
            stream.write_all(away).await.expect("written");
        });
        assert_eq!(post(&pool(), &url.await).await, Ok("away".to_owned()));
    }
}
