//! Passcodes: what makes one, what checks one, and how they are shown.

use super::{DOMAIN, LOCALE, WORD, alphabets};
use crate::shape::{Object, Shape, optional, required};
use crate::time::Shown;
use crate::views::{COUNT, NAME};
use serde::{Deserialize, Serialize};
use textgate_dispatch::{CheckView, CodeAlphabet, PasscodeView, PasscodesPage};
use textgate_sms::PasscodeState;

pub(in crate::otp) fn states() -> Vec<&'static str> {
    PasscodeState::ALL.iter().map(|state| state.name()).collect()
}

const ID: Shape = Shape::Text(13);

pub(in crate::otp) static REQUEST: Object = Object {
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
pub(in crate::otp) struct PasscodeBody {
    pub(in crate::otp) to: String,
    pub(in crate::otp) purpose: Option<String>,
    pub(in crate::otp) template: Option<String>,
    pub(in crate::otp) locale: Option<String>,
    pub(in crate::otp) length: Option<u32>,
    pub(in crate::otp) alphabet: Option<CodeAlphabet>,
    pub(in crate::otp) ttl_s: Option<u32>,
    pub(in crate::otp) app: Option<String>,
    pub(in crate::otp) domain: Option<String>,
    pub(in crate::otp) ip: Option<String>,
}

pub(in crate::otp) static SENT: Object = Object {
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
pub(in crate::otp) struct SentShown {
    pub(in crate::otp) id: String,
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

pub(in crate::otp) static CHECK: Object = Object {
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
pub(in crate::otp) struct CheckBody {
    pub(in crate::otp) code: String,
}

pub(in crate::otp) static CHECKED: Object = Object {
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
pub(in crate::otp) struct CheckedShown {
    id: String,
    status: PasscodeState,
    attempts_left: u8,
}

impl CheckedShown {
    pub(in crate::otp) fn new(id: String, view: CheckView) -> Self {
        let CheckView { status, attempts_left } = view;
        Self { id, status, attempts_left }
    }
}

pub(crate) static PASSCODE: Object = Object {
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
pub(crate) struct PasscodeShown {
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

pub(in crate::otp) static PASSCODES: Object = Object {
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
pub(in crate::otp) struct PasscodesShown {
    passcodes: Vec<PasscodeShown>,
    next: Option<String>,
}

impl From<PasscodesPage> for PasscodesShown {
    fn from(page: PasscodesPage) -> Self {
        let passcodes = page.passcodes.into_iter().map(Into::into).collect();
        Self { passcodes, next: page.next.map(|id| id.to_string()) }
    }
}
