//! treaty against servers on this machine: the sandbox over HTTP, and servers that respond with
//! errors.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use treaty::sandbox::Sandbox;

use crate::support::project::Project;
use crate::support::serve::serve;

/// Returns the example project with five rows for an endpoint.
fn project(endpoint: &str) -> Project {
    project_of(endpoint, 5)
}

/// Returns the example project with a number of rows for an endpoint.
pub(crate) fn project_of(endpoint: &str, rows: usize) -> Project {
    let project = Project::loans();
    let sheet: Vec<String> = project
        .sheet()
        .lines()
        .take(rows + 1)
        .map(str::to_owned)
        .collect();
    project.set_sheet(&sheet.join("\r\n"));
    project.write(
        "treaty.yaml",
        format!(
            "version: 1\nproject: server\ndefaultEnvironment: test\nenvironments:\n  test: {{ endpoint: \"{endpoint}\" }}\n\
             variables: {{ lender: 天谷 }}\nlimits: {{ rate: none }}\nretries: {{ attempts: 2, backoff: 1ms }}\n"
        ),
    );
    project
}

pub(crate) fn run(project: &Project, args: &[&str]) -> crate::support::project::Run {
    let mut command = project.command(args);
    command
        .env("TREATY_APP_ID", "app")
        .env("TREATY_APP_SECRET", "not-to-be-seen");
    crate::support::project::Run::from(command.output().expect("treaty runs"))
}

#[test]
fn sends_credentials_to_the_api_but_not_to_storage() {
    let seen: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
    let noted = seen.clone();
    let base = serve(move |base| {
        let sandbox = Sandbox::in_memory(base).with_credentials();
        sandbox.router().layer(axum::middleware::from_fn(
            move |request: Request, next: axum::middleware::Next| {
                let secret = request.headers().contains_key("x-tsign-open-app-secret");
                noted
                    .lock()
                    .expect("a lock")
                    .push((request.uri().path().to_owned(), secret));
                next.run(request)
            },
        ))
    });
    let project = project(&format!("{base}/opentreaty-service"));
    project.replace("treaty.yaml", "rate: none", "rate: none, concurrency: 8");
    let done = run(&project, &["apply", "--yes", "-v"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!done.stderr.contains("not-to-be-seen") && !done.stdout.contains("not-to-be-seen"));
    let seen = seen.lock().expect("a lock");
    assert!(seen.iter().any(|(path, _)| path.starts_with("/upload/")));
    for (path, secret) in seen.iter() {
        assert_eq!(*secret, !path.starts_with("/upload/"), "{path}");
    }
    drop(seen);
    assert_eq!(run(&project, &["plan", "--detailed-exitcode"]).code, 0);
}

#[test]
fn refused_credentials_have_their_own_exit_code() {
    let by_status = |_: Request| async { (http::StatusCode::UNAUTHORIZED, "no").into_response() };
    let by_code = |_: Request| async {
        (
            http::StatusCode::OK,
            r#"{"errCode":1435103,"msg":"项目不存在"}"#,
        )
            .into_response()
    };
    for base in [
        serve(move |_| axum::Router::new().fallback(by_status)),
        serve(move |_| axum::Router::new().fallback(by_code)),
    ] {
        let project = project(&base);
        for args in [
            &["plan"][..],
            &["apply", "--yes"],
            &["apply", "--yes", "--observe", "none"],
        ] {
            let refused = run(&project, args);
            assert_eq!(refused.code, 77, "{args:?} {}", refused.stderr);
            assert!(
                refused.stderr.contains("credentials are refused"),
                "{}",
                refused.stderr
            );
        }
    }
}

#[test]
fn reads_credentials_from_files_and_requires_them() {
    let base = serve(|base| Sandbox::in_memory(base).with_credentials().router());
    let project = project(&base);
    assert_eq!(project.run(&["apply", "--yes"]).code, 77);
    project.write("id", "app\n");
    project.write("secret", "secret\n");
    let mut command = project.command(&["apply", "--yes"]);
    command
        .env("TREATY_APP_ID_FILE", project.path("id"))
        .env("TREATY_APP_SECRET_FILE", project.path("secret"));
    assert_eq!(
        command.output().expect("treaty runs").status.code(),
        Some(0)
    );
}

#[test]
fn an_unreachable_endpoint_has_its_own_exit_code() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let project = project(&format!("http://{free}"));
    for args in [
        &["plan"][..],
        &["apply", "--yes"],
        &["apply", "--yes", "--observe", "none"],
    ] {
        let unreachable = run(&project, args);
        assert_eq!(unreachable.code, 69, "{args:?} {}", unreachable.stderr);
        assert!(
            unreachable.stderr.contains("cannot be reached"),
            "{}",
            unreachable.stderr
        );
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let redirect = |_: Request| async {
        let headers = [(http::header::LOCATION, "http://127.0.0.1:1/")];
        (http::StatusCode::FOUND, headers).into_response() as Response
    };
    let base = serve(move |_| axum::Router::new().fallback(redirect));
    let redirected = run(&project(&base), &["apply", "--yes", "--observe", "none"]);
    assert_eq!(redirected.code, 3, "{}", redirected.stderr);
    assert!(
        redirected.stderr.contains("redirects to 127.0.0.1"),
        "{}",
        redirected.stderr
    );
}

#[test]
fn refuses_remote_uploads_over_plain_http() {
    let answer = |request: Request| async move {
        let body = match request.uri().path() {
            "/file/uploadurl" => {
                r#"{"errCode":0,"data":{"fileKey":"k","uploadUrl":"http://upload.invalid/x"}}"#
            }
            _ => {
                r#"{"errCode":"0","msg":null,"data":{"accountId":"a","sealId":"s"},"errShow":false}"#
            }
        };
        (http::StatusCode::OK, body).into_response()
    };
    let project = project(&serve(move |_| axum::Router::new().fallback(answer)));
    let refused = run(&project, &["apply", "--yes", "--observe", "none"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("the upload address is not HTTPS"),
        "{}",
        refused.stderr
    );
}

#[test]
fn service_messages_are_shown_without_private_values() {
    let answer = |_: Request| async {
        let body = r#"{"errCode":1435203,"msg":"13500000001 https://o.tsign.cn/sign/1"}"#;
        (http::StatusCode::OK, body).into_response()
    };
    let project = project(&serve(move |_| axum::Router::new().fallback(answer)));
    let refused = run(&project, &["apply", "--yes", "--observe", "none", "-v"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("1435203"), "{}", refused.stderr);
    assert!(
        !refused.stderr.contains("13500000001") && !refused.stderr.contains("tsign.cn/sign"),
        "{}",
        refused.stderr
    );
}

/// The service may omit aliases (5.8.1), and may refuse the lookup of one account.
#[test]
fn tolerates_missing_seal_aliases_and_a_refused_account_lookup() {
    let base = serve(|base| {
        let sandbox = Sandbox::in_memory(base);
        axum::Router::new().fallback(move |request: Request| {
            let sandbox = sandbox.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 26).await.expect("a body");
                let asked = String::from_utf8_lossy(&body).into_owned();
                let path = parts.uri.path().to_owned();
                if path.ends_with("account/idexchange") && asked.contains("C-50002") {
                    let no = r#"{"errCode":1435002,"msg":"参数错误"}"#;
                    return (http::StatusCode::OK, no.to_owned()).into_response();
                }
                let request = http::Request::from_parts(parts, body);
                let answer = sandbox.handle(&request, jiff::Timestamp::now());
                let (parts, body) = answer.into_parts();
                if !path.ends_with("seal/query") {
                    return (parts.status, body).into_response();
                }
                let mut told: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                for seal in told["data"].as_array_mut().into_iter().flatten() {
                    seal.as_object_mut().expect("a seal").remove("sealAlias");
                }
                (parts.status, told.to_string()).into_response()
            }
        })
    });
    let project = project(&base);
    let sheet = project.sheet();
    let third_id = sheet.lines().nth(3).and_then(|row| row.split(',').nth(1));
    project.set_sheet(&sheet.replacen(third_id.expect("a thirdId"), "C-50002", 1));
    let done = run(&project, &["apply", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    // Recorded seals are identified by their id, not by their alias.
    let plan = run(&project, &["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
}

#[test]
fn the_sandbox_serves_filled_contracts() {
    let folder = Project::empty();
    let mut sandbox = folder
        .command(&["sandbox", "--addr", "127.0.0.1:0", "-v"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a server");
    let told = sandbox.stderr.take().expect("what it says");
    let told = std::thread::spawn(|| std::io::read_to_string(told).expect("text"));
    let mut lines = BufReader::new(sandbox.stdout.take().expect("its output")).lines();
    let line = lines.next().expect("a line").expect("text");
    let endpoint = line.rsplit(' ').next().expect("an address").to_owned();
    let project = project(&endpoint);
    let done = run(&project, &["apply", "--yes"]);
    let report = project.report("loans.csv");
    let asked = call(
        &endpoint,
        "doc/downloadurl",
        &format!(r#"{{"docId":"{}"}}"#, report[0]["treaty_doc_id"]),
    );
    let contract = get(asked["data"]["docUrl"].as_str().expect("an address"));
    let without = post(&endpoint, "account/idexchange", r#"{"thirdId":"x"}"#, &[]);
    sandbox.kill().expect("killed");
    sandbox.wait().expect("gone");
    let told = told.join().expect("all that it said");

    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(told.contains("doc/downloadurl  ok\n"), "{told}");
    assert!(told.contains("account/idexchange  1435103 "), "{told}");
    assert_eq!(without["errCode"], 1_435_103, "credentials are needed");
    let document = lopdf::Document::load_mem(&contract).expect("a PDF");
    let values: Vec<String> = document
        .objects
        .values()
        .filter_map(|object| object.as_dict().ok()?.get(b"V").ok())
        .filter_map(|value| lopdf::decode_text_string(value).ok())
        .collect();
    for expected in [
        &report[0]["姓名"],
        &report[0]["身份证号"],
        &"伍万壹仟零壹拾元壹角".to_owned(),
    ] {
        assert!(values.contains(expected), "{expected} in {values:?}");
    }
    // A killed sandbox preserves its world.
    assert!(
        folder
            .read(".treaty/sandbox/world.jsonl")
            .contains(&report[4]["treaty_flow_id"])
    );
}

#[test]
fn reports_why_the_sandbox_cannot_serve_with_a_hint() {
    let folder = Project::empty();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = port.local_addr().expect("an address").to_string();
    let taken = folder.expect(&["sandbox", "--addr", &addr], 1).stderr;
    let said = format!("cannot listen on {addr}");
    assert!(taken.contains(&said), "{taken}");
    assert!(taken.contains("choose another port with --addr"), "{taken}");

    let free = ["sandbox", "--addr", "127.0.0.1:0"];
    let world = folder.path(".treaty/sandbox");
    let open = treaty::sandbox::Sandbox::open(&world, "http://127.0.0.1").expect("a world");
    let held = folder.expect(&free, 75).stderr;
    let who = format!("another treaty process (pid {})", std::process::id());
    let kill = format!("kill {}", std::process::id());
    for held in [
        held,
        folder.expect(&["sandbox", "--addr", &addr], 75).stderr,
    ] {
        let hint = ["with -p", "--memory --addr 127.0.0.1:0", &kill];
        assert!(held.contains(&who), "{held}");
        assert!(hint.iter().all(|part| held.contains(part)), "{held}");
    }
    let project = Project::loans();
    let own = project.path(".treaty/sandbox");
    let used = treaty::sandbox::Sandbox::open(&own, "http://127.0.0.1").expect("a world");
    let held = project.expect(&["apply", "--yes"], 75).stderr;
    let hint = [
        "stop it with Ctrl-C",
        "http://127.0.0.1:7878/opentreaty-service",
    ];
    assert!(held.contains(&who), "{held}");
    assert!(hint.iter().all(|part| held.contains(part)), "{held}");
    drop((open, used));

    let mut journal = std::fs::read(world.join("world.jsonl")).expect("a world");
    journal.extend(b"{\"Next\":7}\n{\"Next\":}\n");
    std::fs::write(world.join("world.jsonl"), journal).expect("written");
    let damaged = folder.expect(&free, 1).stderr;
    assert!(
        damaged.contains("world.jsonl: line 2 is damaged at column 9"),
        "{damaged}"
    );
    assert!(damaged.contains("--memory"), "{damaged}");
}

pub(crate) fn call(endpoint: &str, path: &str, body: &str) -> serde_json::Value {
    post(
        endpoint,
        path,
        body,
        &[
            ("X-Tsign-Open-App-Id", "app"),
            ("X-Tsign-Open-App-Secret", "b"),
        ],
    )
}

pub(crate) fn post(
    endpoint: &str,
    path: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> serde_json::Value {
    let mut request = client()
        .post(format!("{endpoint}/{path}"))
        .header("Content-Type", "application/json")
        .body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    serde_json::from_slice(&fetch(request)).expect("JSON")
}

pub(crate) fn get(url: &str) -> Vec<u8> {
    fetch(client().get(url))
}

fn client() -> reqwest::Client {
    treaty::util::http_client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

fn fetch(request: reqwest::RequestBuilder) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        request
            .send()
            .await
            .expect("an answer")
            .bytes()
            .await
            .expect("a body")
            .to_vec()
    })
}
