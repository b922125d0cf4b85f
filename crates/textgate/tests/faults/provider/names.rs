//! Names: that fail, hang, point inwards, or stand for something else from now on.

use super::cases::Case;
use crate::kit::{PHONE, Server, gateway, http, manifest_with, provider, provider_that, smsc};
use crate::shim::Shim;
use serde_json::json;
use std::net::SocketAddr;
use textgate_simulator::HttpBehaviour;

/// What the cases' names stand for; only 127.0.0.0/8 is allowed.
pub const NAMES: &str = "\
fails.test fails
hangs.test hangs
metadata.test 169.254.169.254
private.test 10.0.0.1
loopback6.test ::1
unspecified.test 0.0.0.0
";

pub fn http_at(host: &str, port: u16, more: &str) -> String {
    let settings = format!(
        "method = \"POST\"\nurl = \"http://{host}:{port}/sms\"\ndestination_parameter = \"to\"\n\
         message_parameter = \"text\"\nsuccess_contains = \"OK\"\n{more}"
    );
    gateway("generic-http", "main", &settings)
}

fn smpp_at(host: &str, port: u16) -> String {
    let settings = format!("system_id = \"esme\"\npassword = \"secret\"\nhost = \"{host}\"\nport = {port}\n");
    gateway("smpp", "main", &settings)
}

pub async fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let (web, sms) = (provider().await, smsc().await);
    let (web_at, sms_at): (SocketAddr, SocketAddr) = (web.address(), sms.address());
    for (name, outcomes) in [
        ("fails.test", &["unavailable"][..]),
        ("hangs.test", &["unavailable"]),
        ("metadata.test", &["refused"]),
        ("private.test", &["refused"]),
        ("loopback6.test", &["refused"]),
        ("unspecified.test", &["refused"]),
    ] {
        cases.push(Case::new(format!("HTTP at {name}"), http_at(name, web_at.port(), ""), outcomes));
        let main = smpp_at(name, sms_at.port());
        cases.push(Case::new(format!("SMPP at {name}"), main, &["-", "unavailable", "refused"]));
    }
    let proxy = "use_proxy = true\nproxy_url = \"http://metadata.test\"\nproxy_port = 80\n";
    cases.push(Case::new(
        "HTTP by a proxy at metadata.test",
        http_at("127.0.0.1", web_at.port(), proxy),
        &["refused"],
    ));
    let last = cases.pop().unwrap().with(web).with(sms);
    cases.push(last);
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_stands_for_another_address_is_judged_and_reached_where_it_points_now() {
    let closing = HttpBehaviour { closes_after_answer: true, ..HttpBehaviour::default() };
    let (web, backup) = (provider_that(closing).await, provider().await);
    let port = web.address().port();
    let mut server = Server::stopped();
    let gateways = [http_at("moves.test", port, ""), http("backup", backup.address(), "")];
    server.apply(&manifest_with("failover_after_ms = 2000", &gateways));
    let shim = Shim::new(&server);
    server.serve_by(shim.command(&server)).await;
    for (points_at, outcome) in [
        ("127.0.0.1", "sent"),
        ("169.254.169.254", "refused"),
        ("127.0.0.1", "sent"),
        ("fails", "unavailable"),
        ("127.0.0.1", "sent"),
    ] {
        shim.names(&format!("moves.test {points_at}\n"));
        let message =
            server.api().send_until(json!({"to": PHONE, "text": "code", "kind": "otp"}), "sent").await;
        assert_eq!(message["attempts"][0]["outcome"], outcome, "{points_at}: {message:#}");
    }
    assert_eq!((web.requests().len(), backup.requests().len()), (3, 2));
}
