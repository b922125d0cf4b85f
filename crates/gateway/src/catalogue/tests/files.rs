//! Files that are wrong, and where the error says so.

use crate::catalogue::plugin::CataloguePlugin;
use crate::{Environment, FieldKind, Plugin as _, documentation, validate};
use serde_json::json;

/// A provider that is right.
pub const RIGHT: &str = r#"name = "test"
label = "Test"
site = "https://example.com"
documentation = "https://example.com/docs"
countries = ["worldwide"]
features = ["sender", "unicode"]

[[source]]
at = "https://example.com/docs"
read = "2026-11-24"

[sender]
setting = "sender"

[[field]]
name = "key"
label = "Key"
kind = "secret"
required = true
help = "The key."

[[field]]
name = "sender"
label = "Sender ID"
help = "Whom messages come from."
message = "Only where you bought it."

[send]
method = "POST"
url = "https://api.example.com/send"
headers = { X-Key = "{setting.key}" }
json = { to = "{to}", text = "{text}", from = "{sender}" }

[answer]
id = "/id"
"#;

fn error(from: &str, to: &str) -> (Option<usize>, String) {
    assert!(RIGHT.contains(from), "{from}");
    let error = CataloguePlugin::parse("test.toml", &RIGHT.replacen(from, to, 1)).err();
    let error = error.unwrap_or_else(|| panic!("{to} was taken"));
    (error.line, error.reason)
}

#[test]
fn a_right_file_is_a_plugin_with_its_fields_and_those_that_all_have() {
    let plugin = CataloguePlugin::parse("test.toml", RIGHT).unwrap();
    let names: Vec<&str> = plugin.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(names[..3], ["key", "sender", "use_proxy"]);
    assert!(!names.contains(&"flash") && !names.contains(&"overwrite") && !names.contains(&"receipts"));
    assert!(names.contains(&"ca_certificate") && names.contains(&"api_address"));
    assert!(matches!(plugin.fields()[0].kind, FieldKind::Secret { .. }));
    let shown = serde_json::to_value(&plugin.fields()[1]).unwrap();
    assert_eq!(shown["message"], "Only where you bought it.");
    let settings = validate(plugin.fields(), &json!({"key": "k"})).unwrap();
    assert!(plugin.check(&settings).is_empty());
    assert!(plugin.build(&settings, &Environment::default()).is_ok());
}

#[test]
fn flash_and_overwrite_are_shown_where_the_provider_has_them_and_only_there() {
    let with = RIGHT.replacen("\"unicode\"]", "\"unicode\", \"flash\", \"overwrite\"]", 1).replacen(
        "from = \"{sender}\"",
        "from = \"{sender}\", f = \"{flash}\", o = \"{overwrite_type}\"",
        1,
    );
    let plugin = CataloguePlugin::parse("test.toml", &with).unwrap();
    let labels: Vec<&str> = plugin.fields().iter().map(|field| &*field.label).collect();
    let place = |label| labels.iter().position(|l| *l == label);
    assert!(
        place("Use Proxy") < place("Use Flash SMS") && place("Use Flash SMS") < place("Use Overwrite SMS")
    );
}

#[test]
fn a_wrong_file_is_refused_with_its_line_and_a_reason() {
    for (from, to, line, reason) in [
        ("label = \"Test\"", "label = 3", 2, "string"),
        ("label = \"Test\"", "lable = \"Test\"", 2, "lable"),
        ("name = \"test\"", "name = \"other\"", 1, "test.toml"),
        ("name = \"test\"", "name = \"Te st\"", 1, "lower-case"),
        ("\"unicode\"]", "\"fly\"]", 6, "fly"),
        ("\"unicode\"]", "\"unicode\", \"flash\"]", 6, "flash"),
        ("\"unicode\"]", "\"unicode\", \"receipts\"]", 6, "receipts"),
        ("features = [\"sender\", ", "features = [", 6, "sender"),
        ("read = \"2026-11-24\"", "read = \"today\"", 8, "date"),
        ("setting = \"sender\"", "setting = \"nobody\"", 13, "nobody"),
        ("kind = \"secret\"", "kind = \"choice\"", 15, "choices"),
        ("kind = \"secret\"", "kind = \"secret\"\nsecret = true", 19, "secret"),
        ("name = \"sender\"\nlabel", "name = \"timeout_s\"\nlabel", 22, "already"),
        ("help = \"The key.\"", "help = \"\"", 15, "help"),
        ("https://api.example.com/send", "ftp://api.example.com/send", 30, "https://"),
        ("https://api.example.com/send", "https://{setting.key}/send", 30, "host"),
        ("https://api.example.com/send", "https://{host}/send", 30, "host"),
        ("{setting.key}\" }", "{setting.kee}\" }", 31, "kee"),
        ("{setting.key}\" }", "{settings.key}\" }", 31, "settings.key"),
        ("X-Key = ", "\"X Key\" = ", 28, "X Key"),
        ("text = \"{text}\"", "text = \"{text\"", 32, "brace"),
        ("text = \"{text}\"", "text = \"{signature}\"", 32, "signature"),
        ("text = \"{text}\"", "text = { is = \"{text}\", when = \"flsh\" }", 32, "flsh"),
        ("json = {", "form = { a = \"b\" }\njson = {", 28, "one body"),
        ("id = \"/id\"", "id = \"regex:(\"", 35, "pattern"),
        ("id = \"/id\"", "own_id = true", 28, "{id}"),
        ("id = \"/id\"", "id = \"regexp:x\"", 35, "no place"),
        ("id = \"/id\"", "id = [\"/id\", \"\"]", 35, "no place"),
        ("id = \"/id\"", "id = \"/id\"\neach = \"list\"", 36, "place in JSON"),
        ("[answer]\n", "[[error]]\nclass = \"refused\"\ndetail = \"x\"\n[answer]\n", 34, "status"),
        (
            "[answer]\n",
            "[[error]]\nstatus = [4]\nclass = \"refused\"\ndetail = \"x\"\n[answer]\n",
            35,
            "three digits",
        ),
        ("[answer]\n", "[[error]]\nstatus = [400]\nclass = \"bad\"\ndetail = \"x\"\n[answer]\n", 36, "bad"),
    ] {
        let (found, why) = error(from, to);
        assert!(why.contains(reason), "{to}: {why}");
        assert_eq!(found, Some(line), "{to}: {why}");
    }
}

#[test]
fn no_piece_of_a_file_is_a_panic() {
    let all = std::fs::read_to_string(super::cases::folder().join("vonage.toml")).unwrap();
    for text in [RIGHT, &all] {
        for (at, _) in text.char_indices().step_by(7) {
            let _ = CataloguePlugin::parse("test.toml", &text[..at]);
            let _ = CataloguePlugin::parse("test.toml", &text[at..]);
            let mut lines: Vec<&str> = text.lines().collect();
            lines.remove(at % lines.len());
            let _ = CataloguePlugin::parse("test.toml", &lines.join("\n"));
        }
    }
}

#[test]
fn the_page_about_providers_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/providers.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let expected = documentation(&crate::catalogue(None).unwrap());
    assert!(page == expected, "write it anew: cargo run -- plugins docs > docs/providers.md");
}

#[test]
fn the_readme_lists_every_value() {
    let readme = std::fs::read_to_string(super::cases::folder().join("README.md")).unwrap();
    for (name, _, _, about) in crate::catalogue::template::WORDS {
        assert!(readme.contains(&format!("`{{{name}}}`")), "{name}");
        assert!(readme.contains(about), "{name}: {about}");
    }
}

#[test]
fn the_readmes_walk_through_is_true() {
    let readme = std::fs::read_to_string(super::cases::folder().join("README.md")).unwrap();
    let mut blocks = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let plugin = CataloguePlugin::parse("acme.toml", blocks.next().unwrap()).unwrap();
    let cases = toml::from_str(blocks.next().unwrap()).unwrap();
    super::conformance::requests(&plugin, &cases);
    super::conformance::answers(&plugin, &cases);
    super::conformance::receipts(&plugin, &cases);
}
