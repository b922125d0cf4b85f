//! The console as people meet it: the real binary, and a real browser that is driven by WebDriver.
//!
//! Needs Chromium with its driver (`apt-get install chromium chromium-driver`), and npm for axe-core. One browser runs at a time.
//! With TEXTGATE_SCREENSHOTS set, pictures of pages are written to `docs/images/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // a test ends where something is not so

// The end-to-end tests' kit, of which this needs only a part.
#[allow(dead_code, unused_imports)]
#[path = "../e2e/kit/mod.rs"]
mod kit;

// The faults' disk and clock, of which this needs only a part.
#[allow(dead_code)]
#[path = "../faults/shim.rs"]
mod shim;

// The receiver of the end-to-end tests.
#[allow(dead_code)]
#[path = "../e2e/webhooks/receiver.rs"]
mod receiver;

mod browser;
mod site;
mod visitor;

mod alerts;
mod dashboard;
mod fraud_guard;
mod gate;
mod gateways;
mod german;
mod hostile;
mod messages;
mod modems;
mod oidc;
mod pages;
mod passcodes;
mod phones;
mod providers;
mod proxies;
mod sessions;
mod sign_in;
mod sms_settings;
mod sms_settings_kinds;
mod webhooks;
mod welcome;

/// A value for a query or a path's part.
fn escaped(value: &str) -> String {
    value.bytes().map(|octet| format!("%{octet:02X}")).collect()
}
