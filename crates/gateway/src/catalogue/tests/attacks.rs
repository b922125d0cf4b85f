//! A file, a setting and a sender of an attacker.

use super::files::RIGHT;
use crate::catalogue::catalogue;
use crate::catalogue::plugin::CataloguePlugin;
use crate::http::Exchange as _;
use crate::http::kit::message;
use crate::{Plugin as _, Submission, validate};
use serde_json::json;

fn parse(text: &str) -> Option<String> {
    CataloguePlugin::parse("test.toml", text).err().map(|error| error.to_string())
}

#[test]
fn no_depth_of_a_file_ends_the_program() {
    for depth in [100, 1_000, 100_000] {
        let key = vec!["a"; depth].join(".");
        for deep in [
            format!("[send.json]\n{key} = \"{{text}}\"\n"),
            format!("[send.json.{key}]\nb = \"{{text}}\"\n"),
            format!("[send.json]\na = {}{}\n", "[".repeat(depth), "]".repeat(depth)),
            format!("[send.json]\na = {}1{}\n", "{ a = ".repeat(depth), " }".repeat(depth)),
        ] {
            let text = RIGHT.replacen(
                "json = { to = \"{to}\", text = \"{text}\", from = \"{sender}\" }\n",
                &deep,
                1,
            );
            assert!(text.contains("[send.json"));
            assert!(parse(&text).is_some(), "{depth}: {:.40}", deep);
        }
    }
}

#[test]
fn a_pattern_that_would_take_long_is_refused() {
    for pattern in ["(a{1,500}){1,500}", "((((a{30}){30}){30}){30})", &"(a|b)?c*".repeat(4_000)] {
        let error = parse(&RIGHT.replacen("id = \"/id\"", &format!("id = 'regex:{pattern}'"), 1));
        assert!(error.is_some_and(|error| error.contains("pattern")), "{:.20}", pattern);
    }
}

#[test]
fn a_step_to_another_place_of_the_provider_is_no_part_of_a_path() {
    let text = RIGHT.replacen(
        "https://api.example.com/send",
        "https://api.example.com/{sender}/{setting.key}/send",
        1,
    );
    let plugin = CataloguePlugin::parse("test.toml", &text).unwrap();
    let call = |key: &str, sender: &str| {
        let settings = validate(plugin.fields(), &json!({"key": key})).unwrap();
        let exchange = plugin.exchange(&settings, None).unwrap();
        let submission = Submission { sender: Some(sender.into()), ..message("hi") };
        exchange.call(&submission, None).map(|call| call.url.to_string())
    };
    assert_eq!(call("k", "A").unwrap(), "https://api.example.com/A/k/send");
    assert_eq!(call("k", "../x?y#z").unwrap(), "https://api.example.com/..%2Fx%3Fy%23z/k/send");
    for (key, sender) in [("k", ".."), ("..", "A"), ("k", "."), (" .. ", "A")] {
        let outcome = call(key, sender).unwrap_err();
        assert!(outcome.detail.contains("cannot stand in a URL"), "{}", outcome.detail);
    }
}

#[test]
fn no_header_takes_a_line_end_and_no_error_repeats_the_value() {
    let text = RIGHT.replacen("{setting.key}\" }", "{setting.key}\", X-From = \"{sender}\" }", 1);
    let plugin = CataloguePlugin::parse("test.toml", &text).unwrap();
    let settings = validate(plugin.fields(), &json!({"key": "s3cret"})).unwrap();
    let exchange = plugin.exchange(&settings, None).unwrap();
    for sender in ["A\r\nX-Admin: 1", "A\nB", "A\0B", "\u{7f}x"] {
        let submission = Submission { sender: Some(sender.into()), ..message("hi") };
        let outcome = exchange.call(&submission, None).err().unwrap();
        assert!(outcome.detail.contains("x-from") || outcome.detail.contains("X-From"), "{}", outcome.detail);
        assert!(!outcome.detail.contains("Admin") && !outcome.detail.contains("s3cret"));
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_folder_does_not_keep_the_program_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(catalogue(Some(folder.path())).err().unwrap().reason.contains("no file"));
}
