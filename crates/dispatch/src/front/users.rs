//! Users: made, changed, invited, reset and removed by those above them.

use super::{invalid, server};
use crate::accounts::passwords;
use crate::accounts::tokens;
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::people::*;
use crate::view::View;
use crate::words::DirectoryError;
use std::collections::HashMap;
use textgate_gateway::Problem;
use textgate_sms::VsId;
use textgate_store::{Change, Invitation, NewUser, UserRecord};

/// Most characters of a name.
const LONGEST_NAME: usize = 128;
/// Most users of one virtual server.
const MOST: usize = 1_000;
/// How long a link to set a password is good (ms).
const INVITATION_MS: i64 = 24 * 3600 * 1000;

impl Dispatch {
    /// The users of this virtual server and all below it, by name.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn users(&self, within: VsId) -> Result<Vec<UserView>, DirectoryError> {
        let view = self.engine.view.load();
        server(&view, within)?;
        let mut seen: HashMap<u32, i64> = HashMap::new();
        for live in self.engine.accounts.sessions.lock().values() {
            let seen_ms = seen.entry(live.record.user).or_insert(live.record.seen_ms);
            *seen_ms = (*seen_ms).max(live.record.seen_ms);
        }
        let users = view.directory.users.iter().filter(|user| view.is_within(user.vs, within));
        let mut users: Vec<UserView> =
            users.map(|user| self.user_shown(&view, user, seen.get(&user.id).copied())).collect();
        users.sort_by_key(|user| user.name.to_ascii_lowercase());
        Ok(users)
    }

    /// One user of this virtual server or one below it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn user(&self, within: VsId, id: u32) -> Result<UserView, DirectoryError> {
        let view = self.engine.view.load();
        let user = find(&view, within, id)?;
        let sessions = self.engine.accounts.sessions.lock();
        let mine = sessions.values().filter(|live| live.record.user == id);
        let seen_ms = mine.map(|live| live.record.seen_ms).max();
        Ok(self.user_shown(&view, user, seen_ms))
    }

    /// The user of this name (in any case), if it is of this virtual server or one below it.
    pub fn find_user(&self, within: VsId, name: &str) -> Option<u32> {
        let view = self.engine.view.load();
        let user = view.user_named(&name.to_ascii_lowercase())?;
        view.is_within(user.vs, within).then_some(user.id)
    }

    /// Makes a user. Without a password, it is given a link to set one, good for 24 hours and once. A user can do no more than whoever
    /// may make users on `vs`: that is authorised by whoever asks.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name` or `password`, [`DirectoryError::Conflict`] where the name is taken anywhere or there are
    /// too many users, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn add_user(
        &self,
        actor: &str,
        vs: VsId,
        input: UserInput,
    ) -> Result<UserAdded, DirectoryError> {
        let UserInput { name, role, password } = input;
        check_words(&name, password.as_deref())?;
        check_new(&self.engine.view.load(), vs, &name)?;
        let hash = match password {
            Some(password) => Some(self.engine.accounts.passwords.hash(password).await?),
            None => None,
        };
        let invited = if hash.is_none() { Some(invitation(&self.engine)?) } else { None };
        let (link, invitation) = invited.unzip();
        let (_, id) = self
            .engine
            .change(actor, |view| {
                check_new(view, vs, &name)?;
                let new = NewUser { password: hash, invitation, ..new_record(view, vs, &name, role) };
                let id = new.id;
                Ok((vec![Change::PutUser(new)], id))
            })
            .await?;
        Ok(UserAdded { user: self.user(vs, id)?, link })
    }

    /// Changes a user of this virtual server or one below it. Another role ends its sessions.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name`, [`DirectoryError::Conflict`] where the name is taken or the actor would change its own
    /// role, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn change_user(
        &self,
        actor: &str,
        within: VsId,
        id: u32,
        change: UserChange,
    ) -> Result<UserView, DirectoryError> {
        if let Some(problem) = change.name.as_deref().and_then(problem_of_name) {
            return Err(invalid("name", problem));
        }
        self.engine
            .change(actor, |view| {
                let before = find(view, within, id)?;
                let mut user = NewUser::from(before.clone());
                if let Some(name) = change.name {
                    if view.user_named(&name.to_ascii_lowercase()).is_some_and(|other| other.id != id) {
                        return Err(DirectoryError::Conflict(taken(&name)));
                    }
                    user.name = name;
                }
                if let Some(role) = change.role {
                    if role != before.role {
                        not_oneself(actor, before)?;
                    }
                    user.role = role;
                }
                let is_same = (&user.name, user.role) == (&before.name, before.role);
                Ok((if is_same { Vec::new() } else { vec![Change::PutUser(user)] }, ()))
            })
            .await?;
        self.user(within, id)
    }

    /// Removes a user, and ends its sessions.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where the actor would remove itself, [`DirectoryError::NotFound`],
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn remove_user(&self, actor: &str, within: VsId, id: u32) -> Result<(), DirectoryError> {
        self.engine
            .change(actor, |view| {
                not_oneself(actor, find(view, within, id)?)?;
                Ok((vec![Change::RemoveUser { id }], ()))
            })
            .await?;
        Ok(())
    }

    /// A new link by which a user sets a password; the one before is good no longer. The user's password and second factor stay.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] for one who signs in at an OpenID Connect provider, [`DirectoryError::NotFound`],
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn invite(&self, actor: &str, within: VsId, id: u32) -> Result<InvitationLink, DirectoryError> {
        self.invite_after(actor, within, id, |_| ()).await
    }

    /// Takes a user's password and second factor away, ends its sessions, and makes a link by which it sets a new password.
    ///
    /// # Errors
    /// As [`invite`](Self::invite).
    pub async fn reset_user(
        &self,
        actor: &str,
        within: VsId,
        id: u32,
    ) -> Result<InvitationLink, DirectoryError> {
        let reset =
            |user: &mut NewUser| (user.password, user.sealed_totp, user.recovery) = (None, None, Vec::new());
        self.invite_after(actor, within, id, reset).await
    }

    async fn invite_after(
        &self,
        actor: &str,
        within: VsId,
        id: u32,
        before: impl FnOnce(&mut NewUser),
    ) -> Result<InvitationLink, DirectoryError> {
        let (link, invitation) = invitation(&self.engine)?;
        self.engine
            .change(actor, |view| {
                let mut user = NewUser::from(find(view, within, id)?.clone());
                if let Some(external) = &user.external {
                    let message =
                        format!("this user signs in at {} and has no password here", external.issuer);
                    return Err(DirectoryError::Conflict(message));
                }
                before(&mut user);
                user.invitation = Some(invitation);
                Ok((vec![Change::PutUser(user)], ()))
            })
            .await?;
        Ok(link)
    }

    /// Whose link this is, while it is good: the user's name.
    pub fn invitation(&self, token: &str) -> Option<String> {
        let view = self.engine.view.load();
        invited(&view, token, self.engine.clock.now_ms()).map(|user| user.name.clone())
    }

    /// Sets a user's password by its one-time link, and ends its sessions. Answers the user's name, with which it can sign in now.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where the link is not, or no longer, good, [`DirectoryError::Invalid`] at `password`,
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn accept_invitation(&self, token: &str, password: &str) -> Result<String, DirectoryError> {
        let unknown = || DirectoryError::NotFound("this link".into());
        let name = self.invitation(token).ok_or_else(unknown)?;
        if let Some(problem) = passwords::problem_of(password, &name) {
            return Err(invalid("password", problem));
        }
        let hash = self.engine.accounts.passwords.hash(password.to_owned()).await?;
        let now_ms = self.engine.clock.now_ms();
        let actor = actor(&name);
        let decide = |view: &View| {
            let user = invited(view, token, now_ms).ok_or_else(unknown)?.clone();
            Ok((vec![Change::PutUser(NewUser { password: Some(hash), invitation: None, ..user.into() })], ()))
        };
        self.engine.change(&actor, decide).await?;
        Ok(name)
    }

    fn user_shown(&self, view: &View, user: &UserRecord, seen_ms: Option<i64>) -> UserView {
        let now_ms = self.engine.clock.now_ms();
        let invited = user.invitation.map(|invitation| invitation.expires_ms);
        UserView {
            id: user.id,
            name: user.name.clone(),
            vs: user.vs,
            path: view.server(user.vs).map(|server| server.path.clone()).unwrap_or_default(),
            role: user.role,
            has_password: user.password.is_some(),
            has_totp: user.sealed_totp.is_some(),
            recovery_codes: user.recovery.len(),
            invited_until_ms: invited.filter(|until| *until > now_ms),
            issuer: user.external.as_ref().map(|external| external.issuer.clone()),
            created_ms: user.created_ms,
            seen_ms,
        }
    }
}

/// The user, if it is of this virtual server or one below it.
fn find(view: &View, within: VsId, id: u32) -> Result<&UserRecord, DirectoryError> {
    let user = view.user(id).filter(|user| view.is_within(user.vs, within));
    user.ok_or_else(|| DirectoryError::NotFound("this user".into()))
}

fn invited<'a>(view: &'a View, token: &str, now_ms: i64) -> Option<&'a UserRecord> {
    let hash = tokens::hash(token);
    let is_it =
        |user: &&UserRecord| user.invitation.is_some_and(|it| it.hash == hash && now_ms < it.expires_ms);
    view.directory.users.iter().find(is_it)
}

/// A new link, and what is kept of it.
pub(super) fn invitation(engine: &Engine) -> Result<(InvitationLink, Invitation), DirectoryError> {
    let token = tokens::token()?;
    let (hash, expires_ms) = (tokens::hash(&token), engine.clock.now_ms() + INVITATION_MS);
    Ok((InvitationLink { token, expires_ms }, Invitation { hash, expires_ms }))
}

/// Another administrator has to do that: so one is always left.
fn not_oneself(actor: &str, user: &UserRecord) -> Result<(), DirectoryError> {
    if actor == crate::people::actor(&user.name) {
        let message = "you cannot do that to yourself: ask another administrator";
        return Err(DirectoryError::Conflict(message.into()));
    }
    Ok(())
}

/// What to say where a name is taken. Not whose: that may be another tenant.
pub(super) fn taken(name: &str) -> String {
    format!("the name {name} is taken; choose another")
}

/// Whether a user of this name can be made there.
pub(super) fn check_new(view: &View, vs: VsId, name: &str) -> Result<(), DirectoryError> {
    server(view, vs)?;
    if let Some(problem) = problem_of_name(name) {
        return Err(invalid("name", problem));
    }
    if view.user_named(&name.to_ascii_lowercase()).is_some() {
        return Err(DirectoryError::Conflict(taken(name)));
    }
    if view.directory.users.iter().filter(|user| user.vs == vs).count() >= MOST {
        let message = format!("a virtual server can have {MOST} users; remove some first");
        return Err(DirectoryError::Conflict(message));
    }
    Ok(())
}

/// Everything that is wrong with a name and a password.
pub(super) fn check_words(name: &str, password: Option<&str>) -> Result<(), DirectoryError> {
    let mut problems = Vec::new();
    if let Some(problem) = problem_of_name(name) {
        problems.push(Problem::new("name", problem));
    }
    if let Some(problem) = password.and_then(|password| passwords::problem_of(password, name)) {
        problems.push(Problem::new("password", problem));
    }
    if problems.is_empty() { Ok(()) } else { Err(DirectoryError::Invalid(problems)) }
}

/// What is wrong with a user's name, if anything is. ASCII, so that no two names look alike and case is no question.
pub(super) fn problem_of_name(name: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    if name.is_empty() {
        Some("enter a name")
    } else if name.len() > LONGEST_NAME {
        Some("use at most 128 characters")
    } else if !name.bytes().all(is_plain) {
        Some("use only letters from a to z, digits, and . _ - + @")
    } else if !name.as_bytes()[0].is_ascii_alphanumeric() {
        Some("begin with a letter or a digit")
    } else {
        None
    }
}

/// A new user who can do nothing yet but be there.
pub(super) fn new_record(view: &View, vs: VsId, name: &str, role: UserRole) -> NewUser {
    NewUser {
        id: view.directory.next_user,
        vs,
        name: name.to_owned(),
        role,
        password: None,
        sealed_totp: None,
        recovery: Vec::new(),
        invitation: None,
        external: None,
    }
}
