//! Sums over a subtree, forecasts, and sending again.

use super::*;
use crate::words::Request;
use crate::{ResendRefusal, Scope};
use textgate_sms::{GatewayId, Kind, MessageId, MessageState};
use textgate_store::{Filter, Finished, Transition};

const HOUR_MS: i64 = 3_600_000;

impl Bench {
    async fn send(&self, vs: VsId, kind: Kind) -> MessageId {
        let request = Request {
            to: "15550100100".into(),
            text: "hello".into(),
            kind: Some(kind),
            reference: Some("r".into()),
            ..Request::default()
        };
        self.dispatch.accept(vs, vec![request]).await.remove(0).unwrap().id
    }

    /// Ends a message, as its gateway would have.
    async fn end(&self, id: MessageId, erase_text: bool) {
        let to = MessageState::Sent;
        let transition =
            Transition { to, at_ms: id.accepted_ms() + 5, reason: "x".into(), erase_text, refund: false };
        let receipt_ids = smallvec::smallvec![];
        let finished = Finished { id, attempt: None, receipt_ids, transition: Some(transition) };
        self.dispatch.engine.store.record(vec![finished]).await.unwrap();
    }

    async fn accepted(&self, vs: VsId, with_below: bool) -> u64 {
        let now_ms = self.dispatch.engine.clock.now_ms();
        let scope = Scope { vs, with_below };
        let series =
            self.dispatch.series(scope, None, now_ms - HOUR_MS, now_ms + HOUR_MS, HOUR_MS).await.unwrap();
        series.total.came_to(MessageState::Accepted)
    }
}

#[tokio::test]
async fn a_provider_sees_the_sum_of_all_below_and_a_child_only_its_own() {
    let bench = Bench::with_provider().await;
    let acme = bench.add("acme").await;
    let sales = bench.add("acme/sales").await;
    bench.give(acme, 100).await;
    bench.give(sales, 100).await;
    for (vs, count) in [(VsId::ROOT, 1), (acme, 2), (sales, 4)] {
        for _ in 0..count {
            bench.send(vs, Kind::Text).await;
        }
    }
    let expected = [(VsId::ROOT, 1, 7), (acme, 2, 6), (sales, 4, 4)];
    for (vs, own, all) in expected {
        assert_eq!((bench.accepted(vs, false).await, bench.accepted(vs, true).await), (own, all), "{vs}");
    }
    let bench = bench.reopened().await;
    for (vs, own, all) in expected {
        assert_eq!((bench.accepted(vs, false).await, bench.accepted(vs, true).await), (own, all), "{vs}");
    }
}

#[tokio::test]
async fn a_forecast_goes_by_what_was_spent_and_not_returned() {
    let bench = Bench::with_provider().await;
    let acme = bench.add("acme").await;
    bench.give(acme, 14).await;
    assert_eq!(bench.dispatch.forecast(acme).await.unwrap().days_left, None, "nothing was spent");
    for _ in 0..4 {
        bench.send(acme, Kind::Text).await;
    }
    let forecast = bench.dispatch.forecast(acme).await.unwrap();
    assert_eq!((forecast.credits.remaining, forecast.per_day, forecast.days_left), (10, 4.0, Some(2.5)));
    assert!(is_unknown(bench.dispatch.forecast(VsId(99)).await));
}

#[tokio::test]
async fn a_question_for_figures_that_are_not_kept_says_what_is() {
    let bench = Bench::new().await;
    let now_ms = bench.dispatch.engine.clock.now_ms();
    let scope = Scope { vs: VsId::ROOT, with_below: true };
    let ask = async |from, to, step| bench.dispatch.series(scope, None, from, to, step).await;
    let days = |n: i64| n * 24 * HOUR_MS;
    assert_eq!(paths(ask(now_ms, now_ms, 60_000).await), ["to"]);
    assert_eq!(paths(ask(now_ms - HOUR_MS, now_ms, 90_000).await), ["step_s"]);
    assert_eq!(paths(ask(now_ms - days(2), now_ms, 60_000).await), ["step_s"], "too many");
    assert_eq!(paths(ask(now_ms - days(3), now_ms, 600_000).await), ["step_s"], "only hours");
    assert_eq!(paths(ask(now_ms - days(50), now_ms, HOUR_MS).await), ["step_s"], "only days");
    let week = ask(now_ms - days(7), now_ms, HOUR_MS).await.unwrap();
    assert!(week.steps.len() == 168 || week.steps.len() == 169);
    assert!(week.steps.iter().all(|step| step.at_ms % HOUR_MS == 0));
    assert!(ask(now_ms - days(360), now_ms, days(1)).await.is_ok());
}

#[tokio::test]
async fn a_gateway_is_found_by_its_name_or_by_its_number_when_it_has_none() {
    let bench = Bench::with_provider().await;
    let acme = bench.add("acme").await;
    let main = bench.dispatch.settings(VsId::ROOT).await.unwrap().gateways[0].id;
    assert_eq!(bench.dispatch.gateway_named(VsId::ROOT, "main"), Some(main));
    assert_eq!(bench.dispatch.gateway_named(acme, "main"), Some(main), "it sends through it");
    assert_eq!(bench.dispatch.gateway_named(acme, "4000"), Some(GatewayId(4000)));
    assert_eq!(bench.dispatch.gateway_named(acme, "other"), None);
    let now = bench.dispatch.gateways_now(acme).unwrap();
    assert_eq!((now[0].name.as_str(), now[0].is_own), ("main", false));
    assert_eq!((now[0].status.reason.as_deref(), now[0].status.window), (None, 0), "a provider's own affair");
}

#[tokio::test]
async fn a_message_is_sent_again_under_a_new_id_that_names_the_old_one() {
    let bench = Bench::with_provider().await;
    let id = bench.send(VsId::ROOT, Kind::Alert).await;
    let again = async |key: Option<&str>| bench.dispatch.resend(VsId::ROOT, id, key.map(str::to_owned)).await;
    assert_eq!(again(None).await, Err(ResendRefusal::Unfinished(MessageState::Accepted)));
    bench.end(id, false).await;
    let new = again(Some("key")).await.unwrap();
    assert_ne!(new.id, id);
    assert_eq!(again(Some("key")).await.unwrap().id, new.id, "the same request under the same key");
    assert_ne!(again(None).await.unwrap().id, new.id);
    let shown = bench.dispatch.message(VsId::ROOT, new.id).await.unwrap();
    assert_eq!(shown.resend_of, Some(id.to_string()));
    assert_eq!(
        (shown.text.as_deref(), shown.kind, shown.reference.as_deref()),
        (Some("hello"), Kind::Alert, Some("r"))
    );
    let acme = bench.add("acme").await;
    assert_eq!(bench.dispatch.resend(acme, id, None).await, Err(ResendRefusal::NotFound));
}

#[tokio::test]
async fn a_passcode_and_an_erased_text_are_not_sent_again() {
    let bench = Bench::with_provider().await;
    let passcode = bench.send(VsId::ROOT, Kind::Otp).await;
    bench.end(passcode, true).await;
    assert_eq!(bench.dispatch.resend(VsId::ROOT, passcode, None).await, Err(ResendRefusal::Passcode));
    let text = bench.send(VsId::ROOT, Kind::Text).await;
    bench.end(text, true).await;
    assert_eq!(bench.dispatch.resend(VsId::ROOT, text, None).await, Err(ResendRefusal::Erased));
}

#[tokio::test]
async fn a_list_with_texts_has_none_of_a_passcode() {
    let bench = Bench::with_provider().await;
    bench.send(VsId::ROOT, Kind::Otp).await;
    bench.send(VsId::ROOT, Kind::Text).await;
    let page = bench.dispatch.messages_with_texts(VsId::ROOT, Filter::default(), None, 9).await.unwrap();
    let texts: Vec<_> = page.messages.iter().map(|m| (m.kind, m.text.as_deref())).collect();
    assert_eq!(texts, [(Kind::Text, Some("hello")), (Kind::Otp, None)]);
    let page = bench.dispatch.messages(VsId::ROOT, Filter::default(), None, 9).await.unwrap();
    assert!(page.messages.iter().all(|message| message.text.is_none()));
}
