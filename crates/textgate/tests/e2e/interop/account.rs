//! Binding: who we are, by which connections, and what a refusal leads to.

use super::peer::Smsc;
use super::{PHONE, server};
use crate::kit::{KEY, Server, manifest, smpp};
use serde_json::json;

#[tokio::test]
async fn a_transceiver_binds_with_its_credentials_and_sends_on_one_connection() {
    let Some(smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "system_type = \"OTP\"").await;
    let id = server.api().send(json!({ "to": PHONE, "text": "Your code is 493817" })).await;
    let bind = smsc.next("bind").await;
    assert_eq!(bind["command"], "bind_transceiver");
    assert_eq!((&bind["system_id"], &bind["password"]), (&json!("esme"), &json!("secret")));
    assert_eq!((&bind["system_type"], &bind["interface_version"]), (&json!("OTP"), &json!(0x34)));
    let submit = smsc.submitted().await;
    assert_eq!(
        (&submit["text"], &submit["destination_addr"]),
        (&json!("Your code is 493817"), &json!(PHONE))
    );
    assert_eq!((&submit["session"], smsc.count("bind")), (&bind["session"], 0));
    let message = server.api().until(&id, "sent").await;
    assert_eq!(message["attempts"][0]["outcome"], "sent");
    assert_eq!(message["attempts"][0]["provider_ids"], json!([submit["id"]]));
}

#[tokio::test]
async fn a_transmitter_sends_and_a_receiver_beside_it_gets_the_receipts() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "bind = \"transmitter_receiver\"\nsystem_type = \"NULL\"").await;
    let transmitter = smsc.next_where("bind", |bind| bind["command"] == "bind_transmitter").await;
    let receiver = smsc.next_where("bind", |bind| bind["command"] == "bind_receiver").await;
    assert_eq!((&transmitter["isWelcome"], &receiver["isWelcome"]), (&json!(true), &json!(true)));
    assert_eq!(transmitter["system_type"], "", "NULL is none");
    let id = server.api().send(json!({ "to": PHONE, "text": "two ways" })).await;
    let submit = smsc.submitted().await;
    assert_eq!(submit["session"], transmitter["session"]);
    server.api().until(&id, "sent").await;
    let text =
        format!("id:{} sub:001 dlvrd:001 stat:DELIVRD err:000 text:two", submit["id"].as_str().unwrap());
    let pdu = json!({ "source_addr": PHONE, "destination_addr": "", "esm_class": 4, "short_message": text });
    assert_eq!(smsc.deliver(pdu).await, "ESME_ROK");
    server.api().until(&id, "delivered").await;
}

#[tokio::test]
async fn several_binds_share_the_work() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "binds = 2\nwindow = 1").await;
    smsc.next("bind").await;
    smsc.next("bind").await;
    // Each bind may have one unanswered: only two binds can have two.
    smsc.tell("hold");
    let first = server.api().send(json!({ "to": PHONE, "text": "one" })).await;
    let second = server.api().send(json!({ "to": PHONE, "text": "two" })).await;
    let sessions = (smsc.submitted().await["session"].clone(), smsc.submitted().await["session"].clone());
    assert_ne!(sessions.0, sessions.1);
    smsc.tell("release");
    server.api().until(&first, "sent").await;
    server.api().until(&second, "sent").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such_and_the_failover_sends_instead() {
    let Some(strict) = Smsc::start_with(json!({ "password": "another" })).await else { return };
    let Some(spare) = Smsc::start().await else { return };
    let gateways = [smpp("strict", strict.address(), ""), smpp("spare", spare.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let refused = strict.next("bind").await;
    assert_eq!((&refused["password"], &refused["isWelcome"]), (&json!("secret"), &json!(false)));
    let gateway = server.api().until_gateway("strict", "down").await;
    let reason = gateway["reason"].as_str().unwrap();
    assert!(reason.contains("ESME_RINVPASWD"), "{reason}");
    let id = server.api().send(json!({ "to": PHONE, "text": "by the spare", "kind": "otp" })).await;
    assert_eq!(spare.submitted().await["text"], "by the spare");
    let message = server.api().until(&id, "sent").await;
    assert_eq!(message["attempts"].as_array().unwrap().last().unwrap()["gateway"], "spare");
    // An SMSC locks accounts that try too often: no second try while all this happened.
    assert_eq!(strict.count("bind"), 0);
    assert!(!server.log().contains("secret") && !server.log().contains(KEY));
}

#[tokio::test]
async fn over_tls_the_smsc_is_reached_by_a_ca_of_its_own_and_refused_without() {
    let authority = {
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap()
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let tls = json!({ "key": key.serialize_pem(), "cert": certificate.pem() });
    let Some(mut smsc) = Smsc::start_with(tls).await else { return };
    let trusting = format!("tls = true\nca_certificate = '''\n{}'''", authority.pem());
    let gateways =
        [smpp("doubting", smsc.address(), "tls = true"), smpp("trusting", smsc.address(), &trusting)];
    let server = Server::start(&manifest(&gateways)).await;
    let id = server.api().send(json!({ "to": PHONE, "text": "ciphered", "kind": "otp" })).await;
    let submit = smsc.submitted().await;
    assert_eq!(submit["text"], "ciphered");
    let message = server.api().until(&id, "sent").await;
    assert_eq!(message["attempts"].as_array().unwrap().last().unwrap()["gateway"], "trusting");
    let doubting = server.api().until_gateway("doubting", "down").await;
    assert!(doubting["reason"].as_str().unwrap().contains("CA Certificate"), "{doubting}");
    let pdu = json!({ "esm_class": 4, "short_message": "", "receipted_message_id": submit["id"], "message_state": 2 });
    assert_eq!(smsc.deliver(pdu).await, "ESME_ROK");
    server.api().until(&id, "delivered").await;
}
