//! What may be saved, and every problem with its path.

use super::kit::{plugins, settings};
use crate::{GenericHttpPlugin, Plugin as _};
use serde_json::{Value, json};

fn problems(url: &str, more: Value) -> Vec<(String, String)> {
    match plugins().check("generic-http", &settings(url, more)) {
        Ok(_) => vec![],
        Err(found) => found.into_iter().map(|p| (p.path, p.message)).collect(),
    }
}

/// The one problem there is.
fn problem(url: &str, more: Value) -> (String, String) {
    let mut found = problems(url, more);
    assert_eq!(found.len(), 1, "{url}: {found:?}");
    found.remove(0)
}

const URL: &str = "https://api.example.com/http/sendmsg";

#[test]
fn the_fields_are_the_pages_in_its_order_and_then_our_own() {
    let plugin = GenericHttpPlugin::new();
    let fields: Vec<(&str, &str)> = plugin.fields().iter().map(|f| (&*f.name, &*f.label)).collect();
    assert_eq!(
        fields,
        [
            ("method", "Method Name"),
            ("plus_for_spaces", "Add parameters to URL"),
            ("url", "SMS URL"),
            ("destination_parameter", "Destination Parameter Name"),
            ("message_parameter", "Message Parameter Name"),
            ("success_contains", "Success Message Contains String"),
            ("use_proxy", "Use Proxy"),
            ("proxy_url", "Proxy URL"),
            ("proxy_port", "Proxy Port"),
            ("proxy_username", "Proxy Username"),
            ("proxy_password", "Proxy Password"),
            ("parameters", "Add Parameter"),
            ("sender_parameter", "Sender Parameter Name"),
            ("ca_certificate", "CA Certificate"),
            ("timeout_s", "Timeout (seconds)"),
            ("connections", "Parallel Requests"),
        ]
    );
    assert_eq!((plugin.name(), plugin.label()), ("generic-http", "Generic HTTP(s)"));
}

#[test]
fn what_is_needed_is_asked_for_all_at_once() {
    let found = plugins().check("generic-http", &json!({"use_proxy": true})).unwrap_err();
    let paths: Vec<&str> = found.iter().map(|p| &*p.path).collect();
    assert_eq!(paths, ["url", "destination_parameter", "message_parameter", "proxy_url"]);
}

#[test]
fn the_url_has_at_most_one_query_parameter_of_its_own() {
    for query in ["", "?", "?token=1", "?token", "?a=b&", "?a=b=c", "?token=a%26b"] {
        assert_eq!(problems(&format!("{URL}{query}"), json!({})), [], "{query}");
    }
    for query in ["?a=1&b=2", "?a&b", "?a=1&&b=2", "?a=1&b=2&c=3"] {
        let (path, message) = problem(&format!("{URL}{query}"), json!({}));
        assert_eq!(path, "url");
        assert!(message.contains("at most one query parameter"), "{message}");
    }
}

#[test]
fn a_url_that_could_not_be_sent_as_typed_is_refused_with_what_to_do() {
    for (url, says) in [
        ("api.example.com/send", "whole URL"),
        ("ftp://api.example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "whole URL"),
        ("https://me:secret@api.example.com/", "before the @"),
        ("https://me@api.example.com/", "before the @"),
        ("https://api.example.com/#top", "remove the #"),
        ("https://api.example.com:0/", "port 0"),
        ("https://api.example.com:70000/", "whole URL"),
        ("https://api.example.com/?t=a b", "write ' ' as %20"),
        ("https://api.example.com/?t=é", "write 'é' as %C3%A9"),
        ("https://api.example.com/?t=a'b", "as %27"),
    ] {
        let (path, message) = problem(url, json!({}));
        assert_eq!(path, "url", "{url}");
        assert!(message.contains(says), "{url}: {message}");
        assert!(!message.contains("secret"), "{message}");
    }
    assert_eq!(problems(" https://api.example.com:8443/a%20b?t=1 ", json!({})), []);
    assert_eq!(problems("HTTP://[2a00::1]/x", json!({})), []);
}

#[test]
fn a_proxy_has_a_scheme_a_host_and_one_port() {
    let proxy = |url: &str, port: Value| json!({"use_proxy": true, "proxy_url": url, "proxy_port": port});
    for (url, port) in [
        ("http://proxy.example.com", json!(3128)),
        ("http://proxy.example.com/", json!("3128")),
        ("proxy.example.com", json!(80)),
        ("proxy.example.com:3128", json!(null)),
        ("http://proxy.example.com:80", json!(null)),
        ("https://proxy.example.com:3128", json!(3128)),
        ("socks5://proxy.example.com", json!(null)),
        ("socks5h://10.0.0.1", json!(1081)),
    ] {
        assert_eq!(problems(URL, proxy(url, port.clone())), [], "{url} {port}");
    }
    for (url, port, path, says) in [
        ("http://proxy.example.com", json!(null), "proxy_port", "enter Proxy Port"),
        ("http://proxy.example.com:3128", json!(8080), "proxy_port", "another port"),
        ("http://proxy.example.com", json!(0), "proxy_port", "from 1 to 65535"),
        ("ftp://proxy.example.com", json!(3128), "proxy_url", "socks5://"),
        ("http://", json!(3128), "proxy_url", "proxy's URL"),
        ("http://me:pw@proxy.example.com", json!(3128), "proxy_url", "own fields"),
        ("http://proxy.example.com/path", json!(3128), "proxy_url", "remove everything"),
        ("http://proxy.example.com?x", json!(3128), "proxy_url", "remove everything"),
    ] {
        let (found, message) = problem(URL, proxy(url, port));
        assert_eq!(found, path, "{url}: {message}");
        assert!(message.contains(says), "{url}: {message}");
    }
    // What stays in the form of an unused proxy is nobody's problem.
    assert_eq!(problems(URL, json!({"use_proxy": false, "proxy_url": "nonsense://"})), []);
}

#[test]
fn a_ca_certificate_is_pem_with_a_certificate() {
    let key = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
    assert_eq!(problems(URL, json!({"ca_certificate": key.cert.pem()})), []);
    assert_eq!(problems(URL, json!({"ca_certificate": " \n"})), []);
    for pem in [
        "hello".to_owned(),
        key.signing_key.serialize_pem(),
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n".to_owned(),
        "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n".to_owned(),
    ] {
        assert_eq!(problem(URL, json!({"ca_certificate": pem})).0, "ca_certificate");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let found = problems(
        "https://a.example/?a=1&b=2",
        json!({"use_proxy": true, "proxy_url": "ftp://p", "proxy_port": 1, "ca_certificate": "x"}),
    );
    let paths: Vec<&str> = found.iter().map(|(path, _)| &**path).collect();
    assert_eq!(paths, ["url", "proxy_url", "ca_certificate"]);
}

#[test]
fn the_plan_counts_segments() {
    let gateway = super::kit::build(&settings(URL, json!({})), super::kit::local());
    for (text, segments, encoding) in [
        ("hello".to_owned(), 1, "gsm7"),
        ("a".repeat(160), 1, "gsm7"),
        ("a".repeat(161), 2, "gsm7"),
        ("€".repeat(81), 2, "gsm7"),
        ("ж".repeat(70), 1, "ucs2"),
        ("ж".repeat(71), 2, "ucs2"),
        ("😀".repeat(35), 1, "ucs2"),
    ] {
        let plan = gateway.plan(&text).unwrap();
        assert_eq!((plan.segments, plan.encoding), (segments, encoding), "{text}");
    }
    let error = gateway.plan(&"a".repeat(255 * 153 + 1)).unwrap_err();
    assert!(error.to_string().contains("255"), "{error}");
}
