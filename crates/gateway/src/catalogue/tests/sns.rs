//! Calls that come in envelopes of Amazon SNS: AWS's published examples, hosts of attackers, and the whole way on the wire.

use super::cases;
use crate::catalogue::plugin::CataloguePlugin;
use crate::catalogue::sns::Envelope;
use crate::http::kit::{Reply, Server, answer, local};
use crate::{Callback, CallbackError, Environment, Gateway, NetworkGuard, Plugin as _, Received, validate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// A key of these tests alone: no library here makes RSA keys.
const KEY: &str = include_str!("sns/key.pem");

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:sms-events";
const HOST: &str = "https://sns.eu-central-1.amazonaws.com";

/// Whether a provider's calls come in an envelope.
pub fn wants_envelope(plugin: &CataloguePlugin) -> bool {
    plugin.file.receipt.as_ref().is_some_and(|rule| rule.get_ref().envelope.is_some())
}

fn pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        let key = rcgen::KeyPair::from_pem(KEY).unwrap();
        let params = rcgen::CertificateParams::new(["sns.amazonaws.com".to_owned()]).unwrap();
        params.self_signed(&key).unwrap().pem()
    })
}

/// The certificate (DER) of the tests' own signer.
pub fn certificate() -> Vec<u8> {
    CertificateDer::from_pem_slice(pem().as_bytes()).unwrap().to_vec()
}

/// A call of SNS of this kind, changed before it is signed (version 2).
fn signed(kind: &str, change: impl FnOnce(&mut Value)) -> String {
    static SIGNER: OnceLock<RsaKeyPair> = OnceLock::new();
    let signer = SIGNER.get_or_init(|| {
        let key = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap()
    });
    let mut call = json!({
        "Type": kind, "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC, "Message": "{}",
        "Timestamp": "2026-11-24T12:00:00.000Z", "SignatureVersion": "2",
        "SigningCertURL": format!("{HOST}/SimpleNotificationService-0123456789abcdef.pem"),
    });
    if kind != "Notification" {
        call["Token"] = "2336412f37fb687f5d51e6e2425929f52e".into();
        call["SubscribeURL"] = format!(
            "{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425929f52e"
        )
        .into();
    }
    change(&mut call);
    let names = match kind {
        "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"][..],
        _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
    };
    let lines = names.iter().filter_map(|name| Some(format!("{name}\n{}\n", call[*name].as_str()?)));
    let text: String = lines.collect();
    let mut signature = vec![0; signer.public().modulus_len()];
    signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    call["Signature"] = STANDARD.encode(signature).into();
    call.to_string()
}

/// A message in a right envelope.
pub fn notification(message: &str) -> String {
    signed("Notification", |call| call["Message"] = message.into())
}

/// AWS's own examples: aws/aws-sdk-java-v2, services-custom/sns-message-manager/src/test/resources at b4bd993, read on 2026-11-28.
const PUBLISHED: [&str; 4] = [
    include_str!("sns/no-subject.json"),
    include_str!("sns/with-subject.json"),
    include_str!("sns/version-2.json"),
    include_str!("sns/subscription.json"),
];
/// The certificate that they are signed with.
const PUBLISHED_CERTIFICATE: &str = include_str!("sns/certificate.pem");

#[test]
fn awss_published_examples_are_signed_and_no_other_is() {
    for text in PUBLISHED {
        let read = |call: &Value| Envelope::read(call.to_string().as_bytes()).unwrap();
        let call: Value = serde_json::from_str(text).unwrap();
        let envelope = read(&call);
        let certificate = envelope.certificate(PUBLISHED_CERTIFICATE.as_bytes()).unwrap();
        assert!(envelope.is_signed_with(&certificate), "{text}");
        assert_eq!(
            envelope.certificate_url().unwrap().as_str(),
            "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"
        );
        assert_eq!(envelope.confirmation_url().is_some(), call["Type"] == "SubscriptionConfirmation");
        assert!(!envelope.is_signed_with(&self::certificate()), "another key");
        assert!(!envelope.is_signed_with(b"") && !envelope.is_signed_with(PUBLISHED_CERTIFICATE.as_bytes()));
        for (name, value) in call.as_object().unwrap() {
            let is_signed = !matches!(name.as_str(), "SigningCertURL" | "UnsubscribeURL" | "Type");
            let mut changed = call.clone();
            changed[name] = format!("{}x", value.as_str().unwrap()).into();
            if is_signed {
                assert!(!read(&changed).is_signed_with(&certificate), "{name}");
            }
        }
        for (name, value) in [
            ("Subject", "another"),
            ("SignatureVersion", if call["SignatureVersion"] == "1" { "2" } else { "1" }),
            ("SignatureVersion", "3"),
            ("Signature", ""),
            ("Signature", "AAAA"),
        ] {
            let mut changed = call.clone();
            changed[name] = value.into();
            // A confirmation has no subject, so that none is signed.
            if name != "Subject" || call["Type"] == "Notification" {
                assert!(!read(&changed).is_signed_with(&certificate), "{name}: {value}");
            }
        }
        let mut other_kind = call.clone();
        other_kind["Type"] = "UnsubscribeConfirmation".into();
        assert!(!read(&other_kind).is_signed_with(&certificate));
    }
}

#[test]
fn only_a_certificate_with_the_name_of_sns_is_one() {
    let envelope = Envelope::read(notification("").as_bytes()).unwrap();
    assert!(envelope.certificate(pem().as_bytes()).is_some());
    let key = rcgen::KeyPair::from_pem(KEY).unwrap();
    for (name, is_right) in [
        ("sns-signing.eu-central-1.amazonaws.com", true),
        ("sns-signing.eu-west-1.amazonaws.com", false),
        ("sns.amazonaws.com.cn", false),
        ("sns.amazonaws.com.evil.example", false),
        ("s3.amazonaws.com", false),
    ] {
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        let found = envelope.certificate(params.self_signed(&key).unwrap().pem().as_bytes());
        assert_eq!(found.is_some(), is_right, "{name}");
    }
    for wrong in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", KEY, "<html></html>"]
    {
        assert!(envelope.certificate(wrong.as_bytes()).is_none(), "{wrong:.30}");
    }
}

#[test]
fn no_address_but_the_topics_own_sns_is_ever_visited() {
    let certificate_url = |url: &str| {
        let call = signed("Notification", |call| call["SigningCertURL"] = url.into());
        Envelope::read(call.as_bytes()).unwrap().certificate_url()
    };
    assert!(certificate_url(&format!("{HOST}/SimpleNotificationService-a1.pem")).is_some());
    for url in [
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-a1.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-a1.pem",
        "https://evil.example/sns.eu-central-1.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://evil.example#sns.eu-central-1.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/SimpleNotificationService-a1.pem",
        "https://u:p@sns.eu-central-1.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://sns.eu-central-1.amazonaws.com.cn/SimpleNotificationService-a1.pem",
        "https://snsxeu-central-1.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-a1.pem?x=1",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-a1.pem#x",
        "https://sns.eu-central-1.amazonaws.com/x/SimpleNotificationService-a1.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-../a.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-.pem",
        "https://sns.eu-central-1.amazonaws.com/",
        "https://127.0.0.1/SimpleNotificationService-a1.pem",
        "file:///SimpleNotificationService-a1.pem",
        "",
    ] {
        assert_eq!(certificate_url(url), None, "{url}");
    }
    let confirmation_url = |url: &str| {
        let call = signed("SubscriptionConfirmation", |call| call["SubscribeURL"] = url.into());
        Envelope::read(call.as_bytes()).unwrap().confirmation_url()
    };
    let right =
        format!("?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425929f52e");
    assert!(confirmation_url(&format!("{HOST}/{right}")).is_some());
    for url in [
        format!("http://sns.eu-central-1.amazonaws.com/{right}"),
        format!("https://evil.example/{right}"),
        format!("https://169.254.169.254/{right}"),
        format!("{HOST}/latest/{right}"),
        format!("{HOST}/{right}&Action=Publish"),
        format!("{HOST}/{right}&Message=x"),
        format!("{HOST}/{}", right.replace("ConfirmSubscription", "DeleteTopic")),
        format!("{HOST}/{}", right.replace("sms-events", "another")),
        format!("{HOST}/{}", right.replace("2336", "2337")),
        format!("{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}"),
        format!("{HOST}/"),
    ] {
        assert_eq!(confirmation_url(&url), None, "{url}");
    }
    for topic in [
        "",
        "arn:aws:sns",
        "arn:aws:sqs:eu-central-1:1:x",
        "arn:evil:sns:eu-central-1:1:x",
        "arn:aws:sns:evil.example/:1:x",
        "arn:aws:sns::1:x",
    ] {
        let call = signed("Notification", |call| call["TopicArn"] = topic.into());
        assert_eq!(Envelope::read(call.as_bytes()).unwrap().certificate_url(), None, "{topic}");
    }
    let china = "arn:aws-cn:sns:cn-north-1:123456789012:sms-events";
    let call = signed("Notification", |call| {
        call["TopicArn"] = china.into();
        call["SigningCertURL"] =
            "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-a1.pem".into();
    });
    assert!(Envelope::read(call.as_bytes()).unwrap().certificate_url().is_some());
}

#[test]
fn an_envelope_that_is_none_is_refused_with_its_line() {
    let right = super::files::RIGHT.replacen("\"unicode\"]", "\"unicode\", \"receipts\"]", 1)
        + "[receipt]\nsetup = \"By hand.\"\nid = \"/id\"\nstatus = \"/s\"\n[receipt.states]\ndelivered = [\"1\"]\n\
           [receipt.envelope]\nscheme = \"sns\"\ntopic = \"{setting.key}\"\n";
    let parse = |text: &str| CataloguePlugin::parse("test.toml", text).err();
    assert!(parse(&right).is_none());
    for (from, to, reason) in [
        ("scheme = \"sns\"", "scheme = \"sqs\"", "sqs"),
        ("scheme = \"sns\"", "schema = \"sns\"", "schema"),
        ("{setting.key}\"\n", "{setting.nobody}\"\n", "nobody"),
        ("topic = \"{setting.key}\"\n", "topic = \"{to}\"\n", "{to}"),
        (
            "[receipt.envelope]",
            "[receipt.signature]\nscheme = \"secret\"\nkey = \"k\"\nat = \"s\"\n[receipt.envelope]",
            "remove one",
        ),
    ] {
        let (before, after) = right.rsplit_once(from).unwrap_or_else(|| panic!("{from}"));
        let error = parse(&format!("{before}{to}{after}")).unwrap_or_else(|| panic!("{to} was taken"));
        assert!(error.reason.contains(reason) && error.line.is_some(), "{to}: {error}");
    }
}

// === on the wire ===

const DELIVERED: &str = r#"{"eventType":"TEXT_DELIVERED","isFinal":true,"messageId":"94f20ce6-13c5-43a0-9a9e-ca52d816e90b","destinationPhoneNumber":"+15550100199"}"#;

fn gateway(more: Value, network: NetworkGuard) -> Arc<dyn Gateway> {
    let (plugin, cases) = cases::all().iter().find(|(plugin, _)| plugin.name() == "aws-sms").unwrap();
    let mut settings = Value::Object(cases.settings.clone());
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings = validate(plugin.fields(), &settings).unwrap();
    assert_eq!(plugin.check(&settings), []);
    let callback_url = Some(cases::CALLBACK.to_owned());
    plugin.build(&settings, &Environment { network, callback_url, ..Environment::default() }).unwrap()
}

async fn call(gateway: &Arc<dyn Gateway>, body: &str) -> Result<Received, CallbackError> {
    let headers = HeaderMap::new();
    gateway.receive(Callback { method: "POST", query: "", headers: &headers, body: body.as_bytes() }).await
}

/// What SNS answers here: its certificate, and whatever confirms.
fn sns(request: &str) -> Reply {
    match request.starts_with("GET /SimpleNotificationService-0123456789abcdef.pem ") {
        true => answer("200 OK", pem()),
        false => answer("200 OK", "<ConfirmSubscriptionResponse/>"),
    }
}

#[tokio::test]
async fn a_hundred_notifications_at_once_fetch_one_certificate_and_have_their_receipts() {
    let mut server = Server::start(sns).await;
    let gateway = gateway(json!({"api_address": server.url("")}), local());
    let body = notification(DELIVERED);
    let calls = (0..100).map(|_| call(&gateway, &body));
    for received in futures_util::future::join_all(calls).await {
        let received = received.unwrap();
        assert_eq!(received.receipts.len(), 1);
        assert_eq!(&*received.receipts[0].candidates[0], "94f20ce6-13c5-43a0-9a9e-ca52d816e90b");
        assert_eq!(
            (received.receipts[0].state, received.reply.status),
            (textgate_sms::ReceiptState::Delivered, 200)
        );
    }
    assert!(
        server
            .request()
            .await
            .starts_with("GET /SimpleNotificationService-0123456789abcdef.pem HTTP/1.1\r\n")
    );
    assert!(server.requests.try_recv().is_err(), "one certificate");
}

#[tokio::test]
async fn a_subscription_is_confirmed_once_its_signature_is_right_and_the_end_of_one_only_answered() {
    let mut server = Server::start(sns).await;
    let gateway = gateway(json!({"api_address": server.url(""), "topic_arn": TOPIC}), local());
    let received = call(&gateway, &signed("SubscriptionConfirmation", |_| {})).await.unwrap();
    assert!(received.receipts.is_empty() && received.reply.status == 200);
    assert!(server.request().await.starts_with("GET /SimpleNotificationService-"));
    let visit = server.request().await;
    let expected = format!(
        "GET /?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425929f52e "
    );
    assert!(visit.starts_with(&expected), "{visit}");
    assert!(!visit.to_ascii_lowercase().contains("authorization"), "{visit}");
    let received = call(&gateway, &signed("UnsubscribeConfirmation", |_| {})).await.unwrap();
    assert!(received.receipts.is_empty());
    assert!(server.requests.try_recv().is_err(), "who ends a subscription is not called");
}

#[tokio::test]
async fn what_is_not_signed_by_the_topics_sns_is_neither_read_nor_visited() {
    let mut server = Server::start(sns).await;
    let gateway = gateway(json!({"api_address": server.url(""), "topic_arn": TOPIC}), local());
    let other = "arn:aws:sns:eu-central-1:210987654321:attack";
    for (body, error) in [
        // Without a request of any kind:
        (signed("Notification", |call| call["TopicArn"] = other.into()), CallbackError::Forbidden),
        (
            signed("SubscriptionConfirmation", |call| call["TopicArn"] = other.into()),
            CallbackError::Forbidden,
        ),
        (
            signed("Notification", |call| call["SigningCertURL"] = "https://evil.example/a.pem".into()),
            CallbackError::Forbidden,
        ),
        (DELIVERED.to_owned(), CallbackError::Malformed),
        ("MessageSid=1&status=2".to_owned(), CallbackError::Malformed),
        (String::new(), CallbackError::Malformed),
    ] {
        assert_eq!(call(&gateway, &body).await.err(), Some(error), "{body:.80}");
    }
    assert!(server.requests.try_recv().is_err());
    // With the certificate alone:
    let forged = signed("SubscriptionConfirmation", |_| {}).replacen("2026-11-24", "2026-11-25", 1);
    assert_eq!(call(&gateway, &forged).await.err(), Some(CallbackError::Forbidden));
    let aside =
        signed("SubscriptionConfirmation", |call| call["SubscribeURL"] = "https://evil.example/".into());
    assert_eq!(call(&gateway, &aside).await.err(), Some(CallbackError::Forbidden));
    let changed = notification(DELIVERED).replacen("TEXT_DELIVERED", "TEXT_BLOCKED", 1);
    assert_eq!(call(&gateway, &changed).await.err(), Some(CallbackError::Forbidden));
    assert!(server.request().await.starts_with("GET /SimpleNotificationService-"));
    assert!(server.requests.try_recv().is_err(), "nothing else was asked for");
}

#[tokio::test]
async fn while_sns_gives_no_certificate_or_confirms_nothing_the_call_has_to_come_again() {
    for reply in [
        answer("500 Internal Server Error", ""),
        answer("302 Found", ""),
        answer("200 OK", "<html>Please log in</html>"),
        answer("200 OK", &"x".repeat(70_000)),
        Reply::Hang(Vec::new()),
        Reply::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n".to_vec()),
        Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
    ] {
        let server = Server::start(move |_| reply.clone()).await;
        let gateway = gateway(json!({"api_address": server.url(""), "timeout_s": 1}), local());
        let error = call(&gateway, &notification(DELIVERED)).await.err();
        assert!(matches!(error, Some(CallbackError::NotNow(_))), "{error:?}");
    }
    let server = Server::start(|request| match request.starts_with("GET /?Action=") {
        true => answer("403 Forbidden", ""),
        false => sns(request),
    })
    .await;
    let gateway = gateway(json!({"api_address": server.url("")}), local());
    let error = call(&gateway, &signed("SubscriptionConfirmation", |_| {})).await.err();
    assert_eq!(error, Some(CallbackError::NotNow("not confirmed: HTTP 403".into())));
    // The certificate is right, and stays.
    assert_eq!(call(&gateway, &notification(DELIVERED)).await.unwrap().receipts.len(), 1);
}

#[tokio::test]
async fn the_network_guard_judges_where_the_certificate_is_too() {
    let inside = NetworkGuard::default().resolving_with(|_| Ok(vec![IpAddr::from([10, 0, 0, 1])]));
    let error = call(&gateway(json!({}), inside), &notification(DELIVERED)).await.err();
    let Some(CallbackError::NotNow(why)) = error else { panic!("{error:?}") };
    assert!(why.contains("private"), "{why}");
}
