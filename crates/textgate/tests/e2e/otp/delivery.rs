//! The same code again: on request, and where no receipt comes.

use super::super::kit::{eventually, smsc};
use super::{check, code_in, create, received, resend, server, silent};
use serde_json::json;
use textgate_simulator::{FinalState, Receipts};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_comes_again_after_its_pause_by_the_other_gateway_where_no_receipt_came() {
    let (main, backup) = (silent().await, smsc().await);
    let settings = json!({"resend_pauses_s": [1, 60], "watch": false});
    let (_server, api) = server(&main, Some(&backup), settings).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&main).await);
    api.until(&id, "sent").await;
    let soon = resend(&api, &id).await;
    if soon.status == 429 {
        assert_eq!(soon.header("retry-after"), "1");
    }
    let again = match soon.status {
        // The machine was slow, and the pause over.
        202 => soon.expect(202),
        _ => {
            soon.expect_problem(429, "resend-too-soon");
            eventually("the pause is over", async || {
                let again = resend(&api, &id).await;
                (again.status == 202).then_some(again.body)
            })
            .await
        }
    };
    assert_eq!(again["id"], json!(id));
    assert_eq!(code_in(&received(&backup).await), code);
    let next = resend(&api, &id).await;
    let wait: u64 = next.header("retry-after").parse().unwrap();
    assert!((50..=60).contains(&wait), "the next pause is longer: {wait}");
    next.expect_problem(429, "resend-too-soon");
    let shown = api.get(&format!("/v1/otp/{id}")).await.expect(200);
    let messages = shown["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]), (2, &json!(id)));
    let second = api.until(messages[1].as_str().unwrap(), "delivered").await;
    assert_eq!(second["resend_of"], json!(id));
    assert!(second["history"].to_string().contains("on request"), "{second:#}");
    assert_eq!(check(&api, &id, &code).await["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_without_a_receipt_is_sent_again_by_itself_and_its_time_line_says_why() {
    let (main, backup) = (silent().await, smsc().await);
    let (_server, api) = server(&main, Some(&backup), json!({"watch_after_s": 1})).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&main).await);
    assert_eq!(code_in(&received(&backup).await), code);
    let shown = api.get(&format!("/v1/otp/{id}")).await.expect(200);
    assert_eq!((shown["messages"].as_array().map(Vec::len), &shown["resends"]), (Some(2), &json!(0)));
    let first = api.message(&id).await;
    assert!(first["history"].to_string().contains("no receipt came within 1 s"), "{first:#}");
    assert_eq!(check(&api, &id, &code).await["status"], "approved");
    assert_eq!(main.messages().len(), 1);

    // A receipt that says no is not waited for.
    main.change(|behaviour| {
        behaviour.receipts = Receipts { state: FinalState::Undeliverable, ..Receipts::default() };
    });
    api.put("/v1/otp/settings", json!({"watch_after_s": 600})).await.expect(200);
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&main).await);
    assert_eq!(code_in(&received(&backup).await), code);
    api.until(&id, "undelivered").await;
}
