//! Whether a POST comes from a page of ours, by what browsers say of themselves; besides the form's own token.

use http::{HeaderMap, header};

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
}
