//! Slow, endless and broken answers on the wire, for every provider: never a success that was not said, and always in time.

use super::cases;
use crate::http::kit::{Bench, Reply, Server, local, message};
use crate::{Environment, Plugin as _, validate};
use futures_util::future::join_all;
use serde_json::{Value, json};
use textgate_sms::OutcomeClass::{Account, Refused, Unavailable, Uncertain};

/// The outcome of one message at every provider, all of which answer so.
async fn outcomes(reply: Reply) -> Vec<(&'static str, crate::Outcome, bool)> {
    let server = Server::start(move |_| reply.clone()).await;
    let sends = cases::all().iter().map(|(plugin, cases)| {
        let mut settings = Value::Object(cases.settings.clone());
        let more = json!({"api_address": server.url(""), "timeout_s": 2});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings = validate(plugin.fields(), &settings).unwrap();
        let gateway =
            plugin.build(&settings, &Environment { network: local(), ..Environment::default() }).unwrap();
        async move { (plugin.name(), Bench::of(gateway).send(message("hi")).await, cases.token.is_some()) }
    });
    join_all(sends).await
}

#[tokio::test]
async fn without_an_answer_in_time_nobody_knows_whether_a_message_was_taken() {
    for reply in [
        Reply::Hang(Vec::new()),
        Reply::Drip(b"HTTP/1.1 200 O".to_vec()),
        Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
    ] {
        for (name, outcome, wants_token) in outcomes(reply.clone()).await {
            // Where no token came, no message left.
            let expected = if wants_token { Unavailable } else { Uncertain };
            assert_eq!(outcome.class, expected, "{name}: {}", outcome.detail);
        }
    }
}

#[tokio::test]
async fn an_answer_that_drips_or_does_not_end_is_given_up_and_no_success_where_a_body_says_it() {
    let endless =
        [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".to_vec(), vec![b'x'; 200_000]].concat();
    for reply in [
        Reply::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{".to_vec()),
        Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{".to_vec()),
        Reply::Raw(endless),
    ] {
        for (name, outcome, wants_token) in outcomes(reply.clone()).await {
            let (plugin, _) = cases::all().iter().find(|(plugin, _)| plugin.name() == name).unwrap();
            let rule = &plugin.file.answer;
            if rule.success.is_empty() && rule.id.is_none() {
                continue; // its success is its status alone
            }
            let is_expected = match wants_token {
                true => matches!(outcome.class, Unavailable | Account),
                false => matches!(outcome.class, Uncertain | Refused),
            };
            assert!(is_expected, "{name}: {:?}, {}", outcome.class, outcome.detail);
        }
    }
}
