//! People: users of the console, and their sessions.

use crate::AuditNote;
use serde::{Deserialize, Serialize};
use textgate_sms::VsId;

/// What a user may do on its virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserRole {
    /// Everything, on its virtual server and all below it.
    Administrator,
    /// Settings, sending and messages of exactly one virtual server.
    Operator,
    /// Reads all of its virtual server and those below it, but no texts and no secrets.
    Auditor,
}

impl UserRole {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Operator, Self::Auditor];

    /// Its name in the API, the command line and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// The number it is stored as.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Administrator => 0,
            Self::Operator => 1,
            Self::Auditor => 2,
        }
    }

    /// The role of a stored number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }
}

/// A user, with secrets as hashes or sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Its number, never used twice.
    pub id: u32,
    /// Its virtual server.
    pub vs: VsId,
    /// Its name, unique over the installation without regard to case (ASCII).
    pub name: String,
    /// What it may do.
    pub role: UserRole,
    /// The password's hash, in whatever form dispatch gave it; `None`: cannot sign in by password.
    pub password: Option<String>,
    /// The second factor's secret, sealed for this id; `None`: there is none.
    pub sealed_totp: Option<Vec<u8>>,
    /// Hashes of the recovery codes that are left.
    pub recovery: Vec<[u8; 32]>,
    /// A link by which a password can be set.
    pub invitation: Option<Invitation>,
    /// Who it is at an OpenID Connect provider, where it signs in there.
    pub external: Option<External>,
    /// Rises whenever its sessions end all at once: a session of an older generation is none.
    pub generation: u32,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
}

/// A one-time link, without its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Until when it is good (Unix time, ms).
    pub expires_ms: i64,
}

/// Who somebody is at an OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct External {
    /// The provider's issuer identifier.
    pub issuer: String,
    /// Its name for the person, which never changes and is never used again (OpenID Connect Core §2, `sub`).
    pub subject: String,
}

/// A user to be put: a new one, or all of an existing one anew.
#[derive(Clone)]
pub struct NewUser {
    /// Its number: an existing one, or higher than any used before.
    pub id: u32,
    /// See [`UserRecord`].
    pub vs: VsId,
    /// See [`UserRecord`].
    pub name: String,
    /// See [`UserRecord`].
    pub role: UserRole,
    /// See [`UserRecord`].
    pub password: Option<String>,
    /// See [`UserRecord`].
    pub sealed_totp: Option<Vec<u8>>,
    /// See [`UserRecord`].
    pub recovery: Vec<[u8; 32]>,
    /// See [`UserRecord`].
    pub invitation: Option<Invitation>,
    /// See [`UserRecord`].
    pub external: Option<External>,
}

impl From<UserRecord> for NewUser {
    fn from(user: UserRecord) -> Self {
        let UserRecord { id, vs, name, role, password, sealed_totp, recovery, invitation, external, .. } =
            user;
        Self { id, vs, name, role, password, sealed_totp, recovery, invitation, external }
    }
}

/// Never with a hash or a sealed secret.
impl std::fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRecord")
            .field("id", &self.id)
            .field("vs", &self.vs)
            .field("name", &self.name)
            .field("role", &self.role)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// SHA-256 of a session's token: the session's name in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 32]);

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its name.
    pub id: SessionId,
    /// Whose.
    pub user: u32,
    /// The user's [generation](UserRecord::generation) when it began.
    pub generation: u32,
    /// When it began (Unix time, ms).
    pub began_ms: i64,
    /// When it was last used, as far as was written (Unix time, ms).
    pub seen_ms: i64,
}

/// A session to begin.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The session.
    pub session: SessionRecord,
    /// The time step of the one-time code it began with (RFC 6238 §4.2), which is then used up with all before it.
    pub totp_step: Option<u64>,
    /// Most sessions of one user: the oldest ends for a new one.
    pub most: u32,
    /// What the audit log says of it.
    pub note: AuditNote,
}
