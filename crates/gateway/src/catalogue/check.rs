//! What a file's types cannot say: names that must exist, what stands where, and features that must be true.

use super::batch;
use super::body::is_xml_name;
use super::file::{Auth, Feature, FieldKindFile, ProviderFile, Request, Scheme};
use super::node::{Entries, Node};
use super::request::is_address;
use super::template::{Name, Part, Phase, Template, Word};
use crate::{Field, validate};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Where, and what is wrong.
pub(super) type Wrong = (usize, String);

/// Checks a file that was parsed; `stem` is its name without the ending.
pub(super) fn check(file: &ProviderFile, fields: &[Field], stem: &str) -> Result<(), Wrong> {
    head(file, stem)?;
    check_fields(file, fields)?;
    let mut used = Vec::new();
    let check = &mut |name: &Name, at: usize, phase: Phase| -> Result<(), Wrong> {
        if let Name::Setting(setting) = name
            && setting != "receipts" // whether receipts are wanted; the proxy's settings are nobody's business
            && !file.field.iter().any(|field| field.get_ref().name == *setting)
        {
            return Err((at, format!("there is no field {setting:?}; add it, or correct the name")));
        }
        if !name.is_in(phase) {
            return Err((at, format!("{{{name}}} has no value here; see the list in catalogue/README.md")));
        }
        used.push(name.clone());
        Ok(())
    };
    if let Some(host) = &file.host {
        node(host, 0, Phase::Account, check)?;
    }
    request(file, file.send.get_ref(), file.send.span().start, Phase::Message, check)?;
    if let Some(batch) = &file.batch
        && let Some(own) = &batch.get_ref().request
    {
        request(file, own, batch.span().start, Phase::Message, check)?;
    }
    if let Some(balance) = &file.balance {
        request(file, &balance.get_ref().request, balance.span().start, Phase::Account, check)?;
    }
    auth(file, check)?;
    receipt(file, check)?;
    inbound(file)?;
    for row in &file.error {
        let (at, row) = (row.span().start, row.get_ref());
        if row.status.is_empty() && row.code.is_empty() && row.matches.is_none() {
            return Err((at, "an error has a status, a code or matches".into()));
        }
        if !row.code.is_empty() && file.answer.code.is_none() {
            return Err((at, "an error by its code needs answer.code, which says where the code is".into()));
        }
    }
    if let Some(each) = &file.answer.each {
        pointer(each)?;
    }
    batch::check(file)?;
    features(file, &used)
}

fn head(file: &ProviderFile, stem: &str) -> Result<(), Wrong> {
    let (at, name) = (file.name.span().start, file.name.get_ref());
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err((at, "a name has lower-case letters, digits and hyphens".into()));
    }
    if name != stem {
        return Err((
            at,
            format!("the file is called {stem}.toml; call it {name}.toml, or the provider {stem:?}"),
        ));
    }
    if ["smpp", "generic-http", "modem"].contains(&name.as_str()) {
        return Err((at, "there is a plugin of this name; choose another".into()));
    }
    if file.label.trim().is_empty() {
        return Err((at, "the label is blank".into()));
    }
    for url in [&file.site, &file.documentation] {
        if !url.get_ref().starts_with("https://") && !url.get_ref().starts_with("http://") {
            return Err((url.span().start, "begin the address with https://".into()));
        }
    }
    for source in &file.source {
        let read = &source.get_ref().read;
        let digits = read
            .bytes()
            .enumerate()
            .all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
        if read.len() != 10 || !digits {
            return Err((source.span().start, "`read` is a date such as 2026-11-24".into()));
        }
    }
    if file.source.is_empty() && file.experimental.is_none() {
        return Err((at, "name a [[source]], or say with `experimental` why there is none".into()));
    }
    Ok(())
}

fn check_fields(file: &ProviderFile, fields: &[Field]) -> Result<(), Wrong> {
    let mut names = HashSet::new();
    for field in fields {
        if !names.insert(&*field.name) {
            let spanned = file.field.iter().find(|f| f.get_ref().name == *field.name);
            let at = spanned.map_or(0, |f| f.span().start);
            return Err((
                at,
                format!("there is a field {:?} already, perhaps one that all providers have", field.name),
            ));
        }
    }
    for (spanned, field) in file.field.iter().zip(fields) {
        let (at, own) = (spanned.span().start, spanned.get_ref());
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if own.name.is_empty() || !own.name.chars().all(is_plain) {
            return Err((at, "a field's name has lower-case letters, digits and _".into()));
        }
        if own.label.trim().is_empty() || own.help.trim().is_empty() {
            return Err((at, "a field has a label, and a sentence of help".into()));
        }
        if (own.kind == FieldKindFile::Choice) == own.choices.is_empty() {
            return Err((at, "a choice has choices, and nothing else has".into()));
        }
        if let Some(condition) = &own.shown_when {
            if !file.field.iter().any(|f| f.get_ref().name == condition.field) {
                return Err((at, format!("shown_when: there is no field {:?}", condition.field)));
            }
            if condition.is.is_empty() {
                return Err((at, "shown_when: say which values".into()));
            }
        }
        if field.default != Value::Null {
            let alone = Field { shown_when: None, required: false, ..field.clone() };
            let given = json!({ own.name.clone(): field.default });
            if let Err(problems) = validate(&[alone], &given) {
                let problem = problems.first().map(|p| p.message.clone()).unwrap_or_default();
                return Err((at, format!("default: {problem}")));
            }
        }
    }
    if let Some(rule) = &file.sender
        && !file.field.iter().any(|field| field.get_ref().name == *rule.setting.get_ref())
    {
        return Err((rule.setting.span().start, format!("there is no field {:?}", rule.setting.get_ref())));
    }
    Ok(())
}

type Check<'a> = &'a mut dyn FnMut(&Name, usize, Phase) -> Result<(), Wrong>;

fn node(node: &Node, at: usize, phase: Phase, check: Check<'_>) -> Result<(), Wrong> {
    let mut result = Ok(());
    node.each_name(&mut |name, own| {
        if result.is_ok() {
            result = check(name, if own > 0 { own } else { at }, phase);
        }
    });
    result
}

fn template(template: &Template, phase: Phase, check: Check<'_>) -> Result<(), Wrong> {
    template.names().try_for_each(|name| check(name, template.at, phase))
}

fn entries(entries: &Entries, at: usize, phase: Phase, check: Check<'_>) -> Result<(), Wrong> {
    entries.0.iter().try_for_each(|(_, entry)| node(entry, at, phase, check))
}

fn headers(found: &Entries, at: usize, phase: Phase, check: Check<'_>) -> Result<(), Wrong> {
    for (name, _) in &found.0 {
        if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err((at, format!("{name:?} is no header's name")));
        }
    }
    entries(found, at, phase, check)
}

fn request(
    file: &ProviderFile,
    request: &Request,
    at: usize,
    phase: Phase,
    check: Check<'_>,
) -> Result<(), Wrong> {
    url(file, &request.url, phase, check)?;
    entries(&request.query, at, phase, check)?;
    headers(&request.headers, at, phase, check)?;
    let bodies = [request.form.is_some(), request.json.is_some(), request.xml.is_some()];
    if bodies.iter().filter(|is| **is).count() > 1 {
        return Err((at, "a request has one body: form, json or xml".into()));
    }
    if let Some(form) = &request.form {
        entries(form, at, phase, check)?;
    }
    if let Some(json) = &request.json {
        node(json, at, phase, check)?;
    }
    if let Some(xml) = &request.xml {
        node(xml, at, phase, check)?;
        if !matches!(xml, Node::Object(roots) if roots.len() == 1) {
            return Err((at, "XML has one element at its root".into()));
        }
        xml_names(xml, at)?;
    }
    Ok(())
}

fn xml_names(node: &Node, at: usize) -> Result<(), Wrong> {
    match node {
        Node::Object(entries) => entries.iter().try_for_each(|(name, entry)| {
            if name != "#text" && !is_xml_name(name) {
                return Err((at, format!("{name:?} is no name in XML")));
            }
            xml_names(entry, at)
        }),
        Node::List(nodes) => nodes.iter().try_for_each(|node| xml_names(node, at)),
        Node::Chosen(chosen) => {
            xml_names(&chosen.is, chosen.at)?;
            chosen.otherwise.iter().try_for_each(|node| xml_names(node, chosen.at))
        }
        Node::Fixed(_) | Node::Text(_) => Ok(()),
    }
}

fn url(file: &ProviderFile, url: &Template, phase: Phase, check: Check<'_>) -> Result<(), Wrong> {
    template(url, phase, check)?;
    let kind = |name: &Name| match name {
        Name::Setting(setting) => {
            file.field.iter().find(|f| f.get_ref().name == *setting).map(|f| f.get_ref().kind)
        }
        _ => None,
    };
    let is_right = match url.parts.as_slice() {
        [Part::Fixed(text), ..] if text.starts_with("https://") => true,
        [Part::Place(name), ..] => kind(name) == Some(FieldKindFile::Url),
        _ => false,
    };
    if !is_right {
        return Err((url.at, "a URL begins with https://, or with a setting of kind `url`".into()));
    }
    let mut before = String::new();
    for part in &url.parts {
        match part {
            Part::Fixed(text) => before.push_str(text),
            Part::Place(name) => {
                if is_address(name, &before)
                    && let Name::Setting(setting) = name
                    && !matches!(kind(name), Some(FieldKindFile::Url | FieldKindFile::Host))
                {
                    return Err((
                        url.at,
                        format!("the setting {setting:?} is a host here: its kind must be `host`"),
                    ));
                }
                if *name == Name::Word(Word::Host) && file.host.is_none() {
                    return Err((url.at, "{host} needs `host`, which chooses it".into()));
                }
                before.push('x');
            }
        }
    }
    Ok(())
}

fn auth(file: &ProviderFile, check: Check<'_>) -> Result<(), Wrong> {
    let Some(auth) = &file.auth else { return Ok(()) };
    let at = file.send.span().start;
    let account = Phase::Account;
    match auth {
        Auth::Basic { username, password } => {
            node(username, at, account, check)?;
            node(password, at, account, check)
        }
        Auth::Bearer { token } => node(token, at, account, check),
        Auth::Oauth2(oauth) => {
            url(file, &oauth.url, account, check)?;
            node(&oauth.client_id, at, account, check)?;
            node(&oauth.client_secret, at, account, check)?;
            oauth.scope.iter().try_for_each(|scope| node(scope, at, account, check))
        }
        Auth::Signature(rule) => {
            template(&rule.sign, Phase::Signing, check)?;
            rule.key.iter().try_for_each(|key| node(key, at, account, check))?;
            headers(&rule.headers, at, Phase::Signing, check)?;
            entries(&rule.query, at, Phase::Signing, check)
        }
        Auth::Sigv4(rule) => {
            for value in [&rule.region, &rule.access_key_id, &rule.secret_access_key] {
                node(value, at, account, check)?;
            }
            rule.session_token.iter().try_for_each(|token| node(token, at, account, check))
        }
    }
}

fn receipt(file: &ProviderFile, check: Check<'_>) -> Result<(), Wrong> {
    let Some(spanned) = &file.receipt else { return Ok(()) };
    let (at, rule) = (spanned.span().start, spanned.get_ref());
    if let Some(each) = &rule.each {
        pointer(each)?;
        // With a thousand receipts in a call, it would be searched a thousand times.
        let places = [Some(&rule.id), Some(&rule.status), rule.to.as_ref(), rule.code.as_ref()];
        if places.into_iter().flatten().any(|places| places.any_in_whole_body()) {
            return Err((
                at,
                "with receipt.each, what is read is in the JSON of each entry, not in the body".into(),
            ));
        }
    }
    let states = rule.states.get_ref();
    if states.delivered.is_empty() {
        return Err((rule.states.span().start, "say which statuses mean delivered".into()));
    }
    let all = [&states.delivered, &states.undelivered, &states.expired, &states.rejected, &states.pending];
    let mut seen = HashSet::new();
    for status in all.into_iter().flatten() {
        if !seen.insert(status.to_ascii_lowercase()) {
            return Err((rule.states.span().start, format!("the status {status:?} is there twice")));
        }
    }
    if !(200..=599).contains(&rule.answer.status) {
        return Err((at, "receipt.answer.status is an HTTP status".into()));
    }
    if let Some(envelope) = &rule.envelope {
        envelope.topic.iter().try_for_each(|topic| node(topic, at, Phase::Account, check))?;
        if rule.signature.is_some() {
            return Err((at, "a call is signed by its envelope or by itself; remove one of them".into()));
        }
    }
    if let Some(signature) = &rule.signature {
        node(&signature.key, at, Phase::Account, check)?;
        match (&signature.sign, signature.scheme) {
            (Some(sign), _) => template(sign, Phase::Incoming, check)?,
            (None, Scheme::JwtHs256 | Scheme::Secret) => {}
            (None, _) => return Err((at, "receipt.signature.sign says what is signed".into())),
        }
    }
    for handshake in &rule.handshake {
        if handshake.when.is_empty() {
            return Err((at, "a handshake has a condition".into()));
        }
        node(&handshake.json, at, Phase::Incoming, check)?;
    }
    Ok(())
}

fn inbound(file: &ProviderFile) -> Result<(), Wrong> {
    let Some(spanned) = &file.inbound else { return Ok(()) };
    let (at, rule) = (spanned.span().start, spanned.get_ref());
    if rule.setup.trim().is_empty() {
        return Err((at, "say with `setup` how the provider gets the address".into()));
    }
    if rule.when.is_empty() {
        return Err((at, "inbound.when says what tells a message of a phone from a receipt".into()));
    }
    if let Some(each) = &rule.each {
        pointer(each)?;
        if rule.places().any(|places| places.any_in_whole_body()) {
            return Err((
                at,
                "with inbound.each, what is read is in the JSON of each entry, not in the body".into(),
            ));
        }
    }
    if rule.answer.as_ref().is_some_and(|answer| !(200..=599).contains(&answer.status)) {
        return Err((at, "inbound.answer.status is an HTTP status".into()));
    }
    Ok(())
}

pub(super) fn pointer(each: &toml::Spanned<String>) -> Result<(), Wrong> {
    if each.get_ref().starts_with('/') {
        return Ok(());
    }
    Err((each.span().start, "`each` is a place in JSON: / for the whole, or /results".into()))
}

/// What a file says it can, it does; and what it does, it says.
fn features(file: &ProviderFile, used: &[Name]) -> Result<(), Wrong> {
    let uses =
        |words: &[Word]| used.iter().any(|name| matches!(name, Name::Word(word) if words.contains(word)));
    let table = [
        (Feature::Flash, "flash", uses(&[Word::Flash]), "uses {flash}"),
        (Feature::Overwrite, "overwrite", uses(&[Word::Overwrite, Word::OverwriteType]), "uses {overwrite}"),
        (
            Feature::Sender,
            "sender",
            uses(&[Word::Sender]) && file.sender.is_some(),
            "uses {sender}, with [sender]",
        ),
        (
            Feature::Validity,
            "validity",
            uses(&[Word::ValidityS, Word::ValidityMs, Word::ValidityMin, Word::ValidUntil]),
            "uses {validity_s} or one of its kin",
        ),
        (Feature::Receipts, "receipts", file.receipt.is_some(), "has [receipt]"),
        (Feature::Inbound, "inbound", file.inbound.is_some(), "has [inbound]"),
        (Feature::Balance, "balance", file.balance.is_some(), "has [balance]"),
    ];
    for (feature, name, does, how) in table {
        if file.features.get_ref().contains(&feature) != does {
            let at = file.features.span().start;
            return Err((at, format!("the feature {name:?} is there where, and only where, the file {how}")));
        }
    }
    if file.answer.own_id && !uses(&[Word::Id]) {
        return Err((file.send.span().start, "answer.own_id needs {id} in the request".into()));
    }
    let has_address = uses(&[Word::Callback]);
    match &file.receipt {
        Some(rule) if !has_address && rule.get_ref().setup.is_none() => Err((
            rule.span().start,
            "say with `setup` how the provider gets the address, or send {callback}".into(),
        )),
        None if has_address => Err((file.send.span().start, "{callback} needs [receipt]".into())),
        _ => Ok(()),
    }
}
