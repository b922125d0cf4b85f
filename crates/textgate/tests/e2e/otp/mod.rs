//! One-time passcodes as an application uses them: made, read from the phone, checked; and whatever else becomes of them.

mod delivery;
mod life;
mod outside;
mod texts;

use super::kit::{Answer, Api, PATIENCE, PHONE, Server, manifest, smpp, smsc_that};
use serde_json::{Value, json};
use textgate_simulator::{Behaviour, ReceiptWhen, Receipts, Smsc};

/// A server with `main` and, where there is one, `backup`, and with these passcode settings.
pub async fn server(main: &Smsc, backup: Option<&Smsc>, settings: Value) -> (Server, Api) {
    let mut gateways = vec![smpp("main", main.address(), "")];
    gateways.extend(backup.map(|backup| smpp("backup", backup.address(), "")));
    let server = Server::start(&manifest(&gateways)).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    if backup.is_some() {
        api.until_gateway("backup", "up").await;
    }
    api.put("/v1/otp/settings", settings).await.expect(200);
    (server, api)
}

/// An SMSC that takes everything and reports nothing.
pub async fn silent() -> Smsc {
    let receipts = Receipts { when: ReceiptWhen::Never, ..Receipts::default() };
    smsc_that(Behaviour { receipts, ..Behaviour::default() }).await
}

/// Makes a passcode; answers its id.
pub async fn create(api: &Api, more: Value) -> String {
    let mut body = json!({"to": PHONE});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = api.post("/v1/otp", body).await.expect(202);
    made["id"].as_str().unwrap().to_owned()
}

/// The text of the next message that the phone gets.
pub async fn received(smsc: &Smsc) -> String {
    smsc.next_message(PATIENCE).await.unwrap().text.clone()
}

/// The code in a text that begins with it.
pub fn code_in(text: &str) -> String {
    text.split(' ').next().unwrap().to_owned()
}

pub async fn check(api: &Api, id: &str, code: &str) -> Value {
    api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await.expect(200)
}

pub async fn resend(api: &Api, id: &str) -> Answer {
    api.post(&format!("/v1/otp/{id}/resend"), Value::Null).await
}

/// A code that is not this one.
pub fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}
