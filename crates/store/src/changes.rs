//! Decisions about changes of the directory, and what the audit log says of them: the same in every store.
//!
//! A decision that says no says it in words for whoever asked.

use crate::{
    AlertEntry, AlertEntryKind, Allocation, Difference, NewGateway, NewUser, OtpTemplate, Role, SmsSettings,
    UserRecord, WebhookKind, WebhookRecord,
};
use serde_json::{Map, Value, json};

/// The number that [`Role::Full`] is stored as.
const ROLE_FULL: u8 = 0;

/// The number a role is stored as.
pub(crate) fn role_code(role: Role) -> u8 {
    match role {
        Role::Full => ROLE_FULL,
        Role::Send => 1,
    }
}

/// The role of a stored number.
pub(crate) fn role_of(code: u8) -> Role {
    if code == ROLE_FULL { Role::Full } else { Role::Send }
}

/// A virtual server's name as a person knows it.
pub(crate) fn called(name: &str) -> String {
    if name.is_empty() { "the root".to_owned() } else { format!("virtual server \"{name}\"") }
}

/// What a change of a few values shows.
pub(crate) fn from_to(before: Value, after: Value) -> Difference {
    Difference { before, after }
}

/// What an API key shows.
pub(crate) fn shown_key(role: Role, rate: Option<u32>) -> Value {
    json!({"role": role, "rate": rate, "secret": "set"})
}

/// Whether these gateways may stand in place of those `before` (number and name): each keeps its number by its name, and one that is
/// new has a number that was never used, from `next` on. Answers the next one that was never used.
pub(crate) fn gateways(before: &[(u32, String)], next: i64, gateways: &[NewGateway]) -> Result<i64, String> {
    let first_new = next;
    let mut next = next;
    for (position, gateway) in gateways.iter().enumerate() {
        let name = &gateway.name;
        if gateways.iter().take(position).any(|other| other.name == *name) {
            return Err(format!("two gateways are called \"{name}\": give each a name of its own"));
        }
        let is_right = match before.iter().find(|(_, old)| old == name) {
            Some((id, _)) => *id == gateway.id.0,
            None => {
                i64::from(gateway.id.0) >= first_new
                    && !gateways.iter().take(position).any(|other| other.id == gateway.id)
            }
        };
        if !is_right {
            return Err(format!("the number of gateway \"{name}\" belongs to another gateway: try again"));
        }
        next = next.max(i64::from(gateway.id.0) + 1);
    }
    Ok(next)
}

/// What the log says of settings that were put.
pub(crate) fn settings_were_put(vs_name: &str, settings: &SmsSettings, gateways: &[NewGateway]) -> String {
    let mode = if settings.is_custom { "Custom" } else { "Default" };
    let names: Vec<&str> = gateways.iter().map(|gateway| gateway.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("put the SMS settings of {}: mode {mode}, gateways {names}", called(vs_name))
}

/// What the log says of settings of the passcode service; `before` as they were stored.
pub(crate) fn otp_settings_were_put(
    vs_name: &str,
    before: Option<&str>,
    settings: &Value,
) -> (String, Difference) {
    let before = before.and_then(|before| serde_json::from_str(before).ok()).unwrap_or_default();
    (format!("put the passcode settings of {}", called(vs_name)), members_that_differ(&before, settings))
}

/// Of two objects, what is other, by its name.
fn members_that_differ(before: &Value, after: &Value) -> Difference {
    let empty = Map::new();
    let (old, new) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let (mut from, mut to) = (Map::new(), Map::new());
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let (was, is) = (old.get(name), new.get(name));
        if was != is {
            from.insert(name.clone(), was.cloned().unwrap_or_default());
            to.insert(name.clone(), is.cloned().unwrap_or_default());
        }
    }
    from_to(from.into(), to.into())
}

/// What the log says of a template of passcodes' texts, whose text was this before.
pub(crate) fn otp_template_was_put(
    vs_name: &str,
    before: Option<&str>,
    template: &OtpTemplate,
) -> (String, Difference) {
    let OtpTemplate { purpose, locale, text, .. } = template;
    let verb = if before.is_some() { "changed" } else { "added" };
    let before = before.map_or(Value::Null, |before| json!({"text": before}));
    let action = format!("{verb} passcode template \"{purpose}\" ({locale}) of {}", called(vs_name));
    (action, from_to(before, json!({"text": text})))
}

/// What the log says of a template that was removed, or that there was none.
pub(crate) fn otp_template_was_removed(
    vs_name: &str,
    purpose: &str,
    locale: &str,
    before: Option<&str>,
) -> Result<(String, Difference), String> {
    let of = called(vs_name);
    let Some(before) = before else {
        return Err(format!("{of} has no passcode template \"{purpose}\" ({locale})"));
    };
    let action = format!("removed passcode template \"{purpose}\" ({locale}) of {of}");
    Ok((action, from_to(json!({"text": before}), Value::Null)))
}

/// What the log says of the fraud guard's rules.
pub(crate) fn guard_rules_were_put(vs_name: &str, has_any: bool) -> String {
    let verb = if has_any { "put" } else { "removed" };
    format!("{verb} the fraud guard's rules of {}", called(vs_name))
}

/// What is allocated after a change of what was allocated `before`, of which so much is used.
pub(crate) fn allocated(
    vs_name: &str,
    before: i64,
    used: i64,
    allocation: Allocation,
) -> Result<i64, String> {
    let after = match allocation {
        Allocation::Total(total) => i64::try_from(total).ok(),
        Allocation::Add(change) => before.checked_add(change),
    };
    let Some(after) = after else {
        return Err("that is more credits than can be counted".to_owned());
    };
    if after < used {
        return Err(format!(
            "{} has used {used} of its {before} credits, so no fewer than {used} can stay allocated",
            called(vs_name)
        ));
    }
    Ok(after)
}

/// Whether a change of a user ends all of its sessions.
pub(crate) fn ends_sessions(before: &UserRecord, after: &NewUser) -> bool {
    (before.vs, before.role, &before.password) != (after.vs, after.role, &after.password)
}

/// What of a user is other than before, without secrets.
pub(crate) fn difference(before: Option<&UserRecord>, after: Option<&NewUser>) -> Difference {
    let before_all = before.cloned().map(NewUser::from);
    let (mut from, mut to) = (Map::new(), Map::new());
    let both = (before_all.as_ref(), after);
    let mut add = |name: &str, read: &dyn Fn(&NewUser) -> Value, is_changed: bool| {
        let (old, new) = (both.0.map(read), both.1.map(read));
        let hidden = is_changed && old == new && old.is_some();
        if old == new && !hidden {
            return;
        }
        if let Some(old) = old {
            from.insert(name.to_owned(), old);
        }
        if let Some(new) = new {
            to.insert(name.to_owned(), if hidden { json!("changed") } else { new });
        }
    };
    let set = |is_set: bool| json!(if is_set { "set" } else { "not set" });
    let other =
        |differs: fn(&NewUser, &NewUser) -> bool| both.0.zip(both.1).is_some_and(|(a, b)| differs(a, b));
    add("name", &|user| json!(user.name), false);
    add("virtual_server", &|user| json!(user.vs.0), false);
    add("role", &|user| json!(user.role.name()), false);
    add("password", &|user| set(user.password.is_some()), other(|a, b| a.password != b.password));
    add(
        "second_factor",
        &|user| set(user.sealed_totp.is_some()),
        other(|a, b| a.sealed_totp != b.sealed_totp),
    );
    add("recovery_codes", &|user| json!(user.recovery.len()), other(|a, b| a.recovery != b.recovery));
    add("invitation", &|user| set(user.invitation.is_some()), other(|a, b| a.invitation != b.invitation));
    add("issuer", &|user| json!(user.external.as_ref().map(|it| &it.issuer)), false);
    add("subject", &|user| json!(user.external.as_ref().map(|it| &it.subject)), false);
    let value =
        |map: Map<String, Value>, is_there: bool| if is_there { Value::Object(map) } else { Value::Null };
    Difference { before: value(from, before.is_some()), after: value(to, after.is_some()) }
}

/// What the audit log shows of a webhook endpoint. Its path may be a secret.
fn shown_webhook(webhook: &WebhookRecord) -> Value {
    let events: Vec<&str> = webhook.kinds.iter().map(WebhookKind::name).collect();
    json!({
        "host": webhook.host(), "events": events, "texts": webhook.has_texts, "status": webhook.status.name(),
        "secret": "set",
    })
}

/// Whether this endpoint may stand in place of the one `before`, or is new under a number that was never used, from `next` on. Answers
/// what was done, and what the audit log shows of it.
pub(crate) fn webhook_was_put(
    before: Option<&WebhookRecord>,
    next: i64,
    webhook: &WebhookRecord,
) -> Result<(String, Difference), String> {
    match before {
        Some(before) if before.vs != webhook.vs => {
            return Err("this endpoint belongs to another virtual server".to_owned());
        }
        None if i64::from(webhook.id) < next => {
            return Err(format!("the number {} was given to another endpoint: try again", webhook.id));
        }
        _ => {}
    }
    let verb = if before.is_some() { "changed" } else { "added" };
    let mut after = shown_webhook(webhook);
    if before.is_some_and(|before| before.sealed_secret != webhook.sealed_secret) {
        after["secret"] = json!("changed");
    }
    if before.is_some_and(|before| before.url != webhook.url && before.host() == webhook.host()) {
        after["path"] = json!("changed");
    }
    let difference = from_to(before.map_or(Value::Null, shown_webhook), after);
    Ok((format!("{verb} webhook {} at {}", webhook.id, webhook.host()), difference))
}

/// What was done where an endpoint is removed, or the conflict that it is not there.
pub(crate) fn webhook_was_removed(
    id: u32,
    before: Option<&WebhookRecord>,
) -> Result<(String, Difference), String> {
    match before {
        Some(before) => Ok((
            format!("removed webhook {id} at {}", before.host()),
            from_to(shown_webhook(before), Value::Null),
        )),
        None => Err(format!("there is no webhook {id}: it was removed, or never made")),
    }
}

/// What was done where something is set for alerts.
pub(crate) fn alert_entry_was_put(entry: &AlertEntry, is_there: bool) -> String {
    let verb = if is_there { "changed" } else { "added" };
    format!("{verb} {}", called_entry(entry.kind, &entry.name))
}

/// What was done where something that was set for alerts is removed, or the conflict that it is not there.
pub(crate) fn alert_entry_was_removed(
    kind: AlertEntryKind,
    name: &str,
    is_there: bool,
) -> Result<String, String> {
    let called = called_entry(kind, name);
    if is_there { Ok(format!("removed {called}")) } else { Err(format!("there is no {called}")) }
}

fn called_entry(kind: AlertEntryKind, name: &str) -> String {
    match name {
        "" => format!("the {}", kind.name()),
        name => format!("{} \"{name}\"", kind.name()),
    }
}
