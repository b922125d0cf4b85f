//! The console as people meet it: the real binary, and a real browser that is driven by WebDriver.
//!
//! Needs Chromium with its driver (`apt-get install chromium chromium-driver`), and npm for axe-core. One browser runs at a time.
//! With TEXTGATE_SCREENSHOTS set, pictures of pages are written to `docs/images/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // a test ends where something is not so

// The end-to-end tests' kit, of which this needs only a part.
#[allow(dead_code, unused_imports)]
#[path = "../e2e/kit/mod.rs"]
mod kit;

mod browser;
mod site;
mod visitor;

mod alerts;
mod dashboard;
mod gate;
mod hostile;
mod messages;
mod oidc;
mod pages;
mod phones;
mod proxies;
mod sign_in;
mod sms_settings;
mod sms_settings_kinds;

/// A value for a query or a path's part.
fn escaped(value: &str) -> String {
    value.bytes().map(|octet| format!("%{octet:02X}")).collect()
}
