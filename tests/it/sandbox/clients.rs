//! Other clients of the sandbox: the variations that it accepts, and the requests that the API
//! document does not allow.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use jiff::SignedDuration;
use serde_json::{Value, json};
use treaty::api::operation::Op;
use treaty::api::{Envelope, FlowStatus};
use treaty::sandbox::{SealChoice, UserAction};

use crate::sandbox::stage::{Stage, begin};

const REFUSED: i64 = 1_435_002;

/// Returns the error code and the data of a response.
fn told(stage: &Stage, op: Op, request: &Value) -> (i64, Value) {
    let answer = stage.call(op, &request.to_string(), begin());
    (answer.err_code, answer.data.unwrap_or_default())
}

#[test]
fn accepts_equivalent_json_content_types() {
    let stage = Stage::set();
    let body = r#"{"thirdId":"acme"}"#;
    let code = |kind: &str| stage.send(Op::ExchangeId, kind, body, begin()).err_code;
    for kind in [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        "application/json; charset=\"utf-8\"",
    ] {
        assert_eq!(code(kind), 0, "{kind}");
    }
    for kind in [
        "application/jsonx",
        "application/json; charset=gbk",
        "text/json",
    ] {
        assert_eq!(code(kind), REFUSED, "{kind}");
    }
}

#[test]
fn refuses_arrays_instead_of_objects() {
    let stage = Stage::set();
    let answer = stage.send(Op::ExchangeId, "application/json", r#"["acme"]"#, begin());
    assert_eq!(answer.err_code, REFUSED);
}

/// The document has two names for the creator; some clients send both.
#[test]
fn accepts_both_names_of_the_creator_if_they_agree() {
    let stage = Stage::set();
    let request = |third_id: &str, agent: &str| {
        json!({
            "thirdId": third_id, "creatorId": "$clerk.accountId", "agentAccountId": agent,
            "name": "天谷科技信息有限公司", "organCode": "745830607", "organType": 12,
        })
    };
    let (same, _) = told(
        &stage,
        Op::CreateOrganization,
        &request("one", "$clerk.accountId"),
    );
    let (other, _) = told(
        &stage,
        Op::CreateOrganization,
        &request("two", "$person.accountId"),
    );
    assert_eq!((same, other), (0, REFUSED));
}

/// The document gives every field one type, except `signValidity`, which has two (5.5.1).
#[test]
fn refuses_fields_of_the_wrong_type() {
    let stage = Stage::set();
    let sign = |name: &str, value: &Value| {
        let mut position =
            json!({ "signType": 2, "posPage": "1", "posX": 300, "posY": 120.5, "scale": 90 });
        position[name] = value.clone();
        let request = json!({ "flowId": "$flow.flowId", "posList": [position] });
        told(&stage, Op::PlatformSignTask, &request).0
    };
    assert_eq!(sign("posX", &json!(300)), 0);
    for name in ["signType", "posX", "posY", "scale"] {
        for wrong in [json!("2"), json!("left"), json!(""), json!(true)] {
            assert_eq!(sign(name, &wrong), REFUSED, "{name} {wrong}");
        }
    }
    assert_eq!(sign("posPage", &json!(1)), REFUSED);
    assert_eq!(sign("signType", &json!(2.0)), REFUSED);
    let seal = |width: &Value| {
        let seal = json!({
            "accountId": "$clerk.accountId", "alias": "方", "color": "RED", "templateType": "SQUARE",
            "width": width, "height": 111,
        });
        told(&stage, Op::CreatePersonSeal, &seal).0
    };
    assert_eq!(seal(&json!(111)), 0);
    for wrong in [json!("111"), json!(111.0), json!(111.5)] {
        assert_eq!(seal(&wrong), REFUSED, "{wrong}");
    }
    let process = |name: &str, value: &Value| {
        let mut process = json!({ "businessScene": "买房子", "docId": "$doc.docId" });
        process[name] = value.clone();
        told(&stage, Op::AddProcess, &process).0
    };
    assert_eq!(process("signValidity", &json!("65464896464648")), 0);
    assert_eq!(process("docName", &json!(5)), REFUSED);
    assert_eq!(process("addSignTime", &json!("true")), REFUSED);
}

#[test]
fn refuses_fractional_and_negative_ids() {
    let stage = Stage::set();
    let code = |op, request: &Value| told(&stage, op, request).0;
    for (op, name) in [
        (Op::Detail, "flowId"),
        (Op::DownloadUrl, "docId"),
        (Op::Revoke, "flowId"),
    ] {
        assert_eq!(code(op, &json!({ name: 1.5 })), REFUSED, "{op}");
        assert_eq!(code(op, &json!({ name: -1 })), REFUSED, "{op}");
    }
    // docId is Long in responses (5.5.7), so a client that stores it as a number sends a number.
    assert_eq!(code(Op::DownloadUrl, &json!({ "docId": 1 })), 1_435_504);
}

/// Only section 5.3.1 prescribes the announced content type.
#[test]
fn only_templates_check_the_announced_content_type() {
    let stage = Stage::set();
    let key = json!({ "fileKey": "$bytes.fileKey", "templateName": "借款合同" });
    assert_eq!(told(&stage, Op::CreateByFileKey, &key).0, 0);
    assert_eq!(told(&stage, Op::CreateTemplate, &key).0, 1_435_305);
}

#[test]
fn unknown_paths_get_json_responses() {
    let stage = Stage::set();
    let ask = |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Bytes::from_static(b"{}")).expect("a request");
        let answer = stage.sandbox.handle(&request, begin());
        let told: Envelope = serde_json::from_slice(answer.body()).expect("an envelope");
        (answer.status().as_u16(), told.err_code)
    };
    let path = "/opentreaty-service/account/idexchange";
    assert_eq!(ask(Method::GET, path), (405, REFUSED));
    assert_eq!(
        ask(Method::POST, "/opentreaty-service/account/unknown"),
        (404, REFUSED)
    );
}

/// Storage responds in XML to uploads and downloads.
#[test]
fn storage_errors_get_xml_responses() {
    let stage = Stage::set();
    let (_, given) = told(&stage, Op::DownloadUrl, &json!({ "docId": "$doc.docId" }));
    let url = given["docUrl"].as_str().expect("an address");
    let fetch = |uri: &str, minutes: i64| {
        let request = Request::get(uri).body(Bytes::new()).expect("a request");
        let later = begin() + SignedDuration::from_mins(minutes);
        let answer = stage.sandbox.handle(&request, later);
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        (answer.status().as_u16(), body)
    };
    assert_eq!(fetch(url, 30).0, 200);
    let (status, body) = fetch(url, 31);
    assert_eq!(status, 403);
    let expected = "<Code>AccessDenied</Code><Message>Request has expired.</Message>";
    assert!(
        body.starts_with("<?xml ") && body.contains(expected),
        "{body}"
    );
}

/// File keys have the format of the document's examples (5.1.1). URLs may percent-encode them.
#[test]
fn file_keys_have_the_documented_format() {
    let stage = Stage::set();
    let (key, url) = ("fileKey", "uploadUrl");
    let [key, url] = [key, url].map(|name| stage.answers["waiting"][name].as_str().expect("text"));
    let parts: Vec<&str> = key.split('$').collect();
    let [_, uuid, number] = parts[..] else {
        panic!("{key}");
    };
    assert_eq!((uuid.len(), uuid.matches('-').count()), (36, 4), "{key}");
    assert!(number.parse::<u64>().is_ok(), "{key}");
    for url in [url.to_owned(), url.replace('$', "%24")] {
        let request = Request::put(url).body(Bytes::new()).expect("a request");
        let answer = stage.sandbox.handle(&request, begin());
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(body.contains("SignatureDoesNotMatch"), "{body}");
    }
}

/// The real service has more fonts than the sandbox.
#[test]
fn warns_about_fields_that_the_pages_cannot_show() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = lines.clone();
    let stage = Stage::set();
    let stage = Stage {
        sandbox: stage.sandbox.clone().on_warning(Arc::new(move |line| {
            noted.lock().expect("a lock").push(line.to_owned());
        })),
        ..stage
    };
    for (name, id_type) in [("张三", 19), ("𠮷三", 99), ("𠮷三", 19)] {
        let person = json!({ "name": name, "idNo": "371500198101175693", "idType": id_type });
        told(&stage, Op::CreatePerson, &person);
    }
    let lines = lines.lock().expect("a lock").clone();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("U+20BB7") && !lines[0].contains('三'),
        "{lines:?}"
    );
}

/// Status 5 means "not signed in time" (5.9.4).
#[test]
fn a_flow_signed_in_time_does_not_expire() {
    let stage = Stage::set();
    let validity = begin() + SignedDuration::from_mins(1);
    let process = json!({
        "businessScene": "买房子", "docId": "$doc.docId", "signValidity": validity.as_millisecond(),
    });
    let (_, made) = told(&stage, Op::AddProcess, &process);
    let flow = &made["flowId"];
    let sign = json!({
        "flowId": flow, "posList": [{ "signType": 1, "key": "甲方盖章", "posPage": "2" }],
    });
    assert_eq!(told(&stage, Op::PlatformSignTask, &sign).0, 0);
    let later = begin() + SignedDuration::from_mins(2);
    let code = |op, request: &Value| stage.call(op, &request.to_string(), later).err_code;
    assert_eq!(code(Op::PlatformSignTask, &sign), 1_436_014, "nobody else");
    assert_eq!(code(Op::Archive, &json!({ "flowId": flow })), 0);
    let status = stage.sandbox.with_world(|world| {
        let own = world.flows().find(|known| *flow == known.id.0);
        own.expect("the flow").status_at(later)
    });
    assert_eq!(status, FlowStatus::Finished);
}

/// Unsigned tasks get status 3 when their flow ends (5.5.7). Only tasks that were signed or refused
/// have a time.
#[test]
fn open_tasks_end_with_their_flow() {
    let stage = Stage::set();
    let minute = SignedDuration::from_mins(1);
    let validity = (begin() + minute).as_millisecond();
    let made = |more: &Value| {
        let mut process = json!({ "businessScene": "买房子", "docId": "$doc.docId" });
        let fields = process.as_object_mut().expect("an object");
        fields.extend(more.as_object().cloned().expect("an object"));
        told(&stage, Op::AddProcess, &process).1["flowId"].clone()
    };
    let asked = |flow: &Value, account: &str| {
        let ask = json!({ "flowId": flow, "accountId": account });
        let (_, asked) = told(&stage, Op::HandPersonSignTask, &ask);
        let url = asked["signUrl"].as_str().expect("an address");
        url.rsplit('/').next().expect("a token").to_owned()
    };
    let signers = |op, flow: &Value| {
        let request = json!({ "flowId": flow }).to_string();
        let data = stage.call(op, &request, begin() + minute * 2).data;
        data.expect("details")["signDetail"].clone()
    };
    let (refused, revoked) = (made(&json!({})), made(&json!({})));
    let expired = made(&json!({ "signValidity": validity }));
    for (flow, expected) in [
        (&refused, [2, 3, 3]),
        (&revoked, [2, 3, 3]),
        (&expired, [2, 3, 3]),
    ] {
        let signed = asked(flow, "$clerk.accountId");
        let other = asked(flow, "$person.accountId");
        let last = asked(flow, "$bare.accountId");
        let act = |token: &str, deed: &UserAction| {
            let done = stage.sandbox.act(token, deed, begin());
            done.expect("done");
        };
        act(&signed, &UserAction::Sign(vec![SealChoice::Handwritten]));
        if *flow == refused {
            let reason = "金额不对".to_owned();
            act(&last, &UserAction::Refuse { reason });
        }
        if *flow == revoked {
            assert_eq!(told(&stage, Op::Revoke, &json!({ "flowId": flow })).0, 0);
        }
        let several = signers(Op::ContractsDetail, flow);
        for details in [&signers(Op::Detail, flow), &several] {
            let states = [0, 1, 2].map(|nth: usize| details[nth]["signStatus"].as_i64());
            assert_eq!(states, expected.map(Some), "{details}");
        }
        let documents = [0, 1, 2].map(|nth: usize| &several[nth]["signInfo"][0]);
        let refusal = i64::from(*flow == refused) * 4;
        let states = documents.map(|one| one["signStatus"].as_i64());
        assert_eq!(states, [2, 0, refusal].map(Some), "{several}");
        let times = documents.map(|one| one["signTime"].is_string());
        assert_eq!(times, [true, false, *flow == refused], "{several}");
        let page = Request::get(format!("/sign/{other}")).body(Bytes::new());
        let page = stage
            .sandbox
            .handle(&page.expect("a request"), begin() + minute * 2);
        let page = String::from_utf8_lossy(page.body()).into_owned();
        assert!(
            page.contains("已终止") && !page.contains("待签署"),
            "{page}"
        );
    }
}

#[test]
fn a_signature_in_progress_fails_with_its_flow() {
    let stage = Stage::set();
    let slow = Stage {
        sandbox: stage
            .sandbox
            .clone()
            .with_signing_duration(SignedDuration::from_mins(1)),
        ..stage
    };
    let process = json!({ "businessScene": "买房子", "docId": "$doc.docId" });
    let flow = told(&slow, Op::AddProcess, &process).1["flowId"].clone();
    let sign = json!({ "flowId": flow, "posList": [{ "signType": 1, "key": "甲方盖章" }] });
    assert_eq!(told(&slow, Op::PlatformSignTask, &sign).0, 0);
    let states = || {
        let (_, details) = told(&slow, Op::ContractsDetail, &json!({ "flowId": flow }));
        let signer = &details["signDetail"][0];
        (
            signer["signStatus"].clone(),
            signer["signInfo"][0]["signStatus"].clone(),
        )
    };
    assert_eq!(states(), (json!(1), json!(1)));
    assert_eq!(told(&slow, Op::Revoke, &json!({ "flowId": flow })).0, 0);
    assert_eq!(states(), (json!(3), json!(3)));
}

/// A flow is visible to its participants (5.7.2), to the platform, and to participants deleted
/// since (5.2.8).
#[test]
fn a_flow_is_visible_to_its_participants_only() {
    let stage = Stage::set();
    let process = json!({
        "businessScene": "买房子", "docId": "$doc.docId", "initiatorAccountId": "$bare.accountId",
    });
    let flow = told(&stage, Op::AddProcess, &process).1["flowId"].clone();
    let see = |account: &Value| {
        let request = json!({ "flowId": flow, "accountId": account });
        told(&stage, Op::ViewUrl, &request).0
    };
    let sign = json!({ "flowId": flow, "posList": [{ "signType": 1, "key": "甲方盖章" }] });
    let (_, signed) = told(&stage, Op::PlatformSignTask, &sign);
    assert_eq!(see(&signed["accountId"]), 0);
    assert_eq!(see(&json!("$bare.accountId")), 0);
    for account in ["$clerk.accountId", "$acme.accountId", "$person.accountId"] {
        assert_eq!(see(&json!(account)), 1_436_004, "{account}");
    }
    let ask = json!({
        "flowId": flow, "accountId": "$clerk.accountId", "authorizationOrgId": "$acme.accountId",
    });
    assert_eq!(told(&stage, Op::HandOrgSignTask, &ask).0, 0);
    let ask = json!({ "flowId": flow, "accountId": "$person.accountId" });
    assert_eq!(told(&stage, Op::HandPersonSignTask, &ask).0, 0);
    let gone = json!({ "accountId": "$person.accountId" });
    assert_eq!(told(&stage, Op::DeleteAccount, &gone).0, 0);
    for account in ["$clerk.accountId", "$acme.accountId", "$person.accountId"] {
        assert_eq!(see(&json!(account)), 0, "{account}");
    }
    assert_eq!(see(&json!("$gone.accountId")), 1_435_204);
}

#[test]
fn number_lists_are_unique_and_comma_separated() {
    let stage = Stage::set();
    for (name, list, code) in [
        ("signPlatform", "1,2", 0),
        ("signPlatform", "", 0),
        ("signPlatform", "1,", REFUSED),
        ("noticeType", ",1", REFUSED),
        ("noticeType", "1,1", REFUSED),
        ("noticeType", "1, 2", REFUSED),
        ("noticeType", "01", REFUSED),
        ("noticeType", "1，2", REFUSED),
    ] {
        let mut process = json!({ "businessScene": "买房子", "docId": "$doc.docId" });
        process[name] = json!(list);
        assert_eq!(
            told(&stage, Op::AddProcess, &process).0,
            code,
            "{name} {list}"
        );
    }
    let ask =
        json!({ "flowId": "$draft.flowId", "accountId": "$person.accountId", "sealType": "0," });
    assert_eq!(told(&stage, Op::HandPersonSignTask, &ask).0, REFUSED);
}

/// A position must put the center of the seal on the page. For a keyword, one matching occurrence
/// is enough.
#[test]
fn refuses_positions_outside_the_page() {
    let stage = Stage::set();
    let sign = |position: Value| {
        let request = json!({ "flowId": "$flow.flowId", "posList": [position] });
        told(&stage, Op::PlatformSignTask, &request).0
    };
    let at =
        |x: i64, y: i64| sign(json!({ "signType": 2, "posPage": "1-2", "posX": x, "posY": y }));
    assert_eq!((at(0, 0), at(590, 840)), (0, 0));
    for (x, y) in [(5000, 100), (-1, 100), (300, -500), (300, 900)] {
        assert_eq!(at(x, y), 1_436_014, "{x} {y}");
    }
    let beside = |x: i64| sign(json!({ "signType": 1, "key": "甲方盖章", "posX": x }));
    assert_eq!((beside(60), beside(-900)), (0, 1_436_014));
    let seam = |y: i64| sign(json!({ "signType": 3, "posY": y }));
    assert_eq!((seam(0), seam(400), seam(4000)), (0, 0, 1_436_014));
    let wide = |scale: f64| sign(json!({ "signType": 1, "key": "甲方盖章", "scale": scale }));
    assert_eq!((wide(1.0), wide(790.0)), (0, 0));
    assert_eq!((wide(0.001), wide(2000.0)), (REFUSED, REFUSED));
}

/// The signer chooses the organization on the page if the request does not name it (5.5.6).
#[test]
fn a_signer_can_choose_an_organization_on_the_page() {
    let stage = Stage::set();
    let organizations = |account: &str| {
        let ask = json!({ "flowId": "$draft.flowId", "accountId": account });
        let (_, asked) = told(&stage, Op::HandSignTask, &ask);
        let url = asked["signUrl"].as_str().expect("an address").to_owned();
        stage.sandbox.with_world(|world| {
            let mut tasks = world.flows().flat_map(|flow| &flow.tasks);
            let own = tasks.find(|task| url.ends_with(&task.token));
            world.choices(own.expect("a task"))[1].clone()
        })
    };
    let used = organizations("$clerk.accountId");
    assert!(matches!(used[..], [SealChoice::Seal(_), ..]), "{used:?}");
    assert!(organizations("$person.accountId").is_empty());
}
