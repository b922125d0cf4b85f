//! From being made to being final.

use super::*;
use crate::words::Refusal;
use textgate_gateway::Problem;
use textgate_sms::OutcomeClass;

/// A code that is not this one.
fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

fn problems(refusal: PasscodeRefusal) -> Vec<String> {
    match refusal {
        PasscodeRefusal::Refused(Refusal::Invalid(problems)) => {
            problems.into_iter().map(|Problem { path, .. }| path).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_passcode_is_sent_and_approved_once() {
    let bench = Bench::with(&["a"]).await;
    let id = bench.passcode().await;
    let shown = bench.dispatch.passcode(VS, id).await.unwrap();
    assert_eq!(
        (shown.status, shown.attempts_left, shown.messages.as_slice()),
        (PasscodeState::Pending, 5, &[id][..])
    );
    assert_eq!(shown.expires_ms - shown.created_ms, 600_000);
    assert_eq!(bench.gateways(id), [[A]]);
    let code = bench.code(id);
    assert_eq!(bench.check(id, &wrong(&code)).await, Ok(PasscodeState::Pending));
    assert_eq!(bench.check(id, &code).await, Ok(PasscodeState::Approved));
    let used = PasscodeRefusal::NotPending(PasscodeState::Approved);
    assert_eq!(bench.check(id, &code).await, Err(used.clone()));
    assert_eq!(bench.check(id, &wrong(&code)).await, Err(used.clone()));
    assert_eq!(bench.resend(id).await, Err(used));
    assert_eq!(bench.record(id).seed, None);
    let metrics = bench.dispatch.render_metrics();
    for line in [
        "textgate_passcodes_created_total 1",
        r#"textgate_passcode_checks_total{status="approved"} 1"#,
        r#"textgate_passcode_checks_total{status="pending"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn five_wrong_codes_end_it_and_its_time_does() {
    let bench = Bench::with(&["a"]).await;
    let (id, other) = (bench.passcode().await, bench.passcode().await);
    let (code, late) = (bench.code(id), bench.code(other));
    for _ in 0..4 {
        assert_eq!(bench.check(id, &wrong(&code)).await, Ok(PasscodeState::Pending));
    }
    assert_eq!(bench.check(id, &wrong(&code)).await, Ok(PasscodeState::TooManyAttempts));
    assert_eq!(bench.check(id, &code).await, Ok(PasscodeState::TooManyAttempts));
    bench.pass(599.0).await;
    assert_eq!(bench.dispatch.passcode(VS, other).await.unwrap().status, PasscodeState::Pending);
    bench.pass(1.1).await;
    assert_eq!(bench.dispatch.passcode(VS, other).await.unwrap().status, PasscodeState::Expired);
    assert_eq!(bench.check(other, &late).await, Ok(PasscodeState::Expired));
    assert_eq!(bench.resend(other).await, Err(PasscodeRefusal::NotPending(PasscodeState::Expired)));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_read_as_a_whole_and_nothing_is_made_of_a_wrong_one() {
    let bench = Bench::with(&["a"]).await;
    let wrong = PasscodeRequest {
        to: "+1 555".into(),
        purpose: Some("Log in".into()),
        template: Some("".into()),
        locale: Some("german".into()),
        length: Some(3),
        ttl_s: Some(3_601),
        app: Some("unknown".into()),
        ..request()
    };
    let refusal = bench.dispatch.create_passcode(VS, wrong).await.unwrap_err();
    assert_eq!(problems(refusal), ["to", "purpose", "template", "length", "ttl_s", "locale", "app"]);
    assert!(bench.store.messages.lock().unwrap().is_empty());
    assert_eq!(bench.dispatch.engine.waiting(), 0);
    let id = bench.passcode().await;
    for no_code in ["", "123", "12345678901", "1234ü"] {
        assert_eq!(problems(bench.check(id, no_code).await.unwrap_err()), ["code"]);
    }
    assert_eq!(bench.record(id).attempts, 0, "what can be no code is no attempt");
    let unknown = MessageId::from_u64(9);
    assert_eq!(bench.check(unknown, "123456").await, Err(PasscodeRefusal::NotFound));
    assert_eq!(
        bench.dispatch.check_passcode(VsId(7), id, "123456").await.unwrap_err(),
        PasscodeRefusal::NotFound
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_gateway_or_a_disk_there_is_no_passcode() {
    let bench = Bench::with(&[]).await;
    let refused = bench.dispatch.create_passcode(VS, request()).await;
    assert_eq!(refused.unwrap_err(), PasscodeRefusal::Refused(Refusal::NotConfigured));
    let bench = Bench::with(&["a"]).await;
    *bench.store.is_full.lock().unwrap() = true;
    let refused = bench.dispatch.create_passcode(VS, request()).await;
    assert_eq!(refused.unwrap_err(), PasscodeRefusal::Refused(Refusal::StoreUnavailable));
    assert_eq!(bench.dispatch.engine.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_request_under_one_key_is_one_passcode_although_each_would_have_a_code_of_its_own() {
    let bench = Bench::with(&["a"]).await;
    let once = |to: &str| PasscodeRequest { idempotency_key: Some("k".into()), to: to.into(), ..request() };
    let first = bench.dispatch.create_passcode(VS, once("15550100100")).await.unwrap();
    let second = bench.dispatch.create_passcode(VS, once("15550100100")).await.unwrap();
    assert_eq!((second.passcode.id, second.is_duplicate), (first.passcode.id, true));
    let other = bench.dispatch.create_passcode(VS, once("15550100101")).await;
    assert_eq!(other.unwrap_err(), PasscodeRefusal::Refused(Refusal::IdempotencyConflict));
    assert_eq!(bench.store.messages.lock().unwrap().len(), 1);
    // A message under the same key is another request, too.
    let message = crate::words::Request {
        to: "15550100100".into(),
        text: "hello".into(),
        idempotency_key: Some("k".into()),
        ..crate::words::Request::default()
    };
    let refused = bench.dispatch.accept(VS, vec![message]).await.remove(0);
    assert_eq!(refused, Err(Refusal::IdempotencyConflict));
    bench.pass(31.0).await;
    let again = bench.dispatch.resend_passcode(VS, first.passcode.id, Some("r".into())).await.unwrap();
    let repeated = bench.dispatch.resend_passcode(VS, first.passcode.id, Some("r".into())).await.unwrap();
    assert!(!again.is_duplicate && repeated.is_duplicate);
    assert_eq!(bench.messages(first.passcode.id).len(), 2);
    let soon = bench.dispatch.resend_passcode(VS, first.passcode.id, Some("s".into())).await;
    assert!(matches!(soon, Err(PasscodeRefusal::TooSoon { .. })), "another key is another request: {soon:?}");
}

#[tokio::test(start_paused = true)]
async fn a_resend_waits_for_its_pause_which_grows_and_carries_the_same_code() {
    let settings = OtpSettings { resend_pauses_s: vec![30, 60], watch: false, ..OtpSettings::default() };
    let bench = Bench::otp(&["a"], settings).await;
    let id = bench.passcode().await;
    let code = bench.code(id);
    assert_eq!(bench.resend(id).await, Err(PasscodeRefusal::TooSoon { retry_after_s: 30 }));
    bench.pass(29.5).await;
    assert_eq!(bench.resend(id).await, Err(PasscodeRefusal::TooSoon { retry_after_s: 1 }));
    bench.pass(0.5).await;
    assert!(bench.resend(id).await.is_ok());
    assert_eq!(bench.resend(id).await, Err(PasscodeRefusal::TooSoon { retry_after_s: 60 }));
    bench.pass(60.0).await;
    let resent = bench.resend(id).await.unwrap().passcode;
    assert_eq!((resent.resends, resent.resend_after_ms, resent.messages.len()), (2, None, 3));
    bench.pass(400.0).await;
    assert_eq!(bench.resend(id).await, Err(PasscodeRefusal::NoMoreResends));
    assert_eq!(bench.code(id), code);
    assert_eq!(bench.check(id, &code).await, Ok(PasscodeState::Approved));
}

#[tokio::test(start_paused = true)]
async fn a_resend_goes_by_the_other_gateway_where_the_first_brought_no_receipt() {
    let bench = Bench::otp(&["a", "b"], OtpSettings { watch: false, ..OtpSettings::default() }).await;
    let (silent, reported) = (bench.passcode().await, bench.passcode().await);
    bench.receipt(reported, A, MessageState::Delivered);
    bench.pass(30.0).await;
    bench.resend(silent).await.unwrap();
    bench.resend(reported).await.unwrap();
    assert_eq!(bench.gateways(silent), [[A], [B]]);
    assert_eq!(bench.gateways(reported), [[A], [A]], "it arrived: nothing speaks against the first");
    let reasons = bench.reasons(bench.messages(silent)[1]);
    assert!(reasons[0].contains("on request") && reasons[0].contains("a took"), "{reasons:?}");
    // The other one brought none either.
    bench.pass(60.0).await;
    bench.resend(silent).await.unwrap();
    assert_eq!(bench.gateways(silent), [[A], [B], [A]]);
}

#[tokio::test(start_paused = true)]
async fn a_resend_goes_by_the_same_gateway_where_no_other_takes_messages() {
    let bench = Bench::otp(&["a", "b"], OtpSettings { watch: false, ..OtpSettings::default() }).await;
    let id = bench.passcode().await;
    bench.script("b").says(crate::testing::down());
    bench.pass(30.0).await;
    bench.resend(id).await.unwrap();
    assert_eq!(bench.gateways(id), [[A], [A]]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_yet_is_not_sent_twice_and_is_called_back_by_a_cancel() {
    let bench = Bench::with(&["a"]).await;
    bench.script("a").answers(OutcomeClass::Unavailable);
    let id = bench.passcode().await;
    bench.pass(30.0).await;
    assert_eq!(bench.resend(id).await, Err(PasscodeRefusal::OnItsWay));
    let cancelled = bench.dispatch.cancel_passcode(VS, id).await.unwrap();
    assert_eq!(cancelled.status, PasscodeState::Cancelled);
    assert_eq!(bench.state(id), MessageState::Cancelled);
    assert_eq!(bench.check(id, "123456").await, Ok(PasscodeState::Cancelled));
    assert!(bench.dispatch.cancel_passcode(VS, id).await.is_ok(), "again is no error");
    let other = bench.dispatch.cancel_passcode(VsId(7), id).await;
    assert_eq!(other.unwrap_err(), PasscodeRefusal::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_approved_passcode_is_not_cancelled() {
    let bench = Bench::with(&["a"]).await;
    let id = bench.passcode().await;
    bench.check(id, &bench.code(id)).await.unwrap();
    let refused = bench.dispatch.cancel_passcode(VS, id).await;
    assert_eq!(refused.unwrap_err(), PasscodeRefusal::NotPending(PasscodeState::Approved));
}

#[tokio::test(start_paused = true)]
async fn a_passcodes_text_is_shown_to_nobody_not_even_while_it_waits() {
    let bench = Bench::with(&["a"]).await;
    *bench.script("a").window.lock().unwrap() = 0;
    let id = bench.passcode().await;
    assert!(bench.store.messages.lock().unwrap()[&id].sealed_text.is_some(), "it waits with its text");
    assert_eq!(bench.dispatch.message(VS, id).await.unwrap().text, None);
}

#[tokio::test(start_paused = true)]
async fn settings_decide_length_alphabet_life_and_attempts_and_a_request_may_say_otherwise() {
    let settings = OtpSettings {
        length: 8,
        alphabet: CodeAlphabet::Letters,
        ttl_s: 120,
        attempts: 1,
        resend_pauses_s: Vec::new(),
        ..OtpSettings::default()
    };
    let bench = Bench::otp(&["a"], settings).await;
    let id = bench.passcode().await;
    let record = bench.record(id);
    assert_eq!((record.attempts_most, record.resend_after_ms), (1, None));
    assert_eq!(record.expires_ms - id.accepted_ms(), 120_000);
    assert!(record.recipe.contains(r#""length":8,"alphabet":"letters""#), "{}", record.recipe);
    let own = PasscodeRequest {
        length: Some(4),
        ttl_s: Some(60),
        alphabet: Some(CodeAlphabet::Digits),
        ..request()
    };
    let sent = bench.dispatch.create_passcode(VS, own).await.unwrap().passcode;
    assert!(bench.record(sent.id).recipe.contains(r#""length":4,"alphabet":"digits""#));
    assert_eq!(sent.expires_ms - sent.created_ms, 60_000);
    assert_eq!(bench.check(id, "BCDFGHJK").await, Ok(PasscodeState::TooManyAttempts));
}

#[tokio::test(start_paused = true)]
async fn templates_are_put_tried_and_removed() {
    let bench = Bench::with(&["a"]).await;
    let dispatch = &bench.dispatch;
    let put =
        async |locale: &str, text: &str| dispatch.put_otp_template("test", VS, "login", locale, text).await;
    assert!(put("en", "{code} for {app}").await.is_err(), "there is no name of the application");
    let settings = OtpSettings { app_name: "Acme".into(), ..OtpSettings::default() };
    dispatch.put_otp_settings("test", VS, settings).await.unwrap();
    let shown = put("EN", "{code} for {app}").await.unwrap();
    assert_eq!((shown.locale.as_str(), shown.preview.text.as_str()), ("en", "123456 for Acme"));
    assert_eq!((shown.preview.segments, shown.preview.encoding.as_str()), (1, "gsm7"));
    put("de", &format!("{{code}} {}", "x".repeat(200))).await.unwrap();
    let all = dispatch.otp_templates(VS).unwrap();
    assert_eq!(
        all.iter().map(|t| (t.locale.as_str(), t.preview.segments)).collect::<Vec<_>>(),
        [("en", 1), ("de", 2)]
    );
    let draft = PreviewRequest {
        text: Some("Code {code}".into()),
        domain: Some("example.com".into()),
        ..PreviewRequest::default()
    };
    let preview = dispatch.preview_otp_text(VS, draft).unwrap();
    assert_eq!(preview.text, "Code 123456\n@example.com #123456");
    dispatch.remove_otp_template("test", VS, "login", "en").await.unwrap();
    assert!(dispatch.remove_otp_template("test", VS, "login", "en").await.is_err());
    let named = PasscodeRequest { template: Some("other".into()), ..request() };
    let refusal = dispatch.create_passcode(VS, named).await.unwrap_err();
    assert_eq!(problems(refusal), ["template"]);
}
