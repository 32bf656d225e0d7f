//! `treaty sandbox --faults` over real connections: the effect of each fault on a client, and a
//! project that is applied despite many faults.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use treaty::sandbox::Sandbox;

use crate::sandbox::servers::{project_of, run};
use crate::support::project::Project;

/// A sandbox process that is killed when the value is dropped.
pub(crate) struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) endpoint: String,
}

impl Served {
    pub(crate) fn with(folder: &Project, faults: &str) -> Self {
        folder.write("faults.yaml", faults);
        let mut child = folder
            .command(&[
                "sandbox",
                "--addr",
                "127.0.0.1:0",
                "--faults",
                "faults.yaml",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.next().expect("a line").expect("text");
        let endpoint = line.rsplit(' ').next().expect("an address").to_owned();
        Self {
            child,
            lines,
            endpoint,
        }
    }

    /// Ends the process with SIGINT, and returns its last line.
    fn end(mut self) -> String {
        // The signal handler is installed once a request was answered.
        let addr = self.endpoint.split('/').nth(2).expect("an address");
        let mut line = TcpStream::connect(addr).expect("a line");
        let get = b"GET /faults HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        line.write_all(get).expect("asked");
        line.read_to_end(&mut Vec::new()).expect("answered");
        let kill = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(kill.expect("kill runs").success());
        let last = self.lines.by_ref().last().expect("lines").expect("text");
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{last}");
        last
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The process may have exited before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SCRIPT: &str = "
faults:
  - { kind: lostBefore, nth: 1 }
  - { kind: lostAfter, nth: 1 }
  - { kind: status, status: 503, nth: 1 }
  - { kind: throttled, retryAfter: 7, nth: 1 }
  - { kind: garbage, nth: 1 }
  - { kind: contentType, nth: 1 }
  - { kind: fieldless, nth: 1 }
  - { kind: failed, code: 1436014, nth: 1 }
  - { kind: truncated, nth: 1 }
  - { kind: huge, nth: 1 }
  - { kind: workLate, delay: 1ms, nth: 1 }
  - { kind: slow, delay: 100ms, nth: 1 }
  - { kind: answerLate, delay: 100ms, nth: 1 }
  - { kind: refused, for: 300ms, nth: 1 }
";

/// Returns the rules, numbered: the first rule applies to the first call, and so on.
fn scripted() -> String {
    let mut nth = 0;
    let lines = SCRIPT.lines().map(|line| {
        nth += usize::from(line.contains("kind:"));
        line.replace("nth: 1", &format!("nth: {nth}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Sends a read-only request, and returns the status, the content type and the body.
async fn ask(
    client: &reqwest::Client,
    endpoint: &str,
) -> Result<(u16, String, String), reqwest::Error> {
    let response = client
        .post(format!("{endpoint}/account/idexchange"))
        .header("Content-Type", "application/json")
        .header("X-Tsign-Open-App-Id", "a")
        .header("X-Tsign-Open-App-Secret", "b")
        .body(r#"{"thirdId":"nobody"}"#)
        .send()
        .await?;
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.map_or(String::new(), |value| {
            value.to_str().expect("text").to_owned()
        })
    };
    let (status, kind) = (response.status().as_u16(), header("content-type"));
    let kind = format!("{kind} {}", header("retry-after"));
    Ok((status, kind, response.text().await?))
}

#[tokio::test]
async fn each_fault_reaches_the_client() {
    let folder = Project::empty();
    let served = Served::with(&folder, &scripted());
    let client = treaty::util::http_client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let ask = async || ask(&client, &served.endpoint).await;
    let honest = r#"{"errCode":1435204"#;
    assert!(ask().await.is_err(), "lost before");
    assert!(ask().await.is_err(), "lost after");
    let (status, _, body) = ask().await.expect("503");
    assert!(status == 503 && body.contains("<html>"), "{status} {body}");
    let (status, kind, _) = ask().await.expect("429");
    assert_eq!((status, &*kind), (429, "text/html 7"));
    let (status, _, body) = ask().await.expect("garbage");
    assert!(status == 200 && body.contains("<html>"), "{status} {body}");
    let (status, kind, body) = ask().await.expect("another type");
    assert!(status == 200 && kind.starts_with("text/html") && body.starts_with(honest));
    let (_, _, body) = ask().await.expect("no fields");
    assert_eq!(body, r#"{"errCode":0,"msg":"SUCCESS","data":{}}"#);
    let (_, _, body) = ask().await.expect("a refusal");
    assert!(body.starts_with(r#"{"errCode":1436014"#), "{body}");
    let (_, _, body) = ask().await.expect("half an answer");
    assert!(
        body.starts_with(r#"{"errCode":"#) && !body.ends_with('}'),
        "{body}"
    );
    let (_, _, body) = ask().await.expect("a long answer");
    assert!(body.len() > 100_000_000, "{}", body.len());
    assert!(ask().await.is_err(), "done late");
    for _ in 0..2 {
        let begin = std::time::Instant::now();
        let (_, _, body) = ask().await.expect("a slow answer");
        assert!(begin.elapsed() >= Duration::from_millis(100) && body.starts_with(honest));
    }
    assert!(ask().await.is_err(), "cut");
    assert!(ask().await.expect_err("refused").is_connect());
    let mut tries = 0;
    let body = loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        tries += 1;
        match ask().await {
            Ok((_, _, body)) => break body,
            Err(_) => assert!(tries < 100, "it listens again"),
        }
    };
    assert!(body.starts_with(honest));
    let counts = served.endpoint.replace("/opentreaty-service", "/faults");
    let counts = client.get(counts).send().await.expect("counts");
    let counts: serde_json::Value =
        serde_json::from_str(&counts.text().await.expect("text")).expect("JSON");
    assert_eq!(
        (&counts["calls"], &counts["faults"]),
        (&15.into(), &14.into())
    );
    assert_eq!(counts["kinds"]["refused"], 1);
    drop(client);
    let last = served.end();
    assert!(
        last.starts_with("14 faults in 15 calls: answerLate 1, "),
        "{last}"
    );
}

/// A call that may be carried out late costs a wait of five seconds before the probe. Therefore
/// faults before the work apply only to calls that can be retried without a probe; all other faults
/// come after the work. The rules have no throttling, which slows the client down.
pub(crate) const NIGHT: &str = "
seed: 7
faults:
  - { kind: lostBefore, share: 8%, operations: &blind [account/idexchange, file/uploadurl, upload, template/createbyfilekey, doc/createbytemplate, sign/contract/addProcess] }
  - { kind: status, status: 500, share: 8%, operations: *blind }
  - { kind: slow, delay: 900ms, share: 4%, operations: *blind }
  - { kind: refused, for: 50ms, operations: [doc/createbytemplate], nth: 2 }
  - { kind: huge, operations: [sign/contract/addProcess], nth: 3 }
  - { kind: lostAfter, share: 4% }
  - { kind: answerLate, delay: 700ms, share: 2% }
  - { kind: status, status: 502, work: done, share: 4% }
  - { kind: status, status: 504, work: done, share: 2% }
  - { kind: garbage, share: 4% }
  - { kind: contentType, share: 4% }
  - { kind: truncated, share: 4% }
  - { kind: lostAfter, operations: [sign/contract/handPersonSignTask], nth: 2 }
";

#[test]
fn sends_each_contract_once_despite_faults_over_http() {
    const ROWS: usize = 5;
    let folder = Project::empty();
    let served = Served::with(&folder, NIGHT);
    let project = project_of(&served.endpoint, ROWS);
    project.replace(
        "treaty.yaml",
        "limits: { rate: none }\nretries: { attempts: 2, backoff: 1ms }",
        "limits: { rate: none, concurrency: 1 }\n\
         retries: { attempts: 3, backoff: 1ms, maxBackoff: 5ms, timeout: 500ms }",
    );
    let mut codes = Vec::new();
    for _ in 0..10 {
        let run = run(&project, &["apply", "--yes"]);
        codes.push(run.code);
        assert!(
            [0, 3, 69].contains(&run.code),
            "{}\n{}",
            run.stdout,
            run.stderr
        );
        if run.code == 0 {
            break;
        }
    }
    assert_eq!(codes.last(), Some(&0), "{codes:?}");
    println!("exit codes {codes:?}; {}", served.end());
    let world =
        Sandbox::open(&folder.path(".treaty/sandbox"), "http://127.0.0.1:1").expect("a world");
    world.with_world(|world| {
        let sent = world
            .flows()
            .filter(|flow| flow.live_tasks().next().is_some());
        let tasks: Vec<usize> = sent.map(|flow| flow.live_tasks().count()).collect();
        assert_eq!(tasks, [2; ROWS], "the lender and a borrower a contract");
        assert_eq!(world.account_count(), ROWS + 2);
    });
}

#[test]
fn an_invalid_fault_file_is_refused_with_its_location() {
    let folder = Project::empty();
    let refused = |text: &str, code: i32, said: &[&str]| {
        folder.write("f.yaml", text);
        let run = folder.expect(
            &[
                "sandbox",
                "--memory",
                "--addr",
                "127.0.0.1:0",
                "--faults",
                "f.yaml",
            ],
            code,
        );
        for said in said {
            assert!(run.stderr.contains(said), "{said} in {}", run.stderr);
        }
    };
    let rule = |rule: &str| format!("seed: 1\nfaults:\n  - {{ {rule} }}\n");
    for (text, said) in [
        (rule("kind: lostAftr"), "f.yaml:3:13"),
        (rule("kind: huge, share: 5"), "write it as 5%"),
        (
            rule("kind: huge, delay: 3s"),
            "this kind of fault has no field delay",
        ),
        (rule("kind: slow"), "requires delay"),
        (rule("kind: slow, delay: 3"), "write it as 500ms"),
        (rule("kind: status, status: 99"), "use 200 to 599"),
        (rule("kind: status"), "requires status"),
        (rule("kind: failed, code: 0"), "the code 0 is no error"),
        (rule("kind: huge, code: 1436014"), "has no field code"),
        (rule("kind: refused"), "requires for"),
        (rule("kind: huge, nth: 1, from: 2"), "cannot be combined"),
        (rule("kind: huge, nth: 1, times: 2"), "use from and times"),
        (rule("kind: huge, from: 0"), "start at 1"),
        (
            rule("kind: huge, operations: [sign/revok]"),
            "did you mean sign/revoke?",
        ),
        ("faults: [".to_owned(), "f.yaml:1:9"),
        (String::new(), "help"),
    ] {
        refused(&text, 65, &[said, "docs/sandbox.md"]);
    }
    let gone = folder.expect(&["sandbox", "--memory", "--faults", "gone.yaml"], 64);
    assert!(gone.stderr.contains("gone.yaml"), "{}", gone.stderr);
}

/// `docs/faults.yaml` is a valid file of faults.
#[test]
fn the_example_fault_file_is_valid() {
    let folder = Project::empty();
    let example = std::fs::read_to_string(crate::support::project::root().join("docs/faults.yaml"));
    let served = Served::with(&folder, &example.expect("an example"));
    assert!(served.endpoint.ends_with("/opentreaty-service"));
    assert_eq!(served.end(), "0 faults in 0 calls");
}
