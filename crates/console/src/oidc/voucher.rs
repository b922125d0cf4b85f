//! What binds a sign-in that is under way to its browser: a cookie, from which state, nonce and PKCE verifier follow under a key of this
//! process. So nothing is kept for who never comes back, and what a browser or a provider shows of one tells nothing of the others.

use super::base64url;
use crate::form::{Form, escaped};
use ring::hmac;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use subtle::ConstantTimeEq as _;

/// How long a sign-in may take (s): time enough for a second factor.
pub(crate) const LIFE_S: u32 = 600;
/// Longest address to go to afterwards (octets).
const LONGEST_NEXT: usize = 1_000;
/// Most used ones that are remembered; beyond it, the oldest goes.
const MOST_USED: usize = 10_000;

/// Makes vouchers and knows its own.
pub(super) struct Vouchers {
    key: hmac::Key,
    used: Mutex<HashMap<String, Instant>>,
}

/// One sign-in that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Voucher {
    /// The cookie's value: when it began, randomness, and where to go afterwards.
    pub(super) cookie: String,
    /// What the provider gives back to the browser (RFC 6749 §10.12).
    pub(super) state: String,
    /// What the provider puts into the ID token.
    pub(super) nonce: String,
    /// What proves that the code is redeemed by who asked for it (RFC 7636 §4.1).
    pub(super) verifier: String,
}

/// The system has no randomness.
#[derive(Debug)]
pub(super) struct NoRandomness;

impl Vouchers {
    pub(super) fn new() -> Result<Self, NoRandomness> {
        let mut key = [0u8; 32];
        getrandom::fill(&mut key).map_err(|_| NoRandomness)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), used: Mutex::default() })
    }

    /// A new one.
    pub(super) fn begin(&self, next: &str, now_s: i64) -> Result<Voucher, NoRandomness> {
        let mut random = [0u8; 32];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        let next = if next.len() > LONGEST_NEXT { "" } else { next };
        Ok(self.of(format!("{now_s}.{}.{}", base64url(&random), escaped(next))))
    }

    /// The one of this cookie, and where to go afterwards, where the state is its own, it is not too old, and was not used.
    pub(super) fn redeem(&self, cookie: &str, state: &str, now_s: i64) -> Option<(Voucher, String)> {
        let voucher = self.of(cookie.to_owned());
        if !bool::from(voucher.state.as_bytes().ct_eq(state.as_bytes())) {
            return None;
        }
        let mut parts = cookie.splitn(3, '.');
        let (began_s, _, next) = (parts.next()?.parse::<i64>().ok()?, parts.next()?, parts.next()?);
        if !(0..=i64::from(LIFE_S)).contains(&now_s.checked_sub(began_s)?) || !self.use_up(&voucher.state) {
            return None;
        }
        let next = Form::read(format!("next={next}").as_bytes())?.get("next").to_owned();
        Some((voucher, next))
    }

    fn of(&self, cookie: String) -> Voucher {
        let derived = |what: &str| {
            let mut context = hmac::Context::with_key(&self.key);
            context.update(what.as_bytes());
            context.update(&[0]);
            context.update(cookie.as_bytes());
            base64url(context.sign().as_ref())
        };
        let (state, nonce, verifier) = (derived("state"), derived("nonce"), derived("verifier"));
        Voucher { cookie, state, nonce, verifier }
    }

    /// Marks it as used; false where it was used before.
    fn use_up(&self, state: &str) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST_USED {
            used.retain(|_, since| since.elapsed().as_secs() <= u64::from(LIFE_S));
        }
        if used.len() >= MOST_USED {
            let oldest = used.iter().min_by_key(|(_, since)| **since).map(|(state, _)| state.clone());
            oldest.and_then(|state| used.remove(&state));
        }
        used.insert(state.to_owned(), Instant::now()).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_voucher_is_good_once_for_its_own_state_and_for_ten_minutes() {
        let vouchers = Vouchers::new().unwrap();
        let next = "/console/vs/1/audit?actor=a b&x=.ü";
        let (a, b) = (vouchers.begin(next, NOW).unwrap(), vouchers.begin("", NOW).unwrap());
        assert_eq!(vouchers.redeem(&a.cookie, &b.state, NOW), None, "another's state");
        assert_eq!(vouchers.redeem(&a.cookie, "", NOW), None);
        assert_eq!(vouchers.redeem(&a.cookie, &a.state, NOW + 601), None, "too late");
        assert_eq!(vouchers.redeem(&a.cookie, &a.state, NOW - 1), None, "before its time");
        assert_eq!(vouchers.redeem(&a.cookie, &a.state, NOW + 600), Some((a.clone(), next.to_owned())));
        assert_eq!(vouchers.redeem(&a.cookie, &a.state, NOW + 600), None, "used");
        assert!(vouchers.redeem(&b.cookie, &b.state, NOW).is_some());
    }

    #[test]
    fn a_cookie_that_was_changed_or_is_another_processs_has_another_state() {
        let vouchers = Vouchers::new().unwrap();
        let voucher = vouchers.begin("/console/", NOW).unwrap();
        let later = voucher.cookie.replacen(&NOW.to_string(), &(NOW + 5_000).to_string(), 1);
        assert_eq!(vouchers.redeem(&later, &voucher.state, NOW + 5_000), None);
        assert_eq!(Vouchers::new().unwrap().redeem(&voucher.cookie, &voucher.state, NOW), None);
    }

    #[test]
    fn what_follows_from_a_voucher_is_different_and_long_enough() {
        let voucher = Vouchers::new().unwrap().begin("", NOW).unwrap();
        assert!(voucher.state != voucher.nonce && voucher.nonce != voucher.verifier);
        // RFC 7636 §4.1: 43 to 128 characters.
        assert!([&voucher.state, &voucher.nonce, &voucher.verifier].iter().all(|it| it.len() == 43));
    }

    #[test]
    fn no_more_used_ones_are_remembered_than_the_bound() {
        let vouchers = Vouchers::new().unwrap();
        for number in 0..=MOST_USED {
            assert!(vouchers.use_up(&number.to_string()));
        }
        assert_eq!(vouchers.used.lock().unwrap().len(), MOST_USED);
    }
}
