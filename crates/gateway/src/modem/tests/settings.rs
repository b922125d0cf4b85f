//! The fields, and what is said of settings that cannot be.

use super::kit::plugins;
use crate::modem::settings::Modems;
use serde_json::{Value, json};

fn problems(settings: Value) -> Vec<(String, String)> {
    let problems = plugins().check("modem", &settings).err().unwrap_or_default();
    problems.into_iter().map(|problem| (problem.path, problem.message)).collect()
}

#[test]
fn the_labels_are_those_of_the_page_and_the_defaults_make_a_gateway() {
    let plugins = plugins();
    let plugin = plugins.get("modem").unwrap();
    assert_eq!(plugin.label(), "SMS modem");
    let label =
        |name: &str| plugin.fields().iter().find(|field| field.name == name).unwrap().label.to_string();
    assert_eq!((label("flash"), label("overwrite")), ("Use Flash SMS".into(), "Use Overwrite SMS".into()));
    let settings = plugins.check("modem", &json!({"devices": "/dev/ttyUSB0"})).unwrap();
    let modems = Modems::read(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!((modems.places.len(), modems.rate, modems.baud), (1, 30, 115_200));
    assert!(modems.format.wants_reports && modems.pin.is_empty());
}

#[test]
fn devices_stand_on_lines_or_between_commas() {
    let devices = "/dev/ttyUSB0, tcp://10.0.0.1:4001\r\n\r\nrfc2217://box:2217\n";
    let settings = plugins().check("modem", &json!({ "devices": devices })).unwrap();
    let places = Modems::read(&settings).unwrap_or_else(|problems| panic!("{problems:?}")).places;
    let places: Vec<String> = places.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["/dev/ttyUSB0", "tcp://10.0.0.1:4001", "rfc2217://box:2217"]);
}

#[test]
fn every_problem_is_told_at_once_and_where() {
    let found = problems(json!({"devices": "ttyUSB0, /dev/a, /dev/a", "pin": "12", "service_centre": "abc"}));
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["devices", "devices", "pin", "service_centre"]);
    assert!(found[1].1.contains("twice"), "{found:?}");
    assert_eq!(problems(json!({"devices": " \n"}))[0].0, "devices");
    let many: Vec<String> = (0..33).map(|n| format!("/dev/ttyUSB{n}")).collect();
    assert!(problems(json!({"devices": many.join("\n")}))[0].1.contains("at most 32"));
}
