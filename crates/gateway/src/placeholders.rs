//! Placeholders that stand for secrets while a request is made, and are then replaced by the secrets' names.

use crate::{Field, Preview, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The placeholders of one preview: what was put in, and the name of what it stands for.
pub(crate) struct Placeholders(Vec<(String, String)>);

impl Placeholders {
    /// The same settings with a placeholder instead of each secret that has a value.
    pub fn instead_of_secrets(fields: &[Field], settings: &Settings) -> (Self, Settings) {
        let mut put = Vec::new();
        let replaced = settings.map_secrets(fields, |_, name, max| {
            let placeholder = placeholder(max);
            put.push((placeholder.clone(), name.to_owned()));
            placeholder
        });
        (Self(put), replaced)
    }

    /// Writes the secrets' names where the placeholders are, and where something was computed from them.
    pub fn name_in(&self, preview: &mut Preview) {
        let computed = std::mem::take(&mut preview.computed);
        let name = |text: &mut String| {
            for (found, called) in &computed {
                *text = replace(text, found, called);
            }
            for (placeholder, name) in &self.0 {
                *text = replace(text, placeholder, name);
            }
        };
        for request in &mut preview.requests {
            name(&mut request.url);
            name(&mut request.body);
            for header in &mut request.headers {
                if let Some(credentials) = self.basic(&header.value) {
                    header.value = credentials;
                }
                name(&mut header.value);
            }
        }
        for pdu in &mut preview.pdus {
            pdu.fields.iter_mut().for_each(|field| name(&mut field.value));
        }
    }

    /// What Basic credentials (RFC 7617) are made of, where a placeholder is in them.
    fn basic(&self, header: &str) -> Option<String> {
        let octets = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let credentials = String::from_utf8(octets).ok()?;
        let has_secret = self.0.iter().any(|(placeholder, _)| credentials.contains(placeholder.as_str()));
        has_secret.then(|| format!("Basic base64({credentials})"))
    }
}

/// A text with a name instead of `found`, also where it is percent-encoded.
fn replace(text: &str, found: &str, name: &str) -> String {
    if found.is_empty() {
        return text.to_owned();
    }
    let mut form = crate::http::Form::after("", crate::http::Space::Percent);
    form.push("", found);
    let encoded = form.finish().split_off(1);
    let shown = format!("‹{name}›");
    text.replace(found, &shown).replace(&encoded, &shown)
}

/// A text that nobody else writes: 32 random digits, or as many as fit. Digits, because every encoder leaves them as they are, and because they are
/// also valid hexadecimal and Base64, as keys of signatures have to be.
pub(crate) fn placeholder(most: usize) -> String {
    let mut octets = [0; 32];
    // Without randomness a text of 32 zeros would be taken for a secret: nothing worse.
    let _ = getrandom::fill(&mut octets);
    // Of Base64, four make a group.
    let count = if most < octets.len() { (most / 4 * 4).max(4) } else { octets.len() };
    octets.iter().take(count).map(|octet| char::from(b'0' + octet % 10)).collect()
}
