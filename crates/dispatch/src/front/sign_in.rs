//! Signing in and out, and the sessions in between.

use super::users::new_record;
use crate::accounts::tokens::{self, NoRandomness};
use crate::accounts::totp::{self, TotpSecret};
use crate::accounts::{Failures, passwords};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::guard::GuardRules;
use crate::people::*;
use crate::words::DirectoryError;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use textgate_sms::{Country, VsId};
use textgate_store::{
    AuditNote, Change, NewSession, NewUser, Purpose, SessionRecord, StoreError, UserRecord,
};

/// Longest password that is looked at (octets): hashing more would be work for nothing.
const LONGEST: usize = 2_048;

impl Dispatch {
    /// Signs somebody in by name and password, and by a code where the user has a second factor. A name that is not known takes as
    /// long as one that is. What fails is counted, and soon has to wait.
    ///
    /// # Errors
    /// [`SignInRefusal`].
    pub async fn sign_in(&self, input: SignIn) -> Result<SignedIn, SignInRefusal> {
        let outcome = self.try_sign_in(input).await;
        self.engine.metrics.on_sign_in(outcome.as_ref().err().copied());
        outcome
    }

    async fn try_sign_in(&self, input: SignIn) -> Result<SignedIn, SignInRefusal> {
        let engine = &self.engine;
        let SignIn { name, password, code, from } = input;
        let key = name.trim().to_ascii_lowercase();
        // A name that no user can have is one like another.
        let key = if super::users::problem_of_name(&key).is_some() { String::new() } else { key };
        let attempt = engine.accounts.limits.begin(&key, from, engine.clock.now()).map_err(|wait| {
            SignInRefusal::TooMany { wait_s: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) }
        })?;
        let user = engine.view.load().user_named(&key).cloned();
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let is_absurd = password.len() > LONGEST;
        let password = if is_absurd { String::new() } else { password };
        let is_right = match engine.accounts.passwords.verify(password, hash).await {
            Ok(is_right) => is_right && !is_absurd,
            Err(passwords::NotHashed::Busy) => {
                engine.accounts.limits.undecided(&attempt);
                return Err(SignInRefusal::TooMany { wait_s: 1 });
            }
            Err(passwords::NotHashed::Failed) => {
                engine.accounts.limits.undecided(&attempt);
                return Err(SignInRefusal::StoreUnavailable);
            }
        };
        let Some(user) = user.filter(|_| is_right) else {
            engine.count_failure(&key, from);
            return Err(SignInRefusal::Wrong);
        };
        let proof = match second_factor(engine, &user, code.as_deref().unwrap_or_default()).await {
            Ok(Some(proof)) => proof,
            Ok(None) => {
                engine.accounts.limits.undecided(&attempt);
                return Err(SignInRefusal::SecondFactorNeeded);
            }
            Err(refusal) => {
                match refusal {
                    SignInRefusal::Wrong => engine.count_failure(&key, from),
                    _ => engine.accounts.limits.undecided(&attempt),
                }
                return Err(refusal);
            }
        };
        let how = if proof.is_recovery { "with a recovery code " } else { "" };
        let action = format!("signed in {how}from {from}");
        match engine.begin_session(&user, action, proof.totp_step).await? {
            Some(signed_in) => {
                engine.accounts.limits.succeeded(attempt, engine.clock.now());
                Ok(signed_in)
            }
            None => {
                engine.count_failure(&key, from);
                Err(SignInRefusal::Wrong)
            }
        }
    }

    /// Who has this session's token; `None` where the session has ended. Counts as a use of it. Asks nobody but this process.
    pub fn session(&self, token: &str) -> Option<Person> {
        self.session_of(token, true)
    }

    /// The same for what a page asks for by itself, without its reader doing anything: it does not count as a use, so that a page
    /// left open does not keep a session for ever.
    pub fn session_in_background(&self, token: &str) -> Option<Person> {
        self.session_of(token, false)
    }

    fn session_of(&self, token: &str, is_use: bool) -> Option<Person> {
        let engine = &self.engine;
        let id = SessionId(tokens::hash(token));
        let now_ms = engine.clock.now_ms();
        let (idle_ms, life_ms) = engine.lifetimes_ms();
        let (user, is_due) = {
            let mut sessions = engine.accounts.sessions.lock();
            let live = sessions.get_mut(&id)?;
            let record = live.record;
            let user = engine.view.load().user(record.user).cloned();
            let user = user.filter(|user| user.generation == record.generation);
            let is_over = now_ms - record.seen_ms > idle_ms || now_ms - record.began_ms > life_ms;
            let Some(user) = user.filter(|_| !is_over) else {
                sessions.remove(&id);
                return None;
            };
            let is_due = is_use && live.seen(now_ms);
            (user, is_due)
        };
        if is_due {
            // Nobody waits for it: lost in a crash, it costs a minute of the idle lifetime.
            drop(engine.store.touch_sessions(vec![(id, now_ms)]));
        }
        Some(person(&user, id))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`DirectoryError::StoreUnavailable`]: it is ended for now, and may be there again after a restart.
    pub async fn sign_out(&self, token: &str) -> Result<(), DirectoryError> {
        let engine = &self.engine;
        let id = SessionId(tokens::hash(token));
        let live = engine.accounts.sessions.lock().remove(&id);
        let user = live.and_then(|live| engine.view.load().user(live.record.user).cloned());
        if let Some(user) = user {
            let note = engine.note(&user, "signed out".into());
            engine.store.end_session(id, note).await?;
        }
        Ok(())
    }

    /// The token against forged requests (CSRF) of a session: derived, so that nothing is stored.
    pub fn csrf(&self, token: &str) -> String {
        let digest = self.engine.sealer.digest(&[b"csrf", token.as_bytes()]);
        digest.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// The token of the link that makes the first user, while there is none. Another one after each start.
    pub fn set_up_token(&self) -> Option<String> {
        if !self.engine.view.load().directory.users.is_empty() {
            return None;
        }
        let mut set_up = self.engine.accounts.set_up();
        if set_up.is_none() {
            *set_up = tokens::token().ok();
        }
        set_up.clone()
    }

    /// Whether this is the token of the link that makes the first user, now.
    pub fn is_set_up_token(&self, token: &str) -> bool {
        let right = self.set_up_token().unwrap_or_default();
        !right.is_empty() && bool::from(right.as_bytes().ct_eq(token.as_bytes()))
    }

    /// Makes the first user, an administrator of the root, by its one-time link, and signs it in. Where countries are given, the fraud
    /// guard lets passcodes go only there: with the user or not at all, so that no set-up is left half done.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for another token and once there is a user, [`DirectoryError::Invalid`] at `name` or
    /// `password`, [`DirectoryError::StoreUnavailable`].
    pub async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: &str,
        countries: Vec<Country>,
    ) -> Result<SignedIn, DirectoryError> {
        let unknown = || DirectoryError::NotFound("this set-up link".into());
        if !self.is_set_up_token(token) {
            return Err(unknown());
        }
        super::users::check_words(name, Some(password))?;
        let hash = self.engine.accounts.passwords.hash(password.to_owned()).await?;
        let (view, id) = self
            .engine
            .change("set-up link", |view| {
                if !view.directory.users.is_empty() {
                    return Err(unknown());
                }
                let new = new_record(view, VsId::ROOT, name, UserRole::Administrator);
                let id = new.id;
                let mut changes = vec![Change::PutUser(NewUser { password: Some(hash), ..new })];
                if !countries.is_empty() {
                    // Rules that a manifest put before stay as they are but for this.
                    let before = super::server(view, VsId::ROOT)?.guard_rules.as_ref();
                    let rules = GuardRules { countries, ..before.cloned().unwrap_or_default() };
                    let change = super::guard::change(VsId::ROOT, before, Some(rules));
                    changes.extend(change.map_err(DirectoryError::Invalid)?);
                }
                Ok((changes, id))
            })
            .await?;
        *self.engine.accounts.set_up() = None;
        let user = view.user(id).ok_or_else(unknown)?;
        self.engine
            .begin_session(user, "signed in by the set-up link".into(), None)
            .await?
            .ok_or_else(unknown)
    }
}

/// How somebody proved to have the second factor, where one is set.
struct Proof {
    totp_step: Option<u64>,
    is_recovery: bool,
}

/// `None`: a code is needed, and there is none.
async fn second_factor(
    engine: &Arc<Engine>,
    user: &UserRecord,
    code: &str,
) -> Result<Option<Proof>, SignInRefusal> {
    let Some(sealed) = &user.sealed_totp else {
        return Ok(Some(Proof { totp_step: None, is_recovery: false }));
    };
    let plain = totp::plain(code);
    if plain.is_empty() {
        return Ok(None);
    }
    let octets = engine.sealer.unseal(Purpose::Totp, u64::from(user.id), sealed).ok();
    let secret = octets.and_then(TotpSecret::from_octets).ok_or(SignInRefusal::StoreUnavailable)?;
    if let Some(step) = secret.step_of(&plain, engine.clock.now_ms()) {
        return Ok(Some(Proof { totp_step: Some(step), is_recovery: false }));
    }
    let hash = totp::recovery_hash(&engine.sealer, user.id, &plain);
    let is_one = |there: &[u8; 32]| bool::from(there.ct_eq(&hash));
    if !user.recovery.iter().any(is_one) {
        return Err(SignInRefusal::Wrong);
    }
    // Used up before the session begins: of two at once, one finds it gone.
    let actor = actor(&user.name);
    let used = engine.change(&actor, |view| {
        let there = view.user(user.id).filter(|there| there.recovery.iter().any(is_one));
        let Some(there) = there else { return Err(DirectoryError::Conflict(String::new())) };
        let mut user = NewUser::from(there.clone());
        user.recovery.retain(|code| !is_one(code));
        Ok((vec![Change::PutUser(user)], ()))
    });
    match used.await {
        Ok(_) => Ok(Some(Proof { totp_step: None, is_recovery: true })),
        Err(DirectoryError::StoreUnavailable(_)) => Err(SignInRefusal::StoreUnavailable),
        Err(_) => Err(SignInRefusal::Wrong),
    }
}

fn person(user: &UserRecord, session: SessionId) -> Person {
    Person { user: user.id, name: user.name.clone(), vs: user.vs, role: user.role, session }
}

impl Engine {
    /// The sessions of the store, at the start.
    pub(crate) async fn load_sessions(&self) -> Result<(), StoreError> {
        for record in self.store.sessions().await? {
            self.accounts.sessions.add(record);
        }
        Ok(())
    }

    /// Sessions that began or ended at other nodes.
    pub(crate) async fn reread_sessions(&self) -> Result<(), StoreError> {
        let before: Vec<SessionId> = self.accounts.sessions.lock().keys().copied().collect();
        let there = self.store.sessions().await?;
        let ids: HashSet<SessionId> = there.iter().map(|record| record.id).collect();
        {
            let mut all = self.accounts.sessions.lock();
            // One that began here meanwhile is not among those.
            for ended in before.iter().filter(|id| !ids.contains(id)) {
                all.remove(ended);
            }
        }
        for record in there {
            if !before.contains(&record.id) {
                self.accounts.sessions.add_new(record);
            }
        }
        Ok(())
    }

    /// Idle and absolute lifetime of a session (ms).
    pub(crate) fn lifetimes_ms(&self) -> (i64, i64) {
        let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4);
        (ms(self.limits.session_idle), ms(self.limits.session_life))
    }

    /// A session for this user; `None` where its code was used before, or the user is another by now.
    pub(super) async fn begin_session(
        &self,
        user: &UserRecord,
        action: String,
        totp_step: Option<u64>,
    ) -> Result<Option<SignedIn>, SessionNotBegun> {
        let token = tokens::token()?;
        let now_ms = self.clock.now_ms();
        let id = SessionId(tokens::hash(&token));
        let session = SessionRecord {
            id,
            user: user.id,
            generation: user.generation,
            began_ms: now_ms,
            seen_ms: now_ms,
        };
        let most = crate::accounts::MOST_OF_A_USER;
        let note = self.note(user, action);
        if !self.store.begin_session(NewSession { session, totp_step, most, note }).await? {
            return Ok(None);
        }
        self.accounts.sessions.add(session);
        Ok(Some(SignedIn { token, person: person(user, id) }))
    }

    pub(super) fn note(&self, user: &UserRecord, action: String) -> AuditNote {
        AuditNote { at_ms: self.clock.now_ms(), actor: actor(&user.name), vs: user.vs, action }
    }

    /// Counts a failed sign-in for the audit log. Nobody waits for it.
    fn count_failure(&self, key: &str, from: IpAddr) {
        let view = self.view.load();
        let user = view.user_named(key);
        let (name, vs) = (user.map(|user| user.name.clone()), user.map_or(VsId::ROOT, |user| user.vs));
        let who = crate::accounts::Who { name, vs };
        let now = (self.clock.now(), self.clock.now_ms());
        if let Some(note) = self.accounts.failures.count(user.map(|user| user.id), who, from, now) {
            drop(self.store.note(vec![note]));
        }
    }

    /// Writes failed sign-ins that were only counted: what is due, or all of it.
    pub(crate) fn tell_failures(&self, all_of_it: bool) {
        let failures: &Failures = &self.accounts.failures;
        let notes = failures.due((self.clock.now(), self.clock.now_ms()), all_of_it);
        if !notes.is_empty() {
            drop(self.store.note(notes));
        }
    }
}

/// Why a session could not begin: nothing that the person can change.
#[derive(Debug)]
pub(super) struct SessionNotBegun(String);

impl From<StoreError> for SessionNotBegun {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<NoRandomness> for SessionNotBegun {
    fn from(_: NoRandomness) -> Self {
        Self("the system's random number generator failed".into())
    }
}

impl From<SessionNotBegun> for SignInRefusal {
    fn from(_: SessionNotBegun) -> Self {
        Self::StoreUnavailable
    }
}

impl From<SessionNotBegun> for DirectoryError {
    fn from(error: SessionNotBegun) -> Self {
        Self::StoreUnavailable(error.0)
    }
}
