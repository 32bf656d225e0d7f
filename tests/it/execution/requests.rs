//! The requests that manifests produce, and the results in status and signed documents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::project::{Project, root};
use crate::support::rig::Rig;

/// Creates the loans project with one row and replaces its flow from `documents` on.
fn flow(text: &str) -> Rig {
    let rig = Rig::loans(1);
    rewrite(&rig, text);
    rig
}

fn rewrite(rig: &Rig, text: &str) {
    let manifest = rig.project.read("manifests/loans.yaml");
    let (head, _) = manifest.split_once("    documents:").expect("documents");
    rig.project
        .write("manifests/loans.yaml", format!("{head}{text}"));
}

const PLAIN: &str = "    documents: { loan: { template: loan, name: 借款 } }\n    process: { businessScene: 测试 }\n    signers: { borrower: { person: { account: borrower } } }\n";

#[tokio::test(start_paused = true)]
async fn every_option_of_a_process_is_sent() {
    let rig = flow(
        r#"    documents: { loan: { template: loan, name: "借款-{{ key }}", encryption: false, chunkedFields: [{ mimeType: text/html, data: "<p>附页</p>" }] } }
    process:
      businessScene: "借款-{{ key }}"
      initiator: acme
      payer: clerk
      signValidity: 4102416000000
      signPlatform: [h5, 2, wechat]
      noticeType: [sms, email, alipay]
      noticeUrl: "https://lender.example/told?from=treaty"
      redirectUrl: "https://lender.example/thanks"
      addSignTime: true
      attachments: [{ file: ../loans.csv, name: 附表 }]
    signers: { borrower: { person: { account: borrower, sealType: [handdrawn, 1], positions: [{ seam: "1-2,1", posX: 1.5, posY: 400, scale: 90 }] } } }
"#,
    );
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    let mut sent = rig.body("sign/contract/addProcess");
    let sent = sent.as_object_mut().expect("an object");
    for (name, is_text) in [
        ("docId", true),
        ("initiatorAccountId", true),
        ("payer", true),
    ] {
        let value = sent.remove(name).expect(name);
        assert_eq!(value.is_string(), is_text, "{name}");
    }
    let attachments = sent.remove("attachmentList").expect("attachments");
    assert_eq!(attachments[0]["attachmentName"], "附表");
    assert!(attachments[0]["attachmentFilekey"].is_string());
    assert_eq!(
        json!(sent),
        json!({
            "businessScene": "借款-HT-2026-0001",
            "signValidity": 4_102_416_000_000_i64,
            "signPlatform": "1,2,3",
            "noticeType": "1,2,3",
            "noticeUrl": "https://lender.example/told?from=treaty",
            "redirectUrl": "https://lender.example/thanks",
            "addSignTime": true,
            "docName": "借款-HT-2026-0001",
            "encryption": false,
        })
    );
    let task = rig.body("sign/contract/handPersonSignTask");
    assert_eq!(task["sealType"], "0,1");
    assert_eq!(
        task["posList"],
        json!([{ "signType": 3, "posPage": "1-2,1", "posX": 1.5, "posY": 400.0, "scale": 90.0 }])
    );
    assert!(
        task["thirdOrderNo"]
            .as_str()
            .expect("a number")
            .ends_with("-borrower")
    );
}

#[tokio::test(start_paused = true)]
async fn sends_appended_pages_in_order_with_escaped_cells() {
    let pdf = std::fs::read(root().join("examples/tenancy/annexes/guide.pdf")).expect("a PDF");
    let rig = flow(&format!(
        r#"    documents:
      loan:
        template: loan
        name: 借款
        chunkedFields:
          - {{ mimeType: text/html, file: page.html }}
          - {{ mimeType: application/pdf, file: guide.pdf }}
          - {{ mimeType: Application/PDF, data: {} }}
          - {{ mimeType: text/html, data: "<p>{{{{ row.姓名 }}}}</p>" }}
    process: {{ businessScene: 测试 }}
    signers: {{ borrower: {{ person: {{ account: borrower }} }} }}
"#,
        STANDARD.encode(&pdf)
    ));
    rig.project.write("manifests/guide.pdf", &pdf);
    rig.project
        .write("manifests/page.html", "<h1>{{ key }}</h1>{{ row.姓名 }}");
    let sheet = rig.project.sheet();
    rig.project
        .set_sheet(&sheet.replacen("沈晨怡", "沈<b>晨</b>", 1));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    let chunks = rig.body("doc/createbytemplate")["chunkedFields"].clone();
    let chunks = chunks.as_array().expect("chunks");
    let told: Vec<(&str, i64)> = chunks
        .iter()
        .map(|chunk| {
            let kind = chunk["mimeType"].as_str().expect("a type");
            (kind, chunk["sequence"].as_i64().expect("a number"))
        })
        .collect();
    let (html, of_pdf) = ("text/html", "application/pdf");
    assert_eq!(told, [(html, 0), (of_pdf, 1), (of_pdf, 2), (html, 3)]);
    let data = |at: usize| {
        let text = chunks[at]["chunkedData"].as_str().expect("data");
        STANDARD.decode(text).expect("Base64")
    };
    let text = |at| String::from_utf8(data(at)).expect("UTF-8");
    let escaped = "<h1>HT-2026-0001</h1>沈&lt;b&gt;晨&lt;&#x2f;b&gt;";
    assert_eq!(text(0), escaped);
    assert_eq!(data(1), pdf);
    assert_eq!(data(2), pdf);
    assert!(text(3).contains("&lt;b&gt;"));
}

#[tokio::test(start_paused = true)]
async fn uses_an_existing_template_by_its_id() {
    let rig = flow(PLAIN);
    rig.apply().await;
    let id = rig.body("doc/createbytemplate")["templateId"].clone();
    let id = id.as_str().expect("an id").to_owned();
    rig.project.replace(
        "manifests/loans.yaml",
        "loan: { file: ../templates/loan.pdf, templateName: 借款合同 }",
        &format!("loan: {{ templateId: {id}, fields: [contractNo] }}"),
    );
    let sheet = rig.project.sheet();
    rig.project
        .set_sheet(&sheet.replacen("HT-2026-0001", "HT-2026-9001", 1));
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    assert_eq!(rig.body("doc/createbytemplate")["templateId"], id.as_str());
    assert_eq!(
        (rig.calls("upload"), rig.calls("template/createbyfilekey")),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_signer_counts_as_unsigned() {
    let rig = flow(
        &PLAIN.replace(
            "{ borrower: { person: { account: borrower } } }",
            "{ borrower: { person: { account: borrower } }, clerk: { person: { account: clerk }, after: [borrower] } }",
        ),
    );
    rig.apply().await;
    rig.sign_all();
    let synced = rig.sync().await;
    assert_eq!(
        (synced.waiting, synced.archived),
        (1, 0),
        "the clerk is still to sign"
    );
}

#[tokio::test(start_paused = true)]
async fn reports_an_expired_flow() {
    let rig = Rig::of(Project::copy_of(&root().join("examples/tenancy")));
    rig.apply().await;
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(15 * 24);
    rig.sandbox.advance(None, later);
    let synced = rig.sync().await;
    assert_eq!(synced.ended(), 6);
    let message = &synced.endings[0].1.message;
    assert_eq!(message, "its time ran out before all had signed");
}

#[tokio::test(start_paused = true)]
async fn draws_every_signature_in_the_signed_document() {
    let rig = Rig::of(Project::copy_of(&root().join("examples/tenancy")));
    rig.apply().await;
    for _ in 0..3 {
        rig.sign_all();
        rig.sync().await;
    }
    let lease = std::fs::read(rig.project.path("signed/ZL-2026-001-lease.pdf")).expect("a PDF");
    let red = |page| {
        let png = treaty::pdf::picture(&lease, page, 600)
            .expect("a PDF")
            .expect("a page");
        let picture = tiny_skia::Pixmap::decode_png(&png).expect("a picture");
        let is_red = |pixel: &&tiny_skia::PremultipliedColorU8| {
            pixel.red() > 150 && pixel.green() < 100 && pixel.blue() < 100
        };
        picture.pixels().iter().filter(is_red).count()
    };
    // The landlord's seal is across the seam of both pages, and two seals are on the second page.
    // The appended page has none.
    let (first, second, third) = (red(1), red(2), red(3));
    assert!(
        first > 100 && second > 4 * first && second < 6 * first,
        "{first} {second}"
    );
    assert_eq!(third, 0);
}
