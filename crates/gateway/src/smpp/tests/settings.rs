//! The plugin's fields and what is said about wrong values.

use super::kit::{account, plugins};
use crate::smpp::settings::BindMode;
use crate::{Environment, FieldKind, Plugin as _, SmppPlugin};
use serde_json::{Value, json};
use textgate_sms::Encoding;

fn problems(more: Value) -> Vec<String> {
    let mut settings = json!({"system_id": "esme", "host": "smsc.example"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let found = plugins().check("smpp", &settings).err().unwrap_or_default();
    found.into_iter().map(|problem| problem.path).collect()
}

#[test]
fn the_contracts_fields_are_there_under_their_names() {
    let plugin = SmppPlugin::new();
    let names: Vec<&str> = plugin.fields().iter().map(|field| &*field.name).collect();
    for name in [
        "system_id",
        "password",
        "host",
        "port",
        "system_type",
        "success_contains",
        "encoding",
        "service_type",
        "ton",
        "npi",
        "flash",
        "overwrite",
        "sender",
        "sender_ton",
        "sender_npi",
        "tls",
        "bind",
        "binds",
        "window",
        "throughput",
        "long_messages",
        "receipts",
        "receipt_id_base",
        "unencodable",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn the_pages_options_are_there_with_its_labels_and_its_choices() {
    let plugin = SmppPlugin::new();
    let labels = |wanted: &str| -> Vec<String> {
        let field = plugin.fields().iter().find(|field| field.label == wanted).expect(wanted);
        match &field.kind {
            FieldKind::Choice { choices, .. } => choices.iter().map(|c| c.label.to_string()).collect(),
            _ => Vec::new(),
        }
    };
    for label in ["System ID", "Host", "Port", "System Type", "Success Message Contains String", "Password"] {
        assert!(labels(label).is_empty());
    }
    assert_eq!(labels("Encoding")[..5], ["smcdefault", "utf16be", "ucs2", "ascii", "latin1"]);
    assert_eq!(labels("Type of Number (TON)").len(), 7);
    assert_eq!(labels("Number Plan Indicator (NPI)").len(), 10);
    assert_eq!(labels("Service Type").len(), 7, "and Other, with its value");
}

#[test]
fn what_is_left_out_has_its_default() {
    let account = account(2775, json!({}));
    assert_eq!((account.binds, account.window, account.throughput), (1, 10, None));
    assert_eq!((account.bind, account.is_tls), (BindMode::Transceiver, false));
    assert_eq!(account.format.encoding, Some(Encoding::GSM7));
    assert_eq!((account.format.destination_plan.ton, account.format.destination_plan.npi), (1, 1));
    assert!(account.format.wants_receipts && account.format.tells_validity);
    assert_eq!(account.format.service_type, "");
}

#[test]
fn every_problem_is_told_with_its_field() {
    assert!(problems(json!({})).is_empty());
    assert_eq!(problems(json!({"system_id": "", "host": ""})), ["system_id", "host"]);
    assert_eq!(
        problems(json!({"port": 0, "encoding": "ebcdic", "window": 0})),
        ["port", "encoding", "window"]
    );
    let wrong = json!({
        "system_id": "ésme", "sender": "Größe", "service_type": "Other", "host": "smpp://smsc.example:2775",
        "tls": true, "ca_certificate": "nonsense",
    });
    assert_eq!(problems(wrong), ["system_id", "service_type", "sender", "host", "ca_certificate"]);
    assert_eq!(problems(json!({"service_type": "TOOLONG"})), ["service_type"]);
}

#[test]
fn a_gateway_is_built_from_settings_that_pass() {
    let settings = plugins().check("smpp", &json!({"system_id": "e", "host": "h"})).unwrap();
    let gateway = SmppPlugin::new().build(&settings, &Environment::default()).unwrap();
    assert_eq!(gateway.plan("hi").unwrap().segments, 1);
}
