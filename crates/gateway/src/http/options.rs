//! The settings that every HTTP gateway has: the proxy, an own CA, the timeout, and how much at once.

use crate::{Field, FieldKind, Problem, Settings, trust};
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use std::time::Duration;

/// How an HTTP gateway connects, from its settings.
pub(crate) struct Options {
    /// The proxy, if one is used.
    pub proxy: Option<ProxyOptions>,
    /// Certificates trusted besides the system's.
    pub own_ca: Vec<CertificateDer<'static>>,
    /// How long one request may take, connecting included.
    pub timeout: Duration,
    /// Most requests at once.
    pub connections: usize,
}

/// A proxy and the account there. Has no `Debug`, because of the password.
pub(crate) struct ProxyOptions {
    /// Scheme, host and port, nothing else.
    pub url: Url,
    /// User name and password.
    pub account: Option<(String, String)>,
}

/// What proxies are spoken to, with the port each usually has.
const PROXY_SCHEMES: &[(&str, Option<u16>)] =
    &[("http", None), ("https", None), ("socks5", Some(1080)), ("socks5h", Some(1080))];

/// The proxy's fields, in the console's order.
pub(crate) fn proxy_fields() -> Vec<Field> {
    let shown = |field: Field| field.shown_when("use_proxy", true);
    vec![
        Field::new(
            "use_proxy",
            "Use Proxy",
            FieldKind::Flag,
            "Yes, if messages leave through a proxy server.",
        )
        .with_default(false),
        shown(Field::new(
            "proxy_url",
            "Proxy URL",
            FieldKind::Text { max: 512 },
            "Where the proxy is: http://proxy.example.com, https://…, socks5://… (names are resolved here) or \
             socks5h://… (names are resolved by the proxy).",
        ))
        .required(),
        shown(Field::new("proxy_port", "Proxy Port", FieldKind::Number { min: 1, max: 65535 }, "Its port.")),
        shown(Field::new(
            "proxy_username",
            "Proxy Username",
            FieldKind::Text { max: 255 },
            "If the proxy wants one.",
        )),
        shown(Field::new(
            "proxy_password",
            "Proxy Password",
            FieldKind::Secret { max: 255 },
            "If the proxy wants one.",
        )),
    ]
}

/// The fields of the connection itself, in the console's order.
pub(crate) fn connection_fields() -> Vec<Field> {
    vec![
        Field::new(
            "ca_certificate",
            "CA Certificate",
            FieldKind::LongText { max: 65_536 },
            "If the provider's (or proxy's) certificate comes from a CA that this machine does not know: that CA's \
             certificate in PEM.",
        ),
        Field::new(
            "timeout_s",
            "Timeout (seconds)",
            FieldKind::Number { min: 1, max: 120 },
            "How long a request may take, connecting included.",
        )
        .with_default(10),
        Field::new(
            "connections",
            "Parallel Requests",
            FieldKind::Number { min: 1, max: 512 },
            "How many requests may be on their way to the provider at once.",
        )
        .with_default(32),
    ]
}

// === impl Options ===

impl Options {
    /// The options in these settings, or everything that is wrong with them.
    pub fn read(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let proxy = if settings.flag("use_proxy") { read_proxy(settings).map(Some) } else { Ok(None) };
        let own_ca = trust::read_certificates("ca_certificate", settings.text("ca_certificate"));
        match (proxy, own_ca) {
            (Ok(proxy), Ok(own_ca)) => {
                let number = |name, default| settings.number(name).unwrap_or(default).max(1).unsigned_abs();
                Ok(Self {
                    proxy,
                    own_ca,
                    timeout: Duration::from_secs(number("timeout_s", 10)),
                    connections: usize::try_from(number("connections", 32)).unwrap_or(32),
                })
            }
            (proxy, own_ca) => Err([proxy.err(), own_ca.err()].into_iter().flatten().collect()),
        }
    }
}

fn read_proxy(settings: &Settings) -> Result<ProxyOptions, Problem> {
    let wrong = |message: &str| Err(Problem::new("proxy_url", message));
    let text = settings.text("proxy_url").trim();
    // "proxy.example.com" and "proxy.example.com:3128" are what people have at hand.
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let Ok(mut url) = Url::parse(&text) else {
        return wrong("enter the proxy's URL, for example http://proxy.example.com");
    };
    let Some((_, usual_port)) = PROXY_SCHEMES.iter().find(|(scheme, _)| *scheme == url.scheme()) else {
        return wrong("begin the proxy's URL with http://, https://, socks5:// or socks5h://");
    };
    if url.host_str().is_none_or(str::is_empty) {
        return wrong("enter the proxy's host, for example http://proxy.example.com");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("enter the user name and password in their own fields, not in the URL");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return wrong("remove everything after the proxy's host and port");
    }
    let entered = settings.number("proxy_port").and_then(|port| u16::try_from(port).ok());
    // `Url` drops a scheme's own port (http and 80), so it is looked for in the text.
    let in_url = url.port().or_else(|| text.trim_end_matches('/').ends_with(":80").then_some(80));
    let port = match (entered, in_url) {
        (Some(entered), Some(in_url)) if entered != in_url => {
            return Err(Problem::new("proxy_port", "the proxy's URL has another port; remove one of them"));
        }
        (entered, in_url) => entered.or(in_url).or(*usual_port),
    };
    let Some(port) = port else {
        return Err(Problem::new("proxy_port", "enter Proxy Port"));
    };
    if url.set_port(Some(port)).is_err() {
        return wrong("enter the proxy's host, for example http://proxy.example.com");
    }
    let (username, password) = (settings.text("proxy_username"), settings.text("proxy_password"));
    let account = (!username.is_empty() || !password.is_empty()).then(|| (username.into(), password.into()));
    Ok(ProxyOptions { url, account })
}
