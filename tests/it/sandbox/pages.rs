//! The pages of the sandbox without a browser: their content, access rules and forms.

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use lopdf::encryption::{EncryptionState, EncryptionVersion, Permissions};
use serde_json::{Value, json};
use treaty::api::{FlowStatus, SignStatus};

use crate::office::{Asked, Office, contract};

const HOST: &str = "127.0.0.1:7878";

/// A flow that waits for one person.
struct Scene {
    office: Office,
    flow: Value,
    asked: Asked,
}

/// A response to a browser.
struct Page {
    status: StatusCode,
    location: String,
    text: String,
}

impl Scene {
    fn new() -> Self {
        Self::with("借款合同签署", "沈晨怡", &json!({}))
    }

    fn with(scene: &str, name: &str, more: &Value) -> Self {
        Self::of(&contract(), scene, name, more)
    }

    fn of(pdf: &[u8], scene: &str, name: &str, more: &Value) -> Self {
        let now: Timestamp = "2026-11-20T08:00:00Z".parse().expect("a time");
        let office = Office::new(&format!("http://{HOST}"), now);
        let doc = office.document("loan.pdf", pdf);
        let flow = office.flow(scene, &doc, more);
        let person = office.person(name);
        // An encrypted document cannot be searched for words: the signer chooses the position.
        let asked = if more["encryption"] == true {
            let task = json!({ "flowId": flow, "accountId": person });
            let answer = office.call("sign/contract/handPersonSignTask", &task);
            Asked {
                sign_url: answer["signUrl"].as_str().expect("an address").to_owned(),
                short_url: String::new(),
            }
        } else {
            office.ask(&flow, &person, "乙方签字")
        };
        Self {
            office,
            flow,
            asked,
        }
    }

    fn get(&self, url: &str) -> Page {
        self.get_as(url, HOST)
    }

    fn get_as(&self, url: &str, host: &str) -> Page {
        page(&self.office, Method::GET, url, &[("host", host)], "")
    }

    /// Submits the form of the signing page.
    fn send(&self, fields: &[(&str, &str)]) -> Page {
        self.send_as(fields, HOST, &format!("http://{HOST}"))
    }

    fn send_as(&self, fields: &[(&str, &str)], host: &str, origin: &str) -> Page {
        let url = reqwest::Url::parse_with_params("http://form.invalid/", fields);
        let url = url.expect("fields");
        let headers = [
            ("host", host),
            ("origin", origin),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let body = url.query().unwrap_or_default();
        page(
            &self.office,
            Method::POST,
            &self.asked.sign_url,
            &headers,
            body,
        )
    }

    fn flow_path(&self) -> String {
        let id = &self.flow;
        format!(
            "/flow/{}",
            id.as_str().map_or(id.to_string(), str::to_owned)
        )
    }

    fn statuses(&self) -> (FlowStatus, SignStatus) {
        self.office.sandbox.with_world(|world| {
            let flow = world.flows().next().expect("a flow");
            (flow.status_at(self.office.now), flow.tasks[0].status)
        })
    }

    /// Returns the image of the contract's only page.
    fn picture(&self) -> Vec<u8> {
        let page = self.get(&self.asked.sign_url).text;
        let from = page.find("/page/").expect("a picture");
        let to = page[from..].find('"').expect("its end");
        let answer = self
            .office
            .send(Method::GET, &page[from..from + to], &[("host", HOST)], "");
        assert_eq!(answer.headers()["content-type"], "image/png");
        answer.body().to_vec()
    }
}

fn page(office: &Office, method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Page {
    let answer = office.send(method, url, headers, body.to_owned());
    let location = answer.headers().get("location");
    Page {
        status: answer.status(),
        location: location.map_or_else(String::new, |to| to.to_str().expect("text").to_owned()),
        text: String::from_utf8_lossy(answer.body()).into_owned(),
    }
}

const WAITING: (FlowStatus, SignStatus) = (FlowStatus::Signing, SignStatus::Pending);

#[test]
fn pages_show_signers_and_positions() {
    let empty = Office::new(&format!("http://{HOST}"), Timestamp::UNIX_EPOCH);
    let list = page(&empty, Method::GET, "/", &[("host", HOST)], "");
    assert!(list.text.contains("还没有签署流程"));

    let scene = Scene::new();
    let list = scene.get("/");
    assert_eq!(list.status, 200);
    for shown in ["借款合同签署", "沈晨怡", "签署中", &scene.flow_path()] {
        assert!(list.text.contains(shown), "{shown} in {}", list.text);
    }
    let flow = scene.get(&scene.flow_path());
    for shown in ["关键字“乙方签字”", "待签署", scene.asked.token(), ".png"] {
        assert!(flow.text.contains(shown), "{shown} in {}", flow.text);
    }
    for page in [
        list,
        flow,
        scene.get(&scene.asked.sign_url),
        scene.get("/flow/0"),
    ] {
        assert_eq!(page.text.matches("<h1>").count(), 1);
        assert!(page.text.contains("<html lang=\"zh-CN\">") && !page.text.contains("<script"));
    }
}

/// The ids of the flows on a page of the list, from the first one.
fn listed(page: &Page) -> Vec<String> {
    let links = page.text.split("<td data-label=\"流程\"><a href=\"/flow/");
    let ids = links.skip(1).map(|rest| rest.split('"').next());
    ids.map(|id| id.expect("an id").to_owned()).collect()
}

#[test]
fn the_list_has_pages_with_the_latest_flow_first() {
    let scene = Scene::new();
    let doc = scene.office.document("loan.pdf", &contract());
    let mut ids = vec![scene.flow.as_str().expect("an id").to_owned()];
    for number in 1..120 {
        let flow = (scene.office).flow(&format!("借款 {number}"), &doc, &json!({}));
        ids.push(flow.as_str().expect("an id").to_owned());
    }
    ids.reverse();
    let pages: Vec<Page> = ["/", "/?page=2", "/?page=3"]
        .map(|url| scene.get(url))
        .into();
    let shown: Vec<String> = pages.iter().flat_map(listed).collect();
    assert_eq!(shown, ids);
    assert!(pages[0].text.contains("第 1 页，共 3 页"));
    let has = |page: &Page, link: &str| page.text.contains(&format!("rel=\"{link}\""));
    let links = |page| (has(page, "prev"), has(page, "next"));
    let links: Vec<_> = pages.iter().map(links).collect();
    assert_eq!(links, [(false, true), (true, true), (true, false)]);
    for (url, page) in [("/?page=9", 2), ("/?page=0", 0), ("/?page=x&x", 0)] {
        assert_eq!(listed(&scene.get(url)), listed(&pages[page]), "{url}");
    }
}

#[test]
fn the_list_is_searched_and_filtered() {
    let scene = Scene::with(
        "Loan 2026",
        "沈晨怡",
        &json!({ "docName": "借款合同-HT-7.pdf" }),
    );
    let doc = scene.office.document("loan.pdf", &contract());
    for number in 0..60 {
        let flow = (scene.office).flow("租赁 <7>", &doc, &json!({}));
        if number == 0 {
            (scene.office).ask(&flow, &scene.office.person("赵敏"), "乙方签字");
        }
    }
    let own = scene.flow.as_str().expect("an id");
    let search = |words: &str| {
        let url = reqwest::Url::parse_with_params("http://list.invalid/", [("q", words)]);
        let url = url.expect("words");
        scene.get(&format!("/?{}", url.query().expect("a query")))
    };
    for words in ["沈晨怡", own, "LOAN 2026", "ht-7", " 2026  晨怡 "] {
        assert_eq!(listed(&search(words)), [own], "{words}");
    }
    assert_eq!(listed(&search("赵敏")).len(), 1);
    assert!(search("沈晨怡 赵敏").text.contains("没有符合条件的流程"));
    // The links to other pages and statuses keep the search.
    let many = search("<7>");
    assert_eq!(listed(&many).len(), 50);
    assert!(many.text.contains("value=\"&lt;7&gt;\"") && !many.text.contains("<7>"));
    for link in ["?q=%3C7%3E&amp;page=2", "?q=%3C7%3E&amp;status=draft"] {
        assert!(many.text.contains(link), "{link} in {}", many.text);
    }
    assert_eq!(listed(&scene.get("/?q=%3C7%3E&page=2")).len(), 10);
    assert_eq!(listed(&scene.get("/?status=signing")).len(), 2);
    assert_eq!(listed(&scene.get("/?status=finished")).len(), 0);
}

#[test]
fn an_unknown_address_has_a_page() {
    let scene = Scene::new();
    for url in ["/flow/0", "/nothing", "/flow", "/a/b/c", "/favicon.ico"] {
        let page = scene.get(url);
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{url}");
        assert!(page.text.contains("链接不存在或已失效"), "{url}");
        assert!(page.text.contains("<a href=\"/\">"), "{url}");
    }
}

#[test]
fn seals_have_300_pixels_an_inch() {
    let scene = Scene::new();
    let seal = json!({
        "accountId": scene.office.person("甲"), "alias": "章", "width": 96, "height": 48,
        "templateType": "RECTANGLE", "color": "RED",
    });
    let seal = scene.office.call("seal/create/person", &seal)["accountId"].take();
    let entries = json!({ "accountId": seal });
    let entries = scene.office.call("seal/query", &entries);
    let url = entries[0]["sealUrl"].as_str().expect("an address");
    let image = scene.office.send(Method::GET, url, &[], "");
    let image = tiny_skia::Pixmap::decode_png(image.body()).expect("a PNG");
    assert_eq!((image.width(), image.height()), (300, 150));
}

#[test]
fn a_person_signs_and_sees_the_signature() {
    let scene = Scene::new();
    let before = scene.picture();
    let signed = scene.send(&[("action", "sign"), ("own", "hand")]);
    assert_eq!(signed.status, StatusCode::SEE_OTHER);
    assert!(scene.asked.sign_url.ends_with(&signed.location));
    assert_eq!(scene.statuses(), (FlowStatus::Signing, SignStatus::Signed));
    let after = scene.get(&signed.location);
    assert!(after.text.contains("已签署") && !after.text.contains("<form"));
    assert_ne!(scene.picture(), before);
    assert!(scene.get(&scene.flow_path()).text.contains("等待归档"));
    let again = scene.send(&[("action", "refuse"), ("reason", "后悔")]);
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(scene.statuses().1, SignStatus::Signed);
}

/// The width of a seal and `scale` have the same unit (5.5.2): pixels of 1/96 inch.
#[test]
fn a_seal_has_its_own_width_unless_scale_is_smaller() {
    let office = Office::new(
        "http://127.0.0.1:1",
        "2026-11-20T08:00:00Z".parse().expect("a time"),
    );
    let doc = office.document("loan.pdf", &contract());
    let person = office.person("沈晨怡");
    let company = json!({
        "creatorId": person, "name": "天谷科技信息有限公司", "organCode": "745830607", "organType": 12,
    });
    let company = office.call("account/create/organize/common", &company)["accountId"].take();
    let look = json!({
        "accountId": company, "alias": "章", "width": 120, "height": 60, "templateType": "OVAL_STAR",
        "color": "RED",
    });
    let seal = office.call("seal/create/organize", &look)["sealId"].take();
    for (scale, width) in [(Value::Null, 90.0), (json!(60), 45.0), (json!(120), 90.0)] {
        let flow = office.flow("借款", &doc, &json!({}));
        let position =
            json!({ "signType": 2, "posPage": "1", "posX": 300, "posY": 200, "scale": scale });
        let sign = json!({ "flowId": flow, "sealId": seal, "posList": [position] });
        office.call("sign/contract/platformSignTask", &sign);
        office.call("sign/contract/archiveProcess", &json!({ "flowId": flow }));
        let given = office.call("sign/download", &json!({ "flowId": flow }));
        let url = given[0]["docUrl"].as_str().expect("an address");
        let pdf = office.send(Method::GET, url, &[], "");
        let pdf = lopdf::Document::load_mem(pdf.body()).expect("a PDF");
        let drawn = format!("q {width:.3} 0 0 {:.3} ", width / 2.0);
        let mut streams = pdf
            .objects
            .values()
            .filter_map(|object| object.as_stream().ok());
        let found = streams.any(|stream| {
            let content = stream.get_plain_content().unwrap_or_default();
            String::from_utf8_lossy(&content).contains(&drawn)
        });
        assert!(found, "{drawn}");
    }
}

#[test]
fn refusing_requires_a_reason() {
    let scene = Scene::new();
    let long = "长".repeat(201);
    for reason in [
        &[][..],
        &[("reason", "")],
        &[("reason", " \t")],
        &[("reason", &long)],
    ] {
        let fields = [&[("action", "refuse")], reason].concat();
        let refused = scene.send(&fields);
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("role=\"alert\""));
        assert_eq!(scene.statuses(), WAITING);
    }
    let refused = scene.send(&[("action", "refuse"), ("reason", "金额<b>不对")]);
    assert_eq!(refused.status, StatusCode::SEE_OTHER);
    let done = (FlowStatus::Rejected, SignStatus::Ended);
    assert_eq!(scene.statuses(), done);
    let after = scene.get(&refused.location).text;
    assert!(after.contains("已拒签") && after.contains("金额&lt;b&gt;不对"));
}

#[test]
fn invalid_forms_change_nothing() {
    let scene = Scene::new();
    for fields in [
        &[][..],
        &[("own", "hand")],
        &[("action", "sign")],
        &[("action", "sign"), ("own", "no such seal")],
        &[("action", "sign"), ("own", "hand"), ("organization", "x")],
        &[("action", "dance"), ("own", "hand")],
    ] {
        let wrong = scene.send(fields);
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert_eq!(scene.statuses(), WAITING, "{fields:?}");
    }
    let cut = &scene.asked.token()[..12];
    for token in ["x", cut, "", "ffffffffffffffffffffffffffffffff"] {
        let url = format!("/sign/{token}");
        assert_eq!(scene.get(&url).status, StatusCode::NOT_FOUND, "{token}");
        let headers = [("host", HOST)];
        let form = "action=sign&own=hand";
        let sent = page(&scene.office, Method::POST, &url, &headers, form);
        assert_eq!(sent.status, StatusCode::NOT_FOUND, "{token}");
    }
    assert_eq!(scene.statuses(), WAITING);
}

#[test]
fn short_and_view_links_expire_after_thirty_days() {
    let mut scene = Scene::new();
    let view = json!({ "flowId": scene.flow, "accountId": treaty::sandbox::World::platform().0 });
    let view = scene.office.call("flow/get/viewurl", &view);
    let view = view["viewUrl"].as_str().expect("an address").to_owned();
    let short = scene.asked.short_url.clone();
    let begun = scene.office.now;
    scene.office.now = begun + SignedDuration::from_hours(30 * 24);
    let sent = scene.get(&short);
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert!(scene.asked.sign_url.ends_with(&sent.location));
    let shown = scene.get(&view);
    assert_eq!(shown.status, 200);
    assert!(
        !shown.text.contains(scene.asked.token()),
        "who looks cannot sign"
    );
    // The expiry time is part of the signature.
    let later = short.replace("Expires=1", "Expires=2");
    assert_eq!(scene.get(&later).status, StatusCode::NOT_FOUND);

    scene.office.now += SignedDuration::from_secs(1);
    for dead in [&short, &view] {
        assert_eq!(scene.get(dead).status, StatusCode::NOT_FOUND, "{dead}");
    }
    assert_eq!(scene.get(&scene.asked.sign_url).status, 200);
}

#[test]
fn pages_and_forms_refuse_foreign_hosts_and_origins() {
    let scene = Scene::new();
    let flow = scene.flow_path();
    for foreign in [
        "evil.example:7878",
        "evil.example",
        "127.0.0.1.evil.example:7878",
        "10.0.0.1",
    ] {
        for url in ["/", &flow, &scene.asked.sign_url, &scene.asked.short_url] {
            let page = scene.get_as(url, foreign);
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{foreign} {url}");
            assert!(!page.text.contains("沈晨怡"));
        }
        // DNS rebinding: a foreign name resolves to this machine, so origin and host match.
        let form = [("action", "sign"), ("own", "hand")];
        let sent = scene.send_as(&form, foreign, &format!("http://{foreign}"));
        assert_eq!(sent.status, StatusCode::FORBIDDEN, "{foreign}");
        assert_eq!(scene.statuses(), WAITING, "{foreign}");
    }
    for origin in ["https://evil.example", "http://127.0.0.1:8080", "null", ""] {
        let sent = scene.send_as(&[("action", "sign"), ("own", "hand")], HOST, origin);
        assert_eq!(sent.status, StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(scene.statuses(), WAITING, "{origin}");
    }
    for own in ["localhost:7878", "[::1]:7878", "127.0.0.1"] {
        assert_eq!(scene.get_as("/", own).status, 200, "{own}");
    }
}

#[test]
fn names_are_escaped_in_html() {
    let evil = "<script>alert(1)</script>";
    let scene = Scene::with(evil, evil, &json!({ "docName": format!("{evil}.pdf") }));
    for url in ["/", &scene.flow_path(), &scene.asked.sign_url] {
        let page = scene.get(url).text;
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }
}

#[test]
fn pages_link_back_to_http_urls_only() {
    for (url, is_shown) in [
        ("https://shop.example/done?a=1", true),
        ("http://127.0.0.1:8080/", true),
        ("javascript:alert(1)", false),
        ("data:text/html,x", false),
    ] {
        let scene = Scene::with("借款", "甲", &json!({ "redirectUrl": url }));
        assert!(
            !scene
                .get(&scene.asked.sign_url)
                .text
                .contains("rel=\"noreferrer\"")
        );
        scene.send(&[("action", "sign"), ("own", "hand")]);
        let page = scene.get(&scene.asked.sign_url).text;
        assert_eq!(page.contains("rel=\"noreferrer\""), is_shown, "{url}");
        assert!(!page.contains("javascript:"));
    }
}

#[test]
fn an_encrypted_contract_requires_its_password() {
    let more = json!({ "encryption": true });
    let scene = Scene::of(&locked("open sesame"), "借款", "甲", &more);
    let shown = scene.get(&scene.asked.sign_url).text;
    assert!(shown.contains("type=\"password\"") && shown.contains("文档已加密"));
    let sign = [("action", "sign"), ("own", "hand")];
    for password in ["", "closed"] {
        let wrong = scene.send(&[&sign[..], &[("password", password)]].concat());
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        assert!(wrong.text.contains("密码不正确"));
        assert_eq!(scene.statuses(), WAITING, "{password}");
    }
    let signed = scene.send(&[&sign[..], &[("password", "open sesame")]].concat());
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    assert_eq!(scene.statuses().1, SignStatus::Signed);
    assert_eq!(scene.get(&signed.location).status, 200);
}

/// Returns the contract, encrypted with a password.
fn locked(password: &str) -> Vec<u8> {
    let mut document = lopdf::Document::load_mem(&contract()).expect("a PDF");
    // Encryption keys are derived from the document's id.
    let id = lopdf::Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", vec![id.clone(), id]);
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: password,
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(version).expect("a key");
    document.encrypt(&state).expect("encrypted");
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("written");
    bytes
}

#[test]
fn operation_paths_are_not_mistaken_for_pages() {
    let scene = Scene::new();
    let flow = json!({ "flowId": scene.flow });
    scene.office.call("sign/revoke", &flow);
    assert_eq!(scene.statuses().0, FlowStatus::Revoked);
    let page = scene.get(&scene.asked.sign_url).text;
    assert!(page.contains("流程已撤销") && !page.contains("<form"));
}

#[test]
fn an_agent_signs_with_both_seals_in_one_form() {
    let scene = Scene::new();
    let agent = scene.office.person("经办人");
    let organization = json!({
        "creatorId": agent, "name": "某公司", "organType": 11, "organCode": "91330199MA2LQNDE0T",
    });
    let organization = scene
        .office
        .call("account/create/organize/common", &organization);
    let task = json!({
        "flowId": scene.flow, "accountId": agent, "authorizationOrgId": organization["accountId"],
        "posList": [{ "signType": 2, "posPage": "1", "posX": 200, "posY": 300 }],
    });
    let answer = scene.office.call("sign/contract/handSignTask", &task);
    let url = answer["signUrl"].as_str().expect("an address").to_owned();
    let scene = Scene {
        asked: Asked {
            sign_url: url,
            short_url: String::new(),
        },
        ..scene
    };
    let shown = scene.get(&scene.asked.sign_url).text;
    assert!(shown.contains("经办人（某公司）") && shown.contains("第 1 页"));
    let seal = format!(
        "default-{}",
        organization["accountId"].as_str().expect("text")
    );
    let half = scene.send(&[("action", "sign"), ("organization", &seal)]);
    assert_eq!(half.status, StatusCode::UNPROCESSABLE_ENTITY);
    let before = scene.picture();
    let both = scene.send(&[("action", "sign"), ("own", "hand"), ("organization", &seal)]);
    assert_eq!(both.status, StatusCode::SEE_OTHER, "{}", both.text);
    assert_ne!(scene.picture(), before);
}

#[test]
fn a_contract_with_only_an_owner_password_is_returned_unchanged() {
    let more = json!({ "encryption": true });
    let scene = Scene::of(&locked(""), "借款", "甲", &more);
    let before = scene.picture();
    // The document has no user password, so any password opens it.
    let signed = scene.send(&[("action", "sign"), ("own", "hand"), ("password", "any")]);
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    assert_eq!(scene.picture(), before);
    let page = scene.get(&scene.asked.sign_url).text;
    assert!(page.contains("已签署") && page.contains("页面上不显示签名"));
    let flow = json!({ "flowId": scene.flow });
    scene.office.call("sign/contract/archiveProcess", &flow);
    let docs = scene.office.call("sign/download", &flow);
    let given = scene.get(docs[0]["docUrl"].as_str().expect("an address"));
    assert_eq!(given.status, StatusCode::OK);
}
