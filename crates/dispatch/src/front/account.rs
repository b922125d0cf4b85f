//! What people do with their own account, and what they may do at all.

use super::invalid;
use crate::accounts::totp::{self, TotpSecret};
use crate::accounts::{Live, passwords};
use crate::dispatch::Dispatch;
use crate::people::*;
use crate::view::View;
use crate::words::DirectoryError;
use std::net::{IpAddr, Ipv4Addr};
use textgate_sms::VsId;
use textgate_store::{Change, NewUser, Purpose, UserRecord};

impl Person {
    /// Whether the person may see this virtual server: its own, and those below it unless it is an operator's.
    pub fn may_read(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        match self.role {
            UserRole::Operator => vs == self.vs && dispatch.is_within(vs, self.vs),
            UserRole::Administrator | UserRole::Auditor => dispatch.is_within(vs, self.vs),
        }
    }

    /// Whether the person may change this virtual server's SMS settings, and send.
    pub fn may_change(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        self.role != UserRole::Auditor && self.may_read(dispatch, vs)
    }

    /// Whether the person may change this virtual server's users, API keys, and the virtual servers below it.
    pub fn may_administer(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        self.role == UserRole::Administrator && self.may_read(dispatch, vs)
    }

    /// Whether the person may do to this virtual server what only one above it may: allocate SMS credits, rename and remove it.
    pub fn is_above(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        vs != self.vs && self.may_administer(dispatch, vs)
    }
}

impl Dispatch {
    /// Gives the person another password. All of its sessions end; the answer is a new one.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `old` or `new`, [`DirectoryError::NotFound`] where the user went meanwhile,
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn change_password(
        &self,
        person: &Person,
        old: &str,
        new: &str,
    ) -> Result<SignedIn, DirectoryError> {
        if let Some(problem) = passwords::problem_of(new, &person.name) {
            return Err(invalid("new", problem));
        }
        self.prove(person, "old", old).await?;
        let hash = self.engine.accounts.passwords.hash(new.to_owned()).await?;
        let view = self
            .change_self(person, |user| {
                user.password = Some(hash);
                user.invitation = None;
                Ok(())
            })
            .await?;
        let user = view.user(person.user).ok_or_else(gone)?;
        let begun = self.engine.begin_session(user, "signed in with a new password".into(), None).await?;
        begun.ok_or_else(gone)
    }

    /// The person's sessions, the one used last first.
    pub fn sessions(&self, person: &Person) -> Vec<SessionView> {
        let sessions = self.engine.accounts.sessions.lock();
        let mine = sessions.values().filter(|live| live.record.user == person.user);
        let mut mine: Vec<SessionView> = mine
            .map(|live| SessionView {
                is_this: live.record.id == person.session,
                began_ms: live.record.began_ms,
                seen_ms: live.record.seen_ms,
            })
            .collect();
        mine.sort_by_key(|session| std::cmp::Reverse((session.seen_ms, session.began_ms)));
        mine
    }

    /// Ends the person's sessions but for the one that asks.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where the user went meanwhile, [`DirectoryError::StoreUnavailable`]: they are ended for now, and may
    /// be there again after a restart.
    pub async fn end_other_sessions(&self, person: &Person) -> Result<(), DirectoryError> {
        let user = self.engine.view.load().user(person.user).cloned().ok_or_else(gone)?;
        let ended: Vec<SessionId> = {
            let mut sessions = self.engine.accounts.sessions.lock();
            let is_other = |live: &Live| live.record.user == person.user && live.record.id != person.session;
            sessions.extract_if(|_, live| is_other(live)).map(|(id, _)| id).collect()
        };
        for id in ended {
            let note = self.engine.note(&user, "ended another session of its own".into());
            self.engine.store.end_session(id, note).await?;
        }
        Ok(())
    }

    /// Offers a second factor, to be confirmed in the same session; asked again, the same one.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where there is one already, [`DirectoryError::NotFound`] where the session has ended,
    /// [`DirectoryError::StoreUnavailable`].
    pub fn begin_totp(&self, person: &Person) -> Result<TotpOffer, DirectoryError> {
        check_no_totp(self.engine.view.load().user(person.user).ok_or_else(gone)?)?;
        let mut sessions = self.engine.accounts.sessions.lock();
        let live = sessions.get_mut(&person.session).ok_or_else(gone)?;
        let secret = match &live.offer {
            Some(secret) => secret.clone(),
            None => live.offer.insert(TotpSecret::new()?).clone(),
        };
        Ok(secret.offer(&person.name))
    }

    /// Sets the second factor that was offered, by its first code. Answers the recovery codes, which are told only now.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `code`, [`DirectoryError::Conflict`] where there is one already or none was offered,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn confirm_totp(&self, person: &Person, code: &str) -> Result<Vec<String>, DirectoryError> {
        let offer =
            self.engine.accounts.sessions.lock().get(&person.session).and_then(|live| live.offer.clone());
        let Some(secret) = offer else {
            return Err(DirectoryError::Conflict(
                "begin anew: no second factor was offered in this session".into(),
            ));
        };
        let Some(step) = secret.step_of(&totp::plain(code), self.engine.clock.now_ms()) else {
            return Err(invalid("code", "this is not the code that the app shows now"));
        };
        let codes = totp::recovery_codes()?;
        let sealer = &self.engine.sealer;
        let hashes = codes.iter().map(|code| totp::recovery_hash(sealer, person.user, code)).collect();
        // Sealed before its turn to change has come.
        let held = sealer.hold();
        let sealed = sealer.seal(Purpose::Totp, u64::from(person.user), secret.octets());
        self.change_self(person, |user| {
            if user.sealed_totp.is_some() {
                return Err(has_totp());
            }
            (user.sealed_totp, user.recovery) = (Some(sealed), hashes);
            Ok(())
        })
        .await?;
        drop(held);
        // The code was shown to whoever looked on: it signs nobody in.
        self.engine.store.use_totp_step(person.user, step).await?;
        if let Some(live) = self.engine.accounts.sessions.lock().get_mut(&person.session) {
            live.offer = None;
        }
        Ok(codes)
    }

    /// Removes the second factor and its recovery codes.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `password`, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn remove_totp(&self, person: &Person, password: &str) -> Result<(), DirectoryError> {
        self.prove(person, "password", password).await?;
        self.change_self(person, |user| {
            (user.sealed_totp, user.recovery) = (None, Vec::new());
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// That whoever has the session also knows the password; guesses are limited as at the sign-in.
    async fn prove(&self, person: &Person, at: &str, password: &str) -> Result<(), DirectoryError> {
        // Sessions come from anywhere: a user's all count as one place, from which nobody calls (RFC 1122 §3.2.1.3) and no other
        // user's come.
        let from = IpAddr::V4(Ipv4Addr::from_bits(person.user & 0x00FF_FFFF));
        let engine = &self.engine;
        let name = person.name.to_ascii_lowercase();
        let attempt = engine.accounts.limits.begin(&name, from, engine.clock.now()).map_err(|wait| {
            invalid(at, format!("too many attempts: try again in {} s", wait.as_secs() + 1))
        })?;
        let hash = engine.view.load().user(person.user).ok_or_else(gone)?.password.clone();
        if !engine.accounts.passwords.verify(password.to_owned(), hash).await? {
            return Err(invalid(at, "this is not your password"));
        }
        engine.accounts.limits.succeeded(attempt, engine.clock.now());
        Ok(())
    }

    async fn change_self(
        &self,
        person: &Person,
        change: impl FnOnce(&mut NewUser) -> Result<(), DirectoryError>,
    ) -> Result<std::sync::Arc<View>, DirectoryError> {
        let decide = |view: &View| {
            let mut user = NewUser::from(view.user(person.user).ok_or_else(gone)?.clone());
            change(&mut user)?;
            Ok((vec![Change::PutUser(user)], ()))
        };
        Ok(self.engine.change(&person.actor(), decide).await?.0)
    }
}

fn gone() -> DirectoryError {
    DirectoryError::NotFound("this user".into())
}

fn has_totp() -> DirectoryError {
    DirectoryError::Conflict("there is a second factor already; remove it first".into())
}

fn check_no_totp(user: &UserRecord) -> Result<(), DirectoryError> {
    if user.sealed_totp.is_some() { Err(has_totp()) } else { Ok(()) }
}
