//! What an HTTP status that is not 2xx means for a message, in one table.

use super::date;
use crate::Outcome;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use textgate_sms::OutcomeClass::{self, Account, Refused, Throttled, Unavailable, Uncertain};

/// Longest wait that a provider can ask for; more is most likely a mistake, and the breaker probes by then anyway.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// From, to, class, and why. The first that contains the status decides.
const TABLE: &[(u16, u16, OutcomeClass, &str)] = &[
    // A message must not follow a redirect to a place nobody entered, past the checks of the settings.
    (300, 399, Refused, "redirects are not followed; enter the final URL"),
    (401, 401, Account, "the provider wants other credentials"),
    (402, 402, Account, "the provider wants payment"),
    (403, 403, Account, "the provider forbids it to this account"),
    (404, 404, Refused, "there is nothing at this URL"),
    (405, 405, Refused, "the provider wants another method"),
    (407, 407, Account, "the proxy wants other credentials"),
    // RFC 9110 §15.5.9: the server did not get the whole request, so it has not acted on it.
    (408, 408, Unavailable, "the provider did not get the request in time"),
    // RFC 9110 §15.5.20 and RFC 8470 §5.2: not acted on, and to be sent again over another connection.
    (421, 421, Unavailable, "the provider wants another connection"),
    (425, 425, Unavailable, "the provider wants it again later"),
    (429, 429, Throttled, "the provider wants fewer messages"),
    // The provider does not say whether it is the number, the text or a parameter, so another gateway may try.
    (400, 499, Refused, "the provider refused the request"),
    (501, 501, Refused, "the provider wants another method"),
    // Something in front of the provider gave up waiting: the provider itself may have taken the message.
    (504, 504, Uncertain, "the provider's own gateway got no answer in time"),
    (524, 524, Uncertain, "the provider's own gateway got no answer in time"),
    (505, 505, Refused, "the provider wants another version of HTTP"),
    // A server in trouble: it says itself that it did not do what was asked (RFC 9110 §15.6).
    (500, 599, Unavailable, "the provider is in trouble"),
    // RFC 9110 §15: what no class describes is treated as a server's fault. 1xx never gets here.
    (0, 999, Unavailable, "an unexpected status"),
];

/// The outcome of a status that is not 2xx. The detail has the status and nothing of the answer.
pub(crate) fn outcome(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let code = status.as_u16();
    let found = TABLE.iter().find(|(from, to, ..)| (*from..=*to).contains(&code));
    let (class, why) =
        found.map_or((Unavailable, "an unexpected status"), |(_, _, class, why)| (*class, *why));
    let mut outcome = Outcome::failed(class, format!("HTTP {code}: {why}"));
    if matches!(code, 429 | 503) {
        outcome.retry_after = retry_after(headers);
    }
    outcome
}

/// Retry-After (RFC 9110 §10.2.3) in seconds or as a date, which is read against the provider's own clock where it
/// tells it. Bounded.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a u64 holds is longer than the bound, too.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let then = date::parse(text)?;
        let provider_now = headers.get(DATE).and_then(|v: &HeaderValue| date::parse(v.to_str().ok()?));
        let now = match provider_now {
            Some(now) => now,
            None => SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs(),
        };
        Duration::from_secs(then.saturating_sub(now))
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(code: u16, headers: &[(&'static str, &str)]) -> Outcome {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        outcome(StatusCode::from_u16(code).unwrap(), &map)
    }

    #[test]
    fn every_class_of_status_has_its_outcome() {
        let table: &[(&[u16], OutcomeClass)] = &[
            (&[300, 301, 302, 303, 307, 308, 399], Refused),
            (&[400, 404, 405, 406, 410, 413, 414, 415, 418, 422, 431, 451, 499, 501, 505], Refused),
            (&[401, 402, 403, 407], Account),
            (&[408, 421, 425, 500, 502, 503, 507, 520, 521, 599, 600, 999], Unavailable),
            (&[429], Throttled),
            (&[504, 524], Uncertain),
        ];
        for (codes, class) in table {
            for code in *codes {
                let outcome = outcome_of(*code, &[]);
                assert_eq!(outcome.class, *class, "{code}");
                assert!(outcome.detail.starts_with(&format!("HTTP {code}: ")), "{}", outcome.detail);
            }
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date_and_bounded() {
        let wait = |code, headers: &[(&'static str, &str)]| {
            outcome_of(code, headers).retry_after.map(|wait| wait.as_secs())
        };
        assert_eq!(wait(429, &[("retry-after", "7")]), Some(7));
        assert_eq!(wait(503, &[("retry-after", " 7 ")]), Some(7));
        assert_eq!(wait(429, &[("retry-after", "86400")]), Some(3600));
        assert_eq!(wait(429, &[("retry-after", "99999999999999999999999")]), Some(3600));
        assert_eq!(wait(429, &[("retry-after", "-1")]), None);
        assert_eq!(wait(429, &[("retry-after", "soon")]), None);
        assert_eq!(wait(429, &[]), None);
        assert_eq!(wait(500, &[("retry-after", "7")]), None);
        let date = ("date", "Fri, 06 Nov 2026 08:00:00 GMT");
        assert_eq!(wait(503, &[("retry-after", "Fri, 06 Nov 2026 08:00:30 GMT"), date]), Some(30));
        assert_eq!(wait(503, &[("retry-after", "Fri, 06 Nov 2026 07:00:00 GMT"), date]), Some(0));
        assert_eq!(wait(503, &[("retry-after", "Fri, 06 Nov 1998 07:00:00 GMT")]), Some(0));
    }
}
