//! Preconfigured providers, as an installation adds one and providers report: the README's walk-through, step by step.

use super::kit::{PHONE, Server, answering, gateway, manifest, nobody, provider_that};
use reqwest::Method;
use serde_json::{Value, json};
use textgate_simulator::HttpProvider;

const README: &str = include_str!("../../../../catalogue/README.md");

/// The provider that the README invents.
fn acme() -> &'static str {
    README.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()
}

/// A server whose folder of providers has the README's, and which providers reach at https://sms.example.com.
fn with_own_folder() -> Server {
    let server = Server::stopped();
    let folder = server.path("catalogue");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("acme.toml"), acme()).unwrap();
    let path = server.path("textgate.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let config = config.replacen("[http]\n", "[http]\npublic_url = \"https://sms.example.com\"\n", 1);
    std::fs::write(&path, format!("catalogue_dir = {folder:?}\n{config}")).unwrap();
    server
}

async fn acme_provider() -> HttpProvider {
    provider_that(answering(202, r#"{"id":"a<n>"}"#)).await
}

fn acme_gateway(provider: &HttpProvider) -> String {
    let settings = format!(
        "token = \"t0ken\"\nsender = \"ACME\"\napi_address = {:?}",
        provider.url("").trim_end_matches('/')
    );
    gateway("acme", "acme", &settings)
}

/// A call to a receipt address; the server is asked where its public address would lead.
async fn call(server: &Server, method: Method, url: &str, body: &str) -> super::kit::Answer {
    let path = url.strip_prefix("https://sms.example.com").unwrap();
    server.api_as("").ask(method, path, &[], body.to_owned()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_ones_own_is_checked_sends_reports_and_tells_its_balance() {
    let provider = acme_provider().await;
    let mut server = with_own_folder();
    let file = server.path("catalogue/acme.toml");
    assert!(server.cli_ok(&["plugins", "check", file.to_str().unwrap()]).contains("Acme SMS is right"));
    assert!(server.cli_ok(&["plugins", "list"]).contains("Acme SMS"));
    assert!(server.cli_ok(&["plugins", "show", "acme"]).contains("https://docs.acme.example/sms"));
    server.apply(&manifest(&[acme_gateway(&provider)]));
    server.serve().await;

    let text = json!({"to": PHONE, "text": "Your table is ready", "kind": "text", "flash": true});
    let id = server.api().send(text).await;
    server.api().until(&id, "sent").await;
    let requests = provider.requests();
    let request: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!((requests.len(), requests[0].path.as_str()), (1, "/v2/sms"));
    assert!(requests[0].headers.contains(&("authorization".into(), "Bearer t0ken".into())));
    assert_eq!(request["to"], format!("+{PHONE}"));
    assert_eq!((&request["body"], &request["class"]), (&json!("Your table is ready"), &json!(0)));
    let url = request["report_url"].as_str().unwrap();

    // What is no report, or not at this address, changes nothing.
    call(&server, Method::POST, url, "[{]").await.expect_problem(400, "invalid-request");
    call(&server, Method::GET, url, "").await.expect_problem(400, "invalid-request");
    let wrong = format!("{}0", &url[..url.len() - 1]);
    let wrong = if wrong == url { format!("{}1", &url[..url.len() - 1]) } else { wrong };
    call(&server, Method::POST, &wrong, "[]").await.expect_problem(404, "not-found");
    assert_eq!(server.api().message(&id).await["status"], "sent");
    // The same report twice is one; a later one of another fate finds it final.
    let delivered = r#"[{"id":"a1","state":"DELIVRD","err":0},{"id":"unknown","state":"UNDELIV","err":9}]"#;
    call(&server, Method::POST, url, delivered).await.expect(200);
    let first = server.api().until(&id, "delivered").await;
    call(&server, Method::POST, url, delivered).await.expect(200);
    assert_eq!(server.api().message(&id).await["receipts"], first["receipts"]);

    provider.set(answering(200, r#"{"credit":12.5,"currency":"EUR"}"#));
    let balance = server.api().get("/v1/sms-settings/gateways/acme/balance").await.expect(200);
    assert_eq!(balance, json!({"amount": 12.5, "unit": "EUR"}));
    provider.set(answering(400, r#"{"error":{"code":17}}"#));
    let id = server.api().send(json!({"to": PHONE, "text": "again"})).await;
    let failed = server.api().until(&id, "failed").await;
    assert_eq!(failed["attempts"][0]["outcome"], "rejected", "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_is_told_with_its_line_by_the_command_and_by_the_start() {
    let server = with_own_folder();
    let path = server.path("catalogue/acme.toml");
    let line = |text: &str| acme().lines().position(|line| line.starts_with(text)).unwrap() + 1;
    for (from, to, line, reason) in [
        ("label = \"Acme SMS\"", "label = 3", line("label"), "string"),
        ("\"flash\", ", "\"flush\", ", line("features"), "flush"),
        ("\"flash\", ", "", line("features"), "flash"),
        ("number = \"plus\"  ", "nomber = \"plus\"  ", line("number"), "nomber"),
        ("{setting.token}", "{setting.tokn}", line("[auth.bearer]") + 1, "tokn"),
        ("\"{to}\"", "\"{too}\"", line("to = "), "too"),
        ("class = \"account\"", "class = \"broke\"", line("code = [\"20\"]") + 1, "broke"),
        ("https://api.acme.example/v2/sms", "api.acme.example/v2/sms", line("[send]") + 2, "https://"),
        ("read = \"2026-11-24\"", "read = \"yesterday\"", line("[[source]]"), "date"),
        ("delivered = [\"DELIVRD\"]\n", "", line("[receipt.states]"), "delivered"),
    ] {
        assert!(acme().contains(from), "{from}");
        std::fs::write(&path, acme().replacen(from, to, 1)).unwrap();
        let output = server.cli(&["plugins", "check", path.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{to}: {said}");
        assert!(said.contains(&format!("acme.toml, line {line}: ")) && said.contains(reason), "{to}: {said}");
        // A server does not start without a provider that a message may need.
        let output = server.cli(&["serve"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(&format!("line {line}: ")), "{to}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_not_signed_by_its_provider_is_refused() {
    let provider = provider_that(answering(200, "<html>no certificate</html>")).await;
    let twilio = "account_sid = \"AC00000000000000000000000000000001\"\nauth_token = \"s3cret\"\nsender = \"+15005550006\"";
    let aws = format!(
        "region = \"eu-central-1\"\naccess_key_id = \"AKIDEXAMPLE\"\nsecret_access_key = \"s3cret\"\n\
         topic_arn = \"arn:aws:sns:eu-central-1:123456789012:sms-events\"\napi_address = {:?}",
        provider.url("").trim_end_matches('/')
    );
    let mut server = with_own_folder();
    server.apply(&manifest(&[gateway("twilio", "twilio", twilio), gateway("aws-sms", "aws", &aws)]));
    server.serve().await;
    let settings = server.api().get("/v1/sms-settings").await.expect(200);
    let url = |index: usize| settings["gateways"][index]["receipt_url"].as_str().unwrap().to_owned();
    let form = "MessageSid=SM1&MessageStatus=delivered";
    call(&server, Method::POST, &url(0), form).await.expect_problem(403, "forbidden");

    // A call of SNS: of another topic it is refused before anything is fetched; of this one a certificate is asked for.
    let envelope = |topic: &str, certificate: &str| {
        json!({
            "Type": "SubscriptionConfirmation", "MessageId": "1", "Token": "t", "Message": "m", "TopicArn": topic,
            "SubscribeURL": format!("https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token=t"),
            "Timestamp": "2026-11-24T12:00:00.000Z", "SignatureVersion": "1", "Signature": "AAAA",
            "SigningCertURL": certificate,
        })
        .to_string()
    };
    let own = "arn:aws:sns:eu-central-1:123456789012:sms-events";
    let right = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-a1.pem";
    for (body, status, slug) in [
        (form.to_owned(), 400, "invalid-request"),
        (
            r#"{"eventType":"TEXT_DELIVERED","isFinal":true,"messageId":"1"}"#.to_owned(),
            400,
            "invalid-request",
        ),
        (envelope("arn:aws:sns:eu-central-1:210987654321:attack", right), 403, "forbidden"),
        (envelope(own, "https://evil.example/SimpleNotificationService-a1.pem"), 403, "forbidden"),
    ] {
        call(&server, Method::POST, &url(1), &body).await.expect_problem(status, slug);
    }
    assert!(provider.requests().is_empty());
    let problem = call(&server, Method::POST, &url(1), &envelope(own, right)).await;
    problem.expect_problem(502, "provider-unavailable");
    assert_eq!(provider.requests().len(), 1, "the certificate, and no confirmation");
    assert_eq!(provider.requests()[0].path, "/SimpleNotificationService-a1.pem");
}

/// Use Proxy, Use Flash SMS, Use Overwrite SMS, Delivery Receipts: on every provider that has them, and on no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_shows_what_it_supports_and_nothing_else() {
    let mut server = with_own_folder();
    server.apply(&manifest(&[gateway(
        "acme",
        "acme",
        &format!("token = \"t\"\napi_address = \"http://{}\"", nobody()),
    )]));
    server.serve().await;
    let shown = server.api().get("/v1/plugins").await.expect(200);
    let providers: Vec<&Value> =
        shown["plugins"].as_array().unwrap().iter().filter(|plugin| plugin["provider"].is_object()).collect();
    assert!(providers.len() > 60 && providers.iter().any(|plugin| plugin["name"] == "acme"));
    for plugin in providers {
        let has_field =
            |name: &str| plugin["fields"].as_array().unwrap().iter().any(|field| field["name"] == name);
        let features = plugin["provider"]["features"].as_array().unwrap();
        for name in ["flash", "overwrite", "receipts"] {
            assert_eq!(has_field(name), features.contains(&json!(name)), "{}: {name}", plugin["name"]);
        }
        assert!(has_field("use_proxy") && has_field("proxy_url"), "{}", plugin["name"]);
    }
}
