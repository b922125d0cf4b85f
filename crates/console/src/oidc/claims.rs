//! What an ID token says about a person.

use serde_json::{Map, Value};

/// Most values of a claim that are looked at, and most characters of one.
const MOST_VALUES: usize = 1_000;
const LONGEST_VALUE: usize = 500;

/// The claims of an ID token that was verified.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims(pub(super) Map<String, Value>);

impl Claims {
    /// A claim that is a text; empty where it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A claim that is a time (Unix time, s; RFC 7519 §2).
    pub(super) fn time(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        // A fraction is allowed, and says nothing that matters.
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }

    /// What the person is called: the first of the usual claims that is there.
    pub(super) fn name(&self) -> &str {
        let names = ["preferred_username", "email", "sub"];
        names.into_iter().map(|name| self.text(name)).find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// The values of the claim that decides about roles: a text, or a list of them. A claim of just this name counts first, then
    /// the way through objects that its dots describe (Keycloak's `realm_access.roles`).
    pub(super) fn values(&self, claim: &str) -> Vec<String> {
        let direct = self.0.get(claim);
        let within = || {
            let mut parts = claim.split('.');
            let first = self.0.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        };
        let found = match direct.or_else(within) {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let texts = found.iter().take(MOST_VALUES).filter_map(Value::as_str);
        texts.filter(|text| text.len() <= LONGEST_VALUE).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        Claims(value.as_object().unwrap().clone())
    }

    #[test]
    fn values_are_a_text_or_a_list_at_the_claim_or_within_objects() {
        let claims = claims(json!({
            "groups": ["a", 1, "b", null],
            "role": "one",
            "realm_access": {"roles": ["deep"]},
            "https://example.com/roles": ["dotted.name"],
            "x.y": "direct", "x": {"y": "within"},
        }));
        assert_eq!(claims.values("groups"), ["a", "b"]);
        assert_eq!(claims.values("role"), ["one"]);
        assert_eq!(claims.values("realm_access.roles"), ["deep"]);
        assert_eq!(claims.values("https://example.com/roles"), ["dotted.name"]);
        assert_eq!(claims.values("x.y"), ["direct"]);
        for none in ["missing", "realm_access", "realm_access.none", "groups.0", ""] {
            assert!(claims.values(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_person_is_called_by_the_first_usual_claim() {
        assert_eq!(claims(json!({"sub": "1", "email": "a@b", "preferred_username": "ada"})).name(), "ada");
        assert_eq!(claims(json!({"sub": "1", "email": "a@b", "preferred_username": ""})).name(), "a@b");
        assert_eq!(claims(json!({"sub": "1", "email": 7})).name(), "1");
    }
}
