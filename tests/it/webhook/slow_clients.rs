//! Clients that read or send nothing do not keep callbacks out.

use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use treaty::webhook::ServerLimits;

use crate::support::listener::{LONG, Listening, finish, signed};
use crate::support::rig::{Rig, binding};

/// Sends requests without end, and reads nothing, until the server closes the connection.
async fn send_only(address: String, path: &str) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(100);
    while stream.write_all(request.as_bytes()).await.is_ok() {}
}

async fn send_callback(listening: &Listening) -> u16 {
    let body = finish("100");
    let request = Listening::client()
        .post(format!("{}/callback", listening.base))
        .headers(signed(Timestamp::now(), "", body.as_bytes()))
        .body(body)
        .send();
    request.await.expect("a response").status().as_u16()
}

async fn start(rig: &Rig, limits: ServerLimits) -> (Listening, String) {
    drop(rig.ledger());
    let listening = Listening::start_with(&rig.ledger_path(), &binding(), limits).await;
    let address = listening.base.trim_start_matches("http://").to_owned();
    (listening, address)
}

/// All connections are taken. The server closes them, because their clients read nothing.
#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    let rig = Rig::loans(1);
    let limits = ServerLimits {
        connections: 4,
        per_address: 4,
        write_timeout: Duration::from_millis(100),
        ..ServerLimits::default()
    };
    let (listening, address) = start(&rig, limits).await;
    let clients = (0..8).map(|_| tokio::spawn(send_only(address.clone(), "/metrics")));
    let clients: Vec<_> = clients.collect();
    let all = futures::future::join_all(clients);
    tokio::time::timeout(LONG, all)
        .await
        .expect("all are closed");
    let status = tokio::time::timeout(LONG, send_callback(&listening)).await;
    assert_eq!(status, Ok(200));
}

/// No timeout ends the connections that request metrics, but others remain.
#[tokio::test]
async fn metrics_and_health_have_their_own_budget() {
    let rig = Rig::loans(1);
    let limits = ServerLimits {
        connections: 8,
        per_address: 8,
        monitoring: 2,
        read_timeout: LONG,
        write_timeout: LONG,
    };
    let (listening, address) = start(&rig, limits).await;
    let mut kept = Vec::new();
    for path in ["/metrics", "/healthz"] {
        let mut stream = TcpStream::connect(&address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.expect("a response");
        assert_eq!(&start, b"HTTP/1.1 200");
        kept.push(stream);
    }
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&address).await.expect("connected");
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        let mut response = String::new();
        let read = stream.read_to_string(&mut response);
        tokio::time::timeout(LONG, read)
            .await
            .expect("closed")
            .expect("text");
        assert!(response.starts_with("HTTP/1.1 503"), "{response}");
    }
    assert_eq!(send_callback(&listening).await, 200);
    drop(kept);
}

/// A reverse proxy with more connections than are served at a time: they wait, and none is refused.
#[tokio::test]
async fn connections_of_one_address_wait_and_are_served() {
    let rig = Rig::loans(1);
    let limits = ServerLimits {
        per_address: 3,
        ..ServerLimits::default()
    };
    let (listening, _) = start(&rig, limits).await;
    for _ in 0..4 {
        let callbacks = (0..6).map(|_| send_callback(&listening));
        let statuses = futures::future::join_all(callbacks);
        let statuses = tokio::time::timeout(LONG, statuses).await.expect("served");
        assert_eq!(statuses, [200; 6]);
    }
}
