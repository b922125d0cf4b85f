//! An embedded store that moves to PostgreSQL.

use super::open;
use super::server::{self, Postgres};
use crate::contract::*;
use smallvec::smallvec;
use std::sync::Arc;
use textgate_sms::*;
use textgate_store::*;

/// An embedded store with something in every table.
async fn fill(store: &Arc<dyn Store>) {
    tenants(store).await;
    allocate(store, VS, 1_000_000).await;
    let gateway = NewGateway {
        id: GATEWAY,
        name: "main".into(),
        plugin: "smpp".into(),
        sealed_settings: vec![1, 0, 255],
    };
    let settings = SmsSettings {
        is_custom: true,
        test_number: Some(7),
        failover_after_ms: 9,
        more: serde_json::json!({"a": 1}),
    };
    let key = NewApiKey { vs: VS, name: "app".into(), hash: [7; 32], role: Role::Send, rate: Some(3) };
    let user = people::user(1, "ada");
    let body = serde_json::json!({"number": "15550100101"});
    let contact = AlertEntry { vs: VS, kind: AlertEntryKind::Contact, name: "Ann".into(), body };
    let changes = vec![
        Change::PutSmsSettings {
            vs: VS,
            settings,
            gateways: vec![gateway],
            difference: Difference::default(),
        },
        Change::PutApiKey(key),
        Change::PutUser(user),
        Change::PutAlertEntry { entry: contact, difference: Difference::default() },
        Change::PutWebhook(webhooks::webhook(1)),
        Change::PutWebhook(WebhookRecord { former: Some((vec![7], T)), ..webhooks::webhook(2) }),
        Change::PutOtpSettings { vs: VS, settings: serde_json::json!({"length": 8}) },
        Change::PutOtpTemplate(OtpTemplate {
            vs: VS,
            purpose: "login".into(),
            locale: "de".into(),
            text: "Ihr Code: {code}".into(),
        }),
        Change::PutGuardRules {
            vs: VS,
            rules: Some(serde_json::json!({"mode": "on"})),
            difference: Difference::default(),
        },
        Change::PutInboundRules {
            vs: VS,
            rules: Some(serde_json::json!([{"keyword": "acme"}])),
            difference: Difference::default(),
        },
    ];
    store.change("test".into(), T, changes).await.unwrap();
    let session = SessionRecord { id: SessionId([3; 32]), user: 1, generation: 0, began_ms: T, seen_ms: T };
    let note = AuditNote { at_ms: T, actor: "ada".into(), vs: VS, action: "signed in".into() };
    assert!(store.begin_session(NewSession { session, totp_step: Some(5), most: 9, note }).await.unwrap());
    for first in (0..12_000).step_by(1_000) {
        let one = |n| NewMessage {
            payers: smallvec![VS],
            idempotency: (n % 10 == 0)
                .then(|| Idempotency { key: (n as u128).to_le_bytes(), request: [1; 16] }),
            ..message(n)
        };
        store.accept((first..first + 1_000).map(one).collect()).await.unwrap();
    }
    accept_one(store, NewMessage { due_ms: Some(T + 900_000), ..message(20_000) }).await;
    let key = |n: u64| format!("k{n}");
    store.record((0..8_000).map(|n| sent(n, &[&key(n)])).collect()).await.unwrap();
    store
        .record_receipts((0..100).map(|n| receipt(&[&key(n)], ReceiptState::Delivered)).collect())
        .await
        .unwrap();
    store.record_receipts(vec![receipt(&["early", "other"], ReceiptState::Delivered)]).await.unwrap();
    store.record_inbound(vec![InboundRecord { key: Some([4; 16]), ..inbound::whole(20_001) }]).await.unwrap();
    for number in 1..=2 {
        store.record_inbound_part(inbound::part(20_002 + u64::from(number), number)).await.unwrap();
    }
    let closed = AlertStep::Closed { at_ms: T, by: "user ada".into() };
    let told = AlertNotice { contact: "Ann".into(), step: 0, message: Some(7), refusal: None };
    let told = AlertStep::Told { notices: vec![told], escalate_ms: Some(T + 9) };
    let raised = [1, 2].map(|n| NewAlert { record: alerts::alert(n), since_ms: T });
    store.raise_alerts(raised.into()).await.unwrap();
    store.step_alert(id(1), told).await.unwrap();
    store.step_alert(id(1), closed).await.unwrap();
    accept_one(store, passcodes::passcode(20_001)).await;
    store.check_passcode(checked(passcodes::OTHER)).await.unwrap();
    let block = GuardBlock {
        vs: VS,
        range: 4_915_112,
        began_ms: T,
        until_ms: T + 9,
        times: u16::MAX,
        excused_until_ms: 0,
    };
    store.keep_guard_blocks(vec![block], vec![], vec![]).await.unwrap();
    let said = [(1, Wish::Out, ""), (1, Wish::InAll, ""), (2, Wish::Out, "acme")];
    store.consent(said.map(|(n, wish, sender)| opt_outs::said(n, wish, sender)).into()).await.unwrap();
    let mut figures = Figures::default();
    figures.to_sent.record(5);
    let tally = Tally { vs: VS, is_below: false, gateway: GATEWAY, at_ms: T, figures };
    store.add_figures(vec![tally]).await.unwrap();
}

/// A check of the one passcode.
fn checked(digest: [u8; 32]) -> PasscodeCheck {
    PasscodeCheck { id: id(20_001), ..passcodes::check(digest, T) }
}

async fn look(store: &Arc<dyn Store>) -> String {
    let mut seen = format!("{:?}", store.directory().await.unwrap());
    let first = (MessageId::from_u64(0), (i64::MIN, MessageId::from_u64(0)));
    let unfinished: Vec<MessageId> =
        store.unfinished(first.0, 20_000).await.unwrap().iter().map(|message| message.id).collect();
    seen += &format!("{unfinished:?} {:?}", store.scheduled(first.1, 9).await.unwrap());
    seen += &format!("{:?} {:?}", store.all_credits().await.unwrap(), store.ledger(VS, 9).await.unwrap());
    seen += &format!("{:?} {:?}", store.sessions().await.unwrap(), audit(store, 50).await);
    seen += &format!("{:?}", store.opt_outs_after(0, 9).await.unwrap());
    seen += &format!("{:?}", store.consents_after(0, 9).await.unwrap());
    seen += &format!("{:?}", store.alerts(VS, None, None, 9).await.unwrap());
    seen += &format!("{:?}", store.event_log(2, None, 100).await.unwrap());
    seen += &format!("{:?}", store.inbound(VS, InboundFilter::default(), None, 9).await.unwrap());
    seen += &format!("{:?}", store.unheard_inbound(i64::MAX, 9).await.unwrap());
    seen += &format!("{:?}", store.ripe_inbound(T, 9).await.unwrap());
    for n in [0, 99, 100, 7_999, 8_000] {
        let message = read(store, n).await;
        seen += &format!(
            "{:?} {:?} {:?} {:?}",
            message.state, message.events, message.sealed_text, message.payers
        );
    }
    let passcode = store.passcode(VS, id(20_001)).await.unwrap().unwrap();
    let PasscodeRecord { number, purpose, seed, messages, attempts, resend_after_ms, recipe, .. } = passcode;
    seen += &format!("{number:?} {purpose} {seed:?} {messages:?} {attempts} {resend_after_ms:?} {recipe}");
    seen += &format!("{:?}", store.guard_blocks().await.unwrap());
    let question = FiguresQuestion {
        vs: VS,
        is_below: false,
        resolution: Resolution::Day,
        from_ms: T - 1,
        to_ms: T + 1,
    };
    seen + &format!("{:?}", store.figures(question).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_a_copy_that_was_interrupted_and_went_on() {
    if !server::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let embedded: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    fill(&embedded).await;
    let before = look(&embedded).await;
    let before_newest = embedded.event_log(2, None, 1).await.unwrap()[0].event.id;
    let url = Postgres::shared().database();
    let to = Database::parse(&url).unwrap();
    let used = PostgresStore::copy(&path, &to, |_| ()).await.unwrap_err();
    assert!(matches!(used, StoreError::Locked(_)), "{used}");
    embedded.close().await.unwrap();
    drop(embedded);

    let interrupted = async {
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut tell = Some(tell);
        // Dropped in the middle of the messages, as a process that is killed.
        let copy = PostgresStore::copy(&path, &to, |progress| {
            if progress.table == "message"
                && let Some(tell) = tell.take()
            {
                let _ = tell.send(());
            }
        });
        tokio::select! {
            biased;
            _ = told => {}
            copied = copy => panic!("it was to be interrupted: {copied:?}"),
        }
    };
    interrupted.await;
    let mut last = None;
    let copied = PostgresStore::copy(&path, &to, |progress| last = Some(progress)).await.unwrap();
    assert!(copied.before >= 5_000, "what was there was not copied again: {}", copied.before);
    let last = last.unwrap();
    assert!(last.is_compared && last.done == last.of, "{last:?}");
    assert!(copied.tables.contains(&("message", 12_002)), "{copied:?}");

    let store = open(&url);
    assert_eq!(look(&store).await, before);
    // And it goes on: numbers, keys, receipts that came before.
    accept_one(&store, message(12_500)).await;
    let again =
        NewMessage { idempotency: Some(Idempotency { key: [0; 16], request: [1; 16] }), ..message(12_501) };
    assert!(matches!(accept_one(&store, again).await, Accepted::Duplicate { .. }));
    assert_eq!(store.record(vec![sent(12_500, &["other"])]).await.unwrap().len(), 1);
    assert!(
        store.event_log(2, None, 1).await.unwrap()[0].event.id > before_newest,
        "numbers of events go on"
    );
    store.record_inbound(vec![inbound::whole(20_002)]).await.unwrap();
    assert_eq!(store.record_inbound_part(inbound::part(20_005, 3)).await.unwrap()[0].parts.len(), 3);
    allocate(&store, VS, 2_000_000).await;
    let approved = store.check_passcode(checked(passcodes::DIGEST)).await.unwrap().unwrap();
    assert_eq!((approved.state, approved.attempts_left), (PasscodeState::Approved, 3));
    let check = store.verify_audit(AuditPoint::default(), 100).await.unwrap();
    assert!(check.broken.is_none() && check.is_end);
    drop(store);
    let full = PostgresStore::copy(&path, &to, |_| ()).await.unwrap_err().to_string();
    assert!(full.contains("something in it"), "{full}");
}

/// What the first version of the tables did not have.
const AFTER_THE_FIRST: &str = "SET search_path = textgate;
    DROP TABLE passcode, otp_settings, otp_template, guard_rules, guard_block, alert_entry, alert, holding, gateway_word, handed,
        opt_out_settings, opt_out, consent, webhook, webhook_event, inbound_part, inbound_rules;
    ALTER TABLE inbound DROP COLUMN vs, DROP COLUMN is_heard, DROP COLUMN phone, DROP COLUMN key,
        ALTER COLUMN id SET GENERATED ALWAYS;
    ALTER TABLE node DROP COLUMN is_running;
    DROP INDEX message_paid;
    DELETE FROM meta WHERE name LIKE 'key_mark%' OR name IN ('next_consent', 'next_webhook');
    UPDATE schema SET version = 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filled_database_of_the_first_version_is_brought_to_the_newest_with_all_that_is_in_it() {
    if !server::is_there() {
        return;
    }
    let url = Postgres::shared().database();
    let store = open(&url);
    fill(&store).await;
    // All but what came later.
    let seen = async |store: &Arc<dyn Store>| {
        let directory = store.directory().await.unwrap();
        let messages = store.messages(VS, Filter::default(), None, 500).await.unwrap();
        let messages: Vec<_> = messages.messages.iter().map(|message| (message.id, message.state)).collect();
        let rest = (store.all_credits().await.unwrap(), store.ledger(VS, 9).await.unwrap());
        format!(
            "{:?} {:?} {:?} {messages:?} {rest:?} {:?} {:?}",
            directory.gateways,
            directory.api_keys,
            directory.users,
            store.sessions().await.unwrap(),
            audit(store, 50).await,
        )
    };
    let before = seen(&store).await;
    store.close().await.unwrap();
    drop(store);
    let database = url.rsplit('/').next().unwrap();
    Postgres::shared().sql(database, AFTER_THE_FIRST);
    let to = Database::parse(&url).unwrap();
    assert!(PostgresStore::look(&to).await.unwrap().words().contains("go from version 1"));
    let migrated = PostgresStore::migrate(&to).await.unwrap();
    assert!(migrated.from == 1 && migrated.to > 1, "{migrated:?}");

    let store = open(&url);
    assert_eq!(seen(&store).await, before);
    assert_eq!(store.key_mark([7; 16]).await.unwrap(), [7; 16]);
    accept_one(&store, passcodes::passcode(30_000)).await;
    store.record(vec![sent(8_500, &["late"])]).await.unwrap();
    store.raise_alerts(vec![NewAlert { record: alerts::alert(40_000), since_ms: T }]).await.unwrap();
    let claimed = store.claim(Claims { take: vec![(GATEWAY, 0)], ..Claims::default() }).await.unwrap();
    assert_eq!((claimed.members.len(), claimed.holdings.len()), (1, 1));
    assert!(store.verify_audit(AuditPoint::default(), 100).await.unwrap().broken.is_none());
}
