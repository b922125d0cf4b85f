//! Bodies from outside: read within bounds of size and time, parsed strictly, and every problem told with its path.

use crate::problem::{ProblemDetails, ProblemType};
use crate::shape::{Object, shortened};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;
use std::time::Duration;
use textgate_gateway::Problem;

/// A body of nothing but mistakes does not get them all back.
const MOST_PROBLEMS: usize = 100;

/// Reads a JSON body of at most `limit` bytes that arrives within `time`.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    time: Duration,
) -> Result<Bytes, ProblemDetails> {
    if !is_json(headers) {
        let detail = "send the body as JSON, with Content-Type: application/json";
        return Err(ProblemDetails::new(ProblemType::UnsupportedMediaType, detail));
    }
    read_any(headers, body, limit, time).await
}

/// The same for a body of any type.
pub(crate) async fn read_any(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    time: Duration,
) -> Result<Bytes, ProblemDetails> {
    let too_large =
        || ProblemDetails::new(ProblemType::BodyTooLarge, format!("send at most {limit} bytes at once"));
    // What is announced as too long need not come at all.
    if announced(headers).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(time, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_length(error.as_ref()) => Err(too_large()),
        Ok(Err(_)) => Err(ProblemDetails::new(ProblemType::InvalidJson, "the body broke off")),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", time.as_secs().max(1));
            Err(ProblemDetails::new(ProblemType::RequestTimeout, detail))
        }
    }
}

/// The bound of [`Limited`] may come wrapped in axum's own error.
fn is_length(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LengthLimitError>())
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// JSON, or no word about it: a program that names another format is wrong about more than the header.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.get(essence.len().saturating_sub(5)..).is_some_and(|s| s.eq_ignore_ascii_case("+json"))
}

/// Parses a body that should be this object, with every problem at once.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], object: &Object) -> Result<T, ProblemDetails> {
    let mut value = checked(bytes, object)?;
    object.drop_nulls(&mut value);
    serde_json::from_value(value).map_err(|_| unexplained(object))
}

/// Why a body is not this object: for a caller who knows already that it is not.
pub(crate) fn explain(bytes: &[u8], object: &Object) -> ProblemDetails {
    checked(bytes, object).err().unwrap_or_else(|| unexplained(object))
}

/// For a difference between a description and its type, which the tests of each body keep from happening. Serde's own
/// words are not told: they may hold values.
fn unexplained(object: &Object) -> ProblemDetails {
    ProblemDetails::invalid_field("", format!("the body does not fit {}; see /openapi.json", object.name))
}

fn checked(bytes: &[u8], object: &Object) -> Result<Value, ProblemDetails> {
    let mut problems = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let tree = Tree { place: &Place::Root, problems: &mut problems };
    let value = tree
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| malformed(bytes, &error))?;
    object.check(&value, "", &mut problems);
    if problems.is_empty() {
        return Ok(value);
    }
    problems.truncate(MOST_PROBLEMS);
    Err(ProblemDetails::invalid(problems))
}

/// Where JSON breaks off. Serde's words are left out: they may quote the body.
pub(crate) fn malformed(bytes: &[u8], error: &serde_json::Error) -> ProblemDetails {
    let detail = if bytes.iter().all(u8::is_ascii_whitespace) {
        "the body is empty; send a JSON object".to_owned()
    } else if error.is_eof() {
        "the body ends before its JSON does".to_owned()
    } else {
        format!("the body is not valid JSON at line {}, column {}", error.line(), error.column())
    };
    ProblemDetails::new(ProblemType::InvalidJson, detail)
}

/// Reads any JSON into a [`Value`], and notes each key that stands twice in one object (RFC 8259 §4: what a reader makes of
/// that is not defined, so two readers may see two different messages).
struct Tree<'a> {
    place: &'a Place<'a>,
    problems: &'a mut Vec<Problem>,
}

/// Where in the body: written out only when there is something to say about it.
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Entry(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(&shortened(name)),
            Self::Field(parent, name) => write!(f, "{parent}.{}", shortened(name)),
            Self::Entry(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        loop {
            let place = Place::Entry(self.place, entries.len());
            match list.next_element_seed(Tree { place: &place, problems: self.problems })? {
                Some(entry) => entries.push(entry),
                None => return Ok(Value::Array(entries)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let place = Place::Field(self.place, &name);
            if entries.contains_key(&name) && self.problems.len() < MOST_PROBLEMS {
                let message = "this field is given twice; give it once";
                self.problems.push(Problem::new(place.to_string(), message));
            }
            let value = object.next_value_seed(Tree { place: &place, problems: self.problems })?;
            entries.insert(name, value);
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Shape, optional, required};
    use serde::Deserialize;

    static THING: Object = Object {
        name: "Thing",
        about: "",
        properties: &[required("name", Shape::Text(20), ""), optional("count", Shape::Integer(0, 255), "")],
    };

    #[derive(Deserialize)]
    struct Thing {
        name: String,
        count: Option<u8>,
    }

    fn problem(body: &str) -> Value {
        match parse::<Thing>(body.as_bytes(), &THING) {
            Ok(_) => panic!("{body} was taken"),
            Err(problem) => problem.to_json(),
        }
    }

    #[test]
    fn a_body_that_fits_is_parsed() {
        let thing: Thing = parse(br#" {"name":"a \u00e4","count":3} "#, &THING).ok().unwrap();
        assert_eq!((thing.name.as_str(), thing.count), ("a ä", Some(3)));
    }

    #[test]
    fn broken_json_is_told_by_its_place_and_never_quoted() {
        assert_eq!(problem("")["detail"], "the body is empty; send a JSON object");
        assert_eq!(problem(r#"{"name":"secret"#)["detail"], "the body ends before its JSON does");
        let garbage = problem("{\"name\":\n secret}");
        assert_eq!(garbage["type"], "/problems/invalid-json");
        assert_eq!(garbage["detail"], "the body is not valid JSON at line 2, column 2");
        assert_eq!(problem(r#"{"name":"a"} {}"#)["type"], "/problems/invalid-json");
        assert_eq!(problem("{\"name\":\"\u{1}\"}")["type"], "/problems/invalid-json");
    }

    #[test]
    fn a_field_given_twice_is_named() {
        let json = problem(r#"{"name":"a","name":"b"}"#);
        assert_eq!(json["errors"][0]["path"], "name");
        assert!(!json.to_string().contains("\"b\""));
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let body = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
        assert_eq!(problem(&body)["type"], "/problems/invalid-json");
    }

    #[test]
    fn a_flood_of_problems_is_cut_off() {
        let fields: Vec<String> = (0..5_000).map(|n| format!("\"f{n}\":1")).collect();
        let json = problem(&format!("{{{}}}", fields.join(",")));
        assert_eq!(json["errors"].as_array().map(Vec::len), Some(MOST_PROBLEMS));
    }

    #[test]
    fn only_json_is_taken_as_json() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(value));
            is_json(&headers)
        };
        assert!(is_json(&HeaderMap::new()));
        assert!(with("application/json") && with("Application/JSON; charset=utf-8"));
        assert!(with("application/vnd.textgate+json"));
        assert!(!with("application/x-www-form-urlencoded") && !with("text/plain") && !with(""));
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut_off_at_its_bound() {
        let stream = Body::new(http_body_util::Full::new(Bytes::from(vec![b' '; 101])));
        let answer = read(&HeaderMap::new(), stream, 100, Duration::from_secs(9)).await;
        assert_eq!(answer.unwrap_err().status(), 413);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        struct Never;
        impl hyper::body::Body for Never {
            type Data = Bytes;
            type Error = std::convert::Infallible;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
                std::task::Poll::Pending
            }
        }
        let answer = read(&HeaderMap::new(), Body::new(Never), 100, Duration::from_millis(1)).await;
        assert_eq!(answer.unwrap_err().status(), 408);
    }
}
