//! Passcodes: made with their first message, approved once, counted exactly, erased when they are final.

use super::*;

pub const DIGEST: [u8; 32] = [7; 32];
pub const OTHER: [u8; 32] = [8; 32];

/// The `n`th message, with a passcode of five attempts that ends at `T + 600,000` and may be sent again from `T + 30,000` on.
pub fn passcode(n: u64) -> NewMessage {
    let new = NewPasscode {
        purpose: "login".into(),
        attempts_most: 5,
        expires_ms: T + 600_000,
        resend_after_ms: Some(T + 30_000),
        seed: [n as u8; 16],
        digest: DIGEST,
        recipe: "{}".into(),
    };
    NewMessage { passcode: Some(Box::new(PasscodeStep::New(new))), ..message(n) }
}

/// The `n`th message, which carries the first one's code again.
fn again(n: u64, by: Again, at_ms: i64) -> NewMessage {
    let step = PasscodeAgain {
        passcode: id(1),
        by,
        at_ms,
        reason: "the code again".into(),
        before: Some((id(1), "sent again".into())),
    };
    NewMessage { passcode: Some(Box::new(PasscodeStep::Again(step))), ..message(n) }
}

pub fn check(digest: [u8; 32], at_ms: i64) -> PasscodeCheck {
    PasscodeCheck { vs: VS, id: id(1), digest, at_ms }
}

async fn checked(store: &Arc<dyn Store>, digest: [u8; 32], at_ms: i64) -> (PasscodeState, bool, u8) {
    let checked = store.check_passcode(check(digest, at_ms)).await.unwrap().unwrap();
    (checked.state, checked.is_now, checked.attempts_left)
}

async fn one(store: &Arc<dyn Store>) -> PasscodeRecord {
    store.passcode(VS, id(1)).await.unwrap().unwrap()
}

pub async fn a_passcode_is_there_with_its_message_and_neither_without_the_other(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    assert_eq!(accept_one(&store, passcode(1)).await, Accepted::New);
    let poor = NewMessage { payers: smallvec![VS], ..passcode(2) };
    assert!(matches!(accept_one(&store, poor).await, Accepted::NoCredits { .. }));
    let store = reopen(stores, store).await;
    let found = one(&store).await;
    assert_eq!((found.number, &*found.purpose, found.state), (number(1), "login", PasscodeState::Pending));
    assert_eq!((found.attempts_left(), found.seed, found.expires_ms), (5, Some([1; 16]), T + 600_000));
    assert_eq!((found.messages.to_vec(), found.resend_after_ms), (vec![id(1)], Some(T + 30_000)));
    assert_eq!(state(&store, 1).await, MessageState::Accepted);
    assert!(store.passcode(VS, id(2)).await.unwrap().is_none());
    assert!(store.message(VS, id(2)).await.unwrap().is_none());
    assert!(store.passcode(VsId(3), id(1)).await.unwrap().is_none(), "another virtual server's");
    let elsewhere = PasscodeCheck { vs: VsId(3), ..check(DIGEST, T) };
    assert_eq!(store.check_passcode(elsewhere).await.unwrap(), None);
    assert!(store.cancel_passcode(VsId(3), id(1), T).await.unwrap().is_none());
}

pub async fn the_same_request_under_one_key_is_one_passcode(stores: &impl Stores) {
    let store = stores.open();
    let keyed =
        |n| NewMessage { idempotency: Some(Idempotency { key: [1; 16], request: [1; 16] }), ..passcode(n) };
    assert_eq!(accept_one(&store, keyed(1)).await, Accepted::New);
    assert!(
        matches!(accept_one(&store, keyed(2)).await, Accepted::Duplicate { id: first, .. } if first == id(1))
    );
    assert!(store.passcode(VS, id(2)).await.unwrap().is_none());
    assert_eq!(one(&store).await.seed, Some([1; 16]), "the first stays as it was made");
}

pub async fn the_right_code_is_approved_once_and_then_nothing_is_known_of_it(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, passcode(1)).await;
    assert_eq!(checked(&store, OTHER, T).await, (PasscodeState::Pending, false, 4));
    assert_eq!(checked(&store, DIGEST, T).await, (PasscodeState::Approved, true, 3));
    assert_eq!(checked(&store, DIGEST, T).await, (PasscodeState::Approved, false, 3));
    let store = reopen(stores, store).await;
    let found = one(&store).await;
    assert_eq!((found.state, found.seed, found.resend_after_ms), (PasscodeState::Approved, None, None));
}

pub async fn wrong_codes_end_a_passcode_and_the_right_one_comes_too_late(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, passcode(1)).await;
    for left in [4, 3, 2, 1] {
        assert_eq!(checked(&store, OTHER, T).await, (PasscodeState::Pending, false, left));
    }
    let store = reopen(stores, store).await;
    assert_eq!(checked(&store, OTHER, T).await, (PasscodeState::TooManyAttempts, true, 0));
    assert_eq!(checked(&store, DIGEST, T).await, (PasscodeState::TooManyAttempts, false, 0));
    assert_eq!(one(&store).await.seed, None);
}

pub async fn of_many_checks_at_once_one_is_approved_and_no_more_than_allowed_are_tried(stores: &impl Stores) {
    let store = stores.open();
    for n in 1..=3 {
        accept_one(&store, passcode(n)).await;
    }
    // All right, all wrong, and one right among wrong ones: each by its own passcode.
    let digest = |passcode: u64, at: usize| match (passcode, at) {
        (1, _) | (3, 3) => DIGEST,
        _ => OTHER,
    };
    for passcode in 1..=3 {
        let checks: Vec<_> = (0..400)
            .map(|at| {
                store.check_passcode(PasscodeCheck { id: id(passcode), ..check(digest(passcode, at), T) })
            })
            .collect();
        let (mut approved, mut pending, mut too_many) = (0, 0, 0);
        for answer in checks {
            let answer = answer.await.unwrap().unwrap();
            approved += usize::from(answer.state == PasscodeState::Approved && answer.is_now);
            pending += usize::from(answer.state == PasscodeState::Pending);
            too_many += usize::from(answer.state == PasscodeState::TooManyAttempts && answer.is_now);
        }
        let expected = match passcode {
            1 => (1, 0, 0),
            2 => (0, 4, 1),
            _ => (1, 3, 0),
        };
        assert_eq!((approved, pending, too_many), expected, "passcode {passcode}");
    }
}

pub async fn a_passcode_whose_time_is_over_is_expired_whatever_is_asked(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, passcode(1)).await;
    assert_eq!(checked(&store, OTHER, T + 599_999).await, (PasscodeState::Pending, false, 4));
    assert_eq!(one(&store).await.state_at(T + 600_000), PasscodeState::Expired);
    let cancelled = store.cancel_passcode(VS, id(1), T + 600_000).await.unwrap().unwrap();
    assert!(!cancelled.1);
    let late = again(2, Again::Request { resend_after_ms: None }, T + 600_000);
    assert_eq!(accept_one(&store, late).await, Accepted::NotAgain);
    assert_eq!(checked(&store, DIGEST, T + 600_000).await.0, PasscodeState::Expired);
    assert_eq!(one(&store).await.seed, None);
    assert_eq!(checked(&store, DIGEST, T).await.0, PasscodeState::Expired, "also by a clock that went back");
}

pub async fn a_cancelled_passcode_approves_nothing(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, passcode(1)).await;
    let (passcode, is_changed) = store.cancel_passcode(VS, id(1), T + 9).await.unwrap().unwrap();
    assert_eq!((passcode.state, is_changed), (PasscodeState::Cancelled, true));
    assert!(!store.cancel_passcode(VS, id(1), T + 9).await.unwrap().unwrap().1);
    let store = reopen(stores, store).await;
    assert_eq!(checked(&store, DIGEST, T + 10).await, (PasscodeState::Cancelled, false, 5));
    let found = one(&store).await;
    assert_eq!((found.seed, found.changed_ms), (None, T + 9));
}

pub async fn a_code_goes_again_after_its_pause_and_both_messages_say_so(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, passcode(1)).await;
    store.record(vec![sent(1, &["a1"])]).await.unwrap();
    let by = Again::Request { resend_after_ms: Some(T + 90_000) };
    assert_eq!(accept_one(&store, again(2, by, T + 29_999)).await, Accepted::NotAgain);
    assert!(store.message(VS, id(2)).await.unwrap().is_none());
    assert_eq!(accept_one(&store, again(3, by, T + 30_000)).await, Accepted::New);
    assert_eq!(accept_one(&store, again(4, by, T + 30_000)).await, Accepted::NotAgain, "two asked at once");
    let last = Again::Request { resend_after_ms: None };
    assert_eq!(accept_one(&store, again(5, last, T + 90_000)).await, Accepted::New);
    assert_eq!(accept_one(&store, again(6, last, T + 400_000)).await, Accepted::NotAgain, "no more pauses");
    let store = reopen(stores, store).await;
    let found = one(&store).await;
    assert_eq!((found.resends, found.messages.to_vec()), (2, vec![id(1), id(3), id(5)]));
    let reasons = async |n| {
        let events = read(&store, n).await.events;
        let reason = |event: &Event| match event {
            Event::State { to, reason, .. } => Some((*to, reason.to_string())),
            _ => None,
        };
        events.iter().filter_map(reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(3).await, [(MessageState::Accepted, "the code again".to_owned())]);
    let told = reasons(1).await;
    assert_eq!(told.last(), Some(&(MessageState::Sent, "sent again".to_owned())));
    assert_eq!(state(&store, 1).await, MessageState::Sent);
    // A receipt comes as if nothing had been noted.
    store.record_receipts(vec![receipt(&["a1"], ReceiptState::Delivered)]).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Delivered);
}

pub async fn a_code_goes_again_by_itself_once_and_no_pause_holds_it_up(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, passcode(1)).await;
    assert_eq!(accept_one(&store, again(2, Again::Watch, T + 5)).await, Accepted::New);
    assert_eq!(accept_one(&store, again(3, Again::Watch, T + 6)).await, Accepted::NotAgain);
    let found = one(&store).await;
    assert!(found.is_watch_used);
    assert_eq!((found.resends, found.resend_after_ms), (0, Some(T + 30_000)));
    checked(&store, DIGEST, T + 7).await;
    let by = Again::Request { resend_after_ms: None };
    assert_eq!(accept_one(&store, again(4, by, T + 40_000)).await, Accepted::NotAgain, "it is approved");
}

pub async fn passcodes_are_listed_by_number_and_state_the_newest_first(stores: &impl Stores) {
    let store = stores.open();
    for n in 1..=9 {
        accept_one(&store, NewMessage { to: number(n % 3), ..passcode(n) }).await;
    }
    accept_one(&store, NewMessage { vs: VsId(3), ..passcode(10) }).await;
    checked(&store, DIGEST, T).await;
    let list = async |filter: PasscodeFilter, before, limit| {
        let page = store.passcodes(VS, filter, before, limit).await.unwrap();
        (page.passcodes.iter().map(|passcode| passcode.id).collect::<Vec<_>>(), page.next)
    };
    let all = PasscodeFilter { now_ms: T, ..PasscodeFilter::default() };
    let (first, next) = list(all.clone(), None, 4).await;
    assert_eq!((first, next), ([9, 8, 7, 6].map(id).to_vec(), Some(id(6))));
    let (rest, next) = list(all.clone(), next, 100).await;
    assert_eq!((rest, next), ([5, 4, 3, 2, 1].map(id).to_vec(), None));
    let to = PasscodeFilter { to: Some(number(1)), ..all.clone() };
    assert_eq!(list(to.clone(), None, 100).await.0, [7, 4, 1].map(id));
    let approved = PasscodeFilter { state: Some(PasscodeState::Approved), ..all.clone() };
    assert_eq!(list(approved, None, 100).await.0, [id(1)]);
    let late = PasscodeFilter { state: Some(PasscodeState::Expired), now_ms: T + 600_000, ..to };
    assert_eq!(list(late, None, 100).await.0, [7, 4].map(id), "nothing has written that yet");
}

pub async fn what_is_pending_is_found_by_the_end_of_its_time(stores: &impl Stores) {
    let store = stores.open();
    let ending = |n: u64, after: i64| {
        let mut message = passcode(n);
        if let Some(PasscodeStep::New(new)) = message.passcode.as_deref_mut() {
            new.expires_ms = T + after;
        }
        message
    };
    for (n, after) in [(1, 50), (2, 20), (3, 20), (4, 90), (5, 10)] {
        accept_one(&store, ending(n, after)).await;
    }
    store.cancel_passcode(VS, id(3), T).await.unwrap();
    let store = reopen(stores, store).await;
    let mut found = Vec::new();
    let mut after = (T + 10, MessageId::from_u64(u64::MAX));
    loop {
        let page = store.pending_passcodes(after, 1).await.unwrap();
        let Some(last) = page.last() else { break };
        after = (last.expires_ms, last.id);
        found.extend(page.iter().map(|passcode| passcode.id));
    }
    assert_eq!(found, [2, 1, 4].map(id));
}

pub async fn passcodes_whose_time_is_over_lose_their_seeds_and_go_after_a_week(stores: &impl Stores) {
    const DAY: i64 = 24 * 3600 * 1000;
    let store = stores.open();
    accept_one(&store, passcode(1)).await;
    assert_eq!(store.expire_passcodes(T + 599_999, 100).await.unwrap(), 0);
    assert_eq!(store.expire_passcodes(T + 600_000, 100).await.unwrap(), 1);
    let found = one(&store).await;
    assert_eq!((found.state, found.seed, found.changed_ms), (PasscodeState::Expired, None, T + 600_000));
    assert_eq!(checked(&store, DIGEST, T).await, (PasscodeState::Expired, false, 5));
    assert_eq!(store.expire_passcodes(T + 7 * DAY, 100).await.unwrap(), 0, "it is told for a week");
    accept_one(&store, passcode(9)).await;
    let live = T + 8 * DAY;
    assert_eq!(store.expire_passcodes(live, 1).await.unwrap(), 2, "one ends, and one goes");
    assert!(store.passcode(VS, id(1)).await.unwrap().is_none());
}

pub async fn settings_and_templates_of_passcodes_are_part_of_the_directory(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let template = |locale: &str, text: &str| OtpTemplate {
        vs: VS,
        purpose: "login".into(),
        locale: locale.into(),
        text: text.into(),
    };
    let settings =
        |length: u8| Change::PutOtpSettings { vs: VS, settings: serde_json::json!({"length": length}) };
    let changes = vec![
        settings(6),
        settings(8),
        Change::PutOtpTemplate(template("en", "{code}")),
        Change::PutOtpTemplate(template("de", "Code {code}")),
        Change::PutOtpTemplate(template("en", "code {code}")),
    ];
    store.change("test".into(), T, changes).await.unwrap();
    let log = audit(&store, 1).await.remove(0);
    assert_eq!(log.action, "changed passcode template \"login\" (en) of virtual server \"acme\"");
    assert_eq!(log.difference.before["text"], "{code}");
    let store = reopen(stores, store).await;
    let directory = store.directory().await.unwrap();
    assert_eq!(directory.otp_settings, [(VS, serde_json::json!({"length": 8}))]);
    assert_eq!(directory.otp_templates, [template("de", "Code {code}"), template("en", "code {code}")]);
    let gone =
        |locale: &str| Change::RemoveOtpTemplate { vs: VS, purpose: "login".into(), locale: locale.into() };
    store.change("test".into(), T, vec![gone("de")]).await.unwrap();
    assert!(matches!(store.change("test".into(), T, vec![gone("de")]).await, Err(StoreError::Conflict(_))));
    let unknown = Change::PutOtpSettings { vs: VsId(77), settings: serde_json::json!({}) };
    assert!(matches!(store.change("test".into(), T, vec![unknown]).await, Err(StoreError::Conflict(_))));
    let remove = vec![Change::RemoveVirtualServer { id: VsId(3) }, Change::RemoveVirtualServer { id: VS }];
    let directory = store.change("test".into(), T, remove).await.unwrap();
    assert!(directory.otp_settings.is_empty() && directory.otp_templates.is_empty());
}
