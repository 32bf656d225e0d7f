//! The examples of the API document, in `tests/data/examples`. Requests are sent as printed, except
//! where the document contradicts itself; responses are parsed. Line breaks of the print and
//! full-width commas are removed; spaces within values are preserved.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use treaty::api::Envelope;
use treaty::api::operation::Op;

use crate::support::project::root;

/// Returns the example of a section: `request` or `answer`.
fn example(section: &str, what: &str) -> Option<Value> {
    let name = format!("tests/data/examples/{section}.{what}.json");
    let text = std::fs::read_to_string(root().join(name)).ok()?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

/// Returns the operations with an example in the document.
fn examples(what: &str) -> Vec<(Op, Value)> {
    let ops = Op::ALL.iter().copied();
    ops.filter_map(|op| Some((op, example(op.section(), what)?)))
        .collect()
}

/// Returns the example of an operation. The example must exist.
fn known(op: Op, what: &str) -> Value {
    example(op.section(), what).unwrap_or_else(|| panic!("{op} has no example"))
}

fn answer(op: Op) -> Value {
    op.answer(known(op, "answer")).expect("an answer")
}

/// Returns the expected request for an example. The document's tables take precedence over its
/// examples.
fn settled(op: Op, mut example: Value) -> Value {
    let fields = example.as_object_mut().expect("an object");
    match op {
        // The table names this field creatorId.
        Op::CreateOrganization => {
            let creator = fields.remove("agentAccountId").expect("a creator");
            fields.insert("creatorId".to_owned(), creator);
        }
        // signValidity is Long in the table; contractValidity is in no table. Empty strings mean
        // absent values (5.5.1): they are accepted, and treaty itself omits them.
        Op::AddProcess | Op::ContractsAddProcess => {
            fields.remove("contractValidity").expect("an unknown field");
            let validity = &mut fields["signValidity"];
            let number: i64 = validity
                .as_str()
                .and_then(|text| text.parse().ok())
                .expect("digits");
            *validity = json!(number);
            assert_eq!(
                (&fields["signPlatform"], &fields["redirectUrl"]),
                (&json!(""), &json!(""))
            );
        }
        _ => {}
    }
    example
}

#[test]
fn every_example_belongs_to_an_operation() {
    let folder = root().join("tests/data/examples");
    let files = std::fs::read_dir(folder).expect("examples").count();
    assert_eq!(files, examples("request").len() + examples("answer").len());
    let without = |what: &str| {
        let with: BTreeSet<Op> = examples(what).into_iter().map(|(op, _)| op).collect();
        let ops = Op::ALL.iter().filter(|op| !with.contains(op));
        ops.map(|op| op.section()).collect::<Vec<_>>()
    };
    let signers = [
        "5.5.2", "5.5.3", "5.5.4", "5.5.5", "5.5.6", "5.6.2", "5.6.3", "5.6.4", "5.6.5", "5.6.6",
        "5.6.7", "5.7.3",
    ];
    assert_eq!(without("request"), signers, "the document shows none");
    let updates = ["5.2.3", "5.2.4"];
    assert_eq!(without("answer"), [&updates[..], &signers[..]].concat());
}

#[test]
fn example_requests_are_sent_as_printed() {
    for (op, example) in examples("request") {
        // This example lacks templateName, which the table requires.
        if op == Op::CreateTemplate {
            continue;
        }
        let sent = op
            .request(example.clone())
            .unwrap_or_else(|error| panic!("{op}: {error}"));
        assert_eq!(sent, settled(op, example), "{op}");
    }
}

#[test]
fn the_template_example_lacks_its_required_name() {
    let mut example = known(Op::CreateTemplate, "request");
    let refused = Op::CreateTemplate.request(example.clone());
    let error = refused.expect_err("the table requires templateName");
    assert!(error.to_string().contains("templateName"), "{error}");
    example["templateName"] = json!("借款合同");
    let sent = Op::CreateTemplate.request(example.clone());
    assert_eq!(sent.expect("a request"), example);
}

#[test]
fn example_responses_are_parsed() {
    for (op, example) in examples("answer") {
        if example.get("errCode").is_some() {
            let envelope: Envelope = serde_json::from_value(example).expect("an envelope");
            assert_eq!(
                (envelope.err_code, envelope.msg.as_deref()),
                (0, Some("SUCCESS")),
                "{op}"
            );
            assert!(op.answer(envelope.data.unwrap_or_default()).is_ok(), "{op}");
            continue;
        }
        let mut expected = example.clone();
        if op == Op::Detail {
            // A flow has a flowStatus; this signStatus is in no table.
            expected
                .as_object_mut()
                .expect("an object")
                .remove("signStatus");
        }
        let wrapped = json!({ "errCode": 0, "msg": "SUCCESS", "data": example });
        let envelope: Envelope = serde_json::from_value(wrapped).expect("an envelope");
        let kept = op.answer(envelope.data.expect("data"));
        assert_eq!(
            kept.unwrap_or_else(|error| panic!("{op}: {error}")),
            expected,
            "{op}"
        );
    }
}

#[test]
fn example_values_are_preserved() {
    let upload = answer(Op::UploadUrl);
    assert_eq!(
        upload["fileKey"],
        "$333e7706-3277-4e67-88d4-7f9183a7cde9$3868138092"
    );
    let url = upload["uploadUrl"].as_str().expect("an address");
    assert!(
        url.ends_with("&Signature=bP6kcOo%2BiZriqtlZqO11/EOZ3vs%3D"),
        "{url}"
    );
    let person = Op::CreatePerson
        .request(known(Op::CreatePerson, "request"))
        .expect("a request");
    assert_eq!(
        (&person["idType"], &person["name"]),
        (&json!(19), &json!("张三"))
    );
    assert_eq!(
        answer(Op::CreatePerson)["accountId"],
        "fa71cad7423411e8b00f00163e107e9c"
    );
    assert_eq!(answer(Op::CreateByTemplate)["docId"], "2018041823454409002");
    assert_eq!(answer(Op::AddProcess)["flowId"], "123456789");
    let detail = answer(Op::Detail);
    assert_eq!(
        (&detail["flowStatus"], &detail["docId"]),
        (&json!(1), &json!("138"))
    );
    let signer = &detail["signDetail"][0];
    assert_eq!(
        signer["authorizationOrgId"],
        "7ee3207f93de469c8a7de0d46e3aca6e"
    );
    assert_eq!(signer["signStatus"], 0);
    assert_eq!(answer(Op::Download)[1]["docId"], "987654321");
    assert_eq!(answer(Op::QuerySeals)[0]["sealAlias"], "财务章");
    assert_eq!(
        answer(Op::CreatePersonSeal)["accountId"],
        "0056911b07ba41969a4b28d3ad6ac4e8"
    );
}
