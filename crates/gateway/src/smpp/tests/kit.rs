//! What the tests share: the bench with this gateway, and (in `peer`) an SMSC played by hand.

pub use super::peer::*;
pub use crate::test_bench::{Bench, PATIENCE, in_ms, local, soon};
pub(crate) use crate::test_message::message;

use crate::smpp::gateway::Smpp;
use crate::smpp::settings::Account;
use crate::{NetworkGuard, Plugins, SmppPlugin};
use serde_json::{Value, json};
use std::sync::Arc;

pub fn plugins() -> Plugins {
    Plugins::new(vec![Arc::new(SmppPlugin::new())])
}

/// The account of these settings.
pub fn account(port: u16, more: Value) -> Account {
    let mut settings = json!({
        "system_id": "esme", "password": "secret", "host": "127.0.0.1", "port": port,
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings = plugins().check("smpp", &settings).unwrap();
    Account::read(&settings).unwrap_or_else(|problems| panic!("{problems:?}"))
}

impl Bench {
    pub fn start(smsc: &Smsc, more: Value) -> Self {
        Self::on(smsc.port(), more)
    }

    pub fn on(port: u16, more: Value) -> Self {
        Self::of(account(port, more), local())
    }

    pub(in crate::smpp) fn of(account: Account, guard: NetworkGuard) -> Self {
        Self::with(Arc::new(Smpp::new(account, guard)))
    }
}
