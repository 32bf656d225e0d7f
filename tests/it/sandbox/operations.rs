//! The table of operations against the API document: `tests/data/operations.tsv` lists every
//! operation with its fields, `elements.tsv` the fields of its lists, `callbacks.tsv` the callbacks
//! and `error-codes.tsv` the error codes of section 6.

use serde_json::{Map, Value, json};
use treaty::api::callback::Callback;
use treaty::api::code::{Codes, ID_TYPE, NOTICE_TYPE, ORGAN_TYPE, SEAL_TYPE, SIGN_PLATFORM};
use treaty::api::operation::{Op, RetryClass};
use treaty::api::{Envelope, ErrorCode};

use crate::support::project::root;

/// The only row that is not an API call but an upload to storage.
const UPLOAD: &str = "PUT uploadUrl";

/// Reads a table of `tests/data`. Each row maps the column names of the first line to its cells.
pub(crate) fn table(name: &str) -> Vec<Map<String, Value>> {
    let text = std::fs::read_to_string(root().join("tests/data").join(name)).expect("a table");
    let mut lines = text.lines().map(|line| line.split('\t'));
    let head: Vec<&str> = lines.next().expect("a head").collect();
    let row = |cells: std::str::Split<'_, char>| {
        let named = head.iter().zip(cells);
        named
            .map(|(name, cell)| ((*name).to_owned(), cell.into()))
            .collect()
    };
    lines.map(row).collect()
}

pub(crate) fn cell<'a>(row: &'a Map<String, Value>, name: &str) -> &'a str {
    row[name].as_str().expect("a text")
}

/// Returns the operations of the document with their rows.
fn operations() -> Vec<(Op, Map<String, Value>)> {
    let rows = table("operations.tsv").into_iter();
    rows.filter(|row| cell(row, "operation") != UPLOAD)
        .map(|row| {
            let path = cell(&row, "operation").to_owned();
            (
                Op::at(&path).unwrap_or_else(|| panic!("{path} is missing")),
                row,
            )
        })
        .collect()
}

/// A field of an object: its name, its type as named in the document, and whether it is required.
struct Field {
    name: String,
    kind: String,
    required: bool,
}

/// Parses a cell of fields: `flowId:String,posList:Array`, in brackets for a list of objects, `-`
/// for none.
fn fields(cell: &str, required: bool) -> Vec<Field> {
    let list = cell.trim_matches(['[', ']']).split(',');
    list.filter_map(|field| field.split_once(':'))
        .map(|(name, kind)| Field {
            name: name.to_owned(),
            kind: kind.to_owned(),
            required,
        })
        .collect()
}

fn both(row: &Map<String, Value>) -> Vec<Field> {
    let mut all = fields(cell(row, "required"), true);
    all.extend(fields(cell(row, "optional"), false));
    all
}

/// Returns the fields of a list's elements in a section.
fn elements(list: &str, section: &str) -> Vec<Field> {
    let row = table("elements.tsv").into_iter().find(|row| {
        cell(row, "list") == list && cell(row, "sections").split(',').any(|own| own == section)
    });
    both(&row.unwrap_or_else(|| panic!("{list} of {section} is not listed")))
}

/// Returns a sample value of the field's type.
fn sample(field: &Field, section: &str) -> Value {
    match field.kind.as_str() {
        "String" => json!(format!("{} 1", field.name)),
        "int" => json!(2),
        "long" | "Long" => json!(2_018_041_823_454_409i64),
        "Float" => json!(60.5),
        "boolean" | "Boolean" => json!(true),
        "Map" => json!({ "contractNo": "123456789", "borrower": "" }),
        "List<String>" => json!(["contractNo", "borrower"]),
        "Array" => json!([object(&elements(&field.name, section), section)]),
        other => panic!("{}: what is {other}?", field.name),
    }
}

/// Returns an object with all fields.
fn object(fields: &[Field], section: &str) -> Value {
    let named = fields
        .iter()
        .map(|field| (field.name.clone(), sample(field, section)));
    Value::Object(named.collect())
}

/// Collects the JSON pointers of all fields, including fields of lists, and whether each is
/// required.
fn places(fields: &[Field], section: &str, above: &str, found: &mut Vec<(String, bool)>) {
    for field in fields {
        let place = format!("{above}/{}", field.name);
        if field.kind == "Array" {
            let inner = elements(&field.name, section);
            places(&inner, section, &format!("{place}/0"), found);
        }
        found.push((place, field.required));
    }
}

/// Returns the object that contains a field, and the field's name.
fn holder<'a, 'b>(object: &'a mut Value, place: &'b str) -> (&'a mut Map<String, Value>, &'b str) {
    let (above, name) = place.rsplit_once('/').expect("a place");
    let holder = object.pointer_mut(above).and_then(Value::as_object_mut);
    (holder.expect("an object"), name)
}

fn without(object: &Value, place: &str) -> Value {
    let mut object = object.clone();
    let (holder, name) = holder(&mut object, place);
    assert!(holder.remove(name).is_some(), "{place}");
    object
}

fn with(object: &Value, place: &str, value: Value) -> Value {
    let mut object = object.clone();
    let (holder, name) = holder(&mut object, place);
    holder.insert(name.to_owned(), value);
    object
}

#[test]
fn the_table_has_exactly_the_documented_operations() {
    let known = operations();
    let ops: Vec<Op> = known.iter().map(|(op, _)| *op).collect();
    assert_eq!(ops, Op::ALL, "the same ones in the same order");
    assert_eq!(table("operations.tsv").len(), ops.len() + 1);
    for (op, row) in known {
        assert_eq!(op.section(), cell(&row, "section"), "{op}");
        let (retry_class, probe) = match op.retry_class() {
            RetryClass::Read => ("read", "-"),
            RetryClass::Set => ("set", "-"),
            RetryClass::Spare => ("spare", "-"),
            RetryClass::Probe(probe) => ("probe", probe.path()),
        };
        assert_eq!(
            (retry_class, probe),
            (cell(&row, "retry_class"), cell(&row, "probe")),
            "{op}"
        );
    }
}

#[test]
fn requests_have_the_documents_fields_and_types() {
    for (op, row) in operations() {
        let full = object(&both(&row), op.section());
        let same = |request: &Value| match op.request(request.clone()) {
            Ok(written) => assert_eq!(written, *request, "{op}"),
            Err(error) => panic!("{op}: {error}\n{request}"),
        };
        same(&full);
        let mut all = Vec::new();
        places(&both(&row), op.section(), "", &mut all);
        for (place, required) in all {
            let less = without(&full, &place);
            // A position without signType must reach the service, which responds with 1436011.
            if !required || place.ends_with("/signType") {
                same(&less);
                let written = op.request(with(&full, &place, Value::Null));
                assert_eq!(written.expect("null is absent"), less, "{op} {place}");
            } else {
                assert!(op.request(less).is_err(), "{op} without {place}");
                let null = with(&full, &place, Value::Null);
                assert!(op.request(null).is_err(), "{op} with no {place}");
            }
        }
        let more = with(&full, "/contractValidity", json!("65464896464648"));
        assert_eq!(op.request(more).expect("more is ignored"), full, "{op}");
    }
}

#[test]
fn request_numbers_are_not_strings_except_sign_validity() {
    for (op, row) in operations() {
        let full = object(&both(&row), op.section());
        let numbers = both(&row)
            .into_iter()
            .filter(|field| matches!(field.kind.as_str(), "int" | "long" | "Long"));
        for field in numbers {
            let place = format!("/{}", field.name);
            let quoted = json!(full[&field.name].to_string());
            let written = op.request(with(&full, &place, quoted));
            // The document's own example has it as a string.
            if field.name == "signValidity" {
                assert_eq!(written.expect("text is a number"), full, "{op} {place}");
            } else {
                assert!(written.is_err(), "{op} {place}");
            }
        }
    }
}

#[test]
fn requests_refuse_empty_ids() {
    let ids = [
        "accountId",
        "authorizationOrgId",
        "creatorId",
        "docId",
        "fileKey",
        "flowId",
        "grantAccountId",
        "initiatorAccountId",
        "payer",
        "sealId",
        "templateId",
    ];
    for (op, row) in operations() {
        let full = object(&both(&row), op.section());
        let own = both(&row).into_iter().map(|field| field.name);
        for name in own.filter(|name| ids.contains(&name.as_str())) {
            let empty = op.request(with(&full, &format!("/{name}"), json!("")));
            assert!(empty.is_err(), "{op} {name}");
        }
    }
}

/// Returns the parsed form of a response: document ids are strings, also if sent as numbers.
fn understood(answer: &Value) -> Value {
    match answer {
        Value::Array(list) => list.iter().map(understood).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| match name.as_str() {
                "docId" if value.is_number() => (name.clone(), json!(value.to_string())),
                _ => (name.clone(), understood(value)),
            });
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

#[test]
fn responses_have_the_documents_fields_and_types() {
    for (op, row) in operations() {
        let told = cell(&row, "answer");
        if told == "-" {
            for nothing in [Value::Null, json!({}), json!({ "accountId": "1" })] {
                assert!(op.answer(nothing.clone()).is_ok(), "{op} {nothing}");
            }
            continue;
        }
        let one = object(&fields(told, true), op.section());
        let whole = |one: Value| {
            if told.starts_with('[') {
                json!([one, one])
            } else {
                one
            }
        };
        let full = whole(one.clone());
        let same = |answer: &Value| match op.answer(answer.clone()) {
            Ok(kept) => assert_eq!(kept, understood(answer), "{op}"),
            Err(error) => panic!("{op}: {error}\n{answer}"),
        };
        same(&full);
        let more = op.answer(whole(with(&one, "/errShow", json!(true))));
        assert_eq!(more.expect("more is ignored"), understood(&full), "{op}");
        let mut all = Vec::new();
        places(&fields(told, true), op.section(), "", &mut all);
        for (place, _) in all.into_iter().filter(|(_, required)| !required) {
            same(&whole(without(&one, &place)));
        }
        assert!(op.answer(Value::Null).is_err(), "{op} answers something");
    }
}

#[test]
fn responses_are_parsed_leniently() {
    let doc_id = |value: Value| {
        let answer = Op::CreateByFileKey.answer(json!({ "docId": value }));
        answer.expect("an answer")["docId"].clone()
    };
    assert_eq!(doc_id(json!(138)), "138");
    assert_eq!(doc_id(json!("138")), "138");
    // `doc/createbyfilekey` also returns docUrl, which the document does not mention.
    let more = json!({ "docId": "138", "docUrl": "https://127.0.0.1/138.pdf" });
    let kept = Op::CreateByFileKey.answer(more.clone());
    assert_eq!(kept.expect("an answer"), more);
    for op in [Op::Detail, Op::ContractsDetail] {
        let signer = json!({ "accountId": "a", "signStatus": 0, "signInfo": [] });
        for (name, status) in [("signDetail", json!(1)), ("signDetailList", json!("1"))] {
            let mut answer = json!({ "flowId": 100, "flowStatus": status });
            answer[name] = json!([signer]);
            let kept = op.answer(answer).expect("an answer");
            assert_eq!(kept["flowId"], "100", "{op}");
            assert_eq!(kept["flowStatus"], 1, "{op}");
            assert_eq!(kept["signDetail"][0]["accountId"], "a", "{op}");
        }
        // All states of section 5.5.7, and no other.
        for status in 0..=7 {
            let kept = op.answer(json!({ "flowId": "1", "flowStatus": status }));
            assert_eq!(kept.expect("a state")["flowStatus"], status, "{op}");
        }
        let unknown = op.answer(json!({ "flowId": "1", "flowStatus": 8 }));
        assert!(unknown.is_err(), "{op}");
    }
    for code in [json!(0), json!("0")] {
        let stored = json!({ "errCode": code, "msg": "成功", "errShow": true });
        let envelope: Envelope = serde_json::from_value(stored).expect("an envelope");
        assert_eq!(envelope.err_code, 0, "what an upload answers (5.1.2)");
    }
}

fn callback(payload: &Value) -> Option<Value> {
    let callback: Callback = serde_json::from_value(payload.clone()).ok()?;
    Some(serde_json::to_value(callback).expect("plain data"))
}

#[test]
fn callbacks_have_the_documents_fields_and_types() {
    for row in table("callbacks.tsv") {
        let section = cell(&row, "section");
        let mut full = object(&both(&row), section);
        full["action"] = json!(cell(&row, "action"));
        assert_eq!(callback(&full).expect("a callback"), full, "{section}");
        for field in both(&row) {
            let place = format!("/{}", field.name);
            let less = without(&full, &place);
            let expected = (!field.required).then(|| less.clone());
            assert_eq!(callback(&less), expected, "{section} {place}");
            if field.kind == "int" {
                let quoted = with(&full, &place, json!("2"));
                assert_eq!(callback(&quoted), Some(full.clone()), "{section} {place}");
            }
        }
        let more = with(&full, "/errShow", json!(true));
        assert_eq!(callback(&more), Some(full.clone()), "{section}");
        let unknown = with(&full, "/action", json!("SIGN_FLOW_PAUSE"));
        assert_eq!(callback(&unknown), None, "{section}");
        let (name, numbers) = match section {
            "5.9.3" => ("/signResult", 2..=4),
            _ => ("/flowStatus", 2..=5),
        };
        for number in numbers {
            let told = with(&full, name, json!(number));
            assert_eq!(callback(&told), Some(told.clone()), "{section} {number}");
        }
    }
}

#[test]
fn every_error_code_has_the_documented_message() {
    let codes = table("error-codes.tsv");
    assert_eq!(codes.len(), 38);
    for row in codes {
        let code = ErrorCode(cell(&row, "code").parse().expect("a number"));
        assert_eq!(code.message(), cell(&row, "message"), "{code}");
    }
}

#[test]
fn every_error_code_has_an_english_message_and_hint() {
    let unknown = ErrorCode(7_000_000).hint();
    for row in table("error-codes.tsv") {
        let code = ErrorCode(cell(&row, "code").parse().expect("a number"));
        for text in [code.english(), &code.hint()] {
            assert!(!text.trim().is_empty() && text.is_ascii(), "{code}: {text}");
        }
        assert_ne!(code.hint(), unknown, "{code}");
    }
}

#[test]
fn code_lists_have_the_documents_numbers() {
    let numbers = |codes: &Codes| -> Vec<i64> { codes.list.iter().map(|(no, _)| *no).collect() };
    // The appendix.
    let id_types = [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 27];
    assert_eq!(numbers(&ID_TYPE), id_types);
    let organ_types = [10, 11, 12, 25, 26, 28, 29, 30, 31, 32];
    assert_eq!(numbers(&ORGAN_TYPE), organ_types);
    // Sections 5.5.1 and 5.5.4.
    assert_eq!(numbers(&SIGN_PLATFORM), [1, 2, 3]);
    assert_eq!(numbers(&NOTICE_TYPE), [1, 2, 3]);
    assert_eq!(numbers(&SEAL_TYPE), [0, 1]);
}
