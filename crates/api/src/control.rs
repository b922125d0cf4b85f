//! What only the control socket has: applying a manifest, backups, and the whole picture for `textgate status`.

use crate::access::FullAccess;
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::settings::{GATEWAY, MODE, SETTINGS_INPUT};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::views::{self, COUNT, CREDITS, NAME};
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use textgate_dispatch::{CreditsView, DirectoryError, GatewayView, Manifest, Mode};
use textgate_sms::VsId;

static APPLYING: Object = Object {
    name: "ApplyRequest",
    about: "A manifest to be applied.",
    properties: &[
        required("manifest", Shape::Object(&MANIFEST), "The file, with its secrets resolved."),
        optional("dry_run", Shape::Flag, "Only say what would change."),
    ],
};

static MANIFEST: Object = Object {
    name: "Manifest",
    about: "The file of `textgate apply`.",
    properties: &[optional(
        "virtual_server",
        Shape::List(&Shape::Object(&MANIFEST_SERVER), 100_000),
        "Virtual servers.",
    )],
};

static MANIFEST_SERVER: Object = Object {
    name: "ManifestVirtualServer",
    about: "One virtual server of a manifest. What is left out stays as it is.",
    properties: &[
        required("path", Shape::Text(4096), "`acme/sales`; `/` is the root."),
        optional("credits", COUNT, "The allocation."),
        optional("sms_settings", Shape::Object(&SETTINGS_INPUT), "The SMS settings."),
        optional("guard", Shape::Object(&crate::guard::RULES), "The fraud guard's rules, as a whole."),
        optional("api_key", Shape::List(&Shape::Object(&MANIFEST_KEY), 100_000), "API keys."),
        optional("user", Shape::List(&Shape::Object(&MANIFEST_USER), 100_000), "Users."),
        optional(
            "otp_settings",
            Shape::Object(&crate::otp::SETTINGS_INPUT),
            "The passcode service's settings, as a whole.",
        ),
        optional(
            "otp_template",
            Shape::List(&Shape::Object(&crate::otp::TEMPLATE_INPUT), 500),
            "Templates of passcodes' texts.",
        ),
    ],
};

static MANIFEST_USER: Object = Object {
    name: "ManifestUser",
    about: "One user of a manifest.",
    properties: &[
        required("name", Shape::Text(128), "Its name."),
        required("role", Shape::OneOf(crate::users::roles), "What it may do."),
    ],
};

static MANIFEST_KEY: Object = Object {
    name: "ManifestApiKey",
    about: "One API key of a manifest.",
    properties: &[
        required("name", NAME, "Its name."),
        optional(
            "secret",
            Shape::Text(255),
            "At least 24 characters; generated for a new key where left out.",
        ),
        optional("role", Shape::OneOf(views::roles), "What it may do."),
        optional("rate", Shape::Integer(1, u32::MAX as i64), "Requests a second."),
    ],
};

static APPLIED: Object = Object {
    name: "Applied",
    about: "What an apply would do, or did.",
    properties: &[
        required("changes", Shape::List(&Shape::Text(4096), 1_000_000), "One sentence for each change."),
        required(
            "generated",
            Shape::List(&Shape::List(&Shape::Text(4096), 3), 1_000_000),
            "Secrets made for new keys: path, key name, secret. Told once.",
        ),
        optional(
            "invitations",
            Shape::List(&Shape::List(&Shape::Text(4096), 3), 1_000_000),
            "Links for new users to set a password: path, user name, link. Told once.",
        ),
    ],
};

static BACKING_UP: Object = Object {
    name: "BackupRequest",
    about: "Where a copy of the store goes.",
    properties: &[required("path", Shape::Text(4096), "A new file, as an absolute path on the server.")],
};

static SET_UP_LINK: Object = Object {
    name: "SetUpLink",
    about: "The link that makes the first user.",
    properties: &[required(
        "url",
        Shape::Text(4096),
        "The link; without a public address of the server, only its path.",
    )],
};

static STATUS: Object = Object {
    name: "Status",
    about: "The whole picture.",
    properties: &[
        required("version", NAME, "The program's version."),
        required("uptime_s", COUNT, "Since when it runs (s)."),
        required("ready", Shape::Flag, "Whether messages are accepted now."),
        optional(
            "not_ready_reason",
            Shape::Text(4096),
            "Why not, where not: a store that cannot write, or a stop.",
        ),
        required(
            "virtual_servers",
            Shape::List(&Shape::Object(&SERVER_STATUS), 1_000_000),
            "All virtual servers.",
        ),
    ],
};

static SERVER_STATUS: Object = Object {
    name: "VirtualServerStatus",
    about: "One virtual server and its gateways.",
    properties: &[
        required("id", COUNT, "Its number."),
        required("path", Shape::Text(4096), "Its path."),
        required("mode", MODE, "Its SMS settings' mode."),
        required("credits", Shape::Object(&CREDITS), "Its SMS credits."),
        required("gateways", Shape::List(&Shape::Object(&GATEWAY), 8), "Its gateways, primary first."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "POST",
            path: "/control/apply",
            id: "apply",
            summary: "Bring virtual servers, settings, keys and allocations to what a manifest says, all or nothing.",
            access: Allowed::Control,
            parameters: &[],
            body: Some(&APPLYING),
            success: Success::json(200, &APPLIED, "What was, or would be, changed."),
            problems: &[ProblemType::Conflict, ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: post(apply),
        },
        Route {
            method: "POST",
            path: "/control/backup",
            id: "backup",
            summary: "Write a copy of the store while everything goes on.",
            access: Allowed::Control,
            parameters: &[],
            body: Some(&BACKING_UP),
            success: Success::nothing("The copy is complete."),
            problems: &[ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: post(backup),
        },
        Route {
            method: "GET",
            path: "/control/set-up-link",
            id: "set_up_link",
            summary: "The one-time link that makes the first user, while there is none.",
            access: Allowed::Control,
            parameters: &[],
            body: None,
            success: Success::json(200, &SET_UP_LINK, "The link."),
            problems: &[ProblemType::Conflict],
            handler: get(set_up_link),
        },
        Route {
            method: "GET",
            path: "/control/status",
            id: "status",
            summary: "Virtual servers, gateways, and the program itself.",
            access: Allowed::Control,
            parameters: &[],
            body: None,
            success: Success::json(200, &STATUS, "The status."),
            problems: &[ProblemType::StoreUnavailable],
            handler: get(status),
        },
    ]
}

#[derive(Serialize)]
struct SetUpLink {
    url: String,
}

#[derive(Deserialize)]
struct Applying {
    manifest: Manifest,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct BackingUp {
    path: PathBuf,
}

#[derive(Serialize)]
struct StatusShown {
    version: &'static str,
    uptime_s: u64,
    ready: bool,
    not_ready_reason: Option<String>,
    virtual_servers: Vec<ServerStatus>,
}

#[derive(Serialize)]
struct ServerStatus {
    id: VsId,
    path: String,
    mode: Mode,
    credits: CreditsView,
    gateways: Vec<GatewayView>,
}

async fn apply(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, api.options.manifest_body, api.options.body_time).await?;
    let Applying { manifest, dry_run } = body::parse(&bytes, &APPLYING)?;
    let applied = api.dispatch.apply(&access.actor, manifest, dry_run.unwrap_or_default()).await?;
    Ok(answer::json(StatusCode::OK, &applied))
}

async fn backup(State(api): State<Arc<Api>>, _: FullAccess, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let BackingUp { path } = body::parse(&bytes, &BACKING_UP)?;
    if !path.is_absolute() {
        let message = "enter an absolute path: the server's folder is not the caller's";
        return Err(ProblemDetails::invalid_field("path", message));
    }
    match api.dispatch.backup(path).await {
        Ok(()) => Ok(answer::done()),
        // Who may open the control socket may know why: it is their disk.
        Err(error @ DirectoryError::StoreUnavailable(_)) => {
            Err(ProblemDetails::new(ProblemType::StoreUnavailable, error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn set_up_link(State(api): State<Arc<Api>>, _: FullAccess) -> Answer {
    let Some(token) = api.dispatch.set_up_token() else {
        let detail = "there are users already; make another one with `textgate user add`";
        return Err(ProblemDetails::new(ProblemType::Conflict, detail));
    };
    let url = api.dispatch.outside(&format!("/console/set-up/{token}"));
    Ok(answer::json(StatusCode::OK, &SetUpLink { url }))
}

async fn status(State(api): State<Arc<Api>>, _: FullAccess) -> Answer {
    let mut virtual_servers = Vec::new();
    for server in api.dispatch.virtual_servers(VsId::ROOT).await? {
        // One that was removed in between is not missed.
        if let Ok(gateways) = api.dispatch.gateways(server.id) {
            virtual_servers.push(ServerStatus {
                id: server.id,
                path: server.path,
                mode: server.mode,
                credits: server.credits,
                gateways,
            });
        }
    }
    let ready = api.dispatch.ready();
    let shown = StatusShown {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: api.started.elapsed().as_secs(),
        ready: ready.is_ok(),
        not_ready_reason: ready.err(),
        virtual_servers,
    };
    Ok(answer::json(StatusCode::OK, &shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use textgate_dispatch::{Applied, ManifestKey, ManifestServer, ManifestUser};

    #[test]
    fn a_manifest_is_read_as_the_command_line_sends_it() {
        let body = json!({"manifest": {"virtual_server": [{
            "path": "acme", "credits": 1000,
            "sms_settings": {"mode": "custom", "gateway": [{"plugin": "smpp", "settings": {"host": "h"}}]},
            "user": [{"name": "ada", "role": "operator"}],
            "api_key": [{"name": "app", "secret": "tg_aaaaaaaaaaaaaaaaaaaaaaaa", "role": "send", "rate": 9}],
        }]}});
        let applying: Applying = body::parse(body.to_string().as_bytes(), &APPLYING).unwrap();
        let server = &applying.manifest.virtual_server[0];
        assert_eq!((server.path.as_str(), server.credits, applying.dry_run), ("acme", Some(1000), None));
        assert_eq!(server.sms_settings.as_ref().map(|settings| settings.gateways.len()), Some(1));
    }

    /// Whatever the command line takes from a file without a server, it can send to one.
    #[test]
    fn every_field_of_a_manifest_is_known_to_a_running_server() {
        fn fields<T: serde::de::DeserializeOwned>() -> Vec<String> {
            let error = serde_json::from_value::<T>(json!({"?": 0})).err().expect("there is no such field");
            let error = error.to_string();
            let (_, named) = error.split_once("expected ").expect("it says which there are");
            let mut named: Vec<String> = named.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            named.sort();
            named
        }
        fn described(object: &Object) -> Vec<String> {
            let mut named: Vec<String> = object.properties.iter().map(|p| p.name.to_owned()).collect();
            named.sort();
            named
        }
        assert_eq!(described(&MANIFEST), fields::<Manifest>());
        assert_eq!(described(&MANIFEST_SERVER), fields::<ManifestServer>());
        assert_eq!(described(&MANIFEST_USER), fields::<ManifestUser>());
        assert_eq!(described(&MANIFEST_KEY), fields::<ManifestKey>());
    }

    #[test]
    fn a_manifest_as_it_is_serialised_fits_too() {
        let body = json!({"manifest": {"virtual_server": [{
            "path": "/", "sms_settings": {"mode": "default", "gateways": []}, "api_key": [{"name": "app"}],
        }]}, "dry_run": true});
        let first: Applying = body::parse(body.to_string().as_bytes(), &APPLYING).unwrap();
        let again = json!({"manifest": first.manifest, "dry_run": false});
        assert!(body::parse::<Applying>(again.to_string().as_bytes(), &APPLYING).is_ok());
    }

    #[test]
    fn what_is_applied_is_what_is_described() {
        let applied = Applied {
            changes: vec!["add acme".into()],
            generated: vec![("acme".into(), "app".into(), "tg".into())],
            invitations: vec![("acme".into(), "ada".into(), "/console/invitation/x".into())],
        };
        let mut problems = Vec::new();
        APPLIED.check(&serde_json::to_value(applied).unwrap(), "", &mut problems);
        let status = StatusShown {
            version: "1",
            uptime_s: 0,
            ready: true,
            not_ready_reason: None,
            virtual_servers: vec![ServerStatus {
                id: VsId(1),
                path: "/".into(),
                mode: Mode::Custom,
                credits: CreditsView::default(),
                gateways: vec![],
            }],
        };
        STATUS.check(&serde_json::to_value(status).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }
}
