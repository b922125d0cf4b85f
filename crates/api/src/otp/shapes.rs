//! What the bodies of the passcode service look like, in and out.

use crate::shape::{Object, Shape, optional, required};
use crate::time::Shown;
use crate::views::{COUNT, NAME};
use serde::{Deserialize, Serialize};
use textgate_dispatch::{
    CheckView, CodeAlphabet, OtpSettings, OtpSettingsView, PasscodeView, PasscodesPage, ShippedView,
    TemplateView, TextPreview,
};
use textgate_sms::PasscodeState;

pub(super) fn states() -> Vec<&'static str> {
    PasscodeState::ALL.iter().map(|state| state.name()).collect()
}

fn alphabets() -> Vec<&'static str> {
    CodeAlphabet::ALL.iter().map(|alphabet| alphabet.name()).collect()
}

const ID: Shape = Shape::Text(13);
const WORD: Shape = Shape::Text(32);
const LOCALE: Shape = Shape::Text(20);
const DOMAIN: Shape = Shape::Text(253);
/// More than a template may have, so that its own problem is told.
const TEMPLATE: Shape = Shape::Text(2_000);

// === passcodes ===

pub(super) static REQUEST: Object = Object {
    name: "PasscodeRequest",
    about: "A passcode to be made and sent. What is left out is as in the passcode settings.",
    properties: &[
        required("to", Shape::Text(64), "The phone number: only digits, beginning with a country code."),
        optional(
            "purpose",
            WORD,
            "What it is for, in your words: lower-case letters, digits, - and _. `verification` where left out.",
        ),
        optional("template", WORD, "The purpose whose templates are used, where it is another."),
        optional("locale", LOCALE, "The reader's language, for example `de` or `pt-BR`."),
        optional("length", Shape::Integer(0, 255), "How long the code is: 4 to 10 characters."),
        optional(
            "alphabet",
            Shape::OneOf(alphabets),
            "`digits`, or `letters` that nobody mistakes for others.",
        ),
        optional("ttl_s", Shape::Integer(0, u32::MAX as i64), "How long it is valid: 60 to 3,600 seconds."),
        optional(
            "app",
            Shape::Text(64),
            "An Android app that may read it (SMS Retriever): its name in the settings, or its hash of 11 characters.",
        ),
        optional(
            "domain",
            DOMAIN,
            "The domain whose pages may read it (WebOTP, iOS): the message ends with `@domain #code`.",
        ),
        optional("ip", Shape::Text(45), "The address of whoever asked you for the passcode, as you see it."),
    ],
};

/// The body of a passcode to be made.
#[derive(Deserialize)]
pub(super) struct PasscodeBody {
    pub(super) to: String,
    pub(super) purpose: Option<String>,
    pub(super) template: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) length: Option<u32>,
    pub(super) alphabet: Option<CodeAlphabet>,
    pub(super) ttl_s: Option<u32>,
    pub(super) app: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) ip: Option<String>,
}

pub(super) static SENT: Object = Object {
    name: "SentPasscode",
    about: "A passcode that is on its way.",
    properties: &[
        required("id", ID, "Its id, by which its code is checked."),
        required(
            "status",
            Shape::OneOf(states),
            "`pending`; for a repeated request, where it stands by now.",
        ),
        required("expires_at", Shape::Time, "When its time ends."),
        optional("resend_at", Shape::Time, "From when on it may be sent again; null: not any more."),
    ],
};

/// A passcode that is on its way.
#[derive(Serialize)]
pub(super) struct SentShown {
    pub(super) id: String,
    status: PasscodeState,
    expires_at: Shown,
    resend_at: Option<Shown>,
}

impl From<&PasscodeView> for SentShown {
    fn from(view: &PasscodeView) -> Self {
        Self {
            id: view.id.to_string(),
            status: view.status,
            expires_at: Shown(view.expires_ms),
            resend_at: view.resend_after_ms.map(Shown),
        }
    }
}

pub(super) static CHECK: Object = Object {
    name: "CheckRequest",
    about: "A code to be checked.",
    properties: &[required(
        "code",
        Shape::Text(64),
        "The code as it was typed; spaces, dashes and the case of letters do not matter.",
    )],
};

/// The body of a check.
#[derive(Deserialize)]
pub(super) struct CheckBody {
    pub(super) code: String,
}

pub(super) static CHECKED: Object = Object {
    name: "CheckedPasscode",
    about: "What a check came to.",
    properties: &[
        required("id", ID, "The passcode's id."),
        required(
            "status",
            Shape::OneOf(states),
            "`approved`: it is the right code, and this is the one time that is said. `pending`: it is not, and another may be tried.",
        ),
        required("attempts_left", COUNT, "How many codes may still be tried."),
    ],
};

/// What a check came to.
#[derive(Serialize)]
pub(super) struct CheckedShown {
    id: String,
    status: PasscodeState,
    attempts_left: u8,
}

impl CheckedShown {
    pub(super) fn new(id: String, view: CheckView) -> Self {
        let CheckView { status, attempts_left } = view;
        Self { id, status, attempts_left }
    }
}

pub(super) static PASSCODE: Object = Object {
    name: "Passcode",
    about: "A passcode, never with its code.",
    properties: &[
        required("id", ID, "Its id."),
        required("status", Shape::OneOf(states), "Where it stands."),
        required("to", Shape::Text(15), "The number it was sent to."),
        required("purpose", WORD, "What it is for."),
        required("created_at", Shape::Time, "When it was made."),
        required("expires_at", Shape::Time, "When its time ends, or ended."),
        required("changed_at", Shape::Time, "When its status last changed."),
        required("attempts_left", COUNT, "How many codes may still be tried."),
        required("resends", COUNT, "How often it was sent again on request."),
        optional("resend_at", Shape::Time, "From when on it may be sent again; null: not any more."),
        required(
            "messages",
            Shape::List(&ID, 100),
            "The ids of the messages that carried its code, the first first.",
        ),
    ],
};

/// A passcode.
#[derive(Serialize)]
pub(super) struct PasscodeShown {
    id: String,
    status: PasscodeState,
    to: String,
    purpose: String,
    created_at: Shown,
    expires_at: Shown,
    changed_at: Shown,
    attempts_left: u8,
    resends: u8,
    resend_at: Option<Shown>,
    messages: Vec<String>,
}

impl From<PasscodeView> for PasscodeShown {
    fn from(view: PasscodeView) -> Self {
        Self {
            id: view.id.to_string(),
            status: view.status,
            to: view.to,
            purpose: view.purpose,
            created_at: Shown(view.created_ms),
            expires_at: Shown(view.expires_ms),
            changed_at: Shown(view.changed_ms),
            attempts_left: view.attempts_left,
            resends: view.resends,
            resend_at: view.resend_after_ms.map(Shown),
            messages: view.messages.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(super) static PASSCODES: Object = Object {
    name: "PasscodePage",
    about: "A page of passcodes, the newest first.",
    properties: &[
        required("passcodes", Shape::List(&Shape::Object(&PASSCODE), 200), "The passcodes."),
        optional(
            "next",
            NAME,
            "Pass it as `cursor` for the next page; null at the end. A page may end before it is full.",
        ),
    ],
};

/// A page of passcodes.
#[derive(Serialize)]
pub(super) struct PasscodesShown {
    passcodes: Vec<PasscodeShown>,
    next: Option<String>,
}

impl From<PasscodesPage> for PasscodesShown {
    fn from(page: PasscodesPage) -> Self {
        let passcodes = page.passcodes.into_iter().map(Into::into).collect();
        Self { passcodes, next: page.next.map(|id| id.to_string()) }
    }
}

// === settings ===

static APP: Object = Object {
    name: "OtpApp",
    about: "An Android app that may read codes.",
    properties: &[
        required("name", WORD, "What requests call it: lower-case letters, digits, - and _."),
        required("hash", Shape::Text(64), "The 11 characters by which the SMS Retriever knows it."),
    ],
};

const APPS: Shape = Shape::List(&Shape::Object(&APP), 100);
const PAUSES: Shape = Shape::List(&Shape::Integer(0, u32::MAX as i64), 100);

pub(crate) static SETTINGS_INPUT: Object = Object {
    name: "OtpSettingsInput",
    about: "The passcode service's settings, as a whole: what is left out has its default.",
    properties: &[
        optional(
            "app_name",
            Shape::Text(200),
            "The application's name as it stands in texts, at most 40 characters; none by default.",
        ),
        optional("locale", LOCALE, "The language where a request names none; `en`."),
        optional("length", Shape::Integer(0, 255), "How long codes are: 4 to 10; 6."),
        optional("alphabet", Shape::OneOf(alphabets), "What codes are made of; `digits`."),
        optional(
            "ttl_s",
            Shape::Integer(0, u32::MAX as i64),
            "How long codes are valid (s): 60 to 3,600; 600.",
        ),
        optional("attempts", Shape::Integer(0, 255), "How many codes may be tried: 1 to 10; 5."),
        optional(
            "resend_pauses_s",
            PAUSES,
            "The pause before each resend (s), none shorter than the one before: as many resends as pauses, at most 10; 30, 60, 120, 240.",
        ),
        optional(
            "watch",
            Shape::Flag,
            "Whether a passcode is sent again, once, by another gateway, where no receipt comes in time; true.",
        ),
        optional(
            "watch_after_s",
            Shape::Integer(0, u32::MAX as i64),
            "After how long a receipt is missed (s): 1 to 600; where left out, it is learned from the receipts of that gateway and country.",
        ),
        optional("domain", DOMAIN, "The domain whose pages may read codes, where a request names none."),
        optional("apps", APPS, "Android apps that may read codes, at most 20."),
    ],
};

pub(super) static SETTINGS: Object = Object {
    name: "OtpSettings",
    about: "The passcode service's settings.",
    properties: &[
        required("app_name", NAME, "The application's name as it stands in texts; empty: none."),
        required("locale", LOCALE, "The language where a request names none."),
        required("length", COUNT, "How long codes are."),
        required("alphabet", Shape::OneOf(alphabets), "What codes are made of."),
        required("ttl_s", COUNT, "How long codes are valid (s)."),
        required("attempts", COUNT, "How many codes may be tried."),
        required("resend_pauses_s", Shape::List(&COUNT, 10), "The pause before each resend (s)."),
        required("watch", Shape::Flag, "Whether delivery is watched."),
        optional("watch_after_s", COUNT, "After how long a receipt is missed (s); null: it is learned."),
        required("domain", DOMAIN, "The domain whose pages may read codes; empty: none."),
        required("apps", APPS, "Android apps that may read codes."),
        required("is_own", Shape::Flag, "Whether they were ever put; false: the defaults."),
    ],
};

/// Settings as they are shown.
#[derive(Serialize)]
pub(super) struct SettingsShown {
    #[serde(flatten)]
    settings: OtpSettings,
    is_own: bool,
}

impl From<OtpSettingsView> for SettingsShown {
    fn from(view: OtpSettingsView) -> Self {
        Self { settings: view.settings, is_own: view.is_own }
    }
}

// === templates ===

pub(crate) static TEMPLATE_INPUT: Object = Object {
    name: "OtpTemplateInput",
    about: "A template to be put.",
    properties: &[
        required(
            "purpose",
            WORD,
            "For which purpose; those of `verification` are also for purposes that have none.",
        ),
        required("locale", LOCALE, "In which language."),
        required(
            "text",
            TEMPLATE,
            "The text with {code}, and {minutes} and {app} where wanted, at most 500 characters; a brace is written twice.",
        ),
    ],
};

/// A template to be put.
#[derive(Deserialize)]
pub(super) struct TemplateBody {
    pub(super) purpose: String,
    pub(super) locale: String,
    pub(super) text: String,
}

pub(super) static TEMPLATE_SHOWN: Object = Object {
    name: "OtpTemplate",
    about: "A template, and what it comes out as.",
    properties: &[
        required("purpose", WORD, "For which purpose."),
        required("locale", LOCALE, "In which language."),
        required("text", TEMPLATE, "The text with its variables."),
        required("preview", Shape::Object(&PREVIEW), "What is sent, with a made-up code."),
    ],
};

pub(super) static PREVIEW: Object = Object {
    name: "OtpPreview",
    about: "A passcode's text with a made-up code, and what it takes.",
    properties: &[
        required("text", TEMPLATE, "The text."),
        required("locale", LOCALE, "The language it came out in."),
        required(
            "segments",
            Shape::Integer(1, 255),
            "How many SMS it takes by the first gateway: what it costs in SMS credits.",
        ),
        required("encoding", NAME, "Its encoding there."),
    ],
};

pub(super) static PREVIEW_REQUEST: Object = Object {
    name: "OtpPreviewRequest",
    about: "What a preview is of.",
    properties: &[
        optional(
            "text",
            TEMPLATE,
            "A template that is not saved; that of purpose and locale where left out.",
        ),
        optional("purpose", WORD, "For which purpose."),
        optional("locale", LOCALE, "In which language."),
        optional("app", Shape::Text(64), "For which Android app."),
        optional("domain", DOMAIN, "For which domain."),
    ],
};

/// What a preview is of.
#[derive(Deserialize)]
pub(super) struct PreviewBody {
    pub(super) text: Option<String>,
    pub(super) purpose: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) app: Option<String>,
    pub(super) domain: Option<String>,
}

/// A text and what it takes.
#[derive(Serialize)]
pub(super) struct PreviewShown {
    text: String,
    locale: String,
    segments: u8,
    encoding: String,
}

impl From<TextPreview> for PreviewShown {
    fn from(view: TextPreview) -> Self {
        let TextPreview { text, locale, segments, encoding } = view;
        Self { text, locale, segments, encoding }
    }
}

/// A template.
#[derive(Serialize)]
pub(super) struct TemplateShown {
    purpose: String,
    locale: String,
    text: String,
    preview: PreviewShown,
}

impl From<TemplateView> for TemplateShown {
    fn from(view: TemplateView) -> Self {
        let TemplateView { purpose, locale, text, preview } = view;
        Self { purpose, locale, text, preview: preview.into() }
    }
}

static SHIPPED: Object = Object {
    name: "OtpLanguage",
    about: "A text that is shipped.",
    properties: &[
        required("locale", LOCALE, "In which language."),
        required(
            "text",
            TEMPLATE,
            "The text; the application's name and a colon stand before it, where there is one.",
        ),
    ],
};

pub(super) static TEMPLATES: Object = Object {
    name: "OtpTemplates",
    about: "Templates of passcodes' texts.",
    properties: &[
        required("templates", Shape::List(&Shape::Object(&TEMPLATE_SHOWN), 500), "The own ones."),
        required(
            "shipped",
            Shape::List(&Shape::Object(&SHIPPED), 1_000),
            "The texts where there is no own template.",
        ),
    ],
};

/// All templates.
#[derive(Serialize)]
pub(super) struct TemplatesShown {
    pub(super) templates: Vec<TemplateShown>,
    pub(super) shipped: Vec<ShippedShown>,
}

/// A text that is shipped.
#[derive(Serialize)]
pub(super) struct ShippedShown {
    locale: &'static str,
    text: &'static str,
}

impl From<ShippedView> for ShippedShown {
    fn from(view: ShippedView) -> Self {
        Self { locale: view.locale, text: view.text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use textgate_dispatch::OtpApp;
    use textgate_sms::MessageId;

    fn fits(value: &impl Serialize, object: &Object) {
        let mut problems = Vec::new();
        object.check(&serde_json::to_value(value).unwrap(), "", &mut problems);
        assert_eq!(problems, [], "{}", object.name);
    }

    fn passcode() -> PasscodeView {
        PasscodeView {
            id: MessageId::from_u64(1),
            status: PasscodeState::Pending,
            to: "15550100100".into(),
            purpose: "login".into(),
            created_ms: 1,
            expires_ms: 2,
            changed_ms: 3,
            attempts_left: 5,
            resends: 1,
            resend_after_ms: Some(4),
            messages: vec![MessageId::from_u64(1), MessageId::from_u64(2)],
        }
    }

    #[test]
    fn what_is_shown_is_what_is_described() {
        fits(&SentShown::from(&passcode()), &SENT);
        fits(&PasscodeShown::from(passcode()), &PASSCODE);
        fits(&PasscodesShown::from(PasscodesPage { passcodes: vec![passcode()], next: None }), &PASSCODES);
        let view = CheckView { status: PasscodeState::Approved, attempts_left: 4 };
        fits(&CheckedShown::new("0000000000001".into(), view), &CHECKED);
        let apps = vec![OtpApp { name: "droid".into(), hash: "FA+9qCX9VSu".into() }];
        let settings = OtpSettings { apps, watch_after_s: Some(9), ..OtpSettings::default() };
        fits(&SettingsShown::from(OtpSettingsView { settings, is_own: true }), &SETTINGS);
        let preview =
            || TextPreview { text: "x".into(), locale: "en".into(), segments: 1, encoding: "gsm7".into() };
        let template = TemplateView {
            purpose: "login".into(),
            locale: "en".into(),
            text: "{code}".into(),
            preview: preview(),
        };
        let shipped = ShippedView { locale: "de", text: "{code}" };
        let all = TemplatesShown { templates: vec![template.into()], shipped: vec![shipped.into()] };
        fits(&all, &TEMPLATES);
        fits(&PreviewShown::from(preview()), &PREVIEW);
    }

    #[test]
    fn bodies_fit_their_descriptions() {
        let whole = br#"{"to":"15550100100","purpose":"login","template":"t","locale":"de","length":8,"alphabet":"letters",
            "ttl_s":300,"app":"droid","domain":"example.com","ip":"192.0.2.1"}"#;
        let body: PasscodeBody = body::parse(whole, &REQUEST).unwrap();
        assert_eq!(
            (body.to.as_str(), body.length, body.alphabet),
            ("15550100100", Some(8), Some(CodeAlphabet::Letters))
        );
        let settings: OtpSettings = body::parse(
            br#"{"length":8,"watch_after_s":null,"apps":[{"name":"a","hash":"b"}]}"#,
            &SETTINGS_INPUT,
        )
        .unwrap();
        assert_eq!((settings.length, settings.ttl_s, settings.apps.len()), (8, 600, 1));
        assert!(body::parse::<OtpSettings>(br#"{"attempts":256}"#, &SETTINGS_INPUT).is_err());
        assert!(body::parse::<CheckBody>(br#"{"code":123456}"#, &CHECK).is_err(), "a number loses its zeros");
        assert!(body::parse::<PasscodeBody>(br#"{"to":"1","code":"123456"}"#, &REQUEST).is_err());
    }
}
