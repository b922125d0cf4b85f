//! The gate: every request passes it, and no handler decides for itself whether it may run.
//!
//! It knows who asks, holds them to what the route needs, checks that a form is one of ours, and gives every answer its headers. What a
//! handler or the gate itself refuses gets its page here.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::cookies::{self, Keep};
use crate::flash::Flash;
use crate::form::Form;
use crate::live;
use crate::origin;
use crate::pages::failure;
use crate::routes::Need;
use crate::visit::{Guest, Visit};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts as _, MatchedPath, Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq as _;
use textgate_sms::VsId;

/// Largest form (bytes): settings with eight gateways have room several times over.
const LARGEST_FORM: usize = 256 << 10;
/// How long a form may take to arrive.
const FORM_TIME: Duration = Duration::from_secs(15);

/// What browsers may do with a page: load our stylesheet, scripts and images, talk to us, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A gate before one route.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) console: Arc<Console>,
    pub(crate) need: Need,
}

/// Lets a request through to its handler, or shows why not.
pub(crate) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let since = Instant::now();
    let (mut parts, body) = request.into_parts();
    let mut guest = Guest::of(&parts, &gate.console.options.proxies);
    let told = tracing::enabled!(tracing::Level::DEBUG)
        .then(|| (parts.method.clone(), parts.extensions.get::<MatchedPath>().cloned()));
    let visit = gate.visit(&mut parts, &mut guest).await;
    let new_guest = new_guest_token(&parts, &mut guest);
    let mut response = match gate.admit(&mut parts, body, &guest, visit.as_ref()).await {
        Ok(body) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => refused.unwrap_or_else(IntoResponse::into_response),
    };
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = failure::show(&gate.console, visit.as_ref(), &guest, &failure).unwrap_or(response);
    }
    if guest.flash.is_some() && response.status() == StatusCode::OK {
        Flash::forget(&mut response);
    }
    if let Some(cookie) = new_guest {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    dress(response.headers_mut());
    if let Some((method, route)) = told {
        // Never the path itself, which may hold a token, nor the query, the form or a header.
        tracing::debug!(
            %method,
            route = route.as_ref().map_or("none", MatchedPath::as_str),
            status = response.status().as_u16(),
            took_us = since.elapsed().as_micros() as u64,
            "answered"
        );
    }
    response
}

impl Gate {
    /// Who asks, if they are signed in and may see the virtual server of the path. Gives the guest the token of the session's forms.
    async fn visit(&self, parts: &mut Parts, guest: &mut Guest) -> Option<Visit> {
        let token = guest.token.clone()?;
        let person = match live::is_by_itself(&parts.headers) {
            true => self.console.dispatch.session_in_background(&token)?,
            false => self.console.dispatch.session(&token)?,
        };
        guest.csrf = self.console.dispatch.csrf(&token);
        let named = path_parameter(parts, "vs").await;
        let vs = match named {
            None => person.vs,
            // Something that is no number stands for no virtual server.
            Some(named) => VsId(named.parse().unwrap_or(u32::MAX)),
        };
        Some(Visit { person, vs, guest: guest.clone() })
    }

    /// Checks what the route needs, and reads the form of a POST. `Err(Ok(…))` is an answer in place of the handler's.
    async fn admit(
        &self,
        parts: &mut Parts,
        body: Body,
        guest: &Guest,
        visit: Option<&Visit>,
    ) -> Result<Body, Answer> {
        if let Some(visit) = visit {
            self.may(visit, parts.method == Method::POST).map_err(Err)?;
            parts.extensions.insert(visit.clone());
        } else if self.need != Need::Nobody {
            // A form is not carried over the sign-in: it is of a session that has ended.
            let here = if parts.method == Method::POST { "/console/" } else { &guest.here };
            let next = crate::form::escaped(here);
            return Err(answer::see(&format!("/console/sign-in?next={next}")));
        }
        parts.extensions.insert(guest.clone());
        if parts.method != Method::POST {
            return Ok(body);
        }
        if origin::is_foreign(&parts.headers) {
            return Err(Err(Failure::Stale));
        }
        let form = read(&parts.headers, body).await.map_err(Err)?;
        let is_ours = form.get("csrf").as_bytes().ct_eq(guest.csrf.as_bytes());
        if guest.csrf.is_empty() || !bool::from(is_ours) {
            return Err(Err(Failure::Stale));
        }
        parts.extensions.insert(form);
        Ok(Body::empty())
    }

    /// Whether this person may use the route. What they may not even see does not exist.
    fn may(&self, visit: &Visit, is_post: bool) -> Result<(), Failure> {
        let (dispatch, person, vs) = (&self.console.dispatch, &visit.person, visit.vs);
        if self.need == Need::Nobody {
            return Ok(());
        }
        if !person.may_read(dispatch, vs) {
            return Err(Failure::NotFound);
        }
        let may = match self.need {
            Need::Nobody | Need::Person | Need::Read => true,
            Need::Review => person.role != textgate_dispatch::UserRole::Operator,
            Need::Change => person.may_change(dispatch, vs),
            Need::Administer => person.may_administer(dispatch, vs),
        };
        // An auditor changes nothing but what is its own: its password, its language.
        debug_assert!(
            !is_post || !matches!(self.need, Need::Read | Need::Review),
            "a POST needs more than reading"
        );
        if may { Ok(()) } else { Err(Failure::Forbidden) }
    }
}

/// The form of a POST.
async fn read(headers: &HeaderMap, body: Body) -> Result<Form, Failure> {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Failure::Stale);
    }
    let reading = Limited::new(body, LARGEST_FORM).collect();
    match tokio::time::timeout(FORM_TIME, reading).await {
        Ok(Ok(body)) => Form::read(&body.to_bytes()).ok_or(Failure::TooLarge),
        Ok(Err(_)) => Err(Failure::TooLarge),
        Err(_) => Err(Failure::Stale),
    }
}

/// Who has no session proves by a cookie of the same token that its form came from a page of ours. Answers the cookie where it is new.
fn new_guest_token(parts: &Parts, guest: &mut Guest) -> Option<HeaderValue> {
    if !guest.csrf.is_empty() {
        return None;
    }
    if let Some(token) = cookies::get(&parts.headers, cookies::GUEST) {
        token.clone_into(&mut guest.csrf);
        return None;
    }
    let mut random = [0u8; 24];
    // Without randomness there is no token, and without a token every form is refused.
    getrandom::fill(&mut random).ok()?;
    guest.csrf = random.iter().map(|octet| format!("{octet:02x}")).collect();
    cookies::set(cookies::GUEST, &guest.csrf, Keep::Session)
}

/// A part of the path; `None` where the route has none of this name. What is not even UTF-8 is empty.
async fn path_parameter(parts: &mut Parts, name: &str) -> Option<String> {
    match Path::<HashMap<String, String>>::from_request_parts(parts, &()).await {
        Ok(Path(mut found)) => found.remove(name),
        Err(PathRejection::MissingPathParams(_)) => None,
        Err(_) => Some(String::new()),
    }
}

/// What every answer of the console tells browsers.
fn dress(headers: &mut HeaderMap) {
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not `no-referrer`: with it, browsers send `Origin: null` with our own forms.
    set(header::REFERRER_POLICY, "same-origin");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(
        header::HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
