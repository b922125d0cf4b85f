//! Starting and ending a browser, and what WebDriver has no command for.

use super::{Options, Scheme, Width};
use crate::kit::{PATIENCE, npm};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use tempfile::TempDir;

/// A browser of a test's own, with a profile of its own. One runs at a time: others wait for it to end.
pub struct Browser {
    pub(super) client: Client,
    // In the order of ending.
    driver: Driver,
    _profile: TempDir,
    _turn: File,
}

/// chromedriver, in a process group of its own together with the browser.
struct Driver(Child);

impl Browser {
    /// A browser; `None`, after telling why, where this machine has none.
    pub async fn open() -> Option<Self> {
        Self::open_with(Options::default()).await
    }

    /// The same, opened so.
    pub async fn open_with(options: Options) -> Option<Self> {
        let turn = tokio::task::spawn_blocking(turn).await.unwrap();
        let (driver, port) = match Driver::start() {
            Ok(started) => started,
            Err(error) => {
                let why =
                    format!("chromedriver is needed (apt-get install chromium chromium-driver): {error}");
                npm::not_run("a test in a browser", &why);
                return None;
            }
        };
        let profile = TempDir::new().unwrap();
        let arguments = [
            "--headless=new",
            // Tests run as root in containers, where the sandbox cannot; the pages are our own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", profile.path().display()),
            &format!("--accept-lang={}", options.language),
        ]
        .map(str::to_owned);
        let scripts = if options.scripts { 1 } else { 2 };
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {
                    "intl.accept_languages": options.language,
                    "profile.managed_default_content_settings.javascript": scripts,
                },
            },
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().unwrap().clone());
        let address = format!("http://127.0.0.1:{port}");
        let connecting = builder.connect(&address);
        let client = tokio::time::timeout(PATIENCE, connecting).await.expect("a session in time").unwrap();
        Some(Self { client, driver, _profile: profile, _turn: turn })
    }

    /// Ends it. Dropped, it ends as well, but less kindly.
    pub async fn close(self) {
        let _ = tokio::time::timeout(PATIENCE, self.client.clone().close()).await;
        drop(self.driver);
    }

    /// Makes the window so wide; a phone's has touch and its scale.
    pub async fn resize(&self, width: Width) {
        self.resize_to(width, 0).await;
    }

    /// The same, and at least so high.
    pub async fn resize_to(&self, width: Width, least: u64) {
        let (width, height, is_phone) = match width {
            Width::Desktop => (1280, 900, false),
            Width::Phone => (390, 844, true),
        };
        let height = least.max(height);
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Lets the device ask for light or dark, and for no transitions: what is looked at is not on its way from one theme to the other.
    pub async fn prefer(&self, scheme: Scheme) {
        let value = if scheme == Scheme::Dark { "dark" } else { "light" };
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = DevTools(json!({"cmd": command, "params": parameters}));
        self.client.issue_cmd(command).await.unwrap()
    }
}

impl Driver {
    fn start() -> std::io::Result<(Self, u16)> {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let driver = Self(child);
        let mut lines = stdout.lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // What it says besides has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        port.map(|port| (driver, port)).ok_or_else(|| std::io::Error::other("it told no port"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The group: the browser's processes are in it, also where the driver had no chance to end them.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// Waits until no other test has a browser.
fn turn() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser.lock");
    let file = File::create(path).unwrap();
    file.lock().unwrap();
    file
}

/// Chromium's own endpoint for DevTools commands.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}
