//! Who calls, and for whom: decided once per request, before its body is read.

use crate::problem::{ProblemDetails, ProblemType};
use crate::state::{Api, Door};
use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use http::{HeaderMap, header};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use textgate_dispatch::Caller;
use textgate_sms::{MessageId, VsId};
use textgate_store::Role;

/// On the control socket: for which virtual server (its path).
pub(crate) const ACT_FOR_HEADER: &str = "x-textgate-virtual-server";
/// The same as a query parameter.
pub(crate) const ACT_FOR_QUERY: &str = "vs";

/// A caller of any role: may send and read messages of [`vs`](Self::vs).
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// For which virtual server.
    pub(crate) vs: VsId,
    /// The top of what this caller can see: its key's virtual server; the root on the control socket.
    pub(crate) top: VsId,
    /// For the audit log.
    pub(crate) actor: String,
    /// Whether it came by the control socket.
    pub(crate) is_control: bool,
    role: Role,
}

/// A caller of role `full`.
pub(crate) struct FullAccess(pub(crate) Access);

/// A caller of role `full`, and the virtual server of `{id}` in the path: its own or one below.
pub(crate) struct Target {
    pub(crate) access: Access,
    pub(crate) vs: VsId,
}

impl Access {
    fn of(caller: Caller) -> Self {
        Self { vs: caller.vs, top: caller.vs, actor: caller.actor, is_control: false, role: caller.role }
    }

    /// The service provider, by the control socket, for one virtual server.
    fn control(vs: VsId) -> Self {
        Self { vs, top: VsId::ROOT, actor: "control".into(), is_control: true, role: Role::Full }
    }

    /// The virtual server, if it is this caller's to see; otherwise it does not exist.
    pub(crate) fn reach(&self, api: &Api, vs: VsId) -> Result<VsId, ProblemDetails> {
        if api.dispatch.is_within(vs, self.top) { Ok(vs) } else { Err(unknown_virtual_server()) }
    }

    fn need_full(self) -> Result<Self, ProblemDetails> {
        match self.role {
            Role::Full => Ok(self),
            Role::Send => Err(ProblemDetails::forbidden(
                "this API key may only send messages and read them; use one of role full",
            )),
        }
    }
}

impl Target {
    /// For what only a virtual server's ancestors may do to it.
    pub(crate) fn need_ancestor(&self, what: &'static str) -> Result<(), ProblemDetails> {
        if self.access.is_control || self.vs != self.access.top {
            Ok(())
        } else {
            Err(ProblemDetails::forbidden(what))
        }
    }
}

pub(crate) fn unknown_virtual_server() -> ProblemDetails {
    ProblemDetails::not_found("this virtual server")
}

impl FromRequestParts<Arc<Api>> for Access {
    type Rejection = ProblemDetails;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ProblemDetails> {
        if api.door == Door::Control {
            return act_for(parts, api).map(Self::control);
        }
        let secret = bearer(&parts.headers).ok_or_else(unauthorized)?;
        let caller = api.dispatch.authenticate(secret).ok_or_else(unauthorized)?;
        if let Some(rate) = caller.rate
            && let Err(wait_s) =
                api.rates.count(caller.key, rate, api.dispatch.requests_elsewhere(caller.key))
        {
            let detail = format!("this API key may make {rate} requests a second; come again in {wait_s} s");
            return Err(ProblemDetails::new(ProblemType::RateLimited, detail).retry_after(wait_s));
        }
        if caller.rate.is_some() {
            api.dispatch.count_request(caller.key);
        }
        Ok(Self::of(caller))
    }
}

impl FromRequestParts<Arc<Api>> for FullAccess {
    type Rejection = ProblemDetails;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ProblemDetails> {
        Access::from_request_parts(parts, api).await?.need_full().map(Self)
    }
}

impl FromRequestParts<Arc<Api>> for Target {
    type Rejection = ProblemDetails;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ProblemDetails> {
        let FullAccess(access) = FullAccess::from_request_parts(parts, api).await?;
        let id = path_parameter(parts, "id").await.and_then(|id| id.parse().ok());
        let vs = access.reach(api, VsId(id.ok_or_else(unknown_virtual_server)?))?;
        Ok(Self { access, vs })
    }
}

/// A part of the path; `None` where it is not even UTF-8.
pub(crate) async fn path_parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let Path(mut found) = Path::<HashMap<String, String>>::from_request_parts(parts, &()).await.ok()?;
    found.remove(name)
}

/// The id in the path; `None` where it is none, and so not anything's.
pub(crate) struct PathId(Option<MessageId>);

impl FromRequestParts<Arc<Api>> for PathId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Infallible> {
        Ok(Self(path_parameter(parts, "id").await.and_then(|id| MessageId::parse(&id))))
    }
}

impl PathId {
    /// The id, where it can be one of these things: `"this message"`.
    pub(crate) fn of(self, thing: &str) -> Result<MessageId, ProblemDetails> {
        self.0.ok_or_else(|| ProblemDetails::not_found(thing))
    }
}

fn unauthorized() -> ProblemDetails {
    ProblemDetails::new(ProblemType::Unauthorized, "send a valid API key as Authorization: Bearer <key>")
}

/// The key of `Authorization: Bearer <key>` (RFC 6750 §2.1); the scheme in any case (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let value = all.next()?.to_str().ok()?;
    if all.next().is_some() {
        return None; // two answers to who it is are none
    }
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty()).then_some(secret)
}

/// Which virtual server a caller on the control socket acts for: the root where it doesn't say.
fn act_for(parts: &Parts, api: &Api) -> Result<VsId, ProblemDetails> {
    let from_query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .ok()
        .and_then(|Query(pairs)| pairs.into_iter().find(|(name, _)| name == ACT_FOR_QUERY))
        .map(|(_, path)| path);
    let path = match (from_query, parts.headers.get(ACT_FOR_HEADER)) {
        (Some(path), _) => path,
        (None, Some(path)) => {
            std::str::from_utf8(path.as_bytes()).map_err(|_| unknown_virtual_server())?.to_owned()
        }
        (None, None) => return Ok(VsId::ROOT),
    };
    api.dispatch.find(VsId::ROOT, &path).ok_or_else(unknown_virtual_server)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn key(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn a_key_comes_as_bearer_in_any_case() {
        assert_eq!(key(&["Bearer tg_a"]).as_deref(), Some("tg_a"));
        assert_eq!(key(&["bEARER  tg_a "]).as_deref(), Some("tg_a"));
    }

    #[test]
    fn what_is_no_bearer_key_is_none() {
        for wrong in
            [&[][..], &["tg_a"], &["Basic dTpw"], &["Bearer "], &["Bearer"], &["Bearer a", "Bearer b"]]
        {
            assert_eq!(key(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn only_role_full_passes_where_full_is_needed() {
        let access =
            |role| Access { vs: VsId(2), top: VsId(2), actor: String::new(), is_control: false, role };
        assert!(access(Role::Full).need_full().is_ok());
        assert_eq!(access(Role::Send).need_full().unwrap_err().status(), 403);
    }

    #[test]
    fn an_ancestor_or_the_control_socket_is_needed_for_what_only_they_may() {
        let to = |top, vs, is_control| {
            let access = Access { vs: top, top, actor: String::new(), is_control, role: Role::Full };
            Target { access, vs }.need_ancestor("no").is_ok()
        };
        assert!(!to(VsId(2), VsId(2), false));
        assert!(to(VsId(2), VsId(3), false));
        assert!(to(VsId::ROOT, VsId::ROOT, true));
        assert!(!to(VsId::ROOT, VsId::ROOT, false));
    }
}
