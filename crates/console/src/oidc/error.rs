//! Why somebody did not come in. What is said here goes into the log: never a token, a code or a secret.

/// Why a sign-in at a provider came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OidcError {
    /// It was begun in another browser or window, too long ago, or was used already.
    Stale,
    /// The provider said no, with this error code.
    Refused(String),
    /// The provider cannot be reached, or its answer is no answer; why.
    Unreachable(String),
    /// What the provider answered cannot be believed; why.
    Untrusted(&'static str),
    /// So many ask for it at once that this one has to wait.
    Busy,
}

impl std::fmt::Display for OidcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stale => f.write_str("it was begun elsewhere, too long ago, or used already"),
            Self::Refused(code) => write!(f, "the provider refused it: {code}"),
            Self::Unreachable(why) => f.write_str(why),
            Self::Untrusted(why) => f.write_str(why),
            Self::Busy => f.write_str("too many at once"),
        }
    }
}

/// An error code as it may stand in a log: bounded, and without what it might say besides (RFC 6749 §4.1.2.1).
pub(super) fn code(value: &str) -> String {
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let code: String = value.chars().filter(|c| is_code(*c)).take(64).collect();
    if code.is_empty() { "no code".to_owned() } else { code }
}
