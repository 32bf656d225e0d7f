//! Making connections: TLS, and the proxy that the environment names.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::innermost;
use crate::api::is_here;

/// A connection that is not made within this time counts as not made.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection on which nothing is heard for so long is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A connection, or one through a proxy.
pub(super) type Way = MaybeHttpsStream<MaybeHttpsStream<TokioIo<TcpStream>>>;
type Wrong = Box<dyn Error + Send + Sync>;

/// Makes connections. Only what is encrypted goes through a proxy: everything else stays on this machine.
pub(super) struct Dial {
    direct: HttpsConnector<HttpConnector>,
    tls: ClientConfig,
    proxies: Arc<Matcher>,
}

impl Dial {
    /// With the certificates that this system trusts, through proxies.
    pub(super) fn new(proxies: Matcher) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        let tls = ClientConfig::builder()
            .try_with_platform_verifier()?
            .with_no_client_auth();
        Ok(Self {
            direct: encrypted(tcp, &tls),
            tls,
            proxies: Arc::new(proxies),
        })
    }

    fn proxy(&self, to: &Uri) -> Option<Intercept> {
        let may = to.scheme() == Some(&Scheme::HTTPS) && !is_here(to);
        may.then(|| self.proxies.intercept(to)).flatten()
    }

    /// A connection to where an address leads.
    pub(super) async fn connect(&self, to: Uri) -> Result<Way, Wrong> {
        match timeout(PATIENCE, self.made(to)).await {
            Ok(way) => way,
            Err(_) => Err("no connection within 10 s".into()),
        }
    }

    async fn made(&self, to: Uri) -> Result<Way, Wrong> {
        let mut direct = self.direct.clone();
        let Some(proxy) = self.proxy(&to) else {
            return Ok(MaybeHttpsStream::Http(direct.call(to).await?));
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        let through = encrypted(tunnel, &self.tls).call(to).await;
        through.map_err(|error| {
            let host = proxy.uri().authority().map_or("", |host| host.as_str());
            format!("through the proxy {host}: {}", innermost(&*error)).into()
        })
    }
}

/// What connects over TLS by another's connections.
fn encrypted<C>(connections: C, tls: &ClientConfig) -> HttpsConnector<C> {
    HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connections)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What a proxy hears, which refuses, and what the caller is told.
    async fn heard(login: &str) -> (String, String) {
        let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = proxy.local_addr().expect("an address").to_string();
        let proxies = Matcher::builder().all(format!("http://{login}{host}"));
        let dial = Dial::new(proxies.build()).expect("certificates");
        let refusing = async {
            let (mut stream, _) = proxy.accept().await.expect("a caller");
            let mut heard = vec![0; 1024];
            let length = stream.read(&mut heard).await.expect("a request");
            stream
                .write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                .await
                .expect("told");
            String::from_utf8_lossy(&heard[..length]).into_owned()
        };
        let calling = dial.connect(Uri::from_static("https://service.example/x"));
        let (heard, told) = tokio::join!(refusing, calling);
        let told = told.expect_err("it refuses").to_string();
        (heard, told.replace(&host, "HOST"))
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_a_tunnel_and_its_refusal_is_told_as_its_own() {
        let (heard, told) = heard("somebody:p%40ss@").await;
        assert!(
            heard.starts_with("CONNECT service.example:443 HTTP/1.1\r\n"),
            "{heard}"
        );
        let login = "Basic c29tZWJvZHk6cEBzcw==";
        assert!(heard.contains(login), "{heard}");
        assert!(
            told.starts_with("through the proxy HOST: ") && !told.contains("p@ss"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn nothing_on_this_machine_is_reached_through_a_proxy() {
        let proxies = Matcher::builder().all("http://proxy.example:3128");
        let dial = Dial::new(proxies.build()).expect("certificates");
        for (to, proxied) in [
            ("https://service.example/", true),
            ("https://127.0.0.1:8443/", false),
            ("https://localhost:8443/", false),
            ("http://127.0.0.1:7878/", false),
        ] {
            let proxy = dial.proxy(&Uri::from_static(to));
            assert_eq!(proxy.is_some(), proxied, "{to}");
        }
    }
}
