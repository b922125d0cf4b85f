//! Settings and templates of the passcode service.

use super::shapes::{
    PREVIEW, PREVIEW_REQUEST, PreviewBody, PreviewShown, SETTINGS, SETTINGS_INPUT, SettingsShown,
    TEMPLATE_INPUT, TEMPLATE_SHOWN, TEMPLATES, TemplateBody, TemplateShown, TemplatesShown,
};
use crate::access::{FullAccess, path_parameter};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::state::Api;
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::{delete, get, post, put};
use http::StatusCode;
use http::request::Parts;
use std::convert::Infallible;
use std::sync::Arc;
use textgate_dispatch::{OtpSettings, PreviewRequest};

const CHANGING: &[ProblemType] = &[ProblemType::Conflict, ProblemType::StoreUnavailable];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/otp/settings",
            id: "get_otp_settings",
            summary: "The passcode service's settings.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &SETTINGS, "The settings."),
            problems: &[],
            handler: get(settings),
        },
        Route {
            method: "PUT",
            path: "/v1/otp/settings",
            id: "put_otp_settings",
            summary: "Put the passcode service's settings as a whole. Passcodes on their way stay as they were made.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&SETTINGS_INPUT),
            success: Success::json(200, &SETTINGS, "The settings as they are now."),
            problems: CHANGING,
            handler: put(put_settings),
        },
        Route {
            method: "GET",
            path: "/v1/otp/templates",
            id: "list_otp_templates",
            summary: "Templates of passcodes' texts, each with what it comes out as, and the texts that are shipped.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &TEMPLATES, "The templates."),
            problems: &[],
            handler: get(templates),
        },
        Route {
            method: "PUT",
            path: "/v1/otp/templates",
            id: "put_otp_template",
            summary: "Add a template, or replace the one of its purpose and locale. Its variables are checked.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&TEMPLATE_INPUT),
            success: Success::json(200, &TEMPLATE_SHOWN, "The template as it is now."),
            problems: CHANGING,
            handler: put(put_template),
        },
        Route {
            method: "DELETE",
            path: "/v1/otp/templates/{purpose}/{locale}",
            id: "remove_otp_template",
            summary: "Remove a template.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::nothing("It is gone."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: delete(remove_template),
        },
        Route {
            method: "POST",
            path: "/v1/otp/templates/preview",
            id: "preview_otp_template",
            summary: "What a passcode's text would be, with a made-up code: its segments and its encoding.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&PREVIEW_REQUEST),
            success: Success::json(200, &PREVIEW, "The text."),
            problems: &[],
            handler: post(preview),
        },
    ]
}

async fn settings(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let settings = api.dispatch.otp_settings(access.vs)?;
    Ok(answer::json(StatusCode::OK, &SettingsShown::from(settings)))
}

async fn put_settings(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    request: Request,
) -> Answer {
    let bytes = api.read(request).await?;
    let settings: OtpSettings = body::parse(&bytes, &SETTINGS_INPUT)?;
    let settings = api.dispatch.put_otp_settings(&access.actor, access.vs, settings).await?;
    Ok(answer::json(StatusCode::OK, &SettingsShown::from(settings)))
}

async fn templates(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let own = api.dispatch.otp_templates(access.vs)?;
    let all = TemplatesShown {
        templates: own.into_iter().map(Into::into).collect(),
        shipped: api.dispatch.otp_languages().into_iter().map(Into::into).collect(),
    };
    Ok(answer::json(StatusCode::OK, &all))
}

async fn put_template(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    request: Request,
) -> Answer {
    let bytes = api.read(request).await?;
    let TemplateBody { purpose, locale, text } = body::parse(&bytes, &TEMPLATE_INPUT)?;
    let template = api.dispatch.put_otp_template(&access.actor, access.vs, &purpose, &locale, &text).await?;
    Ok(answer::json(StatusCode::OK, &TemplateShown::from(template)))
}

/// Purpose and locale in the path; empty, and so no template's, where they are not even UTF-8.
struct Place {
    purpose: String,
    locale: String,
}

impl FromRequestParts<Arc<Api>> for Place {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Infallible> {
        let purpose = path_parameter(parts, "purpose").await.unwrap_or_default();
        let locale = path_parameter(parts, "locale").await.unwrap_or_default();
        Ok(Self { purpose, locale })
    }
}

async fn remove_template(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    Place { purpose, locale }: Place,
) -> Answer {
    api.dispatch.remove_otp_template(&access.actor, access.vs, &purpose, &locale).await?;
    Ok(answer::done())
}

async fn preview(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let PreviewBody { text, purpose, locale, app, domain } = body::parse(&bytes, &PREVIEW_REQUEST)?;
    let request = PreviewRequest { text, purpose, locale, app, domain };
    let preview = api.dispatch.preview_otp_text(access.vs, request).map_err(ProblemDetails::from)?;
    Ok(answer::json(StatusCode::OK, &PreviewShown::from(preview)))
}
