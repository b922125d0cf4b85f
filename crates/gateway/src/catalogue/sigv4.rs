//! AWS Signature Version 4 (AWS General Reference, "Create a signed AWS API request"), for requests with their signature in
//! the Authorization header.

use super::digest::{Algorithm, hex, sha256};
use super::moment;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// Who signs, for which service.
pub(crate) struct Signer<'a> {
    /// The access key's id.
    pub access_key_id: &'a str,
    /// The access key's secret.
    pub secret_access_key: &'a str,
    /// The session token of temporary credentials.
    pub session_token: Option<&'a str>,
    /// The region.
    pub region: &'a str,
    /// The service's signing name.
    pub service: &'a str,
}

impl Signer<'_> {
    /// Adds the headers that sign a request, and answers the signature; `None` where a value cannot stand in a header.
    pub fn sign(
        &self,
        method: &str,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
        now: Duration,
    ) -> Option<String> {
        let time = moment::basic(now);
        let date = time.get(..8)?;
        headers.insert(HeaderName::from_static("x-amz-date"), HeaderValue::from_str(&time).ok()?);
        if let Some(token) = self.session_token {
            let mut token = HeaderValue::from_str(token).ok()?;
            token.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-amz-security-token"), token);
        }
        let (canonical, signed) = canonical_request(method, url, headers, body)?;
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
        let mac = |key: &[u8], message: &str| Algorithm::HmacSha256.compute(key, message.as_bytes());
        let mut key = format!("AWS4{}", self.secret_access_key).into_bytes();
        for part in [date, self.region, self.service, "aws4_request"] {
            key = mac(&key, part);
        }
        let signature = hex(&mac(&key, &to_sign));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.access_key_id
        );
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&authorization).ok()?);
        Some(signature)
    }
}

/// The request in the form that is signed, and the names of the headers in it.
fn canonical_request(method: &str, url: &Url, headers: &HeaderMap, body: &[u8]) -> Option<(String, String)> {
    let mut query: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encode(&name, false), encode(&value, false))).collect();
    query.sort();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();

    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let mut signed = vec![("host".to_owned(), host)];
    for name in headers.keys() {
        let values: Vec<&str> =
            headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        let folded = values.join(",").split_whitespace().collect::<Vec<_>>().join(" ");
        signed.push((name.as_str().to_owned(), folded));
    }
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    // Every service but S3 signs the path encoded once more than it is sent.
    let path = encode(url.path(), true);
    let hash = hex(&sha256(body));
    Some((format!("{method}\n{path}\n{}\n{lines}\n{names}\n{hash}", query.join("&")), names))
}

/// Percent-encoding of all but RFC 3986's unreserved characters, and slashes where they stay.
fn encode(text: &str, keeps_slashes: bool) -> String {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(octet.into()),
            b'/' if keeps_slashes => encoded.push('/'),
            _ => {
                encoded.push('%');
                encoded.push(DIGITS[usize::from(octet >> 4)].into());
                encoded.push(DIGITS[usize::from(octet & 15)].into());
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's published test suite (aws-sig-v4-test-suite): its account, service, region and time.
    fn signature(method: &str, url: &str, headers: &[(&'static str, &str)], body: &str) -> (String, String) {
        let signer = Signer {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session_token: None,
            region: "us-east-1",
            service: "service",
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let now = Duration::from_secs(1_440_938_160); // 20150830T123600Z
        signer.sign(method, &Url::parse(url).unwrap(), &mut map, body.as_bytes(), now).unwrap();
        let text = map[AUTHORIZATION].to_str().unwrap().to_owned();
        let part = |name: &str| {
            text.split(name).nth(1).unwrap().split(',').next().unwrap().trim_start_matches('=').to_owned()
        };
        (part("SignedHeaders"), part("Signature"))
    }

    #[test]
    fn signatures_are_those_of_the_published_test_suite() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        for (name, method, url, headers, body, expected) in [
            (
                "get-vanilla",
                "GET",
                "/",
                &[][..],
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "/?Param2=value2&Param1=value1",
                &[],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                "POST",
                "/",
                &[],
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                "/",
                &[form],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "get-header-value-trim",
                "GET",
                "/",
                &[("my-header1", "value1"), ("my-header2", "\"a b c\"")],
                "",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
        ] {
            let url = format!("https://example.amazonaws.com{url}");
            assert_eq!(signature(method, &url, headers, body).1, expected, "{name}");
        }
    }

    #[test]
    fn every_header_is_signed() {
        let (signed, _) =
            signature("POST", "https://h:8443/a b", &[("x-amz-target", "T"), ("accept", "a")], "");
        assert_eq!(signed, "accept;host;x-amz-date;x-amz-target");
    }
}
