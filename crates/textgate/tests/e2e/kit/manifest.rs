//! Manifests, written as an administrator would write them.

use super::{KEY, PHONE};
use std::net::SocketAddr;

/// One virtual server of a manifest.
pub struct Tenant<'a> {
    /// Its path.
    pub path: &'a str,
    /// The secret of its API key `app`.
    pub key: &'a str,
    /// Lines above its settings, such as `credits = 3`.
    pub more: &'a str,
    /// Lines of its settings, such as `mode = "default"`; without any, it has none.
    pub settings: &'a str,
    /// Its gateways, as [`gateway`] makes them.
    pub gateways: &'a [String],
}

impl Tenant<'_> {
    /// Its block in a manifest.
    pub fn toml(&self) -> String {
        let Self { path, key, more, settings, gateways } = self;
        let mut toml = format!("[[virtual_server]]\npath = \"{path}\"\n{more}\n");
        if !settings.is_empty() {
            toml.push_str(&format!("[virtual_server.sms_settings]\n{settings}\n{}", gateways.concat()));
        }
        if !key.is_empty() {
            toml.push_str(&format!("[[virtual_server.api_key]]\nname = \"app\"\nsecret = \"{key}\"\n"));
        }
        toml
    }
}

/// `acme` in mode Custom with these gateways.
pub fn manifest(gateways: &[String]) -> String {
    manifest_with("", gateways)
}

/// The same with more lines of settings.
pub fn manifest_with(more: &str, gateways: &[String]) -> String {
    let settings = format!("mode = \"custom\"\ntest_number = \"{PHONE}\"\n{more}");
    Tenant { path: "acme", key: KEY, more: "", settings: &settings, gateways }.toml()
}

/// A gateway with these settings, one a line.
pub fn gateway(plugin: &str, name: &str, settings: &str) -> String {
    format!(
        "[[virtual_server.sms_settings.gateway]]\nplugin = \"{plugin}\"\nname = \"{name}\"\n\
         [virtual_server.sms_settings.gateway.settings]\n{settings}\n"
    )
}

/// An SMPP gateway; `more` are further settings.
pub fn smpp(name: &str, at: SocketAddr, more: &str) -> String {
    let settings = format!(
        "system_id = \"esme\"\npassword = \"secret\"\nhost = \"{}\"\nport = {}\n{more}",
        at.ip(),
        at.port()
    );
    gateway("smpp", name, &settings)
}

/// A Generic HTTP(s) gateway that posts; `more` are further settings.
pub fn http(name: &str, at: SocketAddr, more: &str) -> String {
    let settings = format!(
        "method = \"POST\"\nurl = \"http://{at}/sms\"\ndestination_parameter = \"to\"\n\
         message_parameter = \"text\"\nsuccess_contains = \"OK\"\n{more}"
    );
    gateway("generic-http", name, &settings)
}
