//! Passcodes in memory: the store's rules for them in their plainest form, for the stores of this room's tests.

use std::collections::BTreeMap;
use textgate_sms::{MessageId, PasscodeState, VsId};
use textgate_store::*;

#[derive(Default, Clone)]
pub(crate) struct Passcodes(BTreeMap<MessageId, (PasscodeRecord, [u8; 32])>);

impl Passcodes {
    /// Whether a message may carry a code again; `true` for one that carries a new one, or none.
    pub(crate) fn allow(&self, message: &NewMessage) -> bool {
        match message.passcode.as_deref() {
            Some(PasscodeStep::Again(again)) => {
                self.one(message.vs, again.passcode).is_some_and(|passcode| passcode.allows(again))
            }
            _ => true,
        }
    }

    /// What an accepted message does to its passcode.
    pub(crate) fn take(&mut self, message: &NewMessage) {
        match message.passcode.as_deref() {
            Some(PasscodeStep::New(new)) => {
                let record = PasscodeRecord {
                    id: message.id,
                    vs: message.vs,
                    number: message.to,
                    purpose: new.purpose.clone(),
                    state: PasscodeState::Pending,
                    attempts: 0,
                    attempts_most: new.attempts_most,
                    resends: 0,
                    resend_after_ms: new.resend_after_ms,
                    is_watch_used: false,
                    expires_ms: new.expires_ms,
                    changed_ms: message.id.accepted_ms(),
                    seed: Some(new.seed),
                    recipe: new.recipe.clone(),
                    messages: [message.id].into_iter().collect(),
                };
                self.0.insert(message.id, (record, new.digest));
            }
            Some(PasscodeStep::Again(again)) => {
                let Some((passcode, _)) = self.0.get_mut(&again.passcode) else { return };
                passcode.messages.push(message.id);
                match again.by {
                    Again::Request { resend_after_ms } => {
                        (passcode.resends, passcode.resend_after_ms) =
                            (passcode.resends + 1, resend_after_ms);
                    }
                    Again::Watch => passcode.is_watch_used = true,
                }
            }
            None => {}
        }
    }

    pub(crate) fn check(&mut self, check: &PasscodeCheck) -> Option<PasscodeChecked> {
        let (passcode, digest) = self.0.get_mut(&check.id).filter(|(passcode, _)| passcode.vs == check.vs)?;
        let before = passcode.state;
        passcode.state = passcode.state_at(check.at_ms);
        if passcode.state == PasscodeState::Pending {
            passcode.attempts += 1;
            passcode.state = match (*digest == check.digest, passcode.attempts_left()) {
                (true, _) => PasscodeState::Approved,
                (false, 0) => PasscodeState::TooManyAttempts,
                (false, _) => PasscodeState::Pending,
            };
        }
        let is_now = passcode.state != before;
        if is_now {
            passcode.seed = None;
        }
        Some(PasscodeChecked { state: passcode.state, is_now, attempts_left: passcode.attempts_left() })
    }

    pub(crate) fn cancel(&mut self, vs: VsId, id: MessageId, at_ms: i64) -> Option<(PasscodeRecord, bool)> {
        let (passcode, _) = self.0.get_mut(&id).filter(|(passcode, _)| passcode.vs == vs)?;
        let is_changed = passcode.state_at(at_ms) == PasscodeState::Pending;
        if is_changed {
            (passcode.state, passcode.seed) = (PasscodeState::Cancelled, None);
        }
        Some((passcode.clone(), is_changed))
    }

    pub(crate) fn one(&self, vs: VsId, id: MessageId) -> Option<PasscodeRecord> {
        self.0.get(&id).map(|(passcode, _)| passcode).filter(|passcode| passcode.vs == vs).cloned()
    }

    pub(crate) fn page(
        &self,
        vs: VsId,
        filter: &PasscodeFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> PasscodePage {
        let all = self.0.values().rev().map(|(passcode, _)| passcode);
        let fits = all.filter(|p| p.vs == vs && before.is_none_or(|before| p.id < before) && filter.fits(p));
        let passcodes: Vec<_> = fits.take(limit).cloned().collect();
        let next = passcodes.last().filter(|_| passcodes.len() == limit).map(|passcode| passcode.id);
        PasscodePage { passcodes, next }
    }

    pub(crate) fn pending(&self, after: (i64, MessageId), limit: usize) -> Vec<PasscodeRecord> {
        let mut found: Vec<_> = self.0.values().map(|(passcode, _)| passcode.clone()).collect();
        found.retain(|p| p.state == PasscodeState::Pending && (p.expires_ms, p.id) > after);
        found.sort_by_key(|p| (p.expires_ms, p.id));
        found.truncate(limit);
        found
    }
}

/// Puts a change of the passcode service into a directory.
pub(crate) fn change(directory: &mut Directory, change: &Change) {
    match change {
        Change::PutOtpSettings { vs, settings } => {
            directory.otp_settings.retain(|(of, _)| of != vs);
            directory.otp_settings.push((*vs, settings.clone()));
        }
        Change::PutOtpTemplate(template) => {
            let OtpTemplate { vs, purpose, locale, .. } = template;
            remove(directory, *vs, purpose, locale);
            directory.otp_templates.push(template.clone());
        }
        Change::RemoveOtpTemplate { vs, purpose, locale } => remove(directory, *vs, purpose, locale),
        _ => {}
    }
}

fn remove(directory: &mut Directory, vs: VsId, purpose: &str, locale: &str) {
    directory.otp_templates.retain(|t| !(t.vs == vs && t.purpose == purpose && t.locale == locale));
}
