//! The console's cookies (RFC 6265): read from requests, and written so that only this host gets them, and no script.

use http::{HeaderMap, HeaderValue, header};

/// The session's token. Browsers take a `__Host-` cookie only from a secure origin (TLS, or this very machine), for this host alone
/// and all of its paths.
pub(crate) const SESSION: &str = "__Host-textgate";
/// Against forged forms before there is a session.
pub(crate) const GUEST: &str = "__Host-textgate-guest";
/// What the next page has to tell.
pub(crate) const FLASH: &str = "__Host-textgate-flash";
/// Light or dark.
pub(crate) const THEME: &str = "__Host-textgate-theme";
/// The language.
pub(crate) const LANGUAGE: &str = "__Host-textgate-language";

/// How long a choice is kept (s): a year.
const YEAR: u32 = 31_536_000;

/// How long a cookie is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Until the browser is closed.
    Session,
    /// For a year.
    Year,
    /// Not at all: it is removed.
    Gone,
}

/// The value of a cookie of the request; `None` where it has none of this name, or an empty one.
pub(crate) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, value)| *found == name && !value.is_empty())
        .map(|(_, value)| value)
}

/// A `Set-Cookie` header; `None` where the value is not fit for one (RFC 6265 §4.1.1).
pub(crate) fn set(name: &str, value: &str, keep: Keep) -> Option<HeaderValue> {
    let is_octet = |b: u8| matches!(b, 0x21 | 0x23..=0x2B | 0x2D..=0x3A | 0x3C..=0x5B | 0x5D..=0x7E);
    if !value.bytes().all(is_octet) {
        return None;
    }
    let age = match keep {
        Keep::Session => String::new(),
        Keep::Year => format!("; Max-Age={YEAR}"),
        Keep::Gone => "; Max-Age=0".to_owned(),
    };
    // Lax, not Strict: whoever follows a link to the console from a mail is signed in there. Nothing is changed by GET.
    HeaderValue::try_from(format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; __Host-textgate=tok; b=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("x__Host-textgate-theme=dark"));
        assert_eq!((get(&headers, SESSION), get(&headers, THEME)), (Some("tok"), None));
        assert_eq!(get(&headers, "b"), Some("2"));
    }

    #[test]
    fn every_cookie_is_secure_for_this_host_alone_and_hidden_from_scripts() {
        let cookie = set(SESSION, "abc", Keep::Session).unwrap();
        assert_eq!(cookie, "__Host-textgate=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(set(THEME, "", Keep::Gone).unwrap().to_str().unwrap().ends_with("Max-Age=0"));
    }

    #[test]
    fn a_value_that_would_break_out_of_its_cookie_is_refused() {
        for wrong in ["a;b", "a b", "a\"b", "a,b", "a\\b", "a\r\nb", "ü"] {
            assert_eq!(set(SESSION, wrong, Keep::Session), None, "{wrong:?}");
        }
    }
}
