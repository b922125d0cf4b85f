//! Language and theme, kept in cookies: chosen by a form, so that no script is needed.

use crate::answer::{self, Answer, Failure};
use crate::cookies::{self, Keep};
use crate::form::Form;
use crate::routes::{Need, Route};
use crate::text::Language;
use crate::visit::Theme;
use http::header;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post("/console/preferences", Need::Nobody, choose)]
}

async fn choose(form: Form) -> Answer {
    let mut response = answer::see(own(form.get("here")))?;
    let theme = Theme::of(form.get("theme")).map(|theme| (cookies::THEME, theme.name()));
    let language = Language::of(form.get("language")).map(|language| (cookies::LANGUAGE, language.tag()));
    for (name, value) in theme.into_iter().chain(language) {
        let cookie = cookies::set(name, value, Keep::Year).ok_or(Failure::NotFound)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The page to go back to, if it is one of the console's: a form must not lead elsewhere.
pub(super) fn own(address: &str) -> &str {
    let is_plain = address.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if address.starts_with("/console/") && is_plain { address } else { "/console/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_in_the_console() {
        assert_eq!(own("/console/vs/1/audit?actor=x"), "/console/vs/1/audit?actor=x");
        for elsewhere in [
            "//evil.example",
            "https://evil.example",
            "/v1/messages",
            "/console/\\evil",
            "",
            "/console/\r\nx",
        ] {
            assert_eq!(own(elsewhere), "/console/", "{elsewhere:?}");
        }
    }
}
