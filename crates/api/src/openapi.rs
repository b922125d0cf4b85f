//! The OpenAPI 3.1 document, made at start from the table of routes, the shapes of their bodies, and the plugins' fields: there
//! is no second list that could differ.

use crate::problem::ProblemType;
use crate::routes::{Allowed, Content, Parameter, Route};
use crate::shape::{Object, Shape, optional, required};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use textgate_gateway::{Field, FieldKind, Plugin, Plugins};

pub(crate) static PROBLEM: Object = Object {
    name: "Problem",
    about: "An error as in RFC 9457.",
    properties: &[
        required("type", Shape::Text(128), "Which type of problem; its address tells what to do."),
        required("title", Shape::Text(128), "The type's name for people."),
        required("status", Shape::Integer(400, 599), "The HTTP status."),
        required("detail", Shape::Text(4096), "What is wrong this time, and what to do."),
        optional("errors", Shape::List(&Shape::Object(&FIELD_PROBLEM), 1_000), "Each field that is wrong."),
        optional("needed", Shape::Integer(1, 255), "With no-credits: the SMS credits this message needs."),
        optional("remaining", Shape::Integer(0, i64::MAX), "With no-credits: the SMS credits left."),
    ],
};

static FIELD_PROBLEM: Object = Object {
    name: "FieldProblem",
    about: "One field that is wrong.",
    properties: &[
        required("path", Shape::Text(4096), "Which, as in `gateways[0].settings.host`; empty for the whole."),
        required("message", Shape::Text(4096), "What is wrong and what to do."),
    ],
};

/// The document of these routes.
pub(crate) fn document(routes: &[Route], plugins: &Plugins) -> Bytes {
    let mut objects: Vec<&'static Object> = vec![&PROBLEM];
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let operation = operation(route, &mut objects);
        paths.entry(route.path).or_default().insert(route.method.to_lowercase(), operation);
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "textgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Send one-time passcodes, alerts and other texts as SMS. Every error is a problem as in RFC 9457.",
            "license": {"name": "Apache-2.0 OR MIT"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key of a virtual server."},
            },
            "schemas": schemas(objects, plugins),
        },
    });
    Bytes::from(document.to_string())
}

fn operation(route: &Route, objects: &mut Vec<&'static Object>) -> Value {
    let mut parameters: Vec<Value> = path_parameters(route.path).map(path_parameter).collect();
    parameters.extend(route.parameters.iter().map(|known| parameter(known, objects)));
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "parameters": parameters,
        "responses": responses(route, objects),
    });
    if let Some(body) = route.body {
        operation["requestBody"] = json!({
            "required": body.properties.iter().any(|p| p.presence == crate::shape::Presence::Required),
            "content": {"application/json": {"schema": Shape::Object(body).schema(objects)}},
        });
    }
    operation["security"] = match route.access {
        Allowed::Everybody | Allowed::Control => json!([]),
        Allowed::AnyKey | Allowed::FullKey => json!([{"key": []}]),
    };
    operation["description"] = match route.access {
        Allowed::Everybody => "Needs no API key.".into(),
        Allowed::AnyKey => "For API keys of each role.".into(),
        Allowed::FullKey => "For API keys of role `full`.".into(),
        Allowed::Control => "Only on the control socket.".into(),
    };
    operation
}

/// The names between braces in a path.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
}

fn parameter(known: &Parameter, objects: &mut Vec<&'static Object>) -> Value {
    json!({
        "name": known.name,
        "in": if known.is_header { "header" } else { "query" },
        "required": false,
        "description": known.about,
        "schema": known.shape.schema(objects),
    })
}

fn responses(route: &Route, objects: &mut Vec<&'static Object>) -> Value {
    let mut success = json!({"description": route.success.about});
    match route.success.content {
        Content::Nothing => {}
        Content::Json(object) => {
            let schema = Shape::Object(object).schema(objects);
            success["content"] = json!({"application/json": {"schema": schema}});
        }
        Content::Other(media_type) => {
            let kind = if media_type == "application/json" { "object" } else { "string" };
            success["content"] = json!({ media_type: {"schema": {"type": kind}} });
        }
    }
    let headers = success_headers(route);
    if !headers.is_empty() {
        success["headers"] = headers.into();
    }
    let mut responses = Map::new();
    responses.insert(route.success.status.to_string(), success);
    let mut by_status: BTreeMap<u16, Vec<ProblemType>> = BTreeMap::new();
    for kind in problems(route) {
        by_status.entry(kind.status().as_u16()).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        responses.insert(status.to_string(), problem_response(&kinds));
    }
    responses.into()
}

fn success_headers(route: &Route) -> Map<String, Value> {
    let mut headers = Map::new();
    let mut add = |name: &str, about: &str| {
        headers.insert(name.into(), json!({"description": about, "schema": {"type": "string"}}));
    };
    if matches!(route.id, "send_message" | "send_test" | "add_virtual_server") {
        add("Location", "Where it is found.");
    }
    if route.id == "send_message" {
        add(
            "Idempotent-Replayed",
            "`true` where the same request was accepted before under its Idempotency-Key.",
        );
    }
    headers
}

fn problem_response(kinds: &[ProblemType]) -> Value {
    let told: Vec<String> =
        kinds.iter().map(|kind| format!("`{}`: {}.", kind.address(), kind.title())).collect();
    let mut response = json!({
        "description": told.join(" "),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    if kinds.iter().any(|kind| matches!(kind.status().as_u16(), 429 | 503)) {
        response["headers"] = json!({
            "Retry-After": {"description": "When to come again (s).", "schema": {"type": "integer"}},
        });
    }
    response
}

/// Everything that may go wrong with a route: its own problems, and those its access and its body bring.
fn problems(route: &Route) -> Vec<ProblemType> {
    let mut problems = route.problems.to_vec();
    match route.access {
        Allowed::Everybody | Allowed::Control => {}
        Allowed::AnyKey => problems.extend([ProblemType::Unauthorized, ProblemType::RateLimited]),
        Allowed::FullKey => {
            problems.extend([ProblemType::Unauthorized, ProblemType::RateLimited, ProblemType::Forbidden]);
        }
    }
    if route.body.is_some() {
        problems.extend([
            ProblemType::InvalidJson,
            ProblemType::InvalidRequest,
            ProblemType::RequestTimeout,
            ProblemType::BodyTooLarge,
            ProblemType::UnsupportedMediaType,
        ]);
    }
    let mut unique = Vec::new();
    for kind in problems {
        if !unique.contains(&kind) {
            unique.push(kind);
        }
    }
    unique
}

// === schemas ===

fn schemas(mut objects: Vec<&'static Object>, plugins: &Plugins) -> Value {
    let mut schemas = Map::new();
    // Describing an object may bring others, which are appended.
    let mut next = 0;
    while let Some(object) = objects.get(next).copied() {
        let schema = object.schema(&mut objects);
        schemas.insert(object.name.to_owned(), schema);
        next += 1;
    }
    let names: Vec<String> = plugins.iter().map(|plugin| schema_name(plugin.as_ref())).collect();
    for (plugin, name) in plugins.iter().zip(&names) {
        schemas.insert(name.clone(), settings_schema(plugin.as_ref()));
    }
    let each: Vec<Value> =
        names.iter().map(|name| json!({"$ref": format!("#/components/schemas/{name}")})).collect();
    let mut settings =
        json!({"type": "object", "description": "A gateway's settings, by its plugin's fields."});
    if !each.is_empty() {
        settings["anyOf"] = each.into();
    }
    schemas.insert("GatewaySettings".into(), settings);
    schemas.into()
}

/// Schema names take only letters, digits, `.`, `-` and `_` (OpenAPI 3.1 §4.8.7), as plugins' names do.
fn schema_name(plugin: &dyn Plugin) -> String {
    format!("GatewaySettings.{}", plugin.name())
}

/// A plugin's settings. What validation also understands (a number as a text, a label for a choice) is not advertised.
fn settings_schema(plugin: &dyn Plugin) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in plugin.fields() {
        properties.insert(field.name.to_string(), field_schema(field));
        // A secret that is left out keeps its value, so none is required of a request.
        if field.required && field.shown_when.is_none() && !field.is_secret() {
            required.push(field.name.as_ref());
        }
    }
    json!({
        "type": "object",
        "title": plugin.label(),
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn field_schema(field: &Field) -> Value {
    let value = match &field.kind {
        FieldKind::Text { max } | FieldKind::LongText { max } => json!({"type": "string", "maxLength": max}),
        FieldKind::Secret { max } => {
            json!({"type": "string", "maxLength": max, "format": "password"})
        }
        FieldKind::Number { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        FieldKind::Flag => json!({"type": "boolean"}),
        FieldKind::Choice { choices, other } => {
            let values: Vec<&str> = choices.iter().map(|choice| choice.value.as_ref()).collect();
            match other {
                None => json!({"type": "string", "enum": values}),
                Some(max) => json!({"anyOf": [
                    {"type": "string", "enum": values},
                    {"type": "string", "maxLength": max},
                ]}),
            }
        }
        FieldKind::Pairs { max } => json!({
            "type": "array",
            "maxItems": max,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 128},
                    "value": {"type": "string", "maxLength": 4096},
                    "is_password": {"type": "boolean", "default": false},
                },
                "required": ["name"],
                "additionalProperties": false,
            },
        }),
    };
    let mut schema = json!({"anyOf": [value, {"type": "null"}], "title": field.label});
    if !field.help.is_empty() {
        schema["description"] = field.help.as_ref().into();
    }
    if !field.default.is_null() {
        schema["default"] = field.default.clone();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;
    use std::sync::Arc;
    use textgate_gateway::{BuildError, Environment, Gateway, Problem, Settings};

    struct Fake(Vec<Field>);

    impl Plugin for Fake {
        fn name(&self) -> &str {
            "fake"
        }
        fn label(&self) -> &str {
            "Fake"
        }
        fn fields(&self) -> &[Field] {
            &self.0
        }
        fn check(&self, _: &Settings) -> Vec<Problem> {
            Vec::new()
        }
        fn build(&self, _: &Settings, _: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
            Err(BuildError("none".into()))
        }
    }

    fn parsed(routes: &[Route]) -> Value {
        let fields = vec![
            Field::new("host", "Host", FieldKind::Text { max: 8 }, "The server.").required(),
            Field::new("password", "Password", FieldKind::Secret { max: 9 }, "").required(),
            Field::new("parameters", "Parameters", FieldKind::Pairs { max: 2 }, ""),
        ];
        let plugins = Plugins::new(vec![Arc::new(Fake(fields))]);
        serde_json::from_slice(&document(routes, &plugins)).unwrap()
    }

    fn all() -> Vec<Route> {
        let mut all = routes::public();
        all.extend(routes::control());
        all
    }

    #[test]
    fn every_route_stands_in_the_document_with_its_success_and_errors() {
        let document = parsed(&all());
        for route in all() {
            let operation = &document["paths"][route.path][route.method.to_lowercase()];
            assert_eq!(operation["operationId"], route.id);
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key(&route.success.status.to_string()), "{}", route.id);
            let needs_key = !matches!(route.access, Allowed::Everybody | Allowed::Control);
            assert_eq!(responses.contains_key("401"), needs_key, "{}", route.id);
            assert_eq!(operation.get("requestBody").is_some(), route.body.is_some());
        }
    }

    #[test]
    fn no_two_operations_share_an_id_or_an_address() {
        let routes = all();
        for (index, route) in routes.iter().enumerate() {
            for other in &routes[index + 1..] {
                assert_ne!(route.id, other.id);
                assert!((route.method, route.path) != (other.method, other.path), "{}", route.path);
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, references: &mut Vec<String>) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(reference)) = object.get("$ref") {
                        references.push(reference.clone());
                    }
                    object.values().for_each(|value| walk(value, references));
                }
                Value::Array(list) => list.iter().for_each(|value| walk(value, references)),
                _ => {}
            }
        }
        let document = parsed(&all());
        let mut references = Vec::new();
        walk(&document, &mut references);
        assert!(references.len() > 50);
        for reference in references {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn objects_of_one_name_are_one_object() {
        let mut objects: Vec<&'static Object> = Vec::new();
        for route in all() {
            for object in route.body.into_iter().chain(match route.success.content {
                Content::Json(object) => Some(object),
                _ => None,
            }) {
                objects.push(object);
                object.schema(&mut objects);
            }
        }
        for one in &objects {
            for other in &objects {
                assert!(one.name != other.name || std::ptr::eq(*one, *other), "{}", one.name);
            }
        }
    }

    #[test]
    fn a_plugins_fields_are_its_settings_schema() {
        let document = parsed(&routes::public());
        let schema = &document["components"]["schemas"]["GatewaySettings.fake"];
        assert_eq!(schema["required"], json!(["host"]), "a secret may be left out: it keeps its value");
        assert_eq!(schema["properties"]["host"]["anyOf"][0]["maxLength"], 8);
        assert_eq!(schema["properties"]["password"]["anyOf"][0]["format"], "password");
    }

    #[test]
    fn the_public_document_does_not_tell_of_the_control_socket() {
        assert!(!parsed(&routes::public()).to_string().contains("/control/"));
    }
}
