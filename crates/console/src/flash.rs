//! What the next page has to tell: "the user was added". Kept in a cookie until it is told.

use crate::cookies::{self, Keep};
use crate::form::escaped;
use crate::text::{Phrase, Text};
use axum::response::Response;
use http::{HeaderMap, header};

/// Most characters of what a notice is about.
const LONGEST: usize = 200;

/// A notice by its key, and what it is about (a name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    key: String,
    about: String,
}

impl Flash {
    /// The notice `[done] KEY`, about this: its placeholder is `{name}`.
    pub fn done(key: &str, about: &str) -> Self {
        Self { key: key.to_owned(), about: about.chars().take(LONGEST).collect() }
    }

    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = cookies::get(headers, cookies::FLASH)?;
        let form = crate::form::Form::read(value.as_bytes())?;
        let (key, about) = form.pairs().first()?.clone();
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_key.then(|| Self::done(&key, &about))
    }

    pub(crate) fn phrase(&self, text: Text) -> Phrase {
        text.word("done", &self.key).with("name", &self.about)
    }

    /// Left for the next page.
    pub(crate) fn leave(&self, response: &mut Response) {
        let value = format!("{}={}", self.key, escaped(&self.about));
        if let Some(cookie) = cookies::set(cookies::FLASH, &value, Keep::Session) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }

    /// It was told.
    pub(crate) fn forget(response: &mut Response) {
        if let Some(cookie) = cookies::set(cookies::FLASH, "", Keep::Gone) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;
    use http::HeaderValue;

    #[test]
    fn a_notice_comes_back_as_it_was_left_whatever_it_is_about() {
        let flash = Flash::done("user_added", "\"<b>ü;=& ");
        let mut response = Response::new(axum::body::Body::empty());
        flash.leave(&mut response);
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let mut headers = HeaderMap::new();
        let pair = cookie.split(';').next().unwrap();
        headers.insert(header::COOKIE, HeaderValue::from_str(pair).unwrap());
        assert_eq!(Flash::of(&headers), Some(flash));
    }

    #[test]
    fn a_forged_notice_can_only_say_what_stands_in_the_texts() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("__Host-textgate-flash=Send+money=x"));
        assert_eq!(Flash::of(&headers), None);
        headers.insert(header::COOKIE, HeaderValue::from_static("__Host-textgate-flash=nonsense=x"));
        let told = Flash::of(&headers).unwrap().phrase(Text::new(Language::En)).to_string();
        assert_eq!(told, "nonsense");
    }
}
