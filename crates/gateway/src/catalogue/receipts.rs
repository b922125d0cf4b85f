//! What a provider's call means: whether it is the provider's, and what it says of which message, or brings from which phone.

use super::digest::{self, Algorithm};
use super::extract::{Document, Places};
use super::file::{InboundRule, ProviderFile, ReceiptRule, ReceiptSignature, Reply, Scheme, States};
use super::node::{Scalar, Values};
use super::template::{Name, Word};
use super::{answer, body, envelope, inbound};
use crate::{Callback, CallbackError, CallbackReply, Receipt, Received, canonical_id};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use smallvec::smallvec;
use textgate_sms::{PhoneNumber, ReceiptState};

/// Most receipts of one call; Infobip and others send up to a few hundred.
const MOST_RECEIPTS: usize = 1_000;
/// Most characters of a signature; a JSON Web Token has several hundred.
const MOST_SIGNATURE: usize = 4_096;
/// How far the provider's clock and this one may be apart (seconds).
const LEEWAY_S: i64 = 60;
/// Most characters of a value that is a list.
const MOST_LIST: usize = 65_536;
/// Most characters of an id, a status or a code.
const MOST_ID: usize = 256;

/// Reads a call by the file's rules. `settings` knows the gateway's settings; `address` is where the provider calls;
/// `certificate` is the one that its envelope, where it comes in one, is signed with.
pub(super) fn receive(
    file: &ProviderFile,
    settings: &dyn Values,
    address: &str,
    callback: &Callback<'_>,
    certificate: Option<&[u8]>,
) -> Result<Received, CallbackError> {
    let rule = file.receipt.as_ref().map(toml::Spanned::get_ref);
    let inbound_rule = file.inbound.as_ref().map(toml::Spanned::get_ref);
    if rule.is_none() && inbound_rule.is_none() {
        return Err(CallbackError::NotTaken);
    }
    let usual = Reply::default();
    let receipt_reply = || reply(rule.map_or(&usual, |rule| &rule.answer));
    let message = match rule.and_then(|rule| rule.envelope.as_ref()) {
        None => None,
        Some(envelope) => match envelope::open(envelope, settings, callback, certificate)? {
            Some(message) => Some(message),
            // It is about the envelopes themselves.
            None => return Ok(received(Vec::new(), receipt_reply())),
        },
    };
    let body = message.as_ref().map_or(callback.body, String::as_bytes);
    let callback = &Callback { body, ..*callback };
    let document = Document::of_call(callback.headers, callback.body, callback.query);
    let values = CallValues { settings, address, callback, document: &document };
    if let Some(signature) = rule.and_then(|rule| rule.signature.as_ref()) {
        check_signature(signature, &values)?;
    }
    for handshake in rule.iter().flat_map(|rule| &rule.handshake) {
        if handshake.when.iter().all(|check| check.holds(&document, None)) {
            let tree = handshake.json.resolve(&values).ok_or(CallbackError::Malformed)?;
            let mut text = String::new();
            body::json(&tree, &mut text);
            let reply = CallbackReply { status: 200, media_type: "application/json".into(), body: text };
            return Ok(received(Vec::new(), reply));
        }
    }
    // A call brings one or the other, and most providers have one address for both.
    if let Some(from_phones) = inbound_rule {
        let items = inbound::items(from_phones, &document);
        if !items.is_empty() {
            let inbound = inbound::read(from_phones, &document, &items)?;
            let answer = from_phones.answer.as_ref().map_or_else(receipt_reply, reply);
            let receipts = rule.map(|rule| beside(rule, from_phones, &document)).unwrap_or_default();
            return Ok(Received { receipts, inbound, reply: answer });
        }
    }
    let Some(rule) = rule else { return Ok(received(Vec::new(), receipt_reply())) };
    let items = items(rule, &document);
    if items.is_empty() {
        return Err(CallbackError::Malformed);
    }
    let meant: Vec<_> = items
        .into_iter()
        .filter(|item| rule.when.iter().all(|check| check.holds(&document, *item)))
        .collect();
    let found = meant.iter().flat_map(|item| receipts(rule, &document, *item));
    let receipts: Vec<Receipt> = found.take(MOST_RECEIPTS).collect();
    if receipts.is_empty() && !meant.is_empty() {
        return Err(CallbackError::Malformed);
    }
    Ok(received(receipts, reply(&rule.answer)))
}

fn items<'a>(rule: &ReceiptRule, document: &'a Document<'_>) -> Vec<Option<&'a Value>> {
    match &rule.each {
        None => vec![None],
        Some(each) => document.items(each.get_ref(), MOST_RECEIPTS).into_iter().map(Some).collect(),
    }
}

/// The receipts that stand in one list with messages of phones.
fn beside(rule: &ReceiptRule, from_phones: &InboundRule, document: &Document<'_>) -> Vec<Receipt> {
    if rule.each.is_none() || from_phones.each.is_none() {
        return Vec::new();
    }
    let is_receipt = |item: &Option<&Value>| {
        !inbound::is_one(from_phones, document, *item)
            && rule.when.iter().all(|check| check.holds(document, *item))
    };
    let items = items(rule, document).into_iter().filter(is_receipt);
    items.flat_map(|item| receipts(rule, document, item)).take(MOST_RECEIPTS).collect()
}

fn received(receipts: Vec<Receipt>, reply: CallbackReply) -> Received {
    Received { receipts, inbound: Vec::new(), reply }
}

/// What the provider wants to hear.
fn reply(answer: &Reply) -> CallbackReply {
    CallbackReply { status: answer.status, media_type: answer.media_type.clone(), body: answer.body.clone() }
}

/// The receipts of one item: one, or where its values are lists, one for each entry.
fn receipts(rule: &ReceiptRule, document: &Document<'_>, item: Option<&Value>) -> Vec<Receipt> {
    let find = |places: &Places| {
        let found = document.find_long(places, item, MOST_LIST)?;
        Some(match rule.split {
            Some(separator) => found.split(separator).map(bounded).collect(),
            None => vec![bounded(&found)],
        })
    };
    let (Some(ids), Some(statuses)) = (find(&rule.id), find(&rule.status)) else { return Vec::new() };
    let (numbers, codes) = (rule.to.as_ref().and_then(find), rule.code.as_ref().and_then(find));
    // A value that is no list of this length is the same for all.
    let at =
        |list: &[String], index: usize| list.get(if list.len() == ids.len() { index } else { 0 }).cloned();
    let receipt = |(index, id): (usize, &String)| {
        let code = codes.as_ref().and_then(|codes| at(codes, index));
        let number = numbers.as_ref().and_then(|numbers| at(numbers, index));
        Some(Receipt {
            candidates: smallvec![canonical_id(id)],
            number: number.and_then(|number| read_number(&number)),
            state: state(rule.states.get_ref(), &at(&statuses, index)?),
            error: code
                .filter(|code| !matches!(code.as_str(), "" | "0") && answer::is_shown(code))
                .map(String::into_boxed_str),
        })
    };
    ids.iter().enumerate().filter(|(_, id)| !id.is_empty()).filter_map(receipt).collect()
}

fn bounded(text: &str) -> String {
    text.trim().chars().take(MOST_ID).collect()
}

/// The state that a status means.
pub(super) fn state(states: &States, status: &str) -> ReceiptState {
    let has = |list: &[String]| list.iter().any(|one| one.eq_ignore_ascii_case(status));
    let table = [
        (&states.delivered, ReceiptState::Delivered),
        (&states.undelivered, ReceiptState::Undelivered),
        (&states.expired, ReceiptState::Expired),
        (&states.rejected, ReceiptState::Rejected),
    ];
    // What the provider adds one day is nothing final.
    table.into_iter().find(|(list, _)| has(list)).map_or(ReceiptState::Pending, |(_, state)| state)
}

/// A number as providers write it: with `+`, `00`, or neither.
fn read_number(text: &str) -> Option<PhoneNumber> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    PhoneNumber::parse(digits.trim_start_matches('0')).ok()
}

/// A call's values, the address it was given, and the gateway's settings.
struct CallValues<'a> {
    settings: &'a dyn Values,
    address: &'a str,
    callback: &'a Callback<'a>,
    document: &'a Document<'a>,
}

impl CallValues<'_> {
    fn now_s(&self) -> i64 {
        match self.settings.value(&Name::Word(Word::NowS)) {
            Some(Scalar::Number(now)) => now,
            _ => i64::MAX,
        }
    }
}

impl Values for CallValues<'_> {
    fn value(&self, name: &Name) -> Option<Scalar> {
        let word = match name {
            Name::Setting(_) => return self.settings.value(name),
            Name::Word(word) => *word,
            _ => return self.document.value(name),
        };
        let text = match word {
            Word::Method => self.callback.method.to_owned(),
            Word::Address => self.address.to_owned(),
            Word::Url if self.callback.query.is_empty() => self.address.to_owned(),
            Word::Url => format!("{}?{}", self.address, self.callback.query),
            Word::Body => String::from_utf8_lossy(self.callback.body).into_owned(),
            Word::BodySha256 => digest::hex(&digest::sha256(self.callback.body)),
            Word::BodySha256Base64 => digest::base64(&digest::sha256(self.callback.body)),
            Word::BodyMd5 => digest::hex(&digest::md5(self.callback.body)),
            Word::SortedParams => {
                let mut params = self.document.form();
                params.sort();
                params.into_iter().flat_map(|(name, value)| [name, value]).collect()
            }
            _ => return self.settings.value(name),
        };
        Some(Scalar::Text(text))
    }
}

fn check_signature(rule: &ReceiptSignature, values: &CallValues<'_>) -> Result<(), CallbackError> {
    let Some(key) = rule.key.text(values).filter(|key| !key.is_empty()) else { return Ok(()) };
    let key = rule.key_encoding.decode(&key).ok_or(CallbackError::Forbidden)?;
    let given = values.document.find_long(&rule.at, None, MOST_SIGNATURE).ok_or(CallbackError::Forbidden)?;
    let given = given.strip_prefix(rule.prefix.as_str()).ok_or(CallbackError::Forbidden)?;
    let signed = match &rule.sign {
        Some(sign) => sign.fill(values).ok_or(CallbackError::Forbidden)?,
        None => String::new(),
    };
    let mac = |algorithm: Algorithm| {
        let expected = algorithm.compute(&key, signed.as_bytes());
        rule.encoding.decode(given).is_some_and(|given| digest::is_same(&given, &expected))
    };
    let is_right = match rule.scheme {
        Scheme::HmacSha1 => mac(Algorithm::HmacSha1),
        Scheme::HmacSha256 => mac(Algorithm::HmacSha256),
        Scheme::HmacSha512 => mac(Algorithm::HmacSha512),
        Scheme::Secret => digest::is_same(given.as_bytes(), &key),
        Scheme::Ed25519 => rule.encoding.decode(given).is_some_and(|given| {
            UnparsedPublicKey::new(&ED25519, &key).verify(signed.as_bytes(), &given).is_ok()
        }),
        Scheme::JwtHs256 => is_right_token(given, &key, values.callback.body, values.now_s()),
    };
    if is_right { Ok(()) } else { Err(CallbackError::Forbidden) }
}

/// Whether a JSON Web Token is signed with this key, is of use now, and belongs to this body.
fn is_right_token(token: &str, key: &[u8], body: &[u8], now_s: i64) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    let Some((header, claims)) = signed.split_once('.') else { return false };
    let json = |part| digest::from_base64url(part).and_then(|o| serde_json::from_slice::<Value>(&o).ok());
    let (Some(header), Some(claims)) = (json(header), json(claims)) else { return false };
    let Some(signature) = digest::from_base64url(signature) else { return false };
    // The algorithm is the rule's, whatever the token says (RFC 8725 §3.1).
    let is_signed = header["alg"] == "HS256"
        && digest::is_same(&signature, &Algorithm::HmacSha256.compute(key, signed.as_bytes()));
    let is_of_body = match claims.get("payload_hash").and_then(Value::as_str) {
        Some(hash) => hash.eq_ignore_ascii_case(&digest::hex(&digest::sha256(body))),
        None => true,
    };
    // A token that was once seen must not prove whatever comes later (RFC 7519 §4.1.4, §4.1.5).
    let time = |claim| claims.get(claim).map(|time| time.as_i64());
    let is_of_now = time("exp").is_none_or(|exp| exp.is_some_and(|exp| exp.saturating_add(LEEWAY_S) > now_s))
        && time("nbf").is_none_or(|nbf| nbf.is_some_and(|nbf| nbf.saturating_sub(LEEWAY_S) <= now_s));
    is_of_now && is_signed && is_of_body
}
