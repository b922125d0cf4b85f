//! The words for people who sign in: what the console, the API and the command line say and hear about users.

use serde::Serialize;
use std::net::IpAddr;
use textgate_sms::VsId;
pub use textgate_store::{SessionId, UserRole};

/// Who makes a request in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user's number.
    pub user: u32,
    /// The user's name.
    pub name: String,
    /// The user's virtual server.
    pub vs: VsId,
    /// What the user may do there.
    pub role: UserRole,
    /// The session.
    pub session: SessionId,
}

impl Person {
    /// The person as the audit log and ledgers name it.
    pub fn actor(&self) -> String {
        actor(&self.name)
    }
}

/// A user as the audit log and ledgers name it.
pub(crate) fn actor(name: &str) -> String {
    format!("user {name}")
}

/// What somebody gives to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// The user's name, in any case.
    pub name: String,
    /// The password.
    pub password: String,
    /// The second factor: six digits, or a recovery code.
    pub code: Option<String>,
    /// From where.
    pub from: IpAddr,
}

/// Somebody who has just signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// The session's token: what the browser keeps. Told only now.
    pub token: String,
    /// Who it is.
    pub person: Person,
}

/// Why somebody was not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefusal {
    /// The name, the password or the code is wrong; not said which.
    #[error("the name, the password or the code is wrong")]
    Wrong,
    /// Name and password are right, and a code is needed besides.
    #[error("enter the code of your second factor")]
    SecondFactorNeeded,
    /// Too many attempts.
    #[error("too many attempts: try again in {wait_s} s")]
    TooMany {
        /// When to come again (s).
        wait_s: u64,
    },
    /// The session could not be written.
    #[error("the store is not available: try again in a moment")]
    StoreUnavailable,
}

/// Somebody whom an OpenID Connect provider has signed in: its token was verified by whoever calls.
#[derive(Debug, Clone)]
pub struct ExternalSignIn {
    /// The issuer identifier.
    pub issuer: String,
    /// The `sub` claim.
    pub subject: String,
    /// The name for the user to be made at the first sign-in: `preferred_username` or `email`.
    pub name: String,
    /// The values of the claim that decides about roles.
    pub values: Vec<String>,
    /// From where.
    pub from: IpAddr,
}

/// What a value of an OpenID Connect claim means here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleMapping {
    /// The value.
    pub value: String,
    /// The virtual server's path.
    pub virtual_server: String,
    /// The role there.
    pub role: UserRole,
}

/// Sign-in at an OpenID Connect provider, as it is configured.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcOptions {
    /// The provider's issuer identifier, an https URL (OpenID Connect Discovery §2).
    pub issuer: String,
    /// This server's name there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The claim whose values decide about roles.
    pub claim: String,
    /// What its values mean; the first that fits counts.
    pub roles: Vec<RoleMapping>,
}

/// Never with the secret.
impl std::fmt::Debug for OidcOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcOptions").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why somebody who was signed in elsewhere has no session here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExternalRefusal {
    /// No value of the claim is mapped to a role.
    #[error("your account has no role here: ask an administrator")]
    NoRole,
    /// A user of this name exists and does not sign in by this account.
    #[error("the name {0} belongs to another user here: ask an administrator")]
    NameTaken(String),
    /// The name cannot be a user's.
    #[error("the provider's name for you cannot be used here: {0}")]
    NameInvalid(String),
    /// The session could not be written.
    #[error("the store is not available: try again in a moment")]
    StoreUnavailable,
}

/// A user to be made.
#[derive(Clone)]
pub struct UserInput {
    /// Its name: letters, digits and `. _ - + @`; unique over the installation without regard to case.
    pub name: String,
    /// What it may do.
    pub role: UserRole,
    /// Its password; `None`: a one-time link is made by which the user sets one.
    pub password: Option<String>,
}

/// What of a user is to be other; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Its name.
    pub name: Option<String>,
    /// What it may do.
    pub role: Option<UserRole>,
}

/// A user that was made.
#[derive(Clone)]
pub struct UserAdded {
    /// The user.
    pub user: UserView,
    /// The link to set a password, where none was given.
    pub link: Option<InvitationLink>,
}

/// A one-time link by which a user sets a password.
#[derive(Clone)]
pub struct InvitationLink {
    /// Its token. Told only now.
    pub token: String,
    /// Until when it is good (Unix time, ms).
    pub expires_ms: i64,
}

impl InvitationLink {
    /// Where the console takes it.
    pub fn path(&self) -> String {
        format!("/console/invitation/{}", self.token)
    }
}

/// A user as it is shown: never with a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserView {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its virtual server.
    pub vs: VsId,
    /// That one's path.
    pub path: String,
    /// What it may do.
    pub role: UserRole,
    /// Whether a password is set.
    pub has_password: bool,
    /// Whether a second factor is set.
    pub has_totp: bool,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
    /// Until when its one-time link is good, where it has one (Unix time, ms).
    pub invited_until_ms: Option<i64>,
    /// The OpenID Connect provider it signs in at.
    pub issuer: Option<String>,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
    /// When one of its sessions was last used (Unix time, ms).
    pub seen_ms: Option<i64>,
}

/// One of a person's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionView {
    /// Whether it is the one that asks.
    pub is_this: bool,
    /// When it began (Unix time, ms).
    pub began_ms: i64,
    /// When it was last used (Unix time, ms).
    pub seen_ms: i64,
}

/// A second factor to be confirmed with its first code.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpOffer {
    /// The secret in Base32 (RFC 4648 §6), to be typed in.
    pub secret: String,
    /// The same as an `otpauth` URI, to be scanned.
    pub uri: String,
}
