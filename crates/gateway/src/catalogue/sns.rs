//! Amazon SNS as a carrier: the envelope around a notification, the signature over it, and what confirms a subscription.
//!
//! Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON formats" and "Verifying the signatures of Amazon SNS messages".
//! Everything in an envelope is whoever's who sent it, until its signature is verified; so the hosts it names are not believed
//! but derived from its topic.

use super::digest::Encoding;
use reqwest::Url;
use ring::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm, alg_id,
};
use serde::Deserialize;
use webpki::EndEntityCert;
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;

/// One call of SNS.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    /// What it is.
    #[serde(rename = "Type")]
    pub kind: Kind,
    message_id: String,
    /// The topic that it comes from.
    pub topic_arn: String,
    subject: Option<String>,
    /// What is inside.
    pub message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    token: Option<String>,
}

/// What a call of SNS is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    /// It carries a message.
    Notification,
    /// Whoever subscribed this address to the topic waits for its consent.
    SubscriptionConfirmation,
    /// The subscription has ended.
    UnsubscribeConfirmation,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

impl Envelope {
    /// The envelope in a body; none where it is no envelope.
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Where its certificate is, if it is where SNS keeps certificates of the topic's region.
    pub fn certificate_url(&self) -> Option<Url> {
        let url = self.own_url(&self.signing_cert_url)?;
        let name = url.path().strip_prefix("/SimpleNotificationService-")?.strip_suffix(".pem")?;
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
        (is_name && url.query().is_none()).then_some(url)
    }

    /// Where its subscription is confirmed: the topic's own SNS, for nothing but this topic, with nothing but the token.
    pub fn confirmation_url(&self) -> Option<Url> {
        if self.kind != Kind::SubscriptionConfirmation {
            return None;
        }
        let url = self.own_url(self.subscribe_url.as_deref()?)?;
        let token = self.token.as_deref()?;
        let mut wanted = [
            ("Action", "ConfirmSubscription", false),
            ("TopicArn", &*self.topic_arn, false),
            ("Token", token, false),
        ];
        for (name, value) in url.query_pairs() {
            let (_, right, is_there) = wanted.iter_mut().find(|(wanted, ..)| *wanted == name)?;
            if *is_there || *right != value {
                return None;
            }
            *is_there = true;
        }
        let has_all = wanted.iter().all(|(.., is_there)| *is_there);
        (has_all && url.path() == "/").then_some(url)
    }

    /// The certificate (DER) in what was fetched, if it is one of SNS.
    pub fn certificate(&self, pem: &[u8]) -> Option<Vec<u8>> {
        let (region, suffix) = self.place()?;
        let certificate = CertificateDer::from_pem_slice(pem).ok()?;
        let parsed = EndEntityCert::try_from(&certificate).ok()?;
        // The names of the signers in the regions, by AWS's SDK for Java (SnsHostProvider).
        let names = [
            format!("sns.{suffix}"),
            format!("sns-signing.{region}.{suffix}"),
            format!("sns-{region}.{suffix}"),
            format!("sns-us-gov-west-1.{suffix}"),
        ];
        let is_named = names.into_iter().any(|name| {
            ServerName::try_from(name)
                .is_ok_and(|name| parsed.verify_is_valid_for_subject_name(&name).is_ok())
        });
        is_named.then(|| certificate.as_ref().to_vec())
    }

    /// Whether it is signed with the key of this certificate (DER).
    pub fn is_signed_with(&self, certificate: &[u8]) -> bool {
        let algorithm: &dyn SignatureVerificationAlgorithm = match self.signature_version.as_str() {
            "1" => &RsaSha1,
            "2" => RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        let certificate = CertificateDer::from(certificate);
        let (Ok(certificate), Some(signature), Some(signed)) =
            (EndEntityCert::try_from(&certificate), Encoding::Base64.decode(&self.signature), self.signed())
        else {
            return false;
        };
        certificate.verify_signature(algorithm, signed.as_bytes(), &signature).is_ok()
    }

    /// What is signed: names and values, each on a line of its own, in the order of the names.
    fn signed(&self) -> Option<String> {
        let kind = self.kind.name();
        let (subject, url, token) = match self.kind {
            Kind::Notification => (self.subject.as_deref(), None, None),
            _ => (None, Some(self.subscribe_url.as_deref()?), Some(self.token.as_deref()?)),
        };
        let lines = [
            ("Message", Some(&*self.message)),
            ("MessageId", Some(&*self.message_id)),
            ("Subject", subject),
            ("SubscribeURL", url),
            ("Timestamp", Some(&*self.timestamp)),
            ("Token", token),
            ("TopicArn", Some(&*self.topic_arn)),
            ("Type", Some(kind)),
        ];
        let mut signed = String::new();
        for (name, value) in lines {
            if let Some(value) = value {
                signed.extend([name, "\n", value, "\n"]);
            }
        }
        Some(signed)
    }

    /// The address, if it is one of SNS in the topic's region, and over TLS.
    fn own_url(&self, text: &str) -> Option<Url> {
        let (region, suffix) = self.place()?;
        let url = Url::parse(text).ok()?;
        let is_own = url.scheme() == "https"
            && url.host_str() == Some(&*format!("sns.{region}.{suffix}"))
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        is_own.then_some(url)
    }

    /// The topic's region, and the domain of AWS there: `arn:aws:sns:eu-central-1:123456789012:name`.
    fn place(&self) -> Option<(&str, &'static str)> {
        let mut parts = self.topic_arn.splitn(6, ':');
        let (arn, partition, service, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let suffix = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return None,
        };
        let is_region = (1..=32).contains(&region.len())
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (arn == "arn" && service == "sns" && is_region).then_some((region, suffix))
    }
}

/// RSA with SHA-1 (RFC 8017 §8.2), as SNS signs unless the topic says otherwise; `webpki` has it no more.
#[derive(Debug)]
struct RsaSha1;

impl SignatureVerificationAlgorithm for RsaSha1 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        // sha1WithRSAEncryption, 1.2.840.113549.1.1.5 (RFC 8017 appendix C), with NULL.
        AlgorithmIdentifier::from_slice(&[
            0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
        ])
    }
}
