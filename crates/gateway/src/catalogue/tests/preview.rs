//! Previews of every provider's requests: they are the requests, and hold no secret.

use super::cases::{self, Cases};
use crate::catalogue::plugin::CataloguePlugin;
use crate::http::{Call, Exchange as _};
use crate::{Environment, HttpRequest, Plugin as _, Settings, Submission, preview};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;

fn previewed(plugin: &CataloguePlugin, settings: &Settings, submission: &Submission) -> Vec<HttpRequest> {
    let environment =
        Environment { callback_url: Some(cases::CALLBACK.to_owned()), ..Environment::default() };
    let preview = preview(plugin, settings, &environment, submission);
    preview.unwrap_or_else(|error| panic!("{}: {error}", plugin.name())).requests
}

/// Secrets with their names, as they may stand in a request.
fn named(plugin: &CataloguePlugin, settings: &Settings) -> Vec<(String, String)> {
    let mut found = Vec::new();
    settings.map_secrets(plugin.fields(), |secret, name, _| {
        found.push((secret.to_owned(), format!("‹{name}›")));
        String::new()
    });
    // A secret that is a part of another one is looked for last.
    found.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
    found
}

fn without_secrets(text: &str, secrets: &[(String, String)]) -> String {
    secrets.iter().fold(text.to_owned(), |text, (secret, name)| {
        let escaped: String = secret
            .bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() || b"-._*".contains(&b) {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect();
        text.replace(secret, name).replace(&escaped, name)
    })
}

/// The settings of a case, with secrets that are long enough to be found.
fn settings_of(plugin: &CataloguePlugin, cases: &Cases, more: &Map<String, serde_json::Value>) -> Settings {
    let mut count = 0;
    cases::settings(plugin, cases, more).map_secrets(plugin.fields(), |secret, _, _| {
        count += 1;
        let is_findable =
            secret.len() > 10 && secret.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'"');
        if is_findable { secret.to_owned() } else { format!("s3cret-&-long-{count}") }
    })
}

fn first(cases: &Cases) -> (&cases::MessageCase, &Map<String, serde_json::Value>) {
    let case = &cases.request[0];
    (&case.message, &case.settings)
}

#[test]
fn every_provider_s_preview_is_its_request_but_for_secrets_and_what_depends_on_the_moment() {
    for (plugin, cases) in cases::all() {
        let (message, more) = first(cases);
        let settings = settings_of(plugin, cases, more);
        let moment = cases::moment();
        let submission = cases::submission(message, &moment);
        let exchange = cases::exchange(plugin, &settings, true);
        let token = exchange.wants_token().then_some("a-token-of-the-test");
        let call = exchange.call(&submission, token).unwrap_or_else(|o| panic!("{}", o.detail));
        let requests = previewed(plugin, &settings, &submission);
        assert_eq!(requests.len(), if token.is_some() { 2 } else { 1 }, "{}", plugin.name());
        let shown = requests.last().unwrap();
        assert_eq!((shown.purpose, &*shown.method), ("message", call.method.as_str()));
        assert_is(plugin, &call, shown, &named(plugin, &settings));
    }
}

/// The same request, but that an Authorization header is compared by its scheme where it was computed.
fn assert_is(plugin: &CataloguePlugin, call: &Call, shown: &HttpRequest, secrets: &[(String, String)]) {
    let what = plugin.name();
    assert_eq!(without_secrets(call.url.as_str(), secrets), shown.url, "{what}: URL");
    let is_timed = cases::is_timed(plugin);
    if !is_timed {
        assert_eq!(
            without_secrets(&String::from_utf8_lossy(&call.body), secrets),
            shown.body,
            "{what}: body"
        );
    }
    for (name, value) in &call.headers {
        let found = shown.headers.iter().find(|header| header.name == name.as_str());
        let found = &found.unwrap_or_else(|| panic!("{what}: no {name}")).value;
        let value = value.to_str().unwrap();
        if let Some(basic) = value.strip_prefix("Basic ") {
            let credentials = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
            assert_eq!(format!("Basic base64({})", without_secrets(&credentials, secrets)), *found, "{what}");
        } else if call.signature.as_ref().is_some_and(|signature| value.contains(signature)) {
            assert!(found.contains("‹signature›"), "{what}: {found}");
        } else if !is_timed {
            let expected = without_secrets(value, secrets).replace("a-token-of-the-test", "‹OAuth token›");
            assert_eq!(expected, *found, "{what}: {name}");
        }
    }
}

#[test]
fn no_provider_s_preview_holds_a_secret_in_any_form() {
    for (plugin, cases) in cases::all() {
        let (message, more) = first(cases);
        let settings = settings_of(plugin, cases, more);
        let submission = cases::submission(message, &cases::moment());
        let shown = serde_json::to_string(&previewed(plugin, &settings, &submission)).unwrap();
        for (secret, name) in named(plugin, &settings) {
            let hex: String = secret.bytes().map(|octet| format!("{octet:02x}")).collect();
            for form in [secret.clone(), STANDARD.encode(&secret), hex] {
                let form = form.trim_end_matches('=');
                assert!(!shown.contains(form), "{}: {name} is in {shown}", plugin.name());
            }
        }
    }
}
