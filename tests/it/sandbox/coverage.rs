//! The coverage of the API. `UPDATE=1 cargo test` regenerates `docs/api-coverage.md`; the tests
//! check its statements about the sandbox. `tests/data/stage.tsv` lists successful calls of every
//! operation; `refusals.tsv` lists calls that are refused after them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bytes::Bytes;
use http::Request;
use jiff::SignedDuration;
use serde_json::Value;
use treaty::api::operation::{Op, RetryClass};
use treaty::api::{Envelope, content_md5};

use crate::sandbox::operations::{cell, table};
use crate::sandbox::stage::{Stage, begin, later};
use crate::support::project::{Project, root};

/// Returns the place of an operation in the manifest language or on the command line.
fn reached(op: Op) -> &'static str {
    match op {
        Op::UploadUrl => {
            "`templates.<name>.file`, `seals.<name>.image`, `documents.<name>.file`, `process.attachments`"
        }
        Op::CreatePerson => "`accounts.<name>.person`, `flows.<name>.accounts.<name>.person`",
        Op::CreateOrganization => {
            "`accounts.<name>.organization`, `flows.<name>.accounts.<name>.organization`"
        }
        Op::UpdatePerson => "another `name`, `mobile` or `email` in `accounts.<name>.person`",
        Op::UpdateOrganization => {
            "another `name`, `email` or `legalName` in `accounts.<name>.organization`"
        }
        Op::GrantSilentSign => "`accounts.<name>.silentSign: true`, or `{ until: … }`",
        Op::RevokeSilentSign => "`accounts.<name>.silentSign` taken away, or `false`",
        Op::ExchangeId => {
            "before an account is created or deleted; `treaty ask account/idexchange thirdId=…`"
        }
        Op::DeleteAccount => "`accounts.<name>: { absent: true, thirdId: … }`",
        Op::CreateTemplate => "`templates.<name>.file` with `templateName`",
        Op::CreateByFileKey => "`flows.<name>.documents.<name>.file`",
        Op::CreateByTemplate => {
            "`flows.<name>.documents.<name>.template` with `simpleFormFields` and `chunkedFields`"
        }
        Op::DownloadUrl => "`treaty ask doc/downloadurl docId=…`",
        Op::AddProcess | Op::ContractsAddProcess => "`flows.<name>.process`",
        Op::PlatformSignTask | Op::ContractsPlatformSignTask => "`signers.<name>.platform`",
        Op::UserSignTask | Op::ContractsUserSignTask => "`signers.<name>.user`",
        Op::HandPersonSignTask | Op::ContractsHandPersonSignTask => "`signers.<name>.person`",
        Op::HandOrgSignTask | Op::ContractsHandOrgSignTask => "`signers.<name>.organization`",
        Op::HandSignTask | Op::ContractsHandSignTask => "`signers.<name>.personAndOrganization`",
        Op::Detail => {
            "`treaty sync`; after a lost answer; `treaty ask sign/contract/detail flowId=…`"
        }
        Op::ContractsDetail => {
            "`treaty sync`; after a lost answer; `treaty ask sign/contracts/detail flowId=…`"
        }
        Op::Download => {
            "`finish: { download: … }` and `treaty sync`; `treaty ask sign/download flowId=…`"
        }
        Op::ViewUrl => "`treaty ask flow/get/viewurl flowId=… accountId=…`",
        Op::UndoTask => "by itself, when the answer with a person's sign link was lost",
        Op::Revoke => {
            "`onChange: reissue`, when a row differs from what was sent; `onVanish: revoke`, when it is no longer in the sheet"
        }
        Op::Archive => "`finish: { archive: true }` and `treaty sync`",
        Op::QuerySeals => "before a seal is created; `treaty ask seal/query accountId=…`",
        Op::CreatePersonSeal => "`seals.<name>.personTemplate`",
        Op::CreateOrganizationSeal => "`seals.<name>.organizationTemplate`",
        Op::CreatePersonImageSeal => "`seals.<name>.image`, of a person's account",
        Op::CreateOrganizationImageSeal => "`seals.<name>.image`, of an organization's account",
    }
}

/// Returns a note on the number of documents, for operations that exist in both families.
fn documents(op: Op) -> &'static str {
    let twin = op.path().replace("sign/contracts/", "sign/contract/");
    match Op::at(&twin.replace("sign/contract/", "sign/contracts/")) {
        Some(of_several) if of_several == op && twin != op.path() => " (several documents)",
        Some(_) if twin.starts_with("sign/contract/") => " (one document)",
        _ => "",
    }
}

const LOANS: &str = "cli/journeys::creates_two_hundred_contracts_once";
const LOST: &str = "durability/lost_responses::probes_lost_responses_of_every_operation";
const ONBOARDING: &str = "execution/manifests::deletes_absent_accounts_once_and_revokes_grants";
const IMAGES: &str = "execution/manifests::an_image_that_two_seals_share_is_uploaded_once";
const ASKED: &str = "sandbox/coverage::every_read_operation_has_a_command";
const FIVE: &str = "execution/manifests::all_five_kinds_of_signers_sign_one_document";
const TENANCY: &str = "execution/manifests::adds_signers_in_turn_and_downloads_signed_documents";
const LOST_LATER: &str = "execution/manifests::probes_lost_responses_of_contracts_operations";
const STARTERS: &str = "cli/journeys::starters_and_examples_can_be_applied";
const STANDING: &str = "cli/journeys::updates_mutable_resource_fields_and_refuses_other_changes";

/// Returns the scenario tests that call the operation, besides the tests that cover all operations.
fn tested(op: Op) -> &'static [&'static str] {
    match op {
        Op::CreatePerson
        | Op::CreateOrganization
        | Op::GrantSilentSign
        | Op::UploadUrl
        | Op::CreateTemplate
        | Op::CreateByTemplate
        | Op::AddProcess
        | Op::PlatformSignTask
        | Op::CreateOrganizationSeal => &[LOANS, LOST],
        Op::HandPersonSignTask => &[LOANS, LOST, FIVE],
        Op::ExchangeId | Op::QuerySeals => &[
            LOANS,
            "durability/lost_responses::a_second_apply_writes_nothing",
        ],
        Op::UpdatePerson => &["cli/journeys::adopts_existing_accounts_and_seals"],
        Op::UpdateOrganization => &[STANDING],
        Op::RevokeSilentSign => &[STANDING, ONBOARDING],
        Op::DeleteAccount => &[ONBOARDING],
        Op::CreateByFileKey => &["cli/journeys::a_document_may_be_a_local_pdf", TENANCY],
        Op::DownloadUrl => &[
            "sandbox/servers::the_sandbox_serves_filled_contracts",
            ASKED,
        ],
        Op::UserSignTask | Op::HandOrgSignTask | Op::HandSignTask => &[FIVE],
        Op::Detail => &[LOST],
        Op::ContractsAddProcess
        | Op::ContractsUserSignTask
        | Op::ContractsHandPersonSignTask
        | Op::ContractsHandOrgSignTask
        | Op::ContractsDetail
        | Op::Archive => &[TENANCY, LOST_LATER],
        Op::Download => &[
            TENANCY,
            "execution/manifests::archives_and_downloads_automatic_flows_immediately",
        ],
        Op::UndoTask => &[
            LOST,
            "durability/lost_responses::an_ambiguous_probe_leaves_the_item_in_doubt",
        ],
        Op::CreatePersonSeal => &[STARTERS],
        Op::CreatePersonImageSeal | Op::CreateOrganizationImageSeal => &[IMAGES],
        Op::Revoke => &[
            "execution/reissue::reissues_a_changed_row_once",
            "execution/removed_rows::revokes_removed_rows_once",
        ],
        Op::ViewUrl => &[ASKED],
        Op::ContractsPlatformSignTask | Op::ContractsHandSignTask => {
            &["execution/manifests::all_five_kinds_of_signers_sign_several_documents"]
        }
    }
}

const HEAD: &str = "\
# Coverage of the API

Every operation of the API document, in its order:

- its retry class: `read` changes nothing, `set` leaves the same state, `spare` leaves at most an
  unused object, `probe` is probed with the operation beside it before it is repeated
- its place in a [manifest](manifest.md) or on the [command line](commands.md)
- the requests that the sandbox refuses
- scenarios that use it

Every operation also has the tests of `tests/it/sandbox`: `operations.rs` (its fields and their types
against the tables of the API document), `document_examples.rs` (the examples of the document) and
`coverage.rs` (the refusals in this table; it writes this file with `UPDATE=1 cargo test`). Every
operation also refuses a body that is not JSON, a missing required field, a field of another type, an
empty id and a `Content-Type` other than `application/json` with `1435002`, and a call without app id
and secret, where credentials are required, with `1435103`. Without `--strict`, `treaty sandbox` takes
[other spellings](sandbox-spellings.md) of a field.

| operation | section | retry class | in treaty | the sandbox refuses | tests |
|---|---|---|---|---|---|
";

const UPLOAD: &str = "\
| `PUT` to the `uploadUrl` | 5.1.2 | spare | after `file/uploadurl` | `403 SignatureDoesNotMatch` another `Content-MD5` \
or `Content-Type` than was announced; `403 InvalidDigest` other bytes; `403 AccessDenied` after an hour; \
`403 NoSuchKey` a file that was not announced";

fn page() -> String {
    let refusals = table("refusals.tsv");
    let mut page = HEAD.to_owned();
    for op in Op::ALL {
        let repeat = match op.retry_class() {
            RetryClass::Read => "read".to_owned(),
            RetryClass::Set => "set".to_owned(),
            RetryClass::Spare => "spare".to_owned(),
            RetryClass::Probe(probe) => format!("probe: `{probe}`"),
        };
        let mut by_code: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in refusals
            .iter()
            .filter(|row| cell(row, "operation") == op.path())
        {
            by_code
                .entry(cell(row, "code"))
                .or_default()
                .push(cell(row, "what"));
        }
        let refused = by_code.iter();
        let refused: Vec<String> = refused
            .map(|(code, what)| format!("`{code}` {}", what.join(", ")))
            .collect();
        writeln!(
            page,
            "| `{op}` | {} | {repeat} | {}{} | {} | {} |",
            op.section(),
            reached(*op),
            documents(*op),
            refused.join("; "),
            names(tested(*op))
        )
        .expect("a string");
        if *op == Op::UploadUrl {
            writeln!(page, "{UPLOAD} | {} |", names(tested(*op))).expect("a string");
        }
    }
    page
}

fn names(tests: &[&str]) -> String {
    let quoted: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
    quoted.join(", ")
}

#[test]
fn api_coverage_page_is_current() {
    let path = root().join("docs/api-coverage.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("written");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == page,
        "docs/api-coverage.md is old: UPDATE=1 cargo test writes it anew"
    );
}

#[test]
fn tests_named_on_the_page_exist() {
    for test in Op::ALL.iter().flat_map(|op| tested(*op)) {
        let (file, name) = test.split_once("::").expect("a file");
        let path = root().join("tests/it").join(file).with_extension("rs");
        let text = std::fs::read_to_string(path).expect("a file of tests");
        assert!(text.contains(&format!("fn {name}()")), "{test}");
    }
}

#[test]
fn the_sandbox_serves_every_operation() {
    Stage::set();
    let called: BTreeSet<String> = table("stage.tsv")
        .iter()
        .map(|row| cell(row, "operation").to_owned())
        .collect();
    for op in Op::ALL.iter().filter(|op| **op != Op::UploadUrl) {
        assert!(called.contains(op.path()), "{op} is not on the stage");
    }
}

#[test]
fn the_sandbox_returns_the_documented_error_codes() {
    let stage = Stage::set();
    let mut wrong = String::new();
    let refusals = table("refusals.tsv");
    for row in &refusals {
        let (op, code) = (cell(row, "operation"), cell(row, "code"));
        let answer = stage.call(
            Op::at(op).expect("an operation"),
            cell(row, "request"),
            later(),
        );
        if answer.err_code.to_string() != code {
            writeln!(
                wrong,
                "{op} {}: {code}, but was {} {:?}",
                cell(row, "what"),
                answer.err_code,
                answer.msg
            )
            .expect("a string");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for op in Op::ALL {
        let own = refusals
            .iter()
            .any(|row| cell(row, "operation") == op.path());
        assert!(own, "what is refused by {op}?");
    }
}

#[test]
fn every_operation_refuses_malformed_requests() {
    let stage = Stage::empty();
    for op in Op::ALL {
        let code = |kind: &str, body: &str| stage.send(*op, kind, body, begin()).err_code;
        for body in ["", "<xml/>", "[]", "{}"] {
            assert_eq!(code("application/json", body), 1_435_002, "{op} {body}");
        }
        assert_eq!(code("text/plain", "{}"), 1_435_002, "{op}");
        let request = Request::post(format!("/{op}")).header("Content-Type", "application/json");
        let request = request.body(Bytes::from_static(b"{}")).expect("a request");
        let answer = stage
            .sandbox
            .clone()
            .with_credentials()
            .handle(&request, begin());
        let answer: Envelope = serde_json::from_slice(answer.body()).expect("an envelope");
        assert_eq!(answer.err_code, 1_435_103, "{op}");
    }
}

#[test]
fn uploads_must_match_their_announcement() {
    let stage = Stage::empty();
    let pdf = std::fs::read(root().join("examples/loans/templates/loan.pdf")).expect("a PDF");
    let (path, md5, kind) = (
        stage.upload_path("waiting"),
        content_md5(&pdf),
        "application/pdf",
    );
    let after_an_hour = begin() + SignedDuration::from_secs(3601);
    for (why, answer) in [
        (
            "SignatureDoesNotMatch",
            stage.put(&path, &content_md5(b""), kind, &pdf, begin()),
        ),
        (
            "SignatureDoesNotMatch",
            stage.put(&path, &md5, "text/plain", &pdf, begin()),
        ),
        (
            "InvalidDigest",
            stage.put(&path, &md5, kind, b"other", begin()),
        ),
        (
            "AccessDenied",
            stage.put(&path, &md5, kind, &pdf, after_an_hour),
        ),
        (
            "NoSuchKey",
            stage.put("/upload/none", &md5, kind, &pdf, begin()),
        ),
    ] {
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), 403, "{why}");
        assert!(
            body.contains(&format!("<Code>{why}</Code>")),
            "{why}: {body}"
        );
        assert!(body.starts_with("<?xml "), "{why}: {body}");
        assert_eq!(
            body.contains("<Message>Request has expired.</Message>"),
            why == "AccessDenied",
            "{body}"
        );
    }
    let answer = stage.put(&path, &md5, kind, &pdf, later());
    let stored: Envelope = serde_json::from_slice(answer.body()).expect("an envelope");
    assert_eq!((answer.status().as_u16(), stored.err_code), (200, 0));
}

#[test]
fn every_read_operation_has_a_command() {
    for op in Op::ALL {
        let said = reached(*op).contains(&format!("`treaty ask {op} "));
        assert_eq!(said, op.is_read_only(), "{op}");
    }
    let project = Project::loans();
    let sheet: Vec<String> = project.sheet().lines().take(2).map(str::to_owned).collect();
    project.set_sheet(&sheet.join("\r\n"));
    project.expect(&["apply", "--yes"], 0);
    let report = &project.report("loans.csv")[0];
    let (flow, doc) = (&report["treaty_flow_id"], &report["treaty_doc_id"]);
    let borrower = &report["treaty_borrower_account_id"];
    let ask = |op: Op, fields: &[(&str, &str)]| -> Value {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut args = vec!["ask", op.path()];
        args.extend(fields.iter().map(String::as_str));
        serde_json::from_str(&project.expect(&args, 0).stdout).expect("JSON")
    };
    let account = ask(Op::ExchangeId, &[("thirdId", "acme")]);
    let acme = account["accountId"].as_str().expect("an account");
    assert_eq!(
        ask(Op::QuerySeals, &[("accountId", acme)])[0]["sealAlias"],
        "合同专用章"
    );
    for op in [Op::Detail, Op::ContractsDetail] {
        let detail = ask(op, &[("flowId", flow)]);
        assert_eq!(detail["flowStatus"], 1, "{op}");
        assert_eq!(
            detail["signDetail"][1]["accountId"],
            borrower.as_str(),
            "{op}"
        );
    }
    let url = ask(Op::DownloadUrl, &[("docId", doc)])["docUrl"].clone();
    assert!(url.as_str().is_some_and(|url| url.contains(doc)), "{url}");
    let url = ask(Op::ViewUrl, &[("flowId", flow), ("accountId", borrower)])["viewUrl"].clone();
    assert!(url.as_str().is_some_and(|url| url.contains(flow)), "{url}");
    let refused = project.expect(&["ask", "sign/download", &format!("flowId={flow}")], 1);
    assert!(refused.stderr.contains("1436019"), "{}", refused.stderr);
    for wrong in [
        &["ask", "sign/revoke", "flowId=1"][..],
        &["ask", "sign/download", "flowID=1"],
        &["ask", "sign/download", "flowId=1", "docID=1"],
        &["ask", "sign/download", "1"],
    ] {
        project.expect(wrong, 64);
    }
}
