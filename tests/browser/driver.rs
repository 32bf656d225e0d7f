//! A headless Chromium, driven over `WebDriver` by its own `chromedriver` process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use serde_json::{Value, json};

/// A browser with one window.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
}

/// A `chromedriver` process that is killed when the value is dropped.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // The process may have exited before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Driver {
    /// Starts the process on a free port, and returns its address.
    fn start() -> (Self, String) {
        let child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver on PATH: apt-get install chromium chromium-driver");
        let mut driver = Self(child);
        let output = driver.0.stdout.take().expect("its output");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let port = lines
            .find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says on which port it listens");
        // Drains the output, so that the pipe does not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        (driver, format!("http://127.0.0.1:{port}"))
    }
}

/// Runs a test with a browser, and always ends the browser.
pub(crate) async fn with_browser<F>(test: impl FnOnce(Browser) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (driver, address) = Driver::start();
    let options = json!({
        // Root in a container has no sandbox and little shared memory.
        "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--window-size=1280,1600"],
    });
    let logs = json!({ "browser": "ALL" });
    let mut capabilities = serde_json::Map::new();
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    capabilities.insert("goog:loggingPrefs".to_owned(), logs);
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&address)
        .await
        .expect("a browser");
    let browser = Browser {
        client: client.clone(),
    };
    let ended = tokio::spawn(test(browser)).await;
    let closed = client.close().await;
    drop(driver);
    if let Err(failed) = ended {
        std::panic::resume_unwind(failed.into_panic());
    }
    closed.expect("the browser ends");
}

impl Browser {
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("a page");
    }

    pub(crate) async fn find(&self, css: &str) -> Element {
        let found = self.client.wait().for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    pub(crate) async fn has(&self, css: &str) -> bool {
        let found = self.client.find_all(Locator::Css(css)).await;
        !found.expect("a page").is_empty()
    }

    /// Returns the rendered text of an element.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.expect("text")
    }

    /// Returns a screenshot of an image after it has loaded.
    pub(crate) async fn picture(&self, css: &str) -> Vec<u8> {
        let loaded = "const image = document.querySelector(arguments[0]);\n\
            image.scrollIntoView({ block: 'start' });\n\
            image.loading = 'eager';\n\
            return image.decode().then(() => image.naturalWidth);";
        let width = self.run(loaded, css).await;
        assert!(width.as_u64().is_some_and(|width| width > 0), "{css} shows");
        let picture = self.find(css).await.screenshot().await;
        picture.expect("a picture")
    }

    /// Returns whether the page is wider than the window.
    pub(crate) async fn overflows(&self, width: u32) -> bool {
        let sized = self.client.set_window_size(width, 900).await;
        sized.expect("a window");
        let wider = "return document.documentElement.scrollWidth > window.innerWidth;";
        self.run(wider, "").await == true
    }

    /// Evaluates a JavaScript expression.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        self.run(&format!("return {expression};"), "").await
    }

    /// Waits until a JavaScript expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        for _ in 0..100 {
            if self.value(expression).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("never: {expression}");
    }

    /// Clicks an element.
    pub(crate) async fn click(&self, css: &str) {
        let clicked = self.find(css).await.click().await;
        clicked.expect("a click");
    }

    /// Emulates a media type and a color scheme.
    pub(crate) async fn emulate(&self, medium: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let parameters = json!({ "media": medium, "features": features });
        let command = "Emulation.setEmulatedMedia";
        let body = json!({ "cmd": command, "params": parameters });
        self.extra("goog/cdp/execute", body).await;
    }

    /// Emulates a phone with a screen of a width in pixels.
    pub(crate) async fn emulate_width(&self, width: u32) {
        let parameters = json!({
            "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": true,
        });
        let command = "Emulation.setDeviceMetricsOverride";
        let body = json!({ "cmd": command, "params": parameters });
        self.extra("goog/cdp/execute", body).await;
    }

    /// Returns the browser's log entries since the last call.
    pub(crate) async fn complaints(&self) -> Vec<Value> {
        let log = self.extra("se/log", json!({ "type": "browser" })).await;
        log.as_array().cloned().expect("a log")
    }

    async fn extra(&self, path: &'static str, body: Value) -> Value {
        let answer = self.client.issue_cmd(Extra { path, body }).await;
        answer.expect("an answer")
    }

    /// Presses keys in the focused element.
    pub(crate) async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.expect("a focus");
        focused.send_keys(keys).await.expect("pressed");
    }

    /// Presses Tab until an element has the focus. The focus must be visible.
    pub(crate) async fn tab_to(&self, css: &str) {
        let there = "return document.activeElement.matches(arguments[0]) &&\n\
            getComputedStyle(document.activeElement).outlineStyle;";
        // A page of the table can have a link in each of its 100 rows.
        for _ in 0..200 {
            self.press(&String::from(char::from(Key::Tab))).await;
            if let Value::String(outline) = self.run(there, css).await {
                assert_ne!(outline, "none", "the focus on {css} is seen");
                return;
            }
        }
        panic!("{css} cannot be reached with the keyboard");
    }

    async fn run(&self, script: &str, argument: &str) -> Value {
        let answer = self.client.execute(script, vec![json!(argument)]).await;
        answer.expect("an answer")
    }
}

/// The error type of an invalid URL. It has no public name.
type NotAUrl = <Url as std::str::FromStr>::Err;

/// A command that `fantoccini` does not have.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, NotAUrl> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// Returns the key that presses a button.
pub(crate) fn enter() -> String {
    String::from(char::from(Key::Enter))
}
