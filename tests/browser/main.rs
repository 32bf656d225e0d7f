//! The sandbox's pages and the report page in a real browser, used with the keyboard only. Requires
//! Chromium and its driver; see `docs/sandbox.md`.

mod driver;
mod made_up;
mod office;
mod report;

use jiff::Timestamp;
use serde_json::{Value, json};
use treaty::api::{FlowStatus, SignStatus};

use driver::{Browser, enter, with_browser};
use office::{Office, contract};

/// Serves the sandbox of a new office, and returns both the office and the address.
async fn office() -> (Office, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let office = Office::new(&base, Timestamp::now());
    let app = office.sandbox.router();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (office, base)
}

fn flow(office: &Office, scene: &str, more: &Value) -> Value {
    let doc = office.document("loan.pdf", &contract());
    office.flow(scene, &doc, more)
}

/// Returns the status of a task's flow and of the task.
fn statuses(office: &Office, token: &str) -> (FlowStatus, SignStatus) {
    office.sandbox.with_world(|world| {
        let task = |flow: &treaty::sandbox::Flow| {
            let task = flow.tasks.iter().find(|task| task.token == token)?;
            Some((flow.status, task.status))
        };
        world.flows().find_map(task).expect("a task")
    })
}

/// Asserts that a page has a language, one title, and labels for its controls.
async fn is_usable(browser: &Browser) {
    assert!(browser.has("html[lang=zh-CN]").await);
    assert!(browser.has("h1").await && !browser.has("h1 ~ * h1").await);
    assert!(!browser.has("img:not([alt])").await);
    assert!(!browser.has("input[type=text]:not([id])").await);
    assert!(!browser.overflows(360).await, "it fits a phone");
    assert!(!browser.overflows(1280).await, "it fits a screen");
}

#[tokio::test]
async fn a_person_signs_with_the_keyboard() {
    let (office, base) = office().await;
    let flow = flow(&office, "借款合同签署", &json!({ "redirectUrl": base }));
    let asked = office.ask(&flow, &office.person("沈晨怡"), "乙方签字");
    let token = asked.token().to_owned();
    with_browser(move |browser| async move {
        browser.open(&asked.short_url).await;
        assert!(browser.text("main dl").await.contains("待签署"));
        is_usable(&browser).await;
        let before = browser.picture("img.page").await;

        browser.tab_to("input[name=own]").await;
        browser.tab_to("button[value=sign]").await;
        browser.press(&enter()).await;
        let said = browser.text("[role=status]").await;
        assert!(said.contains("已签署"), "{said}");
        assert_eq!(
            statuses(&office, &token),
            (FlowStatus::Signing, SignStatus::Signed)
        );
        assert!(!browser.has("form").await, "it is signed once");
        assert_ne!(browser.picture("img.page").await, before, "the signature");

        browser.tab_to("[role=status] a").await;
        browser.press(&enter()).await;
        assert!(browser.text("table").await.contains("沈晨怡 已签署"));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_with_the_keyboard_requires_a_reason() {
    let (office, base) = office().await;
    let signed = flow(&office, "第一份", &json!({}));
    office.ask(&signed, &office.person("甲"), "乙方签字");
    let refused = flow(&office, "第二份", &json!({}));
    let asked = office.ask(&refused, &office.person("乙"), "乙方签字");
    let token = asked.token().to_owned();
    let waiting = (FlowStatus::Signing, SignStatus::Pending);
    with_browser(move |browser| async move {
        browser.open(&asked.sign_url).await;
        browser.tab_to("button[value=refuse]").await;
        browser.press(&enter()).await;
        // The browser rejects an empty field.
        assert!(browser.has("#reason:invalid").await);
        assert_eq!(statuses(&office, &token), waiting);
        browser.find("#reason").await;
        browser.open(&asked.sign_url).await;
        browser.tab_to("#reason").await;
        // The service rejects a field of spaces.
        browser.press(&format!("   {}", enter())).await;
        let said = browser.text("[role=alert]").await;
        assert!(said.contains("请填写拒签原因"), "{said}");
        assert_eq!(statuses(&office, &token), waiting);
        is_usable(&browser).await;

        // The invalid field has the focus.
        browser.press(&format!("金额不对{}", enter())).await;
        let said = browser.text("[role=status]").await;
        assert!(
            said.contains("已拒签") && said.contains("金额不对"),
            "{said}"
        );
        assert_eq!(
            statuses(&office, &token),
            (FlowStatus::Rejected, SignStatus::Ended)
        );

        browser.open(&base).await;
        is_usable(&browser).await;
        let list = browser.text("tbody").await;
        for shown in [
            "第一份",
            "签署中",
            "甲 待签署",
            "第二份",
            "已拒签",
            "乙 已拒签",
        ] {
            assert!(list.contains(shown), "{shown} in {list}");
        }
        browser.tab_to("tbody a").await;
        browser.press(&enter()).await;
        browser.find("main dl").await;
        assert!(browser.text("table").await.contains("金额不对"));
        is_usable(&browser).await;
    })
    .await;
}
