//! Several messages in one request: the check of a file's rule, and what the answer means for each of them.

use super::answer::{Reading, is_success_status};
use super::check::{Wrong, pointer};
use super::extract::{Document, Places};
use super::file::ProviderFile;
use super::template::{Name, Phase, Word};
use crate::http::{self, Answer};
use crate::{Outcome, Submission};
use serde_json::Value;
use textgate_sms::OutcomeClass::{Refused, Rejected, Uncertain};

/// Most entries that are looked at for each message.
const MOST_ENTRIES: usize = 4;

/// The outcome of each message, in their order; `None` where the provider refused the request as a whole.
///
/// A message's outcome is only ever taken from its own entries. Where there are none in an answer that says yes, nobody knows
/// whether it was taken.
pub(super) fn outcomes(
    file: &ProviderFile,
    answer: &Answer,
    batch: &[Box<Submission>],
) -> Option<Vec<Outcome>> {
    let rule = file.batch.as_ref()?.get_ref();
    let document = Document::new(&answer.headers, &answer.body);
    let each = rule.each.as_ref().or(file.answer.each.as_ref())?.get_ref();
    let items = document.list(each, batch.len() * MOST_ENTRIES);
    let reading = Reading { file, answer, document: &document, is_shared: true };
    let status = answer.status.as_u16();
    if !is_success_status(&file.answer, status) || items.is_empty() {
        let whole = reading.refusal(None);
        return match whole.class {
            // The table knows it, or the status says it: nothing was taken.
            Refused | Rejected if !answer.status.is_success() || reading.error_row(None).is_some() => None,
            Refused | Rejected => Some(vec![unknown(status); batch.len()]),
            _ => Some(vec![whole; batch.len()]),
        };
    }
    let is_in_order = rule.to.is_none() && rule.id.is_none() && items.len() == batch.len();
    let has = |places: &Option<Places>, item: &Value, is_own: &dyn Fn(&str) -> bool| {
        let found = places.as_ref().and_then(|places| document.find(places, Some(item)));
        found.is_some_and(|found| is_own(&found))
    };
    let outcome = |(index, submission): (usize, &Submission)| {
        let (to, id) = (submission.to.to_string(), submission.id.to_string());
        let is_to = |found: &str| digits(found) == to;
        let is_id = |found: &str| found.eq_ignore_ascii_case(&id);
        let own: Vec<Option<&Value>> = match is_in_order {
            true => items.get(index).map(|item| Some(*item)).into_iter().collect(),
            false => items
                .iter()
                .filter(|item| has(&rule.to, item, &is_to) || has(&rule.id, item, &is_id))
                .map(|item| Some(*item))
                .collect(),
        };
        if own.is_empty() {
            return unknown(status);
        }
        let segments = http::plan(&submission.text).map_or(1, |plan| plan.segments);
        reading.outcome(&own, submission.id, segments)
    };
    Some(batch.iter().map(|submission| &**submission).enumerate().map(outcome).collect())
}

fn unknown(status: u16) -> Outcome {
    Outcome::failed(Uncertain, format!("HTTP {status}: the answer does not say what became of this message"))
}

/// A number as providers write it: with `+`, `00`, or neither.
fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').to_owned()
}

/// A batch's list is there, and nothing beside it belongs to one message only.
pub(super) fn check(file: &ProviderFile) -> Result<(), Wrong> {
    let Some(spanned) = &file.batch else { return Ok(()) };
    let (at, rule) = (spanned.span().start, spanned.get_ref());
    if !(2..=1_000).contains(&rule.most) {
        return Err((at, "batch.most is 2 to 1000".into()));
    }
    if rule.to.is_some() && rule.id.is_some() {
        return Err((at, "a batch has `to`, `id`, or neither".into()));
    }
    match rule.each.as_ref().or(file.answer.each.as_ref()) {
        Some(each) => pointer(each)?,
        None => {
            return Err((at, "a batch needs answer.each, which says where each message's answer is".into()));
        }
    }
    let mut places = rule.to.iter().chain(&rule.id).chain(&file.answer.id);
    if places.any(Places::any_in_whole_body) || file.answer.success.iter().any(|c| c.at.any_in_whole_body()) {
        return Err((
            at,
            "in a batch, ids and successes are read from each message's entry, not from the body".into(),
        ));
    }
    let send = rule.request.as_ref().unwrap_or(file.send.get_ref());
    let mut beside: Vec<&Name> = send.url.names().collect();
    for (_, node) in send.query.0.iter().chain(&send.headers.0) {
        node.each_name(&mut |name, _| beside.push(name));
    }
    let json = send.json.as_ref();
    if !json.is_some_and(|json| json.each_name_beside(rule.list.get_ref(), &mut |name, _| beside.push(name)))
    {
        return Err((
            rule.list.span().start,
            "batch.list is a list of one entry in the JSON of `send`, or of batch.request".into(),
        ));
    }
    let is_of_one = |name: &&&Name| !name.is_in(Phase::Account) && **name != &Name::Word(Word::Callback);
    match beside.iter().find(is_of_one) {
        Some(name) => Err((
            rule.list.span().start,
            format!("{{{name}}} stands beside batch.list, but belongs to one message"),
        )),
        None => Ok(()),
    }
}
