//! A client that creates flows through the API, for tests of pages and of callbacks.

use bytes::Bytes;
use http::{Method, Request, Response, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use treaty::sandbox::Sandbox;

/// The app's id and secret.
pub(crate) const APP: (&str, &str) = ("office", "a secret of the office");

/// A client with its own clock.
pub(crate) struct Office {
    pub(crate) sandbox: Sandbox,
    pub(crate) now: Timestamp,
}

/// The links of a task.
pub(crate) struct Asked {
    pub(crate) sign_url: String,
    pub(crate) short_url: String,
}

impl Asked {
    /// Returns the token of the task.
    pub(crate) fn token(&self) -> &str {
        self.sign_url.rsplit('/').next().expect("a token")
    }
}

impl Office {
    pub(crate) fn new(base: &str, now: Timestamp) -> Self {
        Self {
            sandbox: Sandbox::in_memory(base),
            now,
        }
    }

    /// Sends a request. A URL may include the sandbox's address.
    pub(crate) fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let path = url.find("://").map_or(url, |at| {
            let rest = &url[at + 3..];
            rest.find('/').map_or("/", |at| &rest[at..])
        });
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        self.sandbox.handle(&request, self.now)
    }

    /// Calls an operation that must succeed, and returns its data.
    pub(crate) fn call(&self, path: &str, body: &Value) -> Value {
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/json"),
            ("x-tsign-open-app-id", APP.0),
            ("x-tsign-open-app-secret", APP.1),
        ];
        let answer = self.send(
            Method::POST,
            &format!("/{path}"),
            &headers,
            body.to_string(),
        );
        let mut answer: Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!(answer["errCode"], 0, "{path} {body}: {answer}");
        answer["data"].take()
    }

    /// Creates a person's account.
    pub(crate) fn person(&self, name: &str) -> Value {
        let person =
            json!({ "name": name, "idNo": "P1234567", "idType": 13, "mobile": "13500000000" });
        self.call("account/create/person", &person)["accountId"].take()
    }

    /// Uploads a PDF, and creates a document of it.
    pub(crate) fn document(&self, name: &str, pdf: &[u8]) -> Value {
        let md5 = treaty::api::content_md5(pdf);
        let kind = "application/pdf";
        let upload = json!({
            "fileName": name, "fileSize": pdf.len(), "contentType": kind, "contentMd5": md5,
        });
        let upload = self.call("file/uploadurl", &upload);
        let url = upload["uploadUrl"].as_str().expect("an address");
        let headers = [("content-type", kind), ("content-md5", &md5)];
        let stored = self.send(Method::PUT, url, &headers, pdf.to_vec());
        assert_eq!(stored.status(), 200);
        let file = json!({ "fileKey": upload["fileKey"] });
        self.call("doc/createbyfilekey", &file)["docId"].take()
    }

    /// Creates a flow with one document; `more` are further fields of `sign/contract/addProcess`.
    pub(crate) fn flow(&self, scene: &str, doc: &Value, more: &Value) -> Value {
        let mut process = json!({ "businessScene": scene, "docId": doc });
        let fields = process.as_object_mut().expect("an object");
        fields.extend(more.as_object().cloned().unwrap_or_default());
        self.call("sign/contract/addProcess", &process)["flowId"].take()
    }

    /// Asks a person to sign at a keyword of the contract.
    pub(crate) fn ask(&self, flow: &Value, account: &Value, key: &str) -> Asked {
        let task = json!({
            "flowId": flow, "accountId": account, "thirdOrderNo": "order-1",
            "posList": [{ "signType": 1, "key": key, "posX": 80 }],
        });
        let answer = self.call("sign/contract/handPersonSignTask", &task);
        let text = |field: &str| answer[field].as_str().expect("an address").to_owned();
        Asked {
            sign_url: text("signUrl"),
            short_url: text("signShortUrl"),
        }
    }
}

/// Returns a contract of one page with a keyword for the signature.
pub(crate) fn contract() -> Vec<u8> {
    treaty::pdf::page_of_html("<h1>借款合同</h1><p>甲方出借，乙方归还。</p><p>乙方签字：</p>")
}
