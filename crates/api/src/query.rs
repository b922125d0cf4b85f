//! Parameters of a request's query.

use crate::access::ACT_FOR_QUERY;
use crate::problem::ProblemDetails;
use crate::routes::Parameter;
use crate::shape::{Shape, shortened};
use crate::state::Door;
use crate::time::{GIVEN, Given};
use axum::extract::Query;
use http::Uri;
use textgate_gateway::Problem;
use textgate_sms::MessageId;

/// Most parameters that are looked at.
const MOST: usize = 100;

/// A parameter in the query.
pub(crate) const fn query(name: &'static str, shape: Shape, about: &'static str) -> Parameter {
    Parameter { name, is_header: false, shape, about }
}

/// Has each parameter read by `set`, which says what is wrong with it; the last of the known ones is whichever is none of the others.
/// One that is unknown or twice there is a problem: it would silently answer another question.
///
/// # Errors
/// All problems, each at its parameter.
pub(crate) fn read(
    uri: &Uri,
    known: &[Parameter],
    door: Door,
    mut set: impl FnMut(&str, String) -> Result<(), String>,
) -> Result<(), ProblemDetails> {
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return Err(ProblemDetails::invalid_field("", "the query is not form-urlencoded"));
    };
    let (mut problems, mut seen) = (Vec::new(), Vec::new());
    for (name, value) in pairs.into_iter().take(MOST) {
        if door == Door::Control && name == ACT_FOR_QUERY {
            continue;
        }
        let outcome = if !known.iter().any(|parameter| parameter.name == name) {
            Err(unknown(known))
        } else if seen.contains(&name) {
            Err("give this parameter once".to_owned())
        } else {
            set(&name, value)
        };
        if let Err(message) = outcome {
            problems.push(Problem::new(shortened(&name), message));
        }
        seen.push(name);
    }
    if problems.is_empty() { Ok(()) } else { Err(ProblemDetails::invalid(problems)) }
}

fn unknown(known: &[Parameter]) -> String {
    let names: Vec<&str> = known.iter().map(|parameter| parameter.name).collect();
    match names.as_slice() {
        [] => "this address takes no parameters".to_owned(),
        names => format!("there is no such parameter; the parameters are {}", names.join(", ")),
    }
}

/// Yes or no.
pub(crate) fn yes_or_no(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "choose true or false".to_owned())
}

/// Where a page begins, as the page before told it.
pub(crate) fn cursor(value: &str) -> Result<MessageId, String> {
    MessageId::parse(value).ok_or_else(|| "pass the next of the page before".to_owned())
}

/// A count from 1 to `most`.
pub(crate) fn limit(value: &str, most: usize) -> Result<usize, String> {
    match value.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(format!("enter a whole number from 1 to {most}")),
    }
}

/// A moment (Unix time, ms).
pub(crate) fn time(value: &str) -> Result<i64, String> {
    Given::parse(value).map(|time| time.0).ok_or_else(|| GIVEN.to_owned())
}
