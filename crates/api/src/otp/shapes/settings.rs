//! The passcode service's settings.

use super::{DOMAIN, LOCALE, WORD, alphabets};
use crate::shape::{Object, Shape, optional, required};
use crate::views::{COUNT, NAME};
use serde::Serialize;
use textgate_dispatch::{OtpSettings, OtpSettingsView};

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

pub(in crate::otp) static SETTINGS: Object = Object {
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
pub(in crate::otp) struct SettingsShown {
    #[serde(flatten)]
    settings: OtpSettings,
    is_own: bool,
}

impl From<OtpSettingsView> for SettingsShown {
    fn from(view: OtpSettingsView) -> Self {
        Self { settings: view.settings, is_own: view.is_own }
    }
}
