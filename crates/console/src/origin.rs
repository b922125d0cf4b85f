//! Whether a POST comes from a page of ours, by what browsers say of themselves; besides the form's own token.

use http::{HeaderMap, header};

/// Longest host with its port: a name has at most 253 characters (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 260;

/// Whether the browser says that it was another site's page that sent this. Programs that say nothing are held to the token alone.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Fetch Metadata: sent to trustworthy origins, and not by any page's wish.
    if let Some(site) = value("sec-fetch-site") {
        return site != "same-origin";
    }
    let Some(origin) = value("origin") else { return headers.contains_key("origin") };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || host != headers.get(header::HOST).and_then(|host| host.to_str().ok())
}

/// Where the browser says that the page it posts from is, as `https://sms.example`: the address by which this person reaches us, also
/// behind a proxy. Only for showing it to the same person: who sends the request by hand reads what they wrote.
pub(crate) fn of(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get("origin").and_then(|value| value.to_str().ok())?;
    let (scheme, host) = origin.split_once("://")?;
    let is_host = !host.is_empty()
        && host.len() <= LONGEST_HOST
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
    (matches!(scheme, "http" | "https") && is_host).then(|| origin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn foreign(pairs: &[(&'static str, &'static str)]) -> bool {
        let pairs = pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
        is_foreign(&pairs.collect())
    }

    #[test]
    fn another_sites_form_is_told_by_fetch_metadata_or_origin() {
        assert!(foreign(&[("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("sec-fetch-site", "same-site"), ("origin", "https://a"), ("host", "a")]));
        assert!(foreign(&[("origin", "https://evil.example"), ("host", "sms.example")]));
        assert!(foreign(&[("origin", "null"), ("host", "sms.example")]));
        assert!(foreign(&[("origin", "https://sms.example:8443"), ("host", "sms.example")]));
    }

    #[test]
    fn our_own_pages_and_programs_that_say_nothing_are_not_foreign() {
        assert!(!foreign(&[("sec-fetch-site", "same-origin")]));
        assert!(!foreign(&[("origin", "https://sms.example"), ("host", "sms.example")]));
        assert!(!foreign(&[("host", "sms.example")]));
    }
    #[test]
    fn the_address_of_a_page_is_taken_where_it_is_one() {
        let of = |origin: &'static str| {
            of(&[(header::ORIGIN, HeaderValue::from_static(origin))].into_iter().collect())
        };
        for origin in ["https://sms.example", "http://[::1]:8080", "https://10.0.0.1:8443"] {
            assert_eq!(of(origin).as_deref(), Some(origin));
        }
        for origin in
            ["null", "", "https://", "javascript://x", "https://a/b", "https://a@b", "https://<b>", "file://"]
        {
            assert_eq!(of(origin), None, "{origin}");
        }
        assert_eq!(super::of(&HeaderMap::new()), None);
    }
}
