//! Comms > Passcodes: those that were sent, their texts, and their settings.

mod passcodes;
mod settings;
mod templates;

use crate::page::Page;
use crate::routes::Route;
use crate::text::Phrase;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = passcodes::routes();
    routes.extend(templates::routes());
    routes.extend(settings::routes());
    routes
}

/// A page beside the one that is shown.
struct Tab {
    title: Phrase,
    address: String,
    is_here: bool,
}

/// The pages, of which this is one; the settings for those who may change them.
fn tabs(page: &Page, here: &str, may_change: bool) -> Vec<Tab> {
    let tab = |title, address: &str| Tab { title, address: page.to(address), is_here: address == here };
    let mut tabs =
        vec![tab(page.t("otp.passcodes"), "passcodes"), tab(page.t("otp.templates"), "passcodes/templates")];
    tabs.extend(may_change.then(|| tab(page.t("otp.settings"), "passcodes/settings")));
    tabs
}
