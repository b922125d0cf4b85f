//! A request from its description and its values: URL, query, headers, body, and what authorizes it.

use super::body;
use super::digest;
use super::exchange::CatalogueExchange;
use super::file::{Auth, Method, Oauth2, Request, SignatureRule};
use super::moment::Moment;
use super::node::{Entries, Node, Values};
use super::sigv4::Signer;
use super::template::{Name, Part, Template, Word};
use super::values::{AccountValues, SigningValues};
use crate::http::{Call, Form, Space};
use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

/// The request. An error says what is wrong with the settings, without repeating any.
pub(super) fn build(
    exchange: &CatalogueExchange,
    request: &Request,
    values: &dyn Values,
    token: Option<&str>,
    moment: &Moment,
) -> Result<Call, String> {
    build_for(exchange, request, values, &[], token, moment)
}

/// The request of one message, with entries for others in the list of its JSON that the file's batch rule names.
pub(super) fn build_for(
    exchange: &CatalogueExchange,
    request: &Request,
    values: &dyn Values,
    others: &[&dyn Values],
    token: Option<&str>,
    moment: &Moment,
) -> Result<Call, String> {
    let mut url = url(exchange, &request.url, values)?;
    append_query(&mut url, &request.query, values);
    let mut headers = HeaderMap::new();
    let mut content = String::new();
    let mut content_type = None;
    if let Some(form) = &request.form {
        let mut encoded = Form::after("", Space::Plus);
        form.resolve(values).iter().for_each(|(name, value)| encoded.push(name, value));
        content = encoded.finish();
        content_type = Some("application/x-www-form-urlencoded");
    } else if let Some(node) = &request.json {
        let mut tree = node.resolve(values).ok_or("its body has no values")?;
        for other in others {
            let rule = exchange.file.batch.as_ref().ok_or("it takes one message")?.get_ref();
            let entry = node.resolve(*other).and_then(|mut tree| tree.list_at(rule.list.get_ref())?.pop());
            let list = tree.list_at(rule.list.get_ref());
            list.zip(entry).map(|(list, entry)| list.push(entry)).ok_or("its body has no values")?;
        }
        body::json(&tree, &mut content);
        content_type = Some("application/json");
    } else if let Some(node) = &request.xml {
        content = body::xml(&node.resolve(values).ok_or("its body has no values")?);
        content_type = Some("application/xml");
    }
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    // A header of the file replaces the engine's own of that name.
    put_headers(&mut headers, &request.headers, values)?;
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
    };
    let mut call = Call { method, url, headers, body: content.into(), signature: None };
    if let Some(auth) = &exchange.file.auth {
        authorize(exchange, auth, &mut call, token, moment)?;
    }
    Ok(call)
}

/// The request for an OAuth 2 token (RFC 6749 §4.4.2).
pub(super) fn token(
    exchange: &CatalogueExchange,
    oauth: &Oauth2,
    values: &AccountValues<'_>,
) -> Result<Call, String> {
    let url = url(exchange, &oauth.url, values)?;
    let text = |node: &Node| node.text(values).unwrap_or_default();
    let (id, secret) = (text(&oauth.client_id), text(&oauth.client_secret));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut form = Form::after("", Space::Plus);
    form.push("grant_type", "client_credentials");
    if let Some(scope) = oauth.scope.as_ref().and_then(|scope| scope.text(values)) {
        form.push("scope", &scope);
    }
    if oauth.in_form {
        form.push("client_id", &id);
        form.push("client_secret", &secret);
    } else {
        headers.insert(AUTHORIZATION, basic(&id, &secret)?);
    }
    Ok(Call { method: reqwest::Method::POST, url, headers, body: form.finish().into(), signature: None })
}

/// The URL, its values percent-encoded as parts of the path, but for those that are its beginning.
fn url(exchange: &CatalogueExchange, template: &Template, values: &dyn Values) -> Result<Url, String> {
    let mut text = String::new();
    for part in &template.parts {
        match part {
            Part::Fixed(fixed) => text.push_str(fixed),
            Part::Place(name) => {
                let value = values.value(name).ok_or_else(|| format!("{name} has no value"))?.into_text();
                let value = value.trim();
                // Also where it is percent-encoded, this is a step in a path (URL Standard §4.4), to another place of the provider.
                if matches!(value, "." | "..") {
                    return Err(format!("{name} cannot stand in a URL; check it"));
                }
                if is_address(name, &text) {
                    text.push_str(value.trim_end_matches('/'));
                } else {
                    encode_path(value, &mut text);
                }
            }
        }
    }
    let mut url = Url::parse(&text).map_err(|_| "its URL is none; check the settings in it".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err("its URL is none; check the settings in it".to_owned());
    }
    relocate(exchange, &mut url)?;
    Ok(url)
}

/// Moves a URL to the API address, where there is one.
fn relocate(exchange: &CatalogueExchange, url: &mut Url) -> Result<(), String> {
    let Some(address) = &exchange.api_address else { return Ok(()) };
    let changed = url.set_scheme(address.scheme()).is_ok()
        && url.set_host(address.host_str()).is_ok()
        && url.set_port(address.port()).is_ok();
    if changed { Ok(()) } else { Err("the API address cannot be used".to_owned()) }
}

/// The request that fetches what a call of the provider points to. It has no credentials.
pub(super) fn get(exchange: &CatalogueExchange, mut url: Url) -> Result<Call, String> {
    relocate(exchange, &mut url)?;
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    Ok(Call { method: reqwest::Method::GET, url, headers, body, signature: None })
}

/// Whether a value stands where the address does: at the very beginning, or as the host.
pub(super) fn is_address(name: &Name, before: &str) -> bool {
    let is_host = before.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    match name {
        Name::Word(Word::Host) => is_host || before.is_empty(),
        Name::Setting(_) => is_host || before.is_empty(),
        _ => false,
    }
}

/// RFC 3986 §3.3, the unreserved characters only.
fn encode_path(text: &str, into: &mut String) {
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(octet.into()),
            _ => into.push_str(&format!("%{octet:02X}")),
        }
    }
}

fn append_query(url: &mut Url, query: &Entries, values: &dyn Values) {
    let pairs = query.resolve(values);
    if pairs.is_empty() {
        return;
    }
    // %20 for a space: every server reads it, and signatures demand it.
    let mut form = Form::after(url.query().unwrap_or_default(), Space::Percent);
    pairs.iter().for_each(|(name, value)| form.push(name, value));
    url.set_query(Some(&form.finish()));
}

fn put_headers(headers: &mut HeaderMap, entries: &Entries, values: &dyn Values) -> Result<(), String> {
    for (name, value) in entries.resolve(values) {
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name} is no header's name"))?;
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| format!("the header {name} cannot hold its value; check the settings in it"))?;
        // Any of them may hold a key.
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(())
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, String> {
    let text = format!("Basic {}", digest::base64(format!("{username}:{password}").as_bytes()));
    sensitive(&text)
}

fn sensitive(text: &str) -> Result<HeaderValue, String> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| "the credentials have characters that no header holds")?;
    value.set_sensitive(true);
    Ok(value)
}

fn authorize(
    exchange: &CatalogueExchange,
    auth: &Auth,
    call: &mut Call,
    token: Option<&str>,
    moment: &Moment,
) -> Result<(), String> {
    let values = exchange.account(moment);
    let text = |node: &Node| node.text(&values).unwrap_or_default().trim().to_owned();
    match auth {
        Auth::Basic { username, password } => {
            call.headers.insert(AUTHORIZATION, basic(&text(username), &text(password))?);
        }
        Auth::Bearer { token } => {
            call.headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {}", text(token)))?);
        }
        Auth::Oauth2(_) => {
            let token = token.ok_or("there is no token")?;
            call.headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {token}"))?);
        }
        Auth::Signature(rule) => sign(exchange, rule, call, moment)?,
        Auth::Sigv4(rule) => {
            let session_token = rule.session_token.as_ref().map(text).filter(|token| !token.is_empty());
            let signer = Signer {
                access_key_id: &text(&rule.access_key_id),
                secret_access_key: &text(&rule.secret_access_key),
                session_token: session_token.as_deref(),
                region: &text(&rule.region),
                service: &rule.service,
            };
            let signature = signer
                .sign(call.method.as_str(), &call.url, &mut call.headers, &call.body, moment.unix)
                .ok_or("the credentials have characters that no header holds")?;
            call.signature = Some(signature);
        }
    }
    Ok(())
}

fn sign(
    exchange: &CatalogueExchange,
    rule: &SignatureRule,
    call: &mut Call,
    moment: &Moment,
) -> Result<(), String> {
    let mut values = SigningValues {
        account: exchange.account(moment),
        method: call.method.as_str(),
        url: call.url.clone(),
        body: &call.body,
        signature: None,
    };
    let key = match &rule.key {
        Some(key) => {
            let key = key.text(&values).unwrap_or_default();
            rule.key_encoding
                .decode(&key)
                .ok_or("the key is not in its form; copy it again, the whole of it")?
        }
        None => Vec::new(),
    };
    let signed = rule.sign.fill(&values).ok_or("what is signed has no value; check the settings")?;
    values.signature = Some(rule.encoding.encode(&rule.algorithm.compute(&key, signed.as_bytes())));
    put_headers(&mut call.headers, &rule.headers, &values)?;
    append_query(&mut call.url, &rule.query, &values);
    call.signature = values.signature;
    Ok(())
}
