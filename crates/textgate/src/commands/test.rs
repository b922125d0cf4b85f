//! `textgate test`: a test message by the SMS settings as they are.

use super::message;
use crate::cli::Test;
use crate::client::Client;
use crate::config::Config;
use crate::failure::Done;
use crate::output::Output;
use http::Method;
use serde_json::json;

pub(super) async fn run(config: &Config, args: &Test, output: &mut Output) -> Done {
    let client = Client::reach(config, &args.reach)?;
    let body = args.number.as_ref().map_or_else(|| json!({}), |number| json!({"number": number}));
    let taken = client.send(Method::POST, "/v1/sms-settings/test", &body).await?;
    message::follow(&client, &taken, &args.waiting, false, output).await
}
