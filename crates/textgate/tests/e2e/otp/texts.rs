//! What passcodes say, and how that is set.

use super::super::kit::{Server, manifest, nobody, smpp, smsc};
use super::{create, received, server};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn texts_follow_template_language_browser_and_app() {
    let smsc = smsc().await;
    let settings = json!({"app_name": "Acme", "apps": [{"name": "droid", "hash": "FA+9qCX9VSu"}]});
    let (_server, api) = server(&smsc, None, settings).await;
    create(&api, json!({"locale": "de-AT"})).await;
    let text = received(&smsc).await;
    assert!(text.starts_with("Acme: ") && text.contains("ist Ihr Bestätigungscode"), "{text}");
    let put = api
        .put(
            "/v1/otp/templates",
            json!({"purpose": "login", "locale": "de", "text": "{app}-Anmeldung: {code}"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&put["preview"]["text"], &put["preview"]["segments"]),
        (&json!("Acme-Anmeldung: 123456"), &json!(1))
    );
    create(&api, json!({"purpose": "login", "locale": "de"})).await;
    assert!(received(&smsc).await.starts_with("Acme-Anmeldung: "));
    create(&api, json!({"domain": "login.example.com"})).await;
    let text = received(&smsc).await;
    let code = text.trim_start_matches("Acme: ").split(' ').next().unwrap().to_owned();
    assert_eq!(text.lines().last().unwrap(), format!("@login.example.com #{code}"));
    create(&api, json!({"app": "droid", "locale": "ru"})).await;
    let text = received(&smsc).await;
    assert!(text.ends_with("\nFA+9qCX9VSu"), "{text}");
    create(&api, json!({"alphabet": "letters", "length": 10})).await;
    let text = received(&smsc).await;
    assert!(text.trim_start_matches("Acme: ").bytes().take(10).all(|c| c.is_ascii_uppercase()), "{text}");

    let templates = api.get("/v1/otp/templates").await.expect(200);
    assert_eq!(templates["templates"].as_array().map(Vec::len), Some(1));
    assert!(templates["shipped"].as_array().unwrap().len() >= 25);
    let preview = json!({"text": "Your code: {code} – {minutes}", "domain": "example.com"});
    let preview = api.post("/v1/otp/templates/preview", preview).await.expect(200);
    assert_eq!((&preview["encoding"], &preview["segments"]), (&json!("ucs2"), &json!(1)));
    for text in ["no code", "{code} {name}", "{code} {code}", ""] {
        let body = json!({"purpose": "login", "locale": "de", "text": text});
        let problem = api.put("/v1/otp/templates", body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["path"], "text");
    }
    assert_eq!(api.delete("/v1/otp/templates/login/de").await.status, 204);
    api.delete("/v1/otp/templates/login/de").await.expect_problem(404, "not-found");
    let log = api.get("/v1/audit").await.expect(200).to_string();
    assert!(log.contains("passcode template") && log.contains("put the passcode settings"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_templates_come_by_a_manifest_too() {
    let server = Server::stopped();
    let acme = manifest(&[smpp("main", nobody(), "")]);
    let toml = |more: &str| {
        format!(
            "{acme}[virtual_server.otp_settings]\nlength = 8\napp_name = \"Acme\"\n[[virtual_server.otp_template]]\n\
             purpose = \"login\"\nlocale = \"de\"\ntext = \"{{app}}: {{code}}{more}\"\n"
        )
    };
    let done = server.apply(&toml(""));
    assert!(
        done.contains("passcode settings: app_name, length")
            && done.contains("add passcode template login (de)"),
        "{done}"
    );
    let again = server.apply(&toml(""));
    assert!(again.contains("nothing to change"), "{again}");
    let path = server.path("wrong.toml");
    std::fs::write(&path, toml(" {name}").replace("length = 8", "lenght = 8")).unwrap();
    let failed = server.cli(&["apply", "--yes", path.to_str().unwrap()]);
    assert!(!failed.status.success() && String::from_utf8_lossy(&failed.stderr).contains("lenght"));
    std::fs::write(&path, toml(" {name}")).unwrap();
    let failed = server.cli(&["apply", "--yes", path.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(said.contains("otp_template[0].text") && said.contains("{name}"), "{said}");
}
