//! Previews and quotations of the Generic HTTP(s) plugin.

use super::kit::*;
use crate::{Environment, GenericHttpPlugin, Preview, PreviewError, Submission, preview};
use serde_json::{Value, json};
use textgate_sms::OutcomeClass;

fn previewed(settings: &Value, submission: &Submission) -> Result<Preview, PreviewError> {
    let valid = plugins().check("generic-http", settings).unwrap();
    preview(&GenericHttpPlugin::new(), &valid, &Environment::default(), submission)
}

fn parameters() -> Value {
    json!({"parameters": [
        {"name": "user", "value": "acme"},
        {"name": "password", "value": "p&ss wörd", "is_password": true},
        {"name": "blank", "value": "", "is_password": true},
    ]})
}

#[tokio::test]
async fn a_preview_is_what_is_written_but_for_the_secrets() {
    for method in ["GET", "POST"] {
        for plus in [true, false] {
            let mut server = Server::ok().await;
            let mut more = parameters();
            more["method"] = json!(method);
            more["plus_for_spaces"] = json!(plus);
            let settings = settings(&server.url("/send?first=1"), more.clone());
            let text = "Grüße & Küsse: 100 %";
            let preview = previewed(&settings, &message(text)).unwrap();
            assert_eq!((preview.segments, preview.encoding, preview.requests.len()), (1, "gsm7", 1));
            let shown = &preview.requests[0];

            let outcome = Bench::start(&server.url("/send?first=1"), more).send(message(text)).await;
            assert_eq!((outcome.class, &*outcome.detail), (OutcomeClass::Sent, "HTTP 200"));
            let sent = server.request().await;
            let secret = if plus { "p%26ss+w%C3%B6rd" } else { "p%26ss%20w%C3%B6rd" };
            assert!(sent.contains(secret), "{sent}");
            let (head, body) = sent.split_once("\r\n\r\n").unwrap();
            let mut lines = head.split("\r\n");
            let path = shown.url.strip_prefix(&server.url("")).unwrap();
            let request_line = lines.next().unwrap().replace(secret, "‹password›");
            assert_eq!(request_line, format!("{method} {path} HTTP/1.1"));
            let mut headers: Vec<String> =
                lines.filter(|line| !line.starts_with("content-length")).map(str::to_owned).collect();
            let mut expected: Vec<String> =
                shown.headers.iter().map(|header| format!("{}: {}", header.name, header.value)).collect();
            headers.sort();
            expected.sort();
            assert_eq!(headers, expected);
            assert_eq!(body.replace(secret, "‹password›"), shown.body);
        }
    }
}

#[test]
fn a_preview_says_what_is_wrong_with_the_text() {
    let settings = settings("http://h/", json!({}));
    let long = "x".repeat(60_000);
    assert!(matches!(previewed(&settings, &message(&long)), Err(PreviewError::Text(_))));
}

#[tokio::test]
async fn a_test_quotes_the_answer_without_what_is_secret_and_other_messages_do_not() {
    let server = Server::start(|request| {
        let line = request.lines().next().unwrap_or_default().to_owned();
        answer("200 OK", &format!("OK, id 7f-31; you sent {line}"))
    })
    .await;
    let test = Submission { is_test: true, ..message("Your test is here") };
    let outcome = send(&server.url("/"), parameters(), test).await;
    let quoted = outcome.answer.unwrap();
    assert!(
        quoted.starts_with("OK, id 7f-31; you sent GET /?to=•••&text=•••&user=acme&password=•••&blank="),
        "{quoted}"
    );
    assert!(!quoted.contains("p%26ss") && !quoted.contains("Your"), "{quoted}");
    let outcome = send(&server.url("/"), parameters(), message("Your test is here")).await;
    assert_eq!((outcome.answer, &*outcome.detail), (None, "HTTP 200"));
}
