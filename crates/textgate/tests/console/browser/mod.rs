//! A browser: Chromium, headless, driven by WebDriver.

mod axe;
mod driver;
mod page;

pub use driver::Browser;

/// How a browser is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether pages may run scripts.
    pub scripts: bool,
    /// The language that it asks for.
    pub language: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self { scripts: true, language: "en" }
    }
}

/// How wide the window is, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 1280.
    Desktop,
    /// 390.
    Phone,
}

/// What the device says of light and dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}
