//! Messages of phones in a provider's call.

use super::extract::{Document, Places};
use super::file::{InboundRule, PartRule};
use crate::{CallbackError, Inbound, InboundPart};
use serde_json::Value;

/// Most messages of one call; what is beyond is refused as a whole, so that none is lost unseen.
const MOST_MESSAGES: usize = 1_000;
/// Most octets of a text.
const MOST_TEXT: usize = 65_536;
/// Most parts of one text.
const MOST_PARTS: u64 = 255;

/// The entries of a call that are messages of phones; `None` in a list stands for the whole call.
pub(super) fn items<'a>(rule: &InboundRule, document: &'a Document<'_>) -> Vec<Option<&'a Value>> {
    let all: Vec<Option<&Value>> = match &rule.each {
        None => vec![None],
        Some(each) => document.items(each.get_ref(), MOST_MESSAGES + 1).into_iter().map(Some).collect(),
    };
    all.into_iter().filter(|item| is_one(rule, document, *item)).collect()
}

/// Whether this is a message of a phone.
pub(super) fn is_one(rule: &InboundRule, document: &Document<'_>, item: Option<&Value>) -> bool {
    rule.when.iter().all(|check| check.holds(document, item))
}

/// These entries as messages.
///
/// # Errors
/// [`CallbackError::Malformed`] where none of them says anything, or there are too many.
pub(super) fn read(
    rule: &InboundRule,
    document: &Document<'_>,
    items: &[Option<&Value>],
) -> Result<Vec<Inbound>, CallbackError> {
    if items.len() > MOST_MESSAGES {
        return Err(CallbackError::Malformed);
    }
    let found: Vec<Inbound> = items.iter().filter_map(|item| one(rule, document, *item)).collect();
    if found.is_empty() { Err(CallbackError::Malformed) } else { Ok(found) }
}

fn one(rule: &InboundRule, document: &Document<'_>, item: Option<&Value>) -> Option<Inbound> {
    let find = |places: &Places| document.find(places, item);
    let from = find(&rule.from).unwrap_or_default();
    // A picture comes without one.
    let text = document.find_long(&rule.text, item, MOST_TEXT).unwrap_or_default();
    if from.is_empty() && text.is_empty() {
        return None;
    }
    let part = rule.part.as_ref().and_then(|part| part_of(part, &find));
    // Every part has an id of its own: it is told from the others by its number.
    let id = if part.is_some() { None } else { rule.id.as_ref().and_then(find) };
    Some(Inbound {
        from,
        to: rule.to.as_ref().and_then(find).unwrap_or_default(),
        text,
        part,
        id: id.map(String::into_boxed_str),
    })
}

fn part_of(rule: &PartRule, find: &impl Fn(&Places) -> Option<String>) -> Option<InboundPart> {
    let number = |places: &Places| find(places)?.parse::<u64>().ok();
    let (total, nth) = (number(&rule.total)?, number(&rule.number)?);
    if !(2..=MOST_PARTS).contains(&total) || !(1..=total).contains(&nth) {
        return None;
    }
    Some(InboundPart {
        reference: reference(&find(&rule.reference)?),
        total: u8::try_from(total).ok()?,
        number: u8::try_from(nth).ok()?,
        units: None,
    })
}

/// A reference as a number: of a longer one, what tells it from nearly all others.
fn reference(text: &str) -> u16 {
    text.parse().unwrap_or_else(|_| {
        text.bytes().fold(7_u16, |sum, octet| sum.wrapping_mul(31).wrapping_add(octet.into()))
    })
}
