//! The spellings of requests that the sandbox accepts. `UPDATE=1 cargo test` writes the table
//! `docs/sandbox-spellings.md`.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use treaty::api::operation::Op;
use treaty::sandbox::{Sandbox, Spelling};

use crate::sandbox::operations::{cell, table};
use crate::sandbox::stage::{Stage, begin};
use crate::support::project::root;

const HEAD: &str = "\
# Spellings of requests

Other clients write values in other types than the tables of the API document. The
[sandbox](sandbox.md) accepts these by default, and says so with `-v`; with `--strict`, it refuses
them. `tests/it/sandbox/spellings.rs` sends each line to both and writes this page with
`UPDATE=1 cargo test`.

A number in place of a text loses the zeros at its end: JSON parsers read `50000.10` as 50000.1. So
send amounts as text. A number with a fraction and more than 15 digits is refused, because it may have
lost some.

| operation | field | value | by default | with `--strict` |
|---|---|---|---|---|
";

/// A documented request, and other values for fields of it, by JSON pointer.
struct Case {
    op: Op,
    request: Value,
    spellings: Vec<(&'static str, Value)>,
}

impl Case {
    fn new(op: Op, request: Value, spellings: Vec<(&'static str, Value)>) -> Self {
        Self {
            op,
            request,
            spellings,
        }
    }
}

fn account_cases() -> Vec<Case> {
    vec![
        Case::new(
            Op::UploadUrl,
            json!({ "fileName": "a.pdf", "fileSize": 1798, "contentType": "application/pdf",
                "contentMd5": "1B2M2Y8AsgTpgAmY7PhCfg==" }),
            vec![
                ("/fileSize", json!("1798")),
                ("/fileSize", json!("")),
                ("/fileName", json!(7)),
            ],
        ),
        Case::new(
            Op::CreatePerson,
            json!({ "name": "张三", "idNo": "371500198101175693", "idType": 19 }),
            vec![
                ("/idType", json!("19")),
                ("/idType", json!(19.0)),
                ("/idType", json!("resident-id")),
                ("/idNo", json!(371_500_198_101_175_693_i64)),
                ("/idNo", json!(3.715_001_981_011_757e17)),
                ("/mobile", json!("")),
                ("/mobile", json!(13_516_134_875_i64)),
                ("/email", Value::Null),
                ("/thirdId", json!("")),
                ("/name", Value::Null),
            ],
        ),
        Case::new(
            Op::CreateOrganization,
            json!({ "creatorId": "$clerk.accountId", "name": "天谷科技信息有限公司",
                "organCode": "745830607", "organType": 12 }),
            vec![
                ("/organType", json!("12")),
                ("/legalIdType", json!("")),
                ("/legalName", Value::Null),
                ("/agentAccountId", json!("")),
            ],
        ),
        Case::new(
            Op::GrantSilentSign,
            json!({ "grantAccountId": "$bare.accountId" }),
            vec![
                ("/deadline", json!("1900000000000")),
                ("/deadline", json!("")),
            ],
        ),
    ]
}

fn document_cases() -> Vec<Case> {
    vec![
        Case::new(
            Op::CreateByTemplate,
            json!({ "templateId": "$template.templateId", "name": "借款合同",
                "simpleFormFields": { "borrower": "张三" },
                "chunkedFields": [{ "mimeType": "text/html", "chunkedData": "PHA+MTA8L3A+", "sequence": 0 }] }),
            vec![
                ("/simpleFormFields/amount", json!(50_000)),
                ("/simpleFormFields/amount", json!(0.5)),
                ("/simpleFormFields/amount", json!(true)),
                ("/simpleFormFields/amount", Value::Null),
                ("/simpleFormFields/amount", json!(["50000"])),
                ("/simpleFormFields", Value::Null),
                ("/chunkedFields/0/sequence", json!("0")),
                ("/chunkedFields", json!("")),
            ],
        ),
        Case::new(
            Op::CreatePersonSeal,
            json!({ "accountId": "$clerk.accountId", "alias": "方", "color": "RED", "templateType": "SQUARE" }),
            vec![
                ("/width", json!("111")),
                ("/height", json!("")),
                ("/text", Value::Null),
            ],
        ),
        Case::new(
            Op::AddProcess,
            json!({ "businessScene": "买房子", "docId": "$doc.docId" }),
            vec![
                ("/signValidity", json!("1900000000000")),
                ("/signPlatform", json!(1)),
                ("/signPlatform", json!("")),
                ("/noticeType", json!(2)),
                ("/noticeUrl", json!("")),
                ("/redirectUrl", Value::Null),
                ("/addSignTime", json!("true")),
                ("/addSignTime", json!(0)),
                ("/encryption", json!("false")),
                ("/docName", json!("")),
                ("/payer", json!("")),
                ("/initiatorAccountId", json!("")),
                ("/attachmentList", json!("")),
            ],
        ),
    ]
}

fn sign_cases() -> Vec<Case> {
    let position = json!({ "signType": 2, "posPage": "1", "posX": 300, "posY": 120 });
    vec![
        Case::new(
            Op::PlatformSignTask,
            json!({ "flowId": "$flow.flowId", "posList": [position] }),
            vec![
                ("/posList/0/posPage", json!(1)),
                ("/posList/0/signType", json!("2")),
                ("/posList/0/posX", json!("300")),
                ("/posList/0/posY", json!("120.5")),
                ("/posList/0/scale", json!("")),
                ("/posList/0/key", Value::Null),
                ("/posList/0/posX", json!("left")),
                ("/posList/0/posPage", json!(true)),
                ("/thirdOrderNo", json!(7)),
                ("/sealId", json!("")),
                ("/docPwd", Value::Null),
                ("/posList", json!([[]])),
                ("/posList", json!([])),
                ("/posList", json!([{}])),
            ],
        ),
        Case::new(
            Op::HandPersonSignTask,
            json!({ "flowId": "$flow.flowId", "accountId": "$person.accountId" }),
            vec![
                ("/sealType", json!(0)),
                ("/posList", json!("")),
                ("/posList", json!([[]])),
                ("/accountId", json!("")),
            ],
        ),
        Case::new(
            Op::ContractsPlatformSignTask,
            json!({ "flowId": "$two.flowId", "signDocList": [
                { "docId": "$doc.docId", "posList": [position, position] },
            ] }),
            vec![
                ("/signDocList/0/posList/1/posPage", json!(1)),
                ("/signDocList/0/posList/1/posPage", json!([1])),
                ("/signDocList/0/posList/1/posPage", json!("0")),
                ("/signDocList/0/docPwd", json!("")),
            ],
        ),
        Case::new(
            Op::ContractsHandSignTask,
            json!({ "flowId": "$two.flowId", "accountId": "$clerk.accountId" }),
            vec![
                ("/authorizationOrgId", json!("")),
                ("/signDocList", Value::Null),
            ],
        ),
    ]
}

/// Returns a request with another value at a JSON pointer.
fn with(request: &Value, pointer: &str, value: &Value) -> Value {
    let mut request = request.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = request.pointer_mut(parent).expect("a place");
    parent[name] = value.clone();
    request
}

/// A stage whose sandbox accepts these spellings, and the coercions of its last call.
fn stage(spelling: Spelling) -> (Stage, Arc<Mutex<Vec<String>>>) {
    let last: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = last.clone();
    let sandbox = Sandbox::in_memory("http://127.0.0.1").with_spelling(spelling);
    let sandbox = sandbox.on_call(Arc::new(move |call| {
        *seen.lock().expect("a lock") = call.coercions.to_vec();
    }));
    (Stage::on(sandbox), last)
}

/// Returns the result of a request as a cell of the table.
fn result(stage: &Stage, coercions: &Mutex<Vec<String>>, op: Op, request: &Value) -> String {
    let answer = stage.call(op, &request.to_string(), begin());
    if answer.err_code != 0 {
        let message = answer.msg.unwrap_or_default();
        return format!("{} {message}", answer.err_code);
    }
    let coercions = coercions.lock().expect("a lock").join("; ");
    if coercions.is_empty() {
        "taken".to_owned()
    } else {
        format!("taken: {coercions}")
    }
}

#[test]
fn spellings_page_is_current() {
    let (lenient, coercions) = stage(Spelling::Lenient);
    let (strict, none) = stage(Spelling::Strict);
    let mut page = HEAD.to_owned();
    for Case {
        op,
        request,
        spellings,
    } in [account_cases(), document_cases(), sign_cases()]
        .into_iter()
        .flatten()
    {
        for (stage, coercions) in [(&lenient, &coercions), (&strict, &none)] {
            assert_eq!(result(stage, coercions, op, &request), "taken", "{op}");
        }
        for (pointer, value) in spellings {
            let request = with(&request, pointer, &value);
            let [default, strict] = [(&lenient, &coercions), (&strict, &none)]
                .map(|(stage, coercions)| result(stage, coercions, op, &request));
            let mut field = String::new();
            for name in pointer.split('/').skip(1) {
                match name.parse::<usize>() {
                    Ok(index) => write!(field, "[{index}]"),
                    Err(_) if field.is_empty() => write!(field, "{name}"),
                    Err(_) => write!(field, ".{name}"),
                }
                .expect("a string");
            }
            writeln!(
                page,
                "| `{op}` | `{field}` | `{value}` | {default} | {strict} |"
            )
            .expect("a string");
        }
    }
    let path = root().join("docs/sandbox-spellings.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("written");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == page,
        "docs/sandbox-spellings.md is old: UPDATE=1 cargo test writes it anew\n{page}"
    );
}

/// The value of a field is stored in the type of the API document.
#[test]
fn coerced_values_have_their_meaning() {
    let (stage, _) = stage(Spelling::Lenient);
    let call = |op, request: Value| {
        let answer = stage.call(op, &request.to_string(), begin());
        assert_eq!(answer.err_code, 0, "{op} {:?}", answer.msg);
        answer.data.unwrap_or_default()
    };
    let process = json!({ "businessScene": 5, "docId": "$doc.docId", "addSignTime": "true",
        "signValidity": "1900000000000", "noticeUrl": "" });
    let flow = call(Op::AddProcess, process)["flowId"].clone();
    let position =
        json!({ "signType": "2", "posPage": 1, "posX": "300", "posY": "120.5", "scale": "" });
    let sign = json!({ "flowId": flow, "thirdOrderNo": 7, "sealId": "", "posList": [position] });
    call(Op::PlatformSignTask, sign);
    stage.sandbox.with_world(|world| {
        let flow = world.flows().find(|own| flow == own.id.0).expect("a flow");
        assert_eq!(flow.business_scene, "5");
        assert_eq!(
            (flow.add_sign_time, flow.notice_url.as_deref()),
            (true, None)
        );
        assert_eq!(flow.sign_validity, Some(1_900_000_000_000));
        let task = &flow.tasks[0];
        assert_eq!(task.third_order_no.as_deref(), Some("7"));
        let position = &task.places[0].positions[0];
        assert_eq!(
            (
                position.sign_type,
                position.pos_page.as_deref(),
                position.scale
            ),
            (Some(2), Some("1"), None)
        );
        assert_eq!((position.pos_x, position.pos_y), (Some(300.0), Some(120.5)));
    });
}

/// A number of 16 digits has lost the others before the sandbox can see them.
#[test]
fn a_text_never_comes_from_a_number_that_may_have_lost_digits() {
    let (stage, _) = stage(Spelling::Lenient);
    let create = |number: &str| {
        let request =
            format!(r#"{{ "name": {number}, "idNo": "371500198101175693", "idType": 19 }}"#);
        stage.call(Op::CreatePerson, &request, begin())
    };
    for number in [
        "1234567890123456.78",
        "9007199254740993.0",
        "0.1234567890123456789",
        "1e20",
    ] {
        let answer = create(number);
        let told = answer.msg.unwrap_or_default();
        let hint = "name: a number with so many digits may have lost some, send it as text";
        assert!(
            answer.err_code != 0 && told.contains(hint),
            "{number}: {told}"
        );
    }
    assert_eq!(create("50000.25").err_code, 0);
}

/// `""` and null mean an absent optional in every operation.
#[test]
fn every_optional_field_may_be_blank() {
    let (stage, _) = stage(Spelling::Lenient);
    let mut tested = 0;
    for row in table("operations.tsv") {
        let Some(op) = Op::at(cell(&row, "operation")) else {
            continue;
        };
        let staged = table("stage.tsv");
        let Some(example) = staged
            .iter()
            .find(|row| cell(row, "operation") == op.path())
        else {
            continue;
        };
        let request: Value = serde_json::from_str(cell(example, "request")).expect("JSON");
        let optional = cell(&row, "optional").split(',');
        for name in optional.filter_map(|field| Some(field.split_once(':')?.0)) {
            for blank in [json!(""), Value::Null] {
                let mut request = request.clone();
                request[name] = blank.clone();
                let answer = stage.call(op, &request.to_string(), begin());
                assert_ne!(
                    answer.err_code, 1_435_002,
                    "{op} {name} {blank} {:?}",
                    answer.msg
                );
                tested += 1;
            }
        }
    }
    assert!(tested > 60, "{tested}");
}
