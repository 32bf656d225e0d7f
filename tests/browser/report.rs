//! The report page in a real browser: no requests; search, filters, sorting and printing.

use serde_json::{Value, json};

use crate::driver::{Browser, enter, with_browser};
use crate::made_up;

const ITEMS: u64 = 2_000;
/// Rows on one page of the table.
const SHOWN: u64 = 100;

/// Opens the report page of a made-up run. The folder is deleted when the value is dropped.
async fn opened(browser: &Browser, items: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    made_up::write(folder.path(), items);
    let page = folder.path().join("report.html");
    browser.open(&format!("file://{}", page.display())).await;
    folder
}

async fn rows(browser: &Browser) -> Value {
    browser
        .value("document.querySelectorAll('table.items tbody tr').length")
        .await
}

/// Returns the texts of a column of the table, from the top.
async fn column(browser: &Browser, number: u32) -> Vec<String> {
    let cells = format!("table.items tbody tr > :nth-child({number})");
    let texts = format!(
        "[...document.querySelectorAll('{cells}')].map((cell) => cell.firstChild?.textContent ?? '')"
    );
    let texts = browser.value(&texts).await;
    serde_json::from_value(texts).expect("texts")
}

async fn search(browser: &Browser, text: &str, found: &str) {
    browser
        .value("document.getElementById('search').select()")
        .await;
    browser
        .value("document.getElementById('search').focus()")
        .await;
    browser.press(text).await;
    let told = format!("document.getElementById('found').textContent === '{found}'");
    browser.until(&told).await;
}

/// Asserts that the page has sent no request and that the browser's log is empty.
async fn is_quiet(browser: &Browser) {
    let requests = "performance.getEntriesByType('resource').map((entry) => entry.name)";
    assert_eq!(browser.value(requests).await, json!([]));
    assert_eq!(browser.complaints().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_report_sends_no_requests_and_escapes_texts() {
    with_browser(|browser| async move {
        let _folder = opened(&browser, ITEMS).await;
        assert_eq!(rows(&browser).await, SHOWN);
        let shown = made_up::HOSTILE.replace('\u{2028}', r"\u{2028}");
        assert!(column(&browser, 1).await.contains(&shown));
        let title = browser.value("document.title").await;
        assert!(title.as_str().is_some_and(|title| title.starts_with("consumer-lending")));
        assert!(!browser.has("img").await && browser.has("html[lang=en]").await);
        assert!(browser.has("h1").await && !browser.has("h1 ~ * h1").await);
        is_quiet(&browser).await;

        // The content security policy blocks scripts and requests of injected content.
        let tries = "(() => { const script = document.createElement('script'); script.textContent = 'window.hit = 1';\
            document.body.append(script); const image = new Image(); image.src = 'https://a.invalid/x'; return true; })()";
        browser.value(tries).await;
        assert_eq!(browser.value("window.hit === undefined").await, true);
        let refused = "violates the following Content Security Policy directive";
        let complaints = json!(browser.complaints().await).to_string();
        assert_eq!(complaints.matches(refused).count(), 2, "{complaints}");
    })
    .await;
}

#[tokio::test]
async fn items_are_searched_and_filtered() {
    with_browser(|browser| async move {
        let _folder = opened(&browser, ITEMS).await;
        search(&browser, "ht-2026-00004", "10 of 2,000 items").await;
        assert_eq!(rows(&browser).await, 10);
        // Each word narrows the result, in any column and language.
        search(&browser, "参数错误 HT-2026-000101", "1 of 2,000 items").await;
        assert_eq!(column(&browser, 1).await, ["HT-2026-000101"]);
        search(&browser, "=1+1", "1 of 2,000 items").await;
        search(&browser, "nowhere", "No matching items.").await;
        assert_eq!(rows(&browser).await, 0);
        browser.click("button[type=reset]").await;
        browser
            .until("document.getElementById('found').textContent === '2,000 items'")
            .await;

        // A total at the top links to its items.
        browser.click("a[data-show=in_doubt]").await;
        browser
            .until("document.getElementById('found').textContent.startsWith('4 of')")
            .await;
        assert_eq!(column(&browser, 4).await, ["In doubt"; 4]);
        assert_eq!(
            browser
                .value("document.getElementById('status').value")
                .await,
            "in_doubt"
        );

        // Typing letters selects a status with the keyboard.
        browser.tab_to("#status").await;
        browser.press("Fai").await;
        browser
            .until("document.getElementById('found').textContent.startsWith('32 of')")
            .await;
        assert_eq!(column(&browser, 4).await, ["Failed"; 32]);
        is_quiet(&browser).await;
    })
    .await;
}

#[tokio::test]
async fn items_are_sorted_by_click_and_by_keyboard() {
    with_browser(|browser| async move {
        let _folder = opened(&browser, ITEMS).await;
        let head = |sort: &str| format!("th[data-sort={sort}]");
        let sorted = |sort: &str, how: &str| {
            format!(
                "document.querySelector('{}').ariaSort === '{how}'",
                head(sort)
            )
        };
        browser.click(&format!("{} button", head("row"))).await;
        assert_eq!(browser.value(&sorted("row", "ascending")).await, true);
        browser.click(&format!("{} button", head("row"))).await;
        assert_eq!(browser.value(&sorted("row", "descending")).await, true);
        assert_eq!(column(&browser, 3).await[..2], ["2001", "2000"]);

        browser.tab_to(&format!("{} button", head("ended"))).await;
        browser.press(&enter()).await;
        assert_eq!(browser.value(&sorted("ended", "ascending")).await, true);
        assert_eq!(browser.value(&sorted("row", "none")).await, true);
        let ended = column(&browser, 7).await;
        assert!(ended.is_sorted() && !ended[0].is_empty(), "{ended:?}");

        // The next pages keep the sort order, and the button keeps the focus.
        browser.tab_to("#after").await;
        browser.press(&enter()).await;
        let next = column(&browser, 7).await;
        assert!(ended.last() <= next.first() && next.is_sorted());
        assert_eq!(browser.text("#where").await, "101 to 200");
        browser.press(&enter()).await;
        assert_eq!(browser.text("#where").await, "201 to 300");
        // The third click restores the first order: failed items come first.
        for _ in 0..2 {
            browser.click(&format!("{} button", head("ended"))).await;
        }
        assert_eq!(browser.value(&sorted("ended", "none")).await, true);
        assert_eq!(column(&browser, 4).await[..2], ["Failed", "Failed"]);
        is_quiet(&browser).await;
    })
    .await;
}

#[tokio::test]
async fn a_report_supports_phones_dark_mode_and_print() {
    with_browser(|browser| async move {
        let _folder = opened(&browser, ITEMS).await;
        assert!(!browser.overflows(360).await, "it fits a phone");
        assert!(!browser.overflows(1280).await, "it fits a screen");
        browser.tab_to(".skip").await;
        let ground = "getComputedStyle(document.body).backgroundColor";
        let light = browser.value(ground).await;
        browser.emulate("", "dark").await;
        assert_eq!(browser.value(ground).await, "rgb(21, 24, 26)");
        assert_ne!(light, "rgb(21, 24, 26)");

        browser.emulate("print", "dark").await;
        assert_eq!(
            browser
                .value("getComputedStyle(document.documentElement).getPropertyValue('--ink')")
                .await,
            "#000"
        );
        assert_eq!(
            browser
                .value("getComputedStyle(document.getElementById('controls')).display")
                .await,
            "none"
        );
        browser
            .value("dispatchEvent(new Event('beforeprint'))")
            .await;
        assert_eq!(rows(&browser).await, 73, "those that need attention");
        browser
            .value("dispatchEvent(new Event('afterprint'))")
            .await;
        assert_eq!(rows(&browser).await, SHOWN);
        is_quiet(&browser).await;
    })
    .await;
}

#[tokio::test]
async fn rows_are_cards_on_phones() {
    with_browser(|browser| async move {
        let _folder = opened(&browser, 50).await;
        let shown = |css: &str| format!("getComputedStyle(document.querySelector('{css}')).display");
        assert!(!browser.overflows(1280).await, "it fits a screen");
        assert_eq!(browser.value(&shown(".items thead")).await, "table-header-group");
        // The window of the browser is at least 500 pixels wide.
        browser.emulate_width(390).await;
        assert_eq!(browser.value(&shown(".items thead")).await, "none");
        assert_eq!(browser.value(&shown(".items tbody tr")).await, "flex");
        let title = "document.querySelector('.items .status').getAttribute('data-label')";
        assert_eq!(browser.value(title).await, "Status");
        let wider = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(browser.value(wider).await, false);
        // A signed file is linked relative to the page.
        let link = "[...document.querySelectorAll('.items .file a')].every((a) => a.getAttribute('href').startsWith('./signed/'))";
        assert_eq!(browser.value(link).await, true);
        assert!(browser.has(".items .file a").await);
        is_quiet(&browser).await;
    })
    .await;
}

#[tokio::test]
async fn a_page_of_ten_thousand_items_is_searchable() {
    with_browser(|browser| async move {
        let _folder = opened(&browser, 12_000).await;
        assert!(
            browser
                .text("#items .note")
                .await
                .contains("This page shows 10,000 of 12,000 items")
        );
        assert_eq!(column(&browser, 4).await[0], "Failed");
        // All refused items are kept, also those after the first 10,000.
        search(&browser, "金额不对", "83 of 10,000 items").await;
        is_quiet(&browser).await;
    })
    .await;
}
