//! SMS settings, and the plugins that settings are made for.

use crate::access::{FullAccess, Target};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::ProblemType;
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, alias, optional, required};
use crate::state::Api;
use crate::views::{self, COUNT, NAME};
use axum::extract::{Request, State};
use axum::routing::{get, put};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use textgate_dispatch::{SettingsInput, SettingsView};
use textgate_gateway::{Feature, Field, Plugins, Provider};
use textgate_sms::VsId;

fn modes() -> Vec<&'static str> {
    vec!["default", "custom"]
}

fn policies() -> Vec<&'static str> {
    vec!["failover", "sent"]
}

fn orders() -> Vec<&'static str> {
    vec!["fixed", "adaptive"]
}

fn healths() -> Vec<&'static str> {
    vec!["connecting", "up", "down"]
}

fn sims() -> Vec<&'static str> {
    vec!["ready", "pin_required", "puk_required", "missing", "failed", "unknown"]
}

fn registrations() -> Vec<&'static str> {
    vec!["home", "roaming", "searching", "denied", "none", "unknown"]
}

fn features() -> Vec<&'static str> {
    Feature::ALL.iter().map(|feature| feature.name()).collect()
}

fn breakers() -> Vec<&'static str> {
    vec!["closed", "open", "half_open"]
}

pub(crate) const MODE: Shape = Shape::OneOf(modes);
const PLUGIN: Shape = Shape::Text(64);
const GATEWAYS: Shape = Shape::List(&Shape::Object(&GATEWAY_INPUT), 8);

pub(crate) static SETTINGS_INPUT: Object = Object {
    name: "SmsSettingsInput",
    about: "SMS settings to be put. In a gateway's settings, a secret that is blank or left out keeps its value; null clears it.",
    properties: &[
        required(
            "mode",
            MODE,
            "`default`: through the service provider's gateway, paid with SMS credits; `custom`: through own gateways.",
        ),
        optional("test_number", Shape::Text(64), "SMS Mobile Number: where Test sends to."),
        optional(
            "failover_after_ms",
            Shape::Integer(0, u32::MAX as i64),
            "How long a gateway may be silent before the next one is tried (ms, 100 to 600,000); 3,000 where left out.",
        ),
        optional(
            "on_uncertain",
            Shape::OneOf(policies),
            "A gateway took a message and did not answer: `failover` sends it by the next one, and it may arrive twice; `sent` counts it as sent, and it may not arrive.",
        ),
        optional(
            "gateway_order",
            Shape::OneOf(orders),
            "Which gateway goes first: `fixed`, the first in order that takes messages; `adaptive`, the one that does best for the number's country, by codes entered and receipts. `fixed` where left out.",
        ),
        optional("gateways", GATEWAYS, "Primary, failover, and so on."),
        alias("gateway", GATEWAYS),
    ],
};

pub(crate) static GATEWAY_INPUT: Object = Object {
    name: "GatewayInput",
    about: "A gateway to be put.",
    properties: &[
        optional("name", NAME, "Its name; `primary`, `failover`, `failover-2` where left out."),
        required("plugin", PLUGIN, "Its plugin's name."),
        optional("settings", Shape::GatewaySettings, "Its settings, by the plugin's field names."),
    ],
};

static SETTINGS: Object = Object {
    name: "SmsSettings",
    about: "SMS settings, without secrets.",
    properties: &[
        required("mode", MODE, "Where messages leave."),
        optional("test_number", Shape::Text(15), "SMS Mobile Number: where Test sends to."),
        required(
            "failover_after_ms",
            COUNT,
            "How long a gateway may be silent before the next one is tried (ms).",
        ),
        required(
            "on_uncertain",
            Shape::OneOf(policies),
            "What happens to a message that a gateway took without an answer.",
        ),
        required("gateway_order", Shape::OneOf(orders), "Which gateway goes first."),
        required("gateways", Shape::List(&Shape::Object(&GATEWAY), 8), "Primary first."),
        optional(
            "default_unavailable",
            Shape::Text(1024),
            "Why mode Default cannot be used now, where it cannot.",
        ),
        required("credits", Shape::Object(&views::CREDITS), "SMS credits."),
    ],
};

pub(crate) static GATEWAY: Object = Object {
    name: "Gateway",
    about: "A gateway, without its secrets.",
    properties: &[
        required("id", COUNT, "Its number."),
        required("name", NAME, "Its name."),
        required("plugin", PLUGIN, "Its plugin's name."),
        required("settings", Shape::GatewaySettings, "Its settings; secrets are `\"\"`."),
        required("secrets_set", Shape::List(&Shape::Text(256), 200), "Which secrets have a value."),
        optional(
            "receipt_url",
            Shape::Text(1024),
            "Where its provider can report and bring what phones send, if it does so over HTTP; only the path where there is no public address.",
        ),
        required("status", Shape::Object(&GATEWAY_STATUS), "How it is now."),
    ],
};

static GATEWAY_STATUS: Object = Object {
    name: "GatewayStatus",
    about: "How a gateway is.",
    properties: &[
        required("health", Shape::OneOf(healths), "Whether it can be reached."),
        optional("reason", Shape::Text(1024), "Why it is down."),
        required(
            "breaker",
            Shape::OneOf(breakers),
            "Whether dispatch sends by it: `open` after too many failures.",
        ),
        required("waiting", Shape::List(&COUNT, 3), "Messages waiting: otp, alert, text."),
        required("in_flight", COUNT, "Messages taken and not finished."),
        required("window", COUNT, "Room for unfinished messages."),
        optional(
            "lines",
            Shape::List(&Shape::Object(&LINE_STATUS), 32),
            "Its modems; left out where the gateway has none.",
        ),
    ],
};

pub(crate) static LINE_STATUS: Object = Object {
    name: "LineStatus",
    about: "How a modem of a gateway is.",
    properties: &[
        required("line", Shape::Text(320), "Its device or address, as in the settings."),
        required("health", Shape::OneOf(healths), "Whether it can send."),
        optional("reason", Shape::Text(1024), "Why it cannot."),
        optional("model", Shape::Text(64), "Manufacturer and model, as it says."),
        required("sim", Shape::OneOf(sims), "Its SIM."),
        required("registration", Shape::OneOf(registrations), "Its registration with the network."),
        optional("operator", Shape::Text(64), "The operator's name."),
        optional("signal_dbm", Shape::Integer(-200, 0), "The signal's strength (dBm)."),
        required("segments_sent", COUNT, "Segments that it sent since the gateway was started."),
    ],
};

static PLUGINS: Object = Object {
    name: "Plugins",
    about: "Kinds of gateways.",
    properties: &[required(
        "plugins",
        Shape::List(&Shape::Object(&PLUGIN_SHOWN), 10_000),
        "In the console's order.",
    )],
};

static PLUGIN_SHOWN: Object = Object {
    name: "Plugin",
    about: "A kind of gateway.",
    properties: &[
        required("name", PLUGIN, "Its name in settings."),
        required("label", Shape::Text(256), "Its name for people."),
        required(
            "features",
            Shape::List(&Shape::OneOf(features), 16),
            "What it can do: flash and overwriting messages, receipts, a balance that can be asked for, characters beyond GSM 03.38, a validity that \
             the provider is told, senders of one's own.",
        ),
        required(
            "fields",
            Shape::List(&Shape::Any, 1_000),
            "Its settings: `name`, `label`, `kind` (`text`, `long_text`, `secret`, `number`, `flag`, `choice`, `pairs`) with its bounds, `default`, `required`, `help`, `message`, and `shown_when`.",
        ),
        optional(
            "provider",
            Shape::Any,
            "Of a preconfigured provider: `site`, `documentation`, `countries`, `features`, `experimental` with its reason, `note`, `receipts` (how they come; blank: their address goes with each message), `at_once` (how many waiting messages share one request), `sources`.",
        ),
    ],
};

const CHANGING: &[ProblemType] = &[ProblemType::Conflict, ProblemType::StoreUnavailable];
const CHANGING_OTHERS: &[ProblemType] =
    &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/sms-settings",
            id: "get_sms_settings",
            summary: "The SMS settings.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &SETTINGS, "The settings."),
            problems: &[ProblemType::StoreUnavailable],
            handler: get(show),
        },
        Route {
            method: "PUT",
            path: "/v1/sms-settings",
            id: "put_sms_settings",
            summary: "Put the SMS settings as a whole. Every problem is told at once, and nothing is changed then.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&SETTINGS_INPUT),
            success: Success::json(200, &SETTINGS, "The settings as they are now."),
            problems: CHANGING,
            handler: put(replace),
        },
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/sms-settings",
            id: "get_sms_settings_of",
            summary: "The SMS settings of a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &SETTINGS, "The settings."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(show_of),
        },
        Route {
            method: "PUT",
            path: "/v1/virtual-servers/{id}/sms-settings",
            id: "put_sms_settings_of",
            summary: "Put the SMS settings of a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&SETTINGS_INPUT),
            success: Success::json(200, &SETTINGS, "The settings as they are now."),
            problems: CHANGING_OTHERS,
            handler: put(replace_of),
        },
        Route {
            method: "GET",
            path: "/v1/plugins",
            id: "list_plugins",
            summary: "Kinds of gateways, and the fields of their settings.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &PLUGINS, "The plugins."),
            problems: &[],
            handler: get(plugins),
        },
    ]
}

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&api.dispatch.settings(access.vs).await?)
}

async fn show_of(State(api): State<Arc<Api>>, target: Target) -> Answer {
    shown(&api.dispatch.settings(target.vs).await?)
}

fn shown(settings: &SettingsView) -> Answer {
    Ok(answer::json(StatusCode::OK, settings))
}

async fn replace(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    put_settings(&api, &access.actor, access.vs, request).await
}

async fn replace_of(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    put_settings(&api, &target.access.actor, target.vs, request).await
}

async fn put_settings(api: &Api, actor: &str, vs: VsId, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let input: SettingsInput = body::parse(&bytes, &SETTINGS_INPUT)?;
    shown(&api.dispatch.put_settings(actor, vs, input).await?)
}

#[derive(Serialize)]
struct PluginsShown<'a> {
    plugins: Vec<PluginView<'a>>,
}

#[derive(Serialize)]
struct PluginView<'a> {
    name: &'a str,
    label: &'a str,
    features: &'a [Feature],
    fields: &'a [Field],
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a Provider>,
}

impl<'a> From<&'a Plugins> for PluginsShown<'a> {
    fn from(plugins: &'a Plugins) -> Self {
        let view = |plugin: &'a Arc<dyn textgate_gateway::Plugin>| PluginView {
            name: plugin.name(),
            label: plugin.label(),
            features: plugin.features(),
            fields: plugin.fields(),
            provider: plugin.provider(),
        };
        Self { plugins: plugins.iter().map(view).collect() }
    }
}

async fn plugins(State(api): State<Arc<Api>>, _: FullAccess) -> Answer {
    Ok(answer::json(StatusCode::OK, &PluginsShown::from(api.dispatch.plugins())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use textgate_dispatch::{CreditsView, GatewayOrder, GatewayStatus, GatewayView, Mode, OnUncertain};
    use textgate_gateway::LineStatus;
    use textgate_sms::GatewayId;

    #[test]
    fn settings_that_fit_are_read() {
        let body = json!({
            "mode": "custom", "test_number": "15550100100", "failover_after_ms": 500, "on_uncertain": "sent",
            "gateways": [{"plugin": "smpp", "name": "main", "settings": {"host": "h", "password": ""}}, {"plugin": "generic-http"}],
        });
        let input: SettingsInput = body::parse(body.to_string().as_bytes(), &SETTINGS_INPUT).unwrap();
        assert_eq!(
            (input.mode, input.on_uncertain, input.gateways.len()),
            (Mode::Custom, OnUncertain::Sent, 2)
        );
        let aliased = br#"{"mode":"default","gateway":[{"plugin":"smpp"}]}"#;
        assert_eq!(body::parse::<SettingsInput>(aliased, &SETTINGS_INPUT).unwrap().gateways.len(), 1);
    }

    #[test]
    fn settings_that_do_not_fit_are_told_whole_and_without_a_value() {
        let body = json!({
            "mode": "hunter2", "password": "hunter2",
            "gateways": [{"settings": "hunter2"}, {"plugin": 3, "settings": {}, "slot": 1}],
        });
        let problem = body::parse::<SettingsInput>(body.to_string().as_bytes(), &SETTINGS_INPUT)
            .err()
            .unwrap()
            .to_json();
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        let paths: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap()).collect();
        assert_eq!(
            paths,
            [
                "password",
                "mode",
                "gateways[0].plugin",
                "gateways[0].settings",
                "gateways[1].slot",
                "gateways[1].plugin"
            ]
        );
    }

    #[test]
    fn nulls_count_as_left_out() {
        let body = br#"{"mode":"default","test_number":null,"failover_after_ms":null,"on_uncertain":null,"gateways":null}"#;
        assert!(body::parse::<SettingsInput>(body, &SETTINGS_INPUT).is_ok());
    }

    #[test]
    fn what_is_shown_is_what_is_described() {
        let line = LineStatus {
            line: "/dev/ttyUSB0".into(),
            health: "up",
            sim: "ready",
            registration: "home",
            signal_dbm: Some(-73),
            ..LineStatus::default()
        };
        let view = SettingsView {
            mode: Mode::Custom,
            test_number: None,
            failover_after_ms: 3000,
            on_uncertain: OnUncertain::Failover,
            gateway_order: GatewayOrder::Adaptive,
            gateways: vec![GatewayView {
                id: GatewayId(1),
                name: "main".into(),
                plugin: "smpp".into(),
                settings: json!({"password": ""}),
                secrets_set: vec!["password".into()],
                receipt_url: Some("/receipts/1-0".into()),
                status: GatewayStatus {
                    health: "up",
                    breaker: "closed",
                    lines: vec![line],
                    ..GatewayStatus::default()
                },
            }],
            default_unavailable: None,
            credits: CreditsView::default(),
        };
        let mut problems = Vec::new();
        SETTINGS.check(&serde_json::to_value(view).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }
}
