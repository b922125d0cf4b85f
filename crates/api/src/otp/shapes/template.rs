//! Templates of passcodes' texts, and what they come out as.

use super::{DOMAIN, LOCALE, WORD};
use crate::shape::{Object, Shape, optional, required};
use crate::views::NAME;
use serde::{Deserialize, Serialize};
use textgate_dispatch::{ShippedView, TemplateView, TextPreview};

/// More than a template may have, so that its own problem is told.
const TEMPLATE: Shape = Shape::Text(2_000);

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
pub(in crate::otp) struct TemplateBody {
    pub(in crate::otp) purpose: String,
    pub(in crate::otp) locale: String,
    pub(in crate::otp) text: String,
}

pub(in crate::otp) static TEMPLATE_SHOWN: Object = Object {
    name: "OtpTemplate",
    about: "A template, and what it comes out as.",
    properties: &[
        required("purpose", WORD, "For which purpose."),
        required("locale", LOCALE, "In which language."),
        required("text", TEMPLATE, "The text with its variables."),
        required("preview", Shape::Object(&PREVIEW), "What is sent, with a made-up code."),
    ],
};

pub(in crate::otp) static PREVIEW: Object = Object {
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

pub(in crate::otp) static PREVIEW_REQUEST: Object = Object {
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
pub(in crate::otp) struct PreviewBody {
    pub(in crate::otp) text: Option<String>,
    pub(in crate::otp) purpose: Option<String>,
    pub(in crate::otp) locale: Option<String>,
    pub(in crate::otp) app: Option<String>,
    pub(in crate::otp) domain: Option<String>,
}

/// A text and what it takes.
#[derive(Serialize)]
pub(in crate::otp) struct PreviewShown {
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
pub(in crate::otp) struct TemplateShown {
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

pub(in crate::otp) static TEMPLATES: Object = Object {
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
pub(in crate::otp) struct TemplatesShown {
    pub(in crate::otp) templates: Vec<TemplateShown>,
    pub(in crate::otp) shipped: Vec<ShippedShown>,
}

/// A text that is shipped.
#[derive(Serialize)]
pub(in crate::otp) struct ShippedShown {
    locale: &'static str,
    text: &'static str,
}

impl From<ShippedView> for ShippedShown {
    fn from(view: ShippedView) -> Self {
        Self { locale: view.locale, text: view.text }
    }
}
