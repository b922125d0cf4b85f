//! `[console]` of the configuration: whether there is one, how long sessions last, and sign-in at an OpenID Connect provider.

use super::read_bounded;
use crate::failure::Failure;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use textgate_dispatch::{OidcOptions, RoleMapping, UserRole};

/// Longer than any client secret (octets).
const LONGEST_SECRET: u64 = 4_096;

/// How people come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Console {
    /// Whether the console is served.
    pub(crate) enabled: bool,
    /// How long a session lasts without being used.
    pub(crate) session_idle: Duration,
    /// How long a session lasts at most.
    pub(crate) session_life: Duration,
    /// Sign-in at an OpenID Connect provider.
    pub(crate) oidc: Option<OidcOptions>,
}

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    enabled: bool,
    session_idle_minutes: u64,
    session_hours: u64,
    oidc: Option<OidcFile>,
}

impl Default for File {
    fn default() -> Self {
        Self { enabled: true, session_idle_minutes: 30, session_hours: 12, oidc: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OidcFile {
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    #[serde(default = "groups")]
    claim: String,
    #[serde(default)]
    role: Vec<RoleFile>,
}

/// Never with the secret.
impl std::fmt::Debug for OidcFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcFile").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

fn groups() -> String {
    "groups".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleFile {
    value: String,
    virtual_server: String,
    role: UserRole,
}

impl Console {
    pub(super) fn read(file: File) -> Result<Self, Failure> {
        let wrong = |key: &str, range: &str| {
            Err(Failure::configuration(format_args!("console.{key} must be {range}; correct it")))
        };
        if !(1..=1_440).contains(&file.session_idle_minutes) {
            return wrong("session_idle_minutes", "between 1 and 1440");
        }
        if !(1..=720).contains(&file.session_hours) {
            return wrong("session_hours", "between 1 and 720");
        }
        Ok(Self {
            enabled: file.enabled,
            session_idle: Duration::from_secs(60 * file.session_idle_minutes),
            session_life: Duration::from_secs(3_600 * file.session_hours),
            oidc: file.oidc.map(oidc).transpose()?,
        })
    }
}

fn oidc(file: OidcFile) -> Result<OidcOptions, Failure> {
    let wrong = |key: &str, what: &str| {
        Err(Failure::configuration(format_args!("console.oidc.{key} must be {what}; correct it")))
    };
    // What signs people in must not be changed on its way, but for a trial on this machine.
    let url = reqwest::Url::parse(&file.issuer).ok();
    let is_here = |url: &reqwest::Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_safe = |url: &reqwest::Url| url.scheme() == "https" || (url.scheme() == "http" && is_here(url));
    if !url.as_ref().is_some_and(is_safe) {
        return wrong("issuer", "an https address");
    }
    if file.client_id.is_empty() {
        return wrong("client_id", "this server's name at the provider");
    }
    let client_secret = match (file.client_secret, file.client_secret_file) {
        (Some(secret), None) => secret,
        (None, Some(path)) => read_bounded(&path, LONGEST_SECRET)?.trim_end_matches(['\r', '\n']).to_owned(),
        _ => return wrong("client_secret", "given, or client_secret_file, and only one of them"),
    };
    if client_secret.is_empty() {
        return wrong("client_secret", "given");
    }
    if file.role.is_empty() {
        return wrong("role", "given at least once: nobody could sign in");
    }
    let role = |RoleFile { value, virtual_server, role }| RoleMapping { value, virtual_server, role };
    let roles = file.role.into_iter().map(role).collect();
    Ok(OidcOptions {
        issuer: file.issuer,
        client_id: file.client_id,
        client_secret,
        claim: file.claim,
        roles,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OIDC: &str = r#"
        [oidc]
        issuer = "https://id.example.com"
        client_id = "textgate"
        client_secret = "hunter2"
        [[oidc.role]]
        value = "sms-admins"
        virtual_server = "/"
        role = "administrator"
    "#;

    fn read(text: &str) -> Result<Console, String> {
        let file = toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())?;
        Console::read(file).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_provider_is_read_with_its_roles_and_its_secret_is_not_shown() {
        let console = read(OIDC).unwrap();
        let oidc = console.oidc.as_ref().unwrap();
        assert_eq!((oidc.claim.as_str(), oidc.client_secret.as_str()), ("groups", "hunter2"));
        assert_eq!(oidc.roles[0].role, UserRole::Administrator);
        assert!(!format!("{console:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_may_come_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        let line = format!("client_secret_file = {path:?}");
        let console = read(&OIDC.replace("client_secret = \"hunter2\"", &line)).unwrap();
        assert_eq!(console.oidc.unwrap().client_secret, "hunter2");
    }

    #[test]
    fn what_is_wrong_is_named_without_the_secret() {
        for (from, to, key) in [
            ("https://id.example.com", "http://id.example.com", "console.oidc.issuer"),
            ("client_id = \"textgate\"", "client_id = \"\"", "console.oidc.client_id"),
            ("client_secret = \"hunter2\"", "", "console.oidc.client_secret"),
            ("\"administrator\"", "\"king\"", "king"),
            ("value =", "valu =", "valu"),
        ] {
            let error = read(&OIDC.replace(from, to)).unwrap_err();
            assert!(error.contains(key) && !error.contains("hunter2"), "{error}");
        }
        assert!(read("session_idle_minutes = 0").unwrap_err().contains("console.session_idle_minutes"));
        assert!(read("session_hours = 1000").unwrap_err().contains("console.session_hours"));
    }
}
