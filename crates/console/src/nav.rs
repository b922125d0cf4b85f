//! The navigation: the product's sections, those pages of them that this person may see.

use crate::routes::{Need, Route};
use crate::text::Text;
use std::sync::LazyLock;
use textgate_dispatch::UserRole;
use textgate_sms::VsId;

/// A page in the navigation: the key of its text, its name in the address and of its icon, and the key of the menu it is in besides its
/// section (empty where in none).
struct Entry {
    key: &'static str,
    page: &'static str,
    menu: &'static str,
}

const fn entry(key: &'static str, page: &'static str) -> Entry {
    Entry { key, page, menu: "" }
}

/// Sections by the keys of their texts, as the product has them.
static SECTIONS: &[(&str, &[Entry])] = &[
    (
        "nav.snapshot",
        &[
            entry("nav.dashboard", "dashboard"),
            entry("nav.allocation", "allocation"),
            entry("nav.gateway_statistics", "gateway-statistics"),
        ],
    ),
    (
        "nav.comms",
        &[
            Entry { key: "nav.sms_settings", page: "sms-settings", menu: "nav.communications" },
            entry("nav.messages", "messages"),
            entry("nav.passcodes", "passcodes"),
            entry("nav.fraud_guard", "fraud-guard"),
            entry("nav.providers", "providers"),
            entry("nav.alerts", "alerts"),
            entry("nav.contacts", "contacts"),
            entry("nav.alert_settings", "alert-settings"),
            entry("nav.webhooks", "webhooks"),
        ],
    ),
    (
        "nav.administration",
        &[
            entry("nav.virtual_servers", "virtual-servers"),
            entry("nav.users", "users"),
            entry("nav.api_keys", "api-keys"),
            entry("nav.audit", "audit"),
        ],
    ),
];

/// The pages of a virtual server that there are, and who may see them.
static PAGES: LazyLock<Vec<(&'static str, Need)>> = LazyLock::new(|| {
    let page = |route: Route| {
        let page = route.path.strip_prefix("/console/vs/{vs}/")?;
        (route.method == "GET").then_some((page, route.need))
    };
    crate::routes::table().into_iter().filter_map(page).collect()
});

/// A section as it is shown.
pub struct Section {
    /// What it is called.
    pub title: String,
    /// Its pages.
    pub links: Vec<Link>,
}

/// A link to a page.
pub struct Link {
    /// What the page is called.
    pub title: String,
    /// Its address.
    pub address: String,
    /// Its name, for its icon.
    pub page: &'static str,
    /// Where it is in the product: its section, and its menu.
    pub crumbs: Vec<String>,
    /// Whether it is the page that is shown, or the one above it.
    pub is_here: bool,
    /// How many things on it want to be seen to.
    pub waiting: usize,
}

/// The sections of this virtual server, of which so many alerts are open, for a person of this role, who is at this address.
pub(crate) fn sections(text: Text, vs: VsId, role: UserRole, here: &str, open_alerts: usize) -> Vec<Section> {
    let may_see = |page: &str| {
        let need = PAGES.iter().find(|(found, _)| *found == page).map(|(_, need)| *need);
        match need {
            None => false,
            Some(Need::Review) => role != UserRole::Operator,
            Some(Need::Administer) => role == UserRole::Administrator,
            Some(Need::Change) => role != UserRole::Auditor,
            Some(Need::Nobody | Need::Person | Need::Read) => true,
        }
    };
    let path = here.split('?').next().unwrap_or_default();
    let link = |section: &'static str, entry: &Entry| {
        let address = format!("/console/vs/{vs}/{}", entry.page);
        let rest = path.strip_prefix(&address);
        let is_here = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let crumbs = [section, entry.menu].into_iter().filter(|key| !key.is_empty());
        let crumbs = crumbs.map(|key| text.get(key).into()).collect();
        let waiting = if entry.page == "alerts" { open_alerts } else { 0 };
        Link { title: text.get(entry.key).into(), address, page: entry.page, crumbs, is_here, waiting }
    };
    let section = |(title, entries): &(&'static str, &[Entry])| Section {
        title: text.get(title).into(),
        links: entries.iter().filter(|entry| may_see(entry.page)).map(|entry| link(title, entry)).collect(),
    };
    SECTIONS.iter().map(section).filter(|section| !section.links.is_empty()).collect()
}
