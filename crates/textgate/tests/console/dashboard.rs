//! The dashboard: where a newcomer begins, and what it shows as messages go.

use crate::browser::Browser;
use crate::kit::{KEY, PHONE, Server, Tenant, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number, site};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use textgate_sms::{GatewayId, MessageState, OutcomeClass, VsId};
use textgate_store::{Figures, SqliteOptions, SqliteStore, Store, Tally};

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_led_to_the_first_message() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    browser.sign_in(at, "ada").await;
    let acme = number(&server, "acme");
    assert_eq!(browser.here().await, format!("/console/vs/{acme}/dashboard"), "it is the first page");
    let text = browser.text().await;
    assert!(text.contains("No message was sent yet") && text.contains("No gateway is configured"), "{text}");
    assert_eq!(browser.live_text_of(".empty .button").await, "Open the SMS Settings");
    look(&browser, "dashboard-empty", async |browser| {
        browser.goto(at, &format!("/console/vs/{acme}/dashboard")).await;
    })
    .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_appear_by_themselves_and_fit_their_range() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let tenant = |path, more, settings, gateways| Tenant {
        path,
        key: if path == "acme" { KEY } else { "" },
        more,
        settings,
        gateways,
    };
    let acme = tenant("acme", "", "mode = \"custom\"", &gateways[..]).toml();
    server.apply(&(acme + &tenant("acme/sales", "credits = 40", "", &[]).toml()));
    server.serve().await;
    add_user(&server, "ada", "acme", "administrator");
    add_user(&server, "sally", "acme/sales", "operator");
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    api.until_gateway("main", "up").await;
    let Some(browser) = Browser::open().await else { return };
    browser.sign_in(at, "ada").await;
    browser.until_shown("[data-live-state]", "Live").await;
    for _ in 0..3 {
        api.send_until(json!({"to": PHONE, "text": "1", "kind": "otp"}), "delivered").await;
    }
    browser.until_shown(".tiles", "of 3 accepted").await;
    browser.until_shown(".tiles", "100.0 % of those sent").await;
    let row = browser.live_text_of("#live .table tbody").await;
    assert!(row.contains("main") && row.contains("Up") && row.contains("Closed"), "{row}");
    assert_eq!(browser.count("figure.chart svg[role=img]").await, 3);
    browser.script("document.querySelector('#messages-numbers > summary').click()").await;
    assert!(browser.live_text_of("#messages-numbers").await.contains("Delivered"));
    for (range, title) in [("24h", "per ten minutes"), ("7d", "per hour"), ("30d", "per six hours")] {
        browser.follow(&format!(".tabs a[href*=\"range={range}\"]")).await;
        assert!(browser.live_text_of("#messages").await.contains(title));
        assert!(browser.live_text_of(".tiles").await.contains("of 3 accepted"));
    }
    browser.follow(".tabs a[href*=\"of=own\"]").await;
    assert!(browser.live_text_of(".tiles").await.contains("of 3 accepted"));
    browser.sign_out().await;

    browser.sign_in(at, "sally").await;
    let text = browser.text().await;
    assert!(text.contains("through the service provider's gateways"), "{text}");
    assert!(text.contains("Send a test message") && !text.contains("of 3 accepted"), "{text}");
    assert_eq!(browser.here().await, format!("/console/vs/{}/dashboard", number(&server, "acme/sales")));
    assert_ne!(number(&server, "acme/sales"), acme);
    browser.close().await;
}

/// Figures of the past days, as a busy virtual server has them: a day's rhythm, a gateway that failed for a while, and its failover.
async fn fill(server: &Server) {
    let store = SqliteStore::open(server.data_dir().join("textgate.db"), SqliteOptions::default()).unwrap();
    let directory = store.directory().await.unwrap();
    let acme = directory.virtual_servers.iter().find(|vs| vs.name == "acme").unwrap().id;
    let gateway = |name: &str| directory.gateways.iter().find(|gateway| gateway.name == name).unwrap().id;
    let (main, backup) = (gateway("main"), gateway("backup"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 / 60;
    let mut tallies = Vec::new();
    for minute in now - 2_800..=now {
        let ago = now - minute;
        let rhythm = 1.0 + (minute as f64 / 229.0).sin() * 0.6 + (minute as f64 / 3.7).sin() * 0.2;
        let count = (40.0 * rhythm.max(0.05)) as u64;
        let is_out = (18..26).contains(&ago) || (700..760).contains(&ago);
        let mut accepted = Figures::default();
        accepted.states[usize::from(MessageState::Accepted.code())] = count;
        tallies.push(tally(acme, GatewayId(0), minute, accepted));
        let mut taken = Figures::default();
        let lost = if is_out { count / 6 } else { u64::from(minute % 17 == 0) };
        taken.states[usize::from(MessageState::Sent.code())] = count - lost;
        taken.states[usize::from(MessageState::Failed.code())] = lost;
        taken.states[usize::from(MessageState::Delivered.code())] = (count - lost) * 96 / 100;
        taken.states[usize::from(MessageState::Undelivered.code())] = (count - lost) / 50;
        taken.attempts[usize::from(OutcomeClass::Sent.code())] = count - lost;
        for n in 0..(count - lost) {
            let slow = if is_out { 40 } else { 1 };
            taken.to_sent.record((1_200 + n * n * 11 + (minute as u64 * 37 + n) % 900) * slow);
            taken.to_delivered.record(900_000 + n * n * 9_000 + (minute as u64 * 91 + n * 7) % 300_000);
        }
        if is_out {
            let mut left = Figures { failovers: count, ..Figures::default() };
            left.attempts[usize::from(OutcomeClass::Unavailable.code())] = count;
            tallies.push(tally(acme, main, minute, left));
        }
        tallies.push(tally(acme, if is_out { backup } else { main }, minute, taken));
    }
    for chunk in tallies.chunks(500) {
        store.add_figures(chunk.to_vec()).await.unwrap();
    }
    store.close().await.unwrap();
}

fn tally(vs: VsId, gateway: GatewayId, minute: i64, figures: Figures) -> Tally {
    Tally { vs, is_below: false, gateway, at_ms: minute * 60_000, figures }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_dashboard_breaks_no_rule_of_accessibility_in_any_range() {
    let (one, other) = (smsc().await, smsc().await);
    let mut server = Server::stopped();
    let gateways = [smpp("main", one.address(), ""), smpp("backup", other.address(), "")];
    let acme = Tenant {
        path: "acme",
        key: KEY,
        more: "credits = 90000",
        settings: "mode = \"custom\"",
        gateways: &gateways,
    };
    server.apply(&acme.toml());
    fill(&server).await;
    server.serve().await;
    add_user(&server, "ada", "acme", "administrator");
    server.api().until_gateway("backup", "up").await;
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    browser.sign_in(at, "ada").await;
    let acme = number(&server, "acme");
    for (name, range) in [("dashboard", "1h"), ("dashboard-day", "24h"), ("dashboard-week", "7d")] {
        let path = format!("/console/vs/{acme}/dashboard?range={range}");
        look(&browser, name, async |browser| {
            browser.goto(at, &path).await;
            assert!(browser.live_text_of(".tiles").await.contains("% of those sent"));
        })
        .await;
    }
    browser.close().await;
}
