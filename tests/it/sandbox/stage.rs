//! A sandbox on which every operation was called, for tests of the operations.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use treaty::api::operation::Op;
use treaty::api::{Envelope, content_md5};
use treaty::sandbox::Sandbox;

use crate::sandbox::operations::{cell, table};
use crate::support::project::root;

/// The sandbox after the calls of `stage.tsv`.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    /// Response data by the name of the call.
    pub(crate) answers: BTreeMap<String, Value>,
}

/// The time of the calls of `stage.tsv`. Grants and flows with an end expire one second later.
pub(crate) fn begin() -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000).expect("a moment")
}

/// The time of the calls of `refusals.tsv`.
pub(crate) fn later() -> Timestamp {
    begin() + SignedDuration::from_mins(30)
}

impl Stage {
    /// Returns a stage with uploaded files only.
    pub(crate) fn empty() -> Self {
        Self::with_files(Sandbox::in_memory("http://127.0.0.1"))
    }

    /// Uploads the files of the stage to a sandbox.
    pub(crate) fn with_files(sandbox: Sandbox) -> Self {
        let mut stage = Self {
            sandbox,
            answers: BTreeMap::new(),
        };
        let pdf = std::fs::read(root().join("examples/loans/templates/loan.pdf")).expect("a PDF");
        let locked = std::fs::read(root().join("tests/data/locked.pdf")).expect("a PDF");
        stage.file("waiting", "application/pdf", &pdf);
        for (name, kind, bytes) in [
            ("pdf", "application/pdf", &pdf[..]),
            ("locked", "application/pdf", &locked),
            ("text", "text/plain", b"no PDF"),
            ("bytes", "application/octet-stream", &pdf),
            ("mistaken", "text/plain", &pdf),
            (
                "image",
                "image/png",
                include_bytes!("../../../examples/onboarding/seals/finance.png"),
            ),
        ] {
            stage.file(name, kind, bytes);
            let (path, md5) = (stage.upload_path(name), content_md5(bytes));
            assert_eq!(
                stage.put(&path, &md5, kind, bytes, begin()).status(),
                200,
                "{name}"
            );
        }
        stage
    }

    /// Returns a stage after all calls of `stage.tsv`.
    pub(crate) fn set() -> Self {
        Self::on(Sandbox::in_memory("http://127.0.0.1"))
    }

    /// Makes all calls of `stage.tsv` on a sandbox.
    pub(crate) fn on(sandbox: Sandbox) -> Self {
        let mut stage = Self::with_files(sandbox);
        for row in table("stage.tsv") {
            let op = Op::at(cell(&row, "operation")).expect("an operation");
            let answer = stage.call(op, cell(&row, "request"), begin());
            assert_eq!(answer.err_code, 0, "{op} {:?}", answer.msg);
            let data = answer.data.unwrap_or_default();
            let understood = op.answer(data.clone());
            let told = understood.unwrap_or_else(|error| panic!("{op}: {error}"));
            let mut said = data.clone();
            if let Some(fields) = said.as_object_mut() {
                // The second name of signDetail.
                fields.remove("signDetailList");
            }
            assert_eq!(
                told, said,
                "the client knows all that the emulator says to {op}"
            );
            stage.answers.insert(cell(&row, "name").to_owned(), data);
        }
        stage
    }

    /// Announces a file.
    fn file(&mut self, name: &str, kind: &str, bytes: &[u8]) {
        let request = json!({
            "fileName": name, "fileSize": bytes.len(), "contentType": kind, "contentMd5": content_md5(bytes),
        });
        let answer = self.call(Op::UploadUrl, &request.to_string(), begin());
        self.answers
            .insert(name.to_owned(), answer.data.expect("where to upload"));
    }

    pub(crate) fn upload_path(&self, name: &str) -> String {
        let url = self.answers[name]["uploadUrl"]
            .as_str()
            .expect("an address");
        url.strip_prefix("http://127.0.0.1")
            .expect("ours")
            .to_owned()
    }

    pub(crate) fn put(
        &self,
        path: &str,
        md5: &str,
        kind: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Response<Bytes> {
        let request = Request::put(path)
            .header("Content-MD5", md5)
            .header("Content-Type", kind);
        let request = request
            .body(Bytes::copy_from_slice(bytes))
            .expect("a request");
        self.sandbox.handle(&request, now)
    }

    /// Calls an operation. The request can refer to data of earlier calls: `$flow.flowId`.
    pub(crate) fn call(&self, op: Op, request: &str, now: Timestamp) -> Envelope {
        let mut text = String::new();
        let mut pieces = request.split("\"$");
        text += pieces.next().unwrap_or_default();
        for piece in pieces {
            let (named, rest) = piece.split_once('"').expect("an end");
            let (name, field) = named.split_once('.').expect("a field");
            let value = &self
                .answers
                .get(name)
                .unwrap_or_else(|| panic!("{name} is not there"))[field];
            assert!(value.is_string(), "{named}");
            write!(text, "{value}{rest}").expect("a string");
        }
        self.send(op, "application/json", &text, now)
    }

    /// Sends a request with this body.
    pub(crate) fn send(&self, op: Op, kind: &str, body: &str, now: Timestamp) -> Envelope {
        let request = Request::post(format!("/{op}")).header("Content-Type", kind);
        let request = request.body(Bytes::copy_from_slice(body.as_bytes()));
        let answer = self.sandbox.handle(&request.expect("a request"), now);
        assert_eq!(answer.status(), 200, "{op}");
        serde_json::from_slice(answer.body()).expect("an envelope")
    }
}
