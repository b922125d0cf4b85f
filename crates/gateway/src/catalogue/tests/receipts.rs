//! Signatures of providers' calls against published examples.

use crate::catalogue::digest::{self, Algorithm};
use crate::catalogue::moment::Moment;
use crate::catalogue::plugin::CataloguePlugin;
use crate::http::Exchange as _;
use crate::{Callback, CallbackError, Plugin as _, validate};
use reqwest::header::HeaderMap;
use serde_json::json;
use std::time::Duration;

fn plugin(signature: &str) -> CataloguePlugin {
    let text = super::files::RIGHT.replacen("\"unicode\"]", "\"unicode\", \"receipts\"]", 1)
        + "[receipt]\nsetup = \"By hand.\"\nid = \"CallSid\"\nstatus = \"Digits\"\n\
           [receipt.states]\ndelivered = [\"1234\"]\n[receipt.signature]\nkey = \"{setting.key}\"\n"
        + signature;
    CataloguePlugin::parse("test.toml", &text).unwrap()
}

fn receive(
    plugin: &CataloguePlugin,
    key: &str,
    address: &str,
    query: &str,
    header: (&'static str, &str),
    body: &str,
) -> Result<usize, CallbackError> {
    let settings = validate(plugin.fields(), &json!({"key": key})).unwrap();
    let exchange = plugin.exchange(&settings, Some(address.to_owned())).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header.0, header.1.parse().unwrap());
    let callback = Callback { method: "POST", query, headers: &headers, body: body.as_bytes() };
    exchange.receive(&callback, None).map(|received| received.receipts.len())
}

/// Twilio's published example: https://www.twilio.com/docs/usage/security, "Validating Signatures from Twilio", and the
/// tests of its libraries.
#[test]
fn twilios_published_example_is_right_and_no_other_is() {
    let plugin = plugin(
        "scheme = \"hmac-sha1\"\nsign = \"{url}{sorted_params}\"\nat = \"header:X-Twilio-Signature\"\nencoding = \"base64\"\n",
    );
    let body =
        "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    let (address, query) = ("https://mycompany.com/myapp.php", "foo=1&bar=2");
    let signature = ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    assert_eq!(receive(&plugin, "12345", address, query, signature, body), Ok(1));
    for (key, query, signature, body) in [
        ("12346", query, signature, body),
        ("12345", "foo=1", signature, body),
        ("12345", query, ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B9="), body),
        ("12345", query, ("x-twilio-signature", "not base64"), body),
        ("12345", query, ("x-other", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), body),
        ("12345", query, signature, &body.replacen("1234", "1235", 1)),
    ] {
        assert_eq!(receive(&plugin, key, address, query, signature, body), Err(CallbackError::Forbidden));
    }
}

/// Plivo's published example: plivo/plivo-go, utils_test.go at 273a836.
#[test]
fn plivos_published_example_is_right_and_another_nonce_is_not() {
    let plugin = plugin(
        "scheme = \"hmac-sha256\"\nsign = \"{address}{param.n}\"\nat = \"header:X-Plivo-Signature-V2\"\nencoding = \"base64\"\n",
    );
    let signature = ("x-plivo-signature-v2", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=");
    let check = |query| {
        receive(&plugin, "my_auth_token", "https://answer.url", query, signature, "CallSid=1&Digits=1234")
    };
    assert_eq!(check("n=12345"), Ok(1));
    assert_eq!(check("n=12346"), Err(CallbackError::Forbidden));
    assert_eq!(check(""), Err(CallbackError::Forbidden));
}

/// RFC 8032 §7.1, test 2: the message is one octet, 0x72.
#[test]
fn an_ed25519_signature_is_checked_with_the_public_key() {
    let plugin = plugin(
        "key_encoding = \"hex\"\nscheme = \"ed25519\"\nsign = \"{body}\"\nat = \"header:X-Sig\"\nencoding = \"hex\"\n",
    );
    let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let check = |body| receive(&plugin, key, "https://a.example/r", "", ("x-sig", signature), body);
    // It is right, and then no receipt is in it.
    assert_eq!(check("r"), Err(CallbackError::Malformed));
    assert_eq!(check("s"), Err(CallbackError::Forbidden));
}

/// RFC 7515 appendix A.1 is a token of HS256; its key is given in Base64url there.
#[test]
fn a_json_web_token_is_checked_with_the_rules_algorithm_and_the_bodys_hash() {
    let plugin = plugin("scheme = \"jwt-hs256\"\nat = \"header:Authorization\"\nprefix = \"Bearer \"\n");
    let body = "CallSid=1&Digits=1234";
    let encode = |text: &str| {
        let text = digest::base64(text.as_bytes()).replace('+', "-").replace('/', "_");
        text.trim_end_matches('=').to_owned()
    };
    let token = |key: &str, header: &str, body: &str| {
        let hash = digest::hex(&digest::sha256(body.as_bytes()));
        let signed = format!("{}.{}", encode(header), encode(&format!("{{\"payload_hash\":\"{hash}\"}}")));
        let mac = Algorithm::HmacSha256.compute(key.as_bytes(), signed.as_bytes());
        let mac = digest::base64(&mac).replace('+', "-").replace('/', "_");
        format!("Bearer {signed}.{}", mac.trim_end_matches('='))
    };
    let check =
        |token: &str| receive(&plugin, "secret", "https://a.example/r", "", ("authorization", token), body);
    let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
    assert_eq!(check(&token("secret", hs256, body)), Ok(1));
    assert_eq!(check(&token("other", hs256, body)), Err(CallbackError::Forbidden));
    assert_eq!(check(&token("secret", hs256, "another")), Err(CallbackError::Forbidden));
    assert_eq!(check(&token("secret", r#"{"alg":"none"}"#, body)), Err(CallbackError::Forbidden));
    for wrong in ["", "Bearer ", "Bearer a.b", "Bearer a.b.c", "secret"] {
        assert_eq!(check(wrong), Err(CallbackError::Forbidden), "{wrong}");
    }
    // The example of the standard, with its key.
    let rfc = "Bearer eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let base64 = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==";
    let plugin = self::plugin(
        "key_encoding = \"base64\"\nscheme = \"jwt-hs256\"\nat = \"header:Authorization\"\nprefix = \"Bearer \"\n",
    );
    let key = base64.replace('-', "+").replace('_', "/");
    let settings = validate(plugin.fields(), &json!({"key": key})).unwrap();
    let exchange = plugin.exchange(&settings, None).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", rfc.parse().unwrap());
    let callback = Callback { method: "POST", query: "", headers: &headers, body: body.as_bytes() };
    // It is of use until 1300819380.
    for (now_s, taken) in
        [(1_300_819_380, true), (1_300_819_439, true), (1_300_819_440, false), (u64::MAX, false)]
    {
        let moment = Moment { unix: Duration::from_secs(now_s), ..Moment::now() };
        assert_eq!(exchange.receive_at(&callback, None, &moment).is_ok(), taken, "{now_s}");
    }
}

#[test]
fn without_a_key_the_address_is_the_proof() {
    let plugin = plugin("scheme = \"secret\"\nat = \"header:X-Secret\"\n");
    let check = |key, given| {
        receive(&plugin, key, "https://a.example/r", "", ("x-secret", given), "CallSid=1&Digits=1234")
    };
    assert_eq!(check("right", "right"), Ok(1));
    assert_eq!(check("right", "wrong"), Err(CallbackError::Forbidden));
}

#[test]
fn several_receipts_in_one_value_are_told_apart() {
    let text = super::files::RIGHT.replacen("\"unicode\"]", "\"unicode\", \"receipts\"]", 1)
        + "[receipt]\nsetup = \"By hand.\"\nsplit = \",\"\nid = \"MsgId\"\nstatus = \"status\"\nto = \"to\"\ncode = \"code\"\n\
           [receipt.states]\ndelivered = [\"404\"]\nexpired = [\"403\"]\n";
    let plugin = CataloguePlugin::parse("test.toml", &text).unwrap();
    let settings = validate(plugin.fields(), &json!({"key": "k"})).unwrap();
    let exchange = plugin.exchange(&settings, None).unwrap();
    let received = |query: &str| {
        let callback = Callback { method: "GET", query, headers: &HeaderMap::new(), body: b"" };
        exchange.receive(&callback, None).map(|received| received.receipts)
    };
    let receipts = received("MsgId=a,b,,c&status=404,403,404,1&to=15550100199&code=,7,,").unwrap();
    let shown: Vec<String> = receipts
        .iter()
        .map(|r| format!("{} {} {:?} {}", r.candidates[0], r.state, r.error, r.number.is_some()))
        .collect();
    assert_eq!(shown, ["a delivered None true", "b expired Some(\"7\") true", "c pending None true"]);
    assert_eq!(received("MsgId=a").err(), Some(CallbackError::Malformed));
    assert_eq!(received(&format!("MsgId={}&status=404", "a,".repeat(30_000))).unwrap().len(), 1_000);
}
