//! Where providers report: `/receipts/{token}`, with whatever method, query and body each provider has.

use crate::access::path_parameter;
use crate::answer::Answer;
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::state::Api;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;
use textgate_dispatch::CallbackRefusal;
use textgate_gateway::Callback;

pub(crate) fn routes() -> Vec<Route> {
    vec![route("GET", "get_receipts", get(receive)), route("POST", "post_receipts", post(receive))]
}

fn route(method: &'static str, id: &'static str, handler: MethodRouter<Arc<Api>>) -> Route {
    Route {
        method,
        path: "/receipts/{token}",
        id,
        summary: "A provider's report on messages. The address is shown with the gateway's settings; the call is in the provider's own form.",
        access: Allowed::Everybody,
        parameters: &[],
        body: None,
        success: Success::other(
            "*/*",
            "The receipts are kept; the answer is the one that the provider wants.",
        ),
        problems: &[
            ProblemType::InvalidRequest,
            ProblemType::Forbidden,
            ProblemType::NotFound,
            ProblemType::RequestTimeout,
            ProblemType::BodyTooLarge,
            ProblemType::ProviderUnavailable,
            ProblemType::StoreUnavailable,
        ],
        handler,
    }
}

async fn receive(State(api): State<Arc<Api>>, request: Request) -> Answer {
    let (mut parts, body) = request.into_parts();
    let unknown = || ProblemDetails::not_found("this receipt address");
    let token = path_parameter(&mut parts, "token").await.ok_or_else(unknown)?;
    // Only who knows an address is listened to any further.
    if !api.dispatch.is_receipt_token(&token) {
        return Err(unknown());
    }
    let options = &api.options;
    let body = body::read_any(&parts.headers, body, options.batch_body, options.body_time).await?;
    let callback = Callback {
        method: parts.method.as_str(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    };
    let reply = api.dispatch.receipt_callback(&token, &callback).await.map_err(|refusal| match refusal {
        CallbackRefusal::Unknown => unknown(),
        CallbackRefusal::Forbidden => ProblemDetails::forbidden("the call's signature is missing or wrong"),
        CallbackRefusal::Malformed => {
            ProblemDetails::new(ProblemType::InvalidRequest, "the call is not in the provider's form")
        }
        CallbackRefusal::NotNow(why) => ProblemDetails::new(
            ProblemType::ProviderUnavailable,
            format!("the call cannot be taken now: {why}"),
        ),
        CallbackRefusal::NotKept(_) => ProblemDetails::new(
            ProblemType::StoreUnavailable,
            "the receipts cannot be kept now; send them again",
        ),
    })?;
    let mut response = Response::new(reply.body.into());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    if response.status() != StatusCode::NO_CONTENT
        && let Ok(media_type) = HeaderValue::from_str(&reply.media_type)
    {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    Ok(response)
}
