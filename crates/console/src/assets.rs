//! The few files that pages load: embedded, and cached for good under an address that changes with their content.

use crate::answer::Answer;
use crate::answer::Failure;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use http::{HeaderValue, header};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// One file.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

/// All of them. A script or image more is a line more.
static ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        media_type: "text/css; charset=utf-8",
        content: include_bytes!("../static/console.css"),
    },
    Asset { name: "logo.svg", media_type: "image/svg+xml", content: include_bytes!("../static/logo.svg") },
    Asset {
        name: "copy.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../static/copy.js"),
    },
    Asset {
        name: "settings.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../static/settings.js"),
    },
    Asset {
        name: "live.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../static/live.js"),
    },
];

static ADDRESSES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let address = |asset: &Asset| {
        let mut address = format!("/console/static/{}?v=", asset.name);
        for octet in &Sha256::digest(asset.content)[..8] {
            let _ = write!(address, "{octet:02x}");
        }
        address
    };
    ASSETS.iter().map(address).collect()
});

/// Where a file is; empty where there is none of this name.
pub(crate) fn address(name: &str) -> &'static str {
    let at = ASSETS.iter().position(|asset| asset.name == name);
    at.and_then(|at| ADDRESSES.get(at)).map_or("", String::as_str)
}

/// A file by its name. What `v` says does not matter: an old page gets the new file.
pub(crate) async fn show(Path(name): Path<String>) -> Answer {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or(Failure::NotFound)?;
    let mut response = Response::new(Body::from(asset.content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_content_apart() {
        assert!(address("console.css").starts_with("/console/static/console.css?v="));
        assert_ne!(address("console.css").split('=').nth(1), address("logo.svg").split('=').nth(1));
        assert_eq!(address("nothing"), "");
    }
}
