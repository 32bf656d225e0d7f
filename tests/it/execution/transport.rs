//! Unusable responses and connections: each has its own message.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::sandbox::servers::project_of;
use crate::support::project::{Project, Run};
use crate::support::serve::serve;

const QUESTION: [&str; 3] = ["ask", "account/idexchange", "thirdId=C-1"];

fn ask(project: &Project, environment: &[(&str, &str)]) -> Run {
    let mut command = project.command(&QUESTION);
    command
        .env("TREATY_APP_ID", "app")
        .env("TREATY_APP_SECRET", "secret")
        .env("TREATY_ALLOW_ENDPOINT", "service.example")
        .envs(environment.iter().copied());
    Run::from(command.output().expect("treaty runs"))
}

/// Sends a request to a service that gives every request the same response. Returns the run, the
/// host of the service and the number of calls.
fn asked(respond: impl Fn() -> Response + Clone + Send + Sync + 'static) -> (Run, String, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let base = serve(move |_| {
        axum::Router::new().fallback(move |_: Request| {
            counter.fetch_add(1, Ordering::Relaxed);
            let response = respond();
            async move { response }
        })
    });
    let project = project_of(&base, 1);
    project.replace("treaty.yaml", "attempts: 2", "attempts: 3, outage: 1s");
    let run = ask(&project, &[]);
    let host = base.trim_start_matches("http://").to_owned();
    (run, host, calls.load(Ordering::Relaxed))
}

fn with_header(name: HeaderName, value: &'static str, body: Vec<u8>) -> Response {
    ([(name, value)], body).into_response()
}

#[test]
fn refuses_an_oversized_response_without_a_retry() {
    let (run, host, calls) = asked(|| vec![b' '; 9 << 20].into_response());
    assert_eq!((run.code, calls), (1, 1), "{}", run.stderr);
    let message = format!("the response of {host} is larger than 8 MiB");
    assert!(run.stderr.contains(&message), "{}", run.stderr);
    assert!(run.stderr.contains("check the address"), "{}", run.stderr);
}

/// A small gzip body may expand to gigabytes.
#[test]
fn refuses_a_compressed_response_without_a_retry() {
    let gzip = || with_header(header::CONTENT_ENCODING, "gzip", vec![0x1f, 0x8b, 8, 0]);
    let (run, host, calls) = asked(gzip);
    assert_eq!((run.code, calls), (1, 1), "{}", run.stderr);
    let message = format!("{host} sent a response compressed with gzip");
    assert!(run.stderr.contains(&message), "{}", run.stderr);
    assert!(run.stderr.contains("the gateway"), "{}", run.stderr);
}

#[test]
fn reports_the_host_of_a_redirect_without_following_it() {
    let redirect = || {
        let to = [(header::LOCATION, "https://elsewhere.example/x")];
        (StatusCode::FOUND, to).into_response()
    };
    let (run, _, calls) = asked(redirect);
    assert_eq!((run.code, calls), (1, 1), "{}", run.stderr);
    assert!(
        run.stderr.contains("redirects to elsewhere.example"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("treaty.yaml"), "{}", run.stderr);
}

#[test]
fn ignores_a_retry_after_of_days() {
    let busy = || {
        let after = [(header::RETRY_AFTER, "999999")];
        (StatusCode::TOO_MANY_REQUESTS, after).into_response()
    };
    let (run, _, calls) = asked(busy);
    assert!(run.code != 0 && calls >= 2, "{} {}", run.code, run.stderr);
    assert!(run.stderr.contains("throttles"), "{}", run.stderr);
}

/// Starts a proxy that responds to every request with this status line. Returns its address.
fn proxy(line: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("a request");
            assert!(request[..length].starts_with(b"CONNECT service.example:443 "));
            let response = format!("HTTP/1.1 {line}\r\n\r\n");
            stream.write_all(response.as_bytes()).expect("written");
        }
    });
    address
}

#[test]
fn reports_a_proxy_that_refuses() {
    for line in ["403 Forbidden", "407 Proxy Authentication Required"] {
        let proxy = proxy(line);
        let project = project_of("https://service.example", 1);
        let variable = format!("http://somebody:p%40ss@{proxy}");
        let run = ask(&project, &[("HTTPS_PROXY", &variable)]);
        assert_eq!(run.code, 69, "{}", run.stderr);
        let message = format!("the proxy {proxy} does not connect to service.example");
        assert!(run.stderr.contains(&message), "{}", run.stderr);
        assert!(run.stderr.contains("check HTTPS_PROXY"), "{}", run.stderr);
        assert!(!run.stderr.contains("p%40ss"), "{}", run.stderr);
    }
}

#[test]
fn reports_an_unreachable_proxy() {
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr();
    let proxy = free.expect("an address").to_string();
    let project = project_of("https://service.example", 1);
    let run = ask(&project, &[("HTTPS_PROXY", &format!("http://{proxy}"))]);
    assert_eq!(run.code, 69, "{}", run.stderr);
    let message = format!("no connection to service.example through the proxy {proxy}");
    assert!(run.stderr.contains(&message), "{}", run.stderr);
}

/// Connections to loopback addresses ignore the proxy settings.
#[test]
fn connects_to_loopback_without_a_proxy() {
    let base = serve(|_| {
        axum::Router::new()
            .fallback(|_: Request| async { r#"{"errCode":0,"data":{"accountId":"a"}}"# })
    });
    let project = project_of(&base, 1);
    let proxies = [
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    let run = ask(&project, &proxies);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

/// Starts an HTTPS service with a self-signed certificate. Returns its address.
fn https() -> String {
    let folder = crate::support::project::root().join("tests/it/tls");
    let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem"));
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("a certificate")],
            key.expect("a key"),
        )
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("a port");
            tell.send(listener.local_addr().expect("an address"))
                .expect("somebody waits");
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let body = r#"{"errCode":0,"data":{"accountId":"a"}}"#;
                let length = body.len();
                let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                let mut request = [0; 4096];
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, response.as_bytes()).await;
            }
        });
    });
    address.recv().expect("an address").to_string()
}

#[test]
fn refuses_an_untrusted_certificate_unless_configured() {
    let host = https();
    let project = project_of(&format!("https://{host}"), 1);
    let run = ask(&project, &[]);
    assert_eq!(run.code, 69, "{}", run.stderr);
    let message = format!("the certificate of {host} is not trusted");
    assert!(run.stderr.contains(&message), "{}", run.stderr);
    assert!(run.stderr.contains("SSL_CERT_FILE"), "{}", run.stderr);
    let own = crate::support::project::root().join("tests/it/tls/certificate.pem");
    let own = own.to_str().expect("a path");
    let run = ask(&project, &[("SSL_CERT_FILE", own)]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}
