//! A page of another site, open in a browser of this machine, reads and changes nothing: neither
//! across origins nor by DNS rebinding.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use treaty::sandbox::Sandbox;

const HOST: &str = "127.0.0.1:7878";

fn send(sandbox: &Sandbox, path: &str, method: Method, headers: [(&str, &str); 2]) -> StatusCode {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{HOST}{path}"))
        .header("content-type", "application/json")
        .header("X-Tsign-Open-App-Id", "app")
        .header("X-Tsign-Open-App-Secret", "secret");
    for (name, value) in headers.into_iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from_static(b"{}")).expect("a request");
    sandbox.handle(&request, Timestamp::now()).status()
}

#[test]
fn operations_pages_and_files_refuse_other_hosts_and_origins() {
    let sandbox = Sandbox::in_memory(&format!("http://{HOST}"));
    for (method, path) in [
        (Method::POST, "/opentreaty-service/sign/revoke"),
        (Method::POST, "/opentreaty-service/account/idexchange"),
        (Method::GET, "/download/x.pdf"),
        (Method::GET, "/seal/x.png"),
        (Method::PUT, "/upload/x"),
        (Method::GET, "/"),
        (Method::GET, "/nothing"),
    ] {
        let status = |host, origin| {
            let headers = [("host", host), ("origin", origin)];
            send(&sandbox, path, method.clone(), headers)
        };
        let evil = "evil.example:7878";
        for (host, origin) in [
            (evil, ""),
            (evil, "http://evil.example:7878"),
            (HOST, "https://evil.example"),
            (HOST, "null"),
        ] {
            let found = status(host, origin);
            assert_eq!(found, StatusCode::FORBIDDEN, "{path} {host} {origin}");
        }
        let own = [status(HOST, ""), status("localhost:7878", "")];
        let is_file = path.starts_with("/download")
            || path.starts_with("/seal")
            || path.starts_with("/upload");
        // Without a valid signature, files are forbidden to all.
        assert!(is_file || !own.contains(&StatusCode::FORBIDDEN), "{path}");
    }
}
