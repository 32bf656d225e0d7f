//! `treaty sandbox` as a server for tests of other programs: its log, its record, its fixtures, and
//! its start for other machines.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::sandbox::servers::{call, get, post};
use crate::support::project::{Project, root};

/// A running server. It is killed when the value is dropped.
struct Server {
    child: Child,
    /// `http://127.0.0.1:<port>`.
    base: String,
}

impl Server {
    fn start(folder: &Project, args: &[&str]) -> Self {
        let fixed = ["sandbox", "--memory", "--addr", "127.0.0.1:0"];
        let mut child = folder
            .command(&[&fixed, args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines();
        let line = lines.next().expect("a line").expect("text");
        let endpoint = line.rsplit(' ').next().expect("an address");
        let base = endpoint.trim_end_matches("/opentreaty-service").to_owned();
        Self { child, base }
    }

    fn call(&self, operation: &str, body: &Value) -> Value {
        let endpoint = format!("{}/opentreaty-service", self.base);
        call(&endpoint, operation, &body.to_string())
    }

    /// Ends the server with SIGTERM, and returns what it wrote to standard error.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status();
        assert!(kill.expect("kill runs").success());
        let told = self.child.stderr.take().expect("what it says");
        let told = std::io::read_to_string(told).expect("text");
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{told}");
        told
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have exited before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn person() -> Value {
    json!({ "name": "张三", "idNo": "371500198101175693", "idType": "19", "mobile": "" })
}

#[test]
fn logs_and_records_other_spellings_and_reasons() {
    let folder = Project::empty();
    let server = Server::start(&folder, &["-v", "--record", "calls.jsonl"]);
    assert_eq!(get(&format!("{}/healthz", server.base)), b"ok\n");
    assert_eq!(
        server.call("account/create/person", &person())["errCode"],
        0
    );
    let wrong = json!({ "flowId": "1", "posList": [[]] });
    server.call("sign/contract/platformSignTask", &wrong);
    let stored = upload_status(&format!(
        "{}/upload/none?Expires=1&Signature=x",
        server.base
    ));
    assert_eq!(stored, 403);
    post(&format!("{}/_sandbox", server.base), "reset", "{}", &[]);
    let told = server.end();
    let missing =
        "posList[0]: expected an object with signType, and posPage, posX and posY, or key";
    for line in [
        "account/create/person  idType came as text\n",
        "account/create/person  mobile came as an empty text, taken as absent\n",
        "account/create/person  ok\n",
        &format!(
            "sign/contract/platformSignTask  1435002 参数错误: {missing}, not an empty list\n"
        ),
        "upload  403 NoSuchKey: the file or document does not exist\n",
        "_sandbox/reset  ok\n",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(!told.contains("张三") && !told.contains("371500"), "{told}");

    let record = folder.read("calls.jsonl");
    let lines = record.lines().map(serde_json::from_str::<Value>);
    let lines: Vec<Value> = lines.map(|line| line.expect("JSON")).collect();
    assert_eq!(lines.len(), 4, "{record}");
    let created = &lines[0];
    assert_eq!(created["operation"], "account/create/person");
    assert_eq!(
        created["request"],
        json!({ "name": "张三", "idNo": "***5693", "idType": 19 })
    );
    assert_eq!(created["coerced"].as_array().map(Vec::len), Some(2));
    assert!(created["data"]["accountId"].is_string());
    assert!(!record.contains("371500198101175693"), "{record}");
    assert_eq!(
        (&lines[1]["errCode"], &lines[2]["status"]),
        (&json!(1_435_002), &json!(403))
    );
    assert_eq!(lines[3]["operation"], "_sandbox/reset");
}

/// Sends an empty upload, and returns its status.
fn upload_status(url: &str) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let client = treaty::util::http_client::builder().no_proxy().build();
        let sent = client.expect("a client").put(url).send().await;
        sent.expect("a response").status().as_u16()
    })
}

#[test]
fn strict_and_numeric_are_options() {
    let folder = Project::empty();
    let server = Server::start(&folder, &["--strict", "--ids", "numeric"]);
    assert_eq!(
        server.call("account/create/person", &person())["errCode"],
        1_435_002
    );
    // Ids of documents are numeric; those of accounts have one form.
    let file = root().join("examples/sandbox-pytest/fixtures.yaml");
    let file = file.to_str().expect("text");
    for (ids, is_numeric) in [("numeric", true), ("hex", false)] {
        let server = Server::start(&Project::empty(), &["--ids", ids, "--fixtures", file]);
        let doc = json!({ "templateId": "c1a7e9d24b6f4f0e8a3d5b7c9e112233", "name": "借款.pdf" });
        let doc = server.call("doc/createbytemplate", &doc);
        let id = doc["data"]["docId"].as_str().expect("an id");
        assert_eq!(id.parse::<u64>().is_ok(), is_numeric, "{id}");
    }
}

/// The fixtures of the example for pytest, without its program.
#[test]
fn the_example_fixtures_can_be_used() {
    let folder = Project::empty();
    let file = root().join("examples/sandbox-pytest/fixtures.yaml");
    let file = file.to_str().expect("text");
    let server = Server::start(&folder, &["--fixtures", file]);
    let account = server.call("account/idexchange", &json!({ "thirdId": "lender" }));
    let seals = json!({ "accountId": account["data"]["accountId"] });
    let seals = server.call("seal/query", &seals);
    assert_eq!(
        seals["data"][0]["sealId"],
        "5d3c0f4be1f84d2c9b7a6e5f40312233"
    );
    let doc = json!({ "templateId": "c1a7e9d24b6f4f0e8a3d5b7c9e112233", "name": "借款.pdf" });
    let doc = server.call("doc/createbytemplate", &doc);
    let pdf = get(doc["data"]["docUrl"].as_str().expect("an address"));
    assert!(pdf.starts_with(b"%PDF"));
}

#[test]
fn other_machines_require_an_option_and_a_secret() {
    let folder = Project::empty();
    let addr = ["sandbox", "--memory", "--addr", "0.0.0.0:0"];
    let refused = folder.expect(&addr, 64).stderr;
    assert!(
        refused.contains("0.0.0.0 is not a loopback address"),
        "{refused}"
    );
    assert!(refused.contains("--allow-remote"), "{refused}");
    let refused = folder
        .expect(&[&addr[..], &["--allow-remote"]].concat(), 77)
        .stderr;
    assert!(
        refused.contains("TREATY_APP_SECRET is not set"),
        "{refused}"
    );
}
