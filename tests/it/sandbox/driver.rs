//! The commands for test suites below `/_sandbox`, and access from other machines.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::{Value, json};
use treaty::sandbox::{
    FixtureAccount, FixtureDesign, FixtureSeal, Fixtures, Peer, RemoteAccess, Sandbox,
};

use crate::sandbox::stage::{Stage, begin};

/// Sends a request, and returns its status and JSON body.
fn send(
    sandbox: &Sandbox,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    peer: Option<&str>,
    body: &Value,
) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(peer) = peer {
        let addr: SocketAddr = peer.parse().expect("an address");
        request = request.extension(Peer(addr));
    }
    let request = request.body(Bytes::from(body.to_string()));
    let answer = sandbox.handle(&request.expect("a request"), begin());
    let body = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status().as_u16(), body)
}

fn drive(sandbox: &Sandbox, command: &str, body: &Value) -> (u16, Value) {
    let path = format!("/_sandbox/{command}");
    send(sandbox, Method::POST, &path, &[], Some("127.0.0.1:5"), body)
}

fn flows(sandbox: &Sandbox) -> Vec<Value> {
    let path = "/_sandbox/flows";
    let (status, body) = send(sandbox, Method::GET, path, &[], None, &json!({}));
    assert_eq!(status, 200);
    body["flows"].as_array().expect("flows").clone()
}

fn flow(sandbox: &Sandbox, id: &Value) -> Value {
    let all = flows(sandbox);
    let own = all.into_iter().find(|flow| flow["flowId"] == *id);
    own.expect("the flow")
}

#[test]
fn commands_sign_refuse_and_expire_flows() {
    let stage = Stage::set();
    let sandbox = &stage.sandbox;
    let made = |signers: &[&str]| {
        use treaty::api::operation::Op;
        let call = |op, request: Value| stage.call(op, &request.to_string(), begin());
        let process = json!({ "businessScene": "买房子", "docId": "$doc.docId" });
        let flow = call(Op::AddProcess, process).data.expect("a flow")["flowId"].clone();
        for signer in signers {
            let account = format!("${signer}.accountId");
            let ask = json!({ "flowId": flow, "accountId": account, "thirdOrderNo": signer });
            assert_eq!(call(Op::HandPersonSignTask, ask).err_code, 0);
        }
        flow
    };
    let status = |id: &Value| {
        let flow = flow(sandbox, id);
        let signers = flow["signers"].as_array().expect("signers").iter();
        let signers = signers.map(|signer| signer["signStatus"].as_i64().expect("a status"));
        (flow["flowStatus"].as_i64(), signers.collect::<Vec<_>>())
    };
    let one = made(&["person", "bare"]);
    assert_eq!(status(&one), (Some(1), vec![0, 0]));
    let by_third_id = json!({ "flowId": one, "thirdId": "bare" });
    assert_eq!(
        drive(sandbox, "sign", &by_third_id),
        (200, json!({ "signed": 1 }))
    );
    assert_eq!(status(&one), (Some(1), vec![0, 2]));
    assert_eq!(drive(sandbox, "sign", &by_third_id).0, 409, "signed before");
    let all = json!({ "flowId": one });
    assert_eq!(drive(sandbox, "sign", &all), (200, json!({ "signed": 1 })));
    assert_eq!(
        status(&one),
        (Some(1), vec![2, 2]),
        "archived by the caller"
    );

    let two = made(&["person", "bare"]);
    let account = stage.answers["bare"]["accountId"].clone();
    let refuse = json!({ "flowId": two, "accountId": account, "reason": "金额不对" });
    assert_eq!(
        drive(sandbox, "refuse", &refuse),
        (200, json!({ "refused": 1 }))
    );
    assert_eq!(status(&two), (Some(7), vec![3, 3]));
    assert_eq!(flow(sandbox, &two)["signers"][1]["reason"], "金额不对");

    let three = made(&["person"]);
    let expire = json!({ "flowId": three });
    assert_eq!(
        drive(sandbox, "expire", &expire),
        (200, json!({ "expired": 1 }))
    );
    assert_eq!(status(&three), (Some(5), vec![3]));
    for (command, body, code) in [
        ("expire", &expire, 409),
        ("sign", &expire, 409),
        ("sign", &json!({ "flowId": "none" }), 404),
        ("sign", &json!({ "flow": "none" }), 400),
        ("refuse", &json!({ "flowId": three, "reason": "" }), 400),
        (
            "refuse",
            &json!({ "flowId": three, "reason": "长".repeat(201) }),
            400,
        ),
        ("dance", &json!({}), 404),
    ] {
        let (status, answer) = drive(sandbox, command, body);
        assert_eq!(status, code, "{command} {answer}");
        assert!(answer["error"].is_string(), "{command} {answer}");
    }
}

fn fixtures() -> Fixtures {
    Fixtures {
        accounts: vec![FixtureAccount {
            id: "8b33".into(),
            third_id: Some("acme".to_owned()),
            name: "甲公司".to_owned(),
            is_person: false,
            creator: None,
            silent_sign: true,
            seals: vec![FixtureSeal {
                id: "1f0c".into(),
                alias: "公章".to_owned(),
                size: (None, None),
                design: FixtureDesign::Drawn {
                    template_type: "ROUND_STAR".to_owned(),
                    color: "RED".to_owned(),
                    text: None,
                    h_text: None,
                    q_text: None,
                },
            }],
        }],
        templates: Vec::new(),
    }
}

fn call(sandbox: &Sandbox, op: &str, headers: &[(&str, &str)], body: &Value) -> (i64, Value) {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let path = format!("/opentreaty-service/{op}");
    let (status, answer) = send(sandbox, Method::POST, &path, &all, None, body);
    assert_eq!(status, 200);
    let code = answer["errCode"].as_i64().expect("a code");
    (code, answer["data"].clone())
}

#[test]
fn a_reset_leaves_the_fixtures_only() {
    let sandbox = Sandbox::in_memory("http://127.0.0.1")
        .with_fixtures(fixtures())
        .expect("fixtures");
    let known = |third_id: &str| {
        let request = json!({ "thirdId": third_id });
        call(&sandbox, "account/idexchange", &[], &request).1["accountId"].clone()
    };
    let person = json!({ "thirdId": "C-1", "name": "张三", "idNo": "P1", "idType": 13 });
    assert_eq!(call(&sandbox, "account/create/person", &[], &person).0, 0);
    assert!(known("C-1").is_string());
    assert_eq!(drive(&sandbox, "reset", &json!({})).0, 200);
    assert_eq!((known("C-1"), known("acme")), (Value::Null, json!("8b33")));
    let seals = call(&sandbox, "seal/query", &[], &json!({ "accountId": "8b33" })).1;
    assert_eq!(seals[0]["sealId"], "1f0c");

    // A world that is stored could be needed still.
    let folder = tempfile::tempdir().expect("a folder");
    let stored = Sandbox::open(folder.path(), "http://127.0.0.1").expect("a world");
    assert_eq!(drive(&stored, "reset", &json!({})).0, 409);
}

/// Reopening a stored world with the same fixtures does not add records.
#[test]
fn fixtures_of_a_stored_world_are_declared_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let sandbox = Sandbox::open(folder.path(), "http://127.0.0.1").expect("a world");
        let sandbox = sandbox.with_fixtures(fixtures()).expect("fixtures");
        let seals = call(&sandbox, "seal/query", &[], &json!({ "accountId": "8b33" })).1;
        assert_eq!(seals.as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn other_machines_need_the_app_secret() {
    let sandbox = Sandbox::in_memory("http://0.0.0.0:7878").with_credentials();
    let sandbox = sandbox.with_remote_access(RemoteAccess::new("right"));
    let get = |path: &str, headers: &[(&str, &str)], peer: &str| {
        send(&sandbox, Method::GET, path, headers, Some(peer), &json!({})).0
    };
    let (near, far) = ("127.0.0.1:5", "10.0.0.7:5");
    let host = ("host", "sandbox:7878");
    assert_eq!(get("/healthz", &[host], far), 200);
    assert_eq!(get("/", &[host], far), 401);
    // Basic: the user name is not checked.
    assert_eq!(
        get("/", &[host, ("authorization", "Basic eDpyaWdodA==")], far),
        200
    );
    assert_eq!(
        get("/", &[host, ("authorization", "Basic eDp3cm9uZw==")], far),
        401
    );
    assert_eq!(get("/", &[("host", "localhost:7878")], near), 200);
    assert_eq!(get("/", &[host], near), 401, "DNS rebinding");
    let evil = ("origin", "http://evil.example");
    assert_eq!(get("/", &[("host", "localhost:7878"), evil], near), 403);
    assert_eq!(
        get("/_sandbox/flows", &[("host", "localhost:7878")], near),
        200
    );
    assert_eq!(
        get("/_sandbox/flows", &[("host", "localhost:7878")], far),
        403
    );
    assert_eq!(get("/_sandbox/flows", &[host], near), 403);

    let app = ("X-Tsign-Open-App-Id", "app");
    let ask = |secret: &str| {
        let headers = [host, app, ("X-Tsign-Open-App-Secret", secret)];
        let upload = json!({ "fileName": "a.pdf", "fileSize": 1, "contentType": "application/pdf",
            "contentMd5": "1B2M2Y8AsgTpgAmY7PhCfg==" });
        call(&sandbox, "file/uploadurl", &headers, &upload)
    };
    assert_eq!(ask("wrong").0, 1_435_103);
    let (code, data) = ask("right");
    assert_eq!(code, 0);
    // The addresses name the machine as the caller does, and cannot be made without the secret.
    let url = data["uploadUrl"].as_str().expect("an address");
    let path = url
        .strip_prefix("http://sandbox:7878")
        .expect("the host of the request");
    let (_, other) = call(
        &Sandbox::in_memory("http://sandbox:7878"),
        "file/uploadurl",
        &[],
        &json!({ "fileName": "a.pdf", "fileSize": 1, "contentType": "application/pdf",
            "contentMd5": "1B2M2Y8AsgTpgAmY7PhCfg==" }),
    );
    assert_ne!(other["uploadUrl"], url);
    let put = Request::put(path)
        .header("host", "sandbox:7878")
        .body(Bytes::new());
    let answer = sandbox.handle(&put.expect("a request"), Timestamp::now());
    assert_eq!(answer.status(), 403);
}

/// Responses have the form of real ones.
#[test]
fn responses_have_the_observed_form() {
    let sandbox = Sandbox::in_memory("http://127.0.0.1");
    let stage = Stage::on(sandbox);
    let request = Request::post("/opentreaty-service/account/platform/revokeSilentsign")
        .header("content-type", "application/json");
    let body = json!({ "grantAccountId": stage.answers["bare"]["accountId"] });
    let request = request
        .body(Bytes::from(body.to_string()))
        .expect("a request");
    let answer = stage.sandbox.handle(&request, begin());
    assert_eq!(
        answer.headers()["content-type"],
        "application/json;charset=UTF-8"
    );
    assert_eq!(
        answer.body(),
        r#"{"errCode":0,"msg":"SUCCESS","errShow":true,"data":null}"#
    );
    for name in ["doc", "flow"] {
        let id = &stage.answers[name][format!("{name}Id")];
        let id = id.as_str().expect("an id");
        assert!(
            id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
            "{id}"
        );
    }
    let detail = json!({ "flowId": stage.answers["flow"]["flowId"] });
    let (_, detail) = call(&stage.sandbox, "sign/contract/detail", &[], &detail);
    assert!(detail["signDetail"].is_array());
    assert_eq!(detail["signDetail"], detail["signDetailList"]);
    let url = stage.answers["doc"]["docUrl"].as_str().expect("an address");
    assert!(
        url.contains("%E5%80%9F%E6%AC%BE") && url.ends_with("%3D"),
        "{url}"
    );
    let numeric = Sandbox::in_memory("http://127.0.0.1").with_ids(treaty::sandbox::IdForm::Numeric);
    let numeric = Stage::on(numeric);
    let id = numeric.answers["flow"]["flowId"].as_str().expect("an id");
    assert!(id.parse::<u64>().is_ok(), "{id}");
}
