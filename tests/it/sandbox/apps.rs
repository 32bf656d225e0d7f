//! Several apps that use one sandbox: each app has its own objects, and callbacks are signed with
//! its own secret (sections 4.2 and 5.9.2).

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::{Value, json};
use treaty::sandbox::Sandbox;

use crate::office::contract;

/// A client of a sandbox. Without an app it sends no credentials.
#[derive(Clone, Copy)]
struct Caller<'a> {
    sandbox: &'a Sandbox,
    app: Option<&'a str>,
}

impl Caller<'_> {
    /// Returns the error code and the data of a response.
    fn call(&self, path: &str, body: &Value) -> (i64, Value) {
        let mut request =
            Request::post(format!("/{path}")).header("content-type", "application/json");
        if let Some(app) = self.app {
            request = request
                .header("x-tsign-open-app-id", app)
                .header("x-tsign-open-app-secret", format!("secret of {app}"));
        }
        let request = request
            .body(Bytes::from(body.to_string()))
            .expect("a request");
        let answer = self.sandbox.handle(&request, Timestamp::now());
        let mut answer: Value = serde_json::from_slice(answer.body()).expect("JSON");
        let code = answer["errCode"].as_i64().expect("a code");
        (code, answer["data"].take())
    }

    /// Calls an operation that must succeed, and returns its data.
    fn done(&self, path: &str, body: &Value) -> Value {
        let (code, data) = self.call(path, body);
        assert_eq!(code, 0, "{path} {body}");
        data
    }

    fn file(&self) -> Value {
        let (pdf, kind) = (contract(), "application/pdf");
        let md5 = treaty::api::content_md5(&pdf);
        let announced = self.done(
            "file/uploadurl",
            &json!({ "fileName": "a.pdf", "fileSize": pdf.len(), "contentType": kind, "contentMd5": md5 }),
        );
        let url = announced["uploadUrl"].as_str().expect("an address");
        let path = url.strip_prefix("http://127.0.0.1").expect("ours");
        let request = Request::builder().method(Method::PUT).uri(path);
        let request = request
            .header("content-type", kind)
            .header("content-md5", md5);
        let request = request.body(Bytes::from(pdf)).expect("a request");
        let stored = self.sandbox.handle(&request, Timestamp::now());
        assert_eq!(stored.status(), 200);
        announced["fileKey"].clone()
    }

    fn person(&self, third_id: &str) -> Value {
        let person = json!({ "thirdId": third_id, "name": "张三", "idNo": "P1", "idType": 13 });
        self.done("account/create/person", &person)["accountId"].clone()
    }

    /// Returns the account with a `thirdId`, or null.
    fn known(&self, third_id: &str) -> Value {
        let (_, found) = self.call("account/idexchange", &json!({ "thirdId": third_id }));
        found["accountId"].clone()
    }

    fn flow(&self) -> Value {
        let doc = self.done("doc/createbyfilekey", &json!({ "fileKey": self.file() }));
        let process = json!({ "businessScene": "借款", "docId": doc["docId"] });
        self.done("sign/contract/addProcess", &process)["flowId"].clone()
    }
}

#[test]
fn objects_of_one_app_are_invisible_to_another() {
    let sandbox = Sandbox::in_memory("http://127.0.0.1");
    let [one, two] = ["one", "two"].map(|app| Caller {
        sandbox: &sandbox,
        app: Some(app),
    });
    let (file, person, flow) = (one.file(), one.person("C-1"), one.flow());
    let made = json!({ "fileKey": file, "templateName": "借款合同" });
    let template = one.done("template/createbyfilekey", &made)["templateId"].clone();
    let doc = one.done("doc/createbyfilekey", &json!({ "fileKey": file }))["docId"].clone();
    let look =
        json!({ "accountId": person, "alias": "章", "templateType": "SQUARE", "color": "RED" });
    let seal = one.done("seal/create/person", &look)["sealId"].clone();
    one.done(
        "account/platform/silentsign",
        &json!({ "grantAccountId": person }),
    );

    let own = two.flow();
    let positions = json!([{ "signType": 1, "key": "乙方签字" }]);
    for (path, request, code) in [
        ("account/idexchange", json!({ "thirdId": "C-1" }), 1_435_204),
        ("account/delete", json!({ "accountId": person }), 1_435_204),
        ("seal/query", json!({ "accountId": person }), 1_435_204),
        ("doc/createbyfilekey", json!({ "fileKey": file }), 1_435_304),
        (
            "doc/createbytemplate",
            json!({ "templateId": template, "name": "n" }),
            1_435_502,
        ),
        ("doc/downloadurl", json!({ "docId": doc }), 1_435_504),
        (
            "sign/contract/addProcess",
            json!({ "businessScene": "借款", "docId": doc }),
            1_436_009,
        ),
        (
            "sign/contract/handPersonSignTask",
            json!({ "flowId": own, "accountId": person }),
            1_436_004,
        ),
        (
            "sign/contract/platformSignTask",
            json!({ "flowId": own, "sealId": seal, "posList": positions }),
            1_435_402,
        ),
        ("sign/contract/detail", json!({ "flowId": flow }), 1_436_016),
        ("sign/revoke", json!({ "flowId": flow }), 1_436_018),
    ] {
        assert_eq!(two.call(path, &request).0, code, "{path}");
    }
    assert_eq!(
        one.done("sign/contract/detail", &json!({ "flowId": flow }))["flowStatus"],
        0
    );
    // Each app has its own accounts, also for the same thirdId.
    assert_ne!(two.person("C-1"), person);
    assert_eq!(one.known("C-1"), person);
    assert_ne!(two.known("C-1"), person);
}

/// Objects of older worlds, and objects that treaty makes without credentials, have no app.
#[test]
fn objects_without_an_app_are_visible_to_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Sandbox::open(folder.path(), "http://127.0.0.1").expect("a world");
    let sandbox = open();
    let nobody = Caller {
        sandbox: &sandbox,
        app: None,
    };
    let (person, flow) = (nobody.person("C-1"), nobody.flow());
    drop(sandbox);
    let world = std::fs::read_to_string(folder.path().join("world.jsonl")).expect("a world");
    assert!(!world.contains("\"app\""), "{world}");

    let sandbox = open();
    let app = |app| Caller {
        sandbox: &sandbox,
        app,
    };
    let one = app(Some("one"));
    assert_eq!(one.known("C-1"), person);
    one.done("sign/contract/detail", &json!({ "flowId": flow }));
    let own = one.person("C-2");
    drop(sandbox);

    let sandbox = open();
    let app = |app| Caller {
        sandbox: &sandbox,
        app,
    };
    assert_eq!(app(Some("one")).known("C-2"), own);
    for other in [Some("two"), None] {
        assert_eq!(app(other).known("C-2"), Value::Null);
        assert_eq!(app(other).known("C-1"), person);
    }
}
