//! One-time passcodes: made, sent, watched, checked and forgotten.
//!
//! A passcode is a row of the store beside the messages that carry its code, and never holds the code itself: see [`code`]. Everything
//! that must be decided once, however many ask, is decided inside a transaction of the store; what is here reads requests, makes
//! texts, and says why not. Settings and templates are part of the directory's snapshot.

mod cancel;
mod check;
mod code;
mod configure;
mod create;
mod languages;
mod locale;
mod meters;
mod pace;
mod resend;
mod settings;
mod show;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod watch;
mod words;

pub(crate) use configure::{planned_settings, planned_template};

pub use code::CodeAlphabet;
pub use settings::{OtpApp, OtpSettings};
pub use words::{
    CheckView, OtpSettingsView, PasscodeRefusal, PasscodeRequest, PasscodeSent, PasscodeView, PasscodesPage,
    PreviewRequest, ShippedView, TemplateView, TextPreview,
};

pub(crate) use meters::PasscodeMeters;
pub(crate) use show::shown;
pub(crate) use text::OtpConfig;
pub(crate) use watch::Watches;
