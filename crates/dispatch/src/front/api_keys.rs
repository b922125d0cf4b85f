//! API keys: who may come in. A secret is kept as its hash only, and told once.

use super::{names, server};
use crate::accounts::tokens;
use crate::dispatch::Dispatch;
use crate::view::View;
use crate::words::{ApiKeyView, Caller, DirectoryError};
use textgate_gateway::Problem;
use textgate_sms::VsId;
use textgate_store::{ApiKeyRecord, Change, NewApiKey, Role};

/// Fewest and most characters of a secret.
const SHORTEST: usize = 24;
const LONGEST: usize = 255;

/// Random characters of a generated secret: 62⁴⁰ is more than 2²³⁸.
const GENERATED: usize = 40;

/// Most API keys of one virtual server.
pub(super) const MOST_KEYS: usize = 1_000;

impl Dispatch {
    /// The caller whose API key has this secret. Constant in time but for the lookup of a SHA-256.
    pub fn authenticate(&self, secret: &str) -> Option<Caller> {
        self.engine.view.load().caller(&hash(secret)).cloned()
    }

    /// The API keys of a virtual server by name, without their secrets.
    pub fn api_keys(&self, vs: VsId) -> Vec<ApiKeyView> {
        let view = self.engine.view.load();
        let shown = |key: &ApiKeyRecord| ApiKeyView {
            name: key.name.clone(),
            role: key.role,
            rate: key.rate,
            created_ms: key.created_ms,
        };
        let mut keys: Vec<ApiKeyView> =
            view.directory.api_keys.iter().filter(|key| key.vs == vs).map(shown).collect();
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        keys
    }

    /// Adds or replaces a key; answers the secret, which is told only now (`None` in: generated).
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name`, `secret` or `rate`, [`DirectoryError::Conflict`] where the secret belongs to another
    /// key or there are too many, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn put_api_key(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
        secret: Option<String>,
        role: Role,
        rate: Option<u32>,
    ) -> Result<String, DirectoryError> {
        let problems = problems_of(name, secret.as_deref(), rate);
        if !problems.is_empty() {
            return Err(DirectoryError::Invalid(problems));
        }
        let secret = secret.map_or_else(generate, Ok)?;
        let key = NewApiKey { vs, name: name.to_owned(), hash: hash(&secret), role, rate };
        self.engine.change(actor, |view| Ok((change(view, key)?, ()))).await?;
        Ok(secret)
    }

    /// Removes a key: its secret is not known from now on.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn remove_api_key(&self, actor: &str, vs: VsId, name: &str) -> Result<(), DirectoryError> {
        self.engine
            .change(actor, |view| {
                let is_there = view.directory.api_keys.iter().any(|key| key.vs == vs && key.name == name);
                if !is_there {
                    return Err(DirectoryError::NotFound("this API key".into()));
                }
                Ok((vec![Change::RemoveApiKey { vs, name: name.to_owned() }], ()))
            })
            .await?;
        Ok(())
    }
}

/// The change that puts this key, if it is not there just so.
fn change(view: &View, key: NewApiKey) -> Result<Vec<Change>, DirectoryError> {
    server(view, key.vs)?;
    let all = &view.directory.api_keys;
    let is_same_key = |there: &ApiKeyRecord| there.vs == key.vs && there.name == key.name;
    if all.iter().any(|there| there.hash == key.hash && !is_same_key(there)) {
        return Err(DirectoryError::Conflict(TAKEN.into()));
    }
    match all.iter().find(|there| is_same_key(there)) {
        Some(there) if is_as(there, &key) => return Ok(Vec::new()),
        Some(_) => {}
        None if all.iter().filter(|there| there.vs == key.vs).count() >= MOST_KEYS => {
            return Err(DirectoryError::Conflict(too_many()));
        }
        None => {}
    }
    Ok(vec![Change::PutApiKey(key)])
}

/// What to say where a secret is another key's. Not whose: that may be another tenant.
pub(super) const TAKEN: &str = "this secret belongs to another API key; every key needs a secret of its own";

/// What to say where a virtual server has [`MOST_KEYS`].
pub(super) fn too_many() -> String {
    format!("a virtual server can have {MOST_KEYS} API keys; remove some first")
}

/// Whether the key is there just as it is to be.
pub(super) fn is_as(there: &ApiKeyRecord, key: &NewApiKey) -> bool {
    there.hash == key.hash && there.role == key.role && there.rate == key.rate
}

/// Everything that is wrong with a key to be put.
pub(super) fn problems_of(name: &str, secret: Option<&str>, rate: Option<u32>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(problem) = names::problem_of(name) {
        problems.push(Problem::new("name", problem));
    }
    if let Some(secret) = secret {
        // A header carries no other characters safely, and a space at its end not at all.
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems
                .push(Problem::new("secret", "use only letters, digits and ASCII punctuation, no spaces"));
        } else if secret.len() < SHORTEST {
            problems.push(Problem::new("secret", format!("use at least {SHORTEST} characters")));
        } else if secret.len() > LONGEST {
            problems.push(Problem::new("secret", format!("use at most {LONGEST} characters")));
        }
    }
    if rate == Some(0) {
        problems.push(Problem::new("rate", "enter at least 1 request a second, or leave it out"));
    }
    problems
}

/// A new secret: `tg_`, and random letters and digits.
pub(super) fn generate() -> Result<String, DirectoryError> {
    Ok(format!("tg_{}", tokens::random(tokens::ALPHANUMERIC, GENERATED)?))
}

/// What is kept of a secret.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    tokens::hash(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_long_random_and_of_letters_and_digits() {
        let (a, b) = (generate().unwrap(), generate().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(a.strip_prefix("tg_").unwrap().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{a}");
        assert_eq!(problems_of("app", Some(&a), None), []);
    }

    #[test]
    fn a_given_secret_is_long_enough_bounded_and_fit_for_a_header() {
        let paths = |secret: &str| problems_of("app", Some(secret), None).len();
        assert_eq!((paths(&"x".repeat(24)), paths(&"x".repeat(255))), (0, 0));
        for wrong in [&"x".repeat(23), &"x".repeat(256), &"é".repeat(30), &format!("{} ", "x".repeat(30))] {
            assert_eq!(paths(wrong), 1, "{wrong}");
        }
    }

    #[test]
    fn every_problem_of_a_key_is_told_at_once() {
        let problems = problems_of("a/b", Some("short"), Some(0));
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["name", "secret", "rate"]);
    }
}
