//! Every route of the API and of the control socket, with any path, query, header and body.
//!
//! Input: method and address, an Idempotency-Key, each on a line; the body after them. No gateway runs.
#![no_main]

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use std::cell::RefCell;
use std::sync::Arc;
use textgate_api::control_router;
use textgate_dispatch::{Dispatch, Limits, Parts};
use textgate_gateway::{Environment, GenericHttpPlugin, Plugin, Plugins, SmppPlugin};
use textgate_store::{Sealer, SqliteOptions, SqliteStore};
use tower_service::Service;

struct Server {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
    _folder: tempfile::TempDir,
}

fn server() -> Server {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let store = SqliteStore::open(folder.path().join("store"), SqliteOptions::default()).expect("a store");
    let plugins: Vec<Arc<dyn Plugin>> = vec![Arc::new(SmppPlugin::new()), Arc::new(GenericHttpPlugin::new())];
    let parts = Parts {
        store: Arc::new(store),
        sealer: Sealer::new(&[7; 32]).expect("a key"),
        plugins: Plugins::new(plugins),
        environment: Environment::default(),
        limits: Limits::default(),
        metrics: Arc::default(),
    };
    let dispatch = runtime.block_on(Dispatch::open(parts)).expect("a dispatch");
    let router = control_router(dispatch);
    Server { runtime, router, _folder: folder }
}

thread_local! {
    /// Made anew now and then, so that what earlier inputs made does not decide.
    static SERVER: RefCell<(u32, Server)> = RefCell::new((0, server()));
}

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let mut lines = octets.splitn(3, |octet| *octet == b'\n');
    let (Some(first), Some(key), Some(body)) = (lines.next(), lines.next(), lines.next()) else { return };
    let Ok(first) = std::str::from_utf8(first) else { return };
    let Some((method, address)) = first.split_once(' ') else { return };
    // A backup goes to a path of the caller's choice.
    if address.contains("backup") || address.contains('%') {
        return;
    }
    let mut request = Request::builder().method(method).uri(address);
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    let Ok(request) = request.body(Body::from(body.to_vec())) else { return };
    SERVER.with_borrow_mut(|(served, server)| {
        *served += 1;
        if *served > 20_000 {
            (*served, *server) = (0, self::server());
        }
        let Server { runtime, router, .. } = server;
        runtime.block_on(async {
            let response = router.call(request).await.expect("there is always an answer");
            let status = response.status();
            assert_ne!(status.as_u16(), 500);
            let is_problem = status.is_client_error() || status.is_server_error();
            let body = response.into_body().collect().await.expect("it is there").to_bytes();
            if is_problem {
                let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem is JSON");
                assert_eq!(problem["status"], status.as_u16());
            }
        });
    });
});
