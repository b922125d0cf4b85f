//! How a virtual server heeds opt-outs.

use crate::access::FullAccess;
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::ProblemType;
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use axum::extract::{Request, State};
use axum::routing::{get, put};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use textgate_dispatch::{
    OPT_OUT_LONGEST_TEXT, OPT_OUT_MOST_WORDS, OptOutScope, OptOutSettings, OptOutTexts, opt_out_languages,
};

const WORDS: Shape = Shape::List(&Shape::Text(40), OPT_OUT_MOST_WORDS);
const TEXT: Shape = Shape::Text(OPT_OUT_LONGEST_TEXT);

fn scopes() -> Vec<&'static str> {
    vec!["virtual_server", "sender"]
}

static SETTINGS: Object = Object {
    name: "OptOutSettings",
    about: "How opt-outs are heeded. What is left out is as by default.",
    properties: &[
        optional("listen", Shape::Flag, "Whether words in messages of phones are heeded; true by default."),
        optional(
            "scope",
            Shape::OneOf(scopes),
            "What a word for no more messages ends: all of the virtual server's (by default), or those of the sender that it was said to.",
        ),
        optional(
            "refuse_passcodes",
            Shape::Flag,
            "Whether passcodes, and other messages of kind `otp`, are refused to who has opted out too; false by default, since people ask for them.",
        ),
        optional(
            "reply",
            Shape::Flag,
            "Whether words are answered, by messages at the usual price; true by default.",
        ),
        optional(
            "language",
            Shape::OneOf(opt_out_languages),
            "The language of answers to words that several languages have; `en` by default.",
        ),
        optional("stop_words", WORDS, "Own words for no more messages, besides those that are shipped."),
        optional("start_words", WORDS, "Own words for messages again."),
        optional("help_words", WORDS, "Own words for help."),
        optional("texts", Shape::List(&Shape::Object(&TEXTS), 50), "Own answers, for each language."),
    ],
};

static TEXTS: Object = Object {
    name: "OptOutTexts",
    about: "Own answers in one language. What is left out is as shipped.",
    properties: &[
        required("language", Shape::OneOf(opt_out_languages), "The language."),
        optional("stopped", TEXT, "To a word for no more messages."),
        optional("started", TEXT, "To a word for messages again."),
        optional("help", TEXT, "To a word for help."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    let shown = Success::json(200, &SETTINGS, "As it is now.");
    vec![
        Route {
            method: "GET",
            path: "/v1/opt-out-settings",
            id: "get_opt_out_settings",
            summary: "How opt-outs are heeded.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: shown,
            problems: &[],
            handler: get(show),
        },
        Route {
            method: "PUT",
            path: "/v1/opt-out-settings",
            id: "put_opt_out_settings",
            summary: "Put how opt-outs are heeded, as a whole.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&SETTINGS),
            success: shown,
            problems: &[ProblemType::StoreUnavailable],
            handler: put(set),
        },
    ]
}

/// The settings as they are written.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Written {
    listen: bool,
    scope: OptOutScope,
    refuse_passcodes: bool,
    reply: bool,
    language: String,
    stop_words: Vec<String>,
    start_words: Vec<String>,
    help_words: Vec<String>,
    texts: Vec<Texts>,
}

#[derive(Serialize, Deserialize)]
struct Texts {
    language: String,
    #[serde(flatten)]
    texts: OptOutTexts,
}

impl Default for Written {
    fn default() -> Self {
        OptOutSettings::default().into()
    }
}

impl From<OptOutSettings> for Written {
    fn from(settings: OptOutSettings) -> Self {
        let OptOutSettings {
            listen,
            scope,
            refuse_passcodes,
            reply,
            language,
            stop_words,
            start_words,
            help_words,
            texts,
        } = settings;
        let texts = texts.into_iter().map(|(language, texts)| Texts { language, texts }).collect();
        Self { listen, scope, refuse_passcodes, reply, language, stop_words, start_words, help_words, texts }
    }
}

impl From<Written> for OptOutSettings {
    fn from(written: Written) -> Self {
        let Written {
            listen,
            scope,
            refuse_passcodes,
            reply,
            language,
            stop_words,
            start_words,
            help_words,
            texts,
        } = written;
        // Of two for one language, the last.
        let texts = texts.into_iter().map(|Texts { language, texts }| (language, texts)).collect();
        Self { listen, scope, refuse_passcodes, reply, language, stop_words, start_words, help_words, texts }
    }
}

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let settings = api.dispatch.opt_out_settings(access.vs)?;
    Ok(answer::json(StatusCode::OK, &Written::from(settings)))
}

async fn set(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let written: Written = body::parse(&api.read(request).await?, &SETTINGS)?;
    let settings = api.dispatch.put_opt_out_settings(&access.actor, access.vs, written.into()).await?;
    Ok(answer::json(StatusCode::OK, &Written::from(settings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_fit_their_description_whole_and_empty() {
        let empty: Written = body::parse(b"{}", &SETTINGS).unwrap();
        assert_eq!(OptOutSettings::from(empty), OptOutSettings::default());
        let whole = r#"{"listen":true,"scope":"sender","refuse_passcodes":true,"reply":false,"language":"de",
            "stop_words":["Genug"],"start_words":["Weiter"],"help_words":[],"texts":[{"language":"de","stopped":"Aus."}]}"#;
        let whole: Written = body::parse(whole.as_bytes(), &SETTINGS).unwrap();
        let settings = OptOutSettings::from(whole);
        assert_eq!(settings.texts["de"].stopped.as_deref(), Some("Aus."));
        let mut problems = Vec::new();
        let value = serde_json::to_value(Written::from(settings)).unwrap();
        SETTINGS.check(&value, "", &mut problems);
        assert_eq!(problems, []);
        let names: Vec<&str> = SETTINGS.properties.iter().map(|property| property.name).collect();
        assert!(value.as_object().unwrap().keys().all(|name| names.contains(&name.as_str())));
        assert!(body::parse::<Written>(br#"{"scope":"all"}"#, &SETTINGS).is_err());
    }
}
