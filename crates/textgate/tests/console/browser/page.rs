//! What a person does with a page: look, fill in, press.

use super::{Browser, Width};
use crate::kit::eventually;
use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

impl Browser {
    /// Opens a page of this server.
    pub async fn goto(&self, at: SocketAddr, path: &str) {
        self.client.goto(&format!("http://{at}{path}")).await.unwrap();
    }

    /// Path and query of the page that is shown.
    pub async fn here(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// The page's HTML as it is now.
    pub async fn source(&self) -> String {
        self.client.source().await.unwrap()
    }

    /// The one element of this CSS selector.
    pub async fn find(&self, css: &str) -> Element {
        let found = self.client.find(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{css} at {}: {error}\n{}", self.here().await, self.text().await),
        }
    }

    /// How many elements there are of this selector.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// Whether the element of this selector is to be seen.
    pub async fn is_seen(&self, css: &str) -> bool {
        self.find(css).await.is_displayed().await.unwrap()
    }

    /// The text that is to be seen on the page.
    pub async fn text(&self) -> String {
        self.text_of("body").await
    }

    /// The text that is to be seen of this element.
    pub async fn text_of(&self, css: &str) -> String {
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.text().await.unwrap()
    }

    /// The same of a part that renews itself, where an element may be gone before it is asked; empty where there is none.
    pub async fn live_text_of(&self, css: &str) -> String {
        let text = self.script(&format!("return document.querySelector({css:?})?.innerText ?? ''")).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a part that renews itself shows this.
    pub async fn until_shown(&self, css: &str, wanted: &str) {
        eventually(&format!("{css} shows {wanted}"), async || {
            self.live_text_of(css).await.contains(wanted).then_some(())
        })
        .await;
    }

    /// Fills in a text field by its name, in place of what is there.
    pub async fn fill(&self, name: &str, value: &str) {
        let field = self.find(&format!("main [name=\"{name}\"]:not([type=hidden])")).await;
        field.clear().await.unwrap();
        field.send_keys(value).await.unwrap();
    }

    /// Selects a radio button or checks a box.
    pub async fn choose(&self, name: &str, value: &str) {
        self.press(&format!("main [name=\"{name}\"][value=\"{value}\"]")).await;
    }

    /// Selects an entry of a list by its value.
    pub async fn select(&self, name: &str, value: &str) {
        self.find(&format!("main select[name=\"{name}\"]")).await.select_by_value(value).await.unwrap();
    }

    /// Presses what opens or changes something on this page.
    pub async fn press(&self, css: &str) {
        self.in_the_middle(css).await.click().await.unwrap();
    }

    /// An element, scrolled to where nothing that sticks to the window's edges is before it.
    async fn in_the_middle(&self, css: &str) -> Element {
        let element = self.find(css).await;
        let script = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})";
        self.client.execute(script, vec![serde_json::to_value(&element).unwrap()]).await.unwrap();
        element
    }

    /// Presses what leads to another page, and waits for it.
    pub async fn follow(&self, css: &str) {
        let element = self.in_the_middle(css).await;
        let before = self.client.find(Locator::Css("html")).await.unwrap().element_id();
        element.click().await.unwrap();
        // The element of the new page is another one, and may not be there for a moment.
        eventually("another page", async || {
            let now = self.client.find(Locator::Css("html")).await.ok()?.element_id();
            (now != before).then_some(())
        })
        .await;
        self.loaded().await;
    }

    /// Presses the form's own button, and waits for the next page.
    pub async fn submit(&self, form: &str) {
        self.follow(&format!("{form} button:not([type=button])")).await;
    }

    async fn loaded(&self) {
        eventually("a page", async || self.client.find(Locator::Css("main, pre")).await.ok().map(drop)).await;
    }

    /// The window's title.
    pub async fn client_title(&self) -> String {
        self.client.title().await.unwrap()
    }

    /// The names of the text fields of the page's main form, in order.
    pub async fn names_of_fields(&self) -> Vec<String> {
        let mut names = Vec::new();
        for field in
            self.client.find_all(Locator::Css("main section.card form input[type=text]")).await.unwrap()
        {
            names.extend(field.attr("name").await.unwrap());
        }
        names
    }

    /// Runs a script of the test's in the page, past the page's own policy.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Whether the page is wider than its window.
    pub async fn overflows(&self) -> bool {
        let width = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.script(width).await.as_i64().unwrap() > 0
    }

    /// Asserts that the page fits windows of these widths: between a phone's and a desk's, tables are the first to be too wide.
    pub async fn fits(&self, name: &str) {
        for width in [320, 600, 770, 800, 1024, 1060, 1100, 1200] {
            let metrics =
                json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
            self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
            if self.overflows().await {
                // The innermost that stick out come last.
                let who = "return [...document.querySelectorAll('body *')]
                    .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
                    .map(one => one.tagName + '.' + one.className).slice(-8).join(' ')";
                let who = self.script(who).await;
                panic!("{name} is wider than a window of {width}: {who}");
            }
        }
    }

    /// Writes a picture of the whole page as `docs/images/NAME-desktop.png` or `-phone.png`, where TEXTGATE_SCREENSHOTS is set: where it
    /// names a directory, there.
    pub async fn picture(&self, name: &str, width: Width) {
        let Some(wanted) = std::env::var_os("TEXTGATE_SCREENSHOTS") else { return };
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
        let dir = if Path::new(&wanted).is_dir() { wanted.into() } else { images };
        std::fs::create_dir_all(&dir).unwrap();
        let kind = if width == Width::Phone { "phone" } else { "desktop" };
        // The window as high as the page: what stands beside it would end in the middle of the picture.
        let height = self.script("return document.documentElement.scrollHeight").await;
        self.resize_to(width, height.as_u64().unwrap()).await;
        let shot = self.devtools("Page.captureScreenshot", json!({"format": "png"})).await;
        self.resize(width).await;
        let octets = base64(shot["data"].as_str().unwrap());
        std::fs::write(dir.join(format!("{name}-{kind}.png")), octets).unwrap();
    }
}

/// Base64 (RFC 4648 §4).
fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut octets, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for six in text.bytes().filter_map(value) {
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
        }
    }
    octets
}
