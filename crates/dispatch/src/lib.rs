//! What happens in between: virtual servers, credits, accept, lanes, failover, receipts.
//!
//! Knows the gateways and the store by their traits, and nobody above it. Accept and dispatch meet in memory; the store
//! is written ahead and never polled.

mod accept;
mod accounts;
mod agenda;
mod alerts;
mod breaker;
mod built;
mod cancel;
mod carried_through;
mod clock;
mod courier;
mod dispatch;
mod engine;
mod exchange;
mod figures;
#[cfg(test)]
mod figures_tests;
mod flow;
#[cfg(test)]
mod flow_tests;
mod front;
mod guard;
mod inbound;
mod lanes;
mod metrics;
mod nodes;
mod opt_out;
mod otp;
mod peers;
#[cfg(test)]
mod peers_tests;
mod people;
mod privacy;
mod recovery;
mod retention;
mod rotation;
mod runners;
#[cfg(test)]
mod simulation;
mod station;
mod statistics;
#[cfg(test)]
mod testing;
mod unrecorded;
mod view;
mod watching;
mod webhooks;
mod words;
mod work;

pub use alerts::{
    AlertEvent, AlertHappened, AlertInput, AlertPage, AlertRefusal, AlertSettings, AlertTemplateView,
    AlertView, ConditionName, ContactInput, ContactView, GroupView, NoticeView, QuietHours, Raised,
    condition_names,
};
pub use dispatch::{Dispatch, Limits, Parts, StartError};
pub use front::{
    BalanceRefusal, CallbackRefusal, Export, Forecast, GatewayNow, GatewaySeries, ResendRefusal, Scope,
    Series, SeriesStep,
};
pub use guard::{
    GuardBlockView, GuardCount, GuardLimit, GuardMode, GuardReason, GuardRefused, GuardReport, GuardRules,
    GuardView, Per,
};
pub use inbound::{InboundPage, InboundRule, InboundView};
pub use metrics::Metrics;
pub use opt_out::{
    ConsentBy, ConsentPage, ConsentView, FromPhone, Heeded, NewOptOut, OPT_OUT_LONGEST_TEXT,
    OPT_OUT_MOST_WORDS, OptOutPage, OptOutScope, OptOutSettings, OptOutTexts, OptOutView, OptOutsImported,
    Word, opt_out_languages,
};
pub use otp::{
    CheckView, CodeAlphabet, OtpApp, OtpSettings, OtpSettingsView, PasscodeRefusal, PasscodeRequest,
    PasscodeSent, PasscodeView, PasscodesPage, PreviewRequest, ShippedView, TemplateView, TextPreview,
};
pub use people::*;
pub use privacy::{ErasedView, InboundKept, PersonalData, PersonalDataOf};
pub use rotation::{KeyUse, KeyView, RotationView};
pub use statistics::GatewayStanding;
pub use watching::{Watch, Watched};
pub use webhooks::WebhookLimits;
pub use words::*;
