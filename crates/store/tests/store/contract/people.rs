//! Users and their sessions.

use super::*;

pub fn user(id: u32, name: &str) -> NewUser {
    NewUser {
        id,
        vs: VS,
        name: name.into(),
        role: UserRole::Operator,
        password: Some(format!("hash of {name}")),
        sealed_totp: None,
        recovery: Vec::new(),
        invitation: None,
        external: None,
    }
}

async fn put(store: &Arc<dyn Store>, user: NewUser) -> Result<Directory, StoreError> {
    store.change("alice".into(), T, vec![Change::PutUser(user)]).await
}

fn note(action: &str) -> AuditNote {
    AuditNote { at_ms: T, actor: "user ada".into(), vs: VS, action: action.into() }
}

fn session(n: u8, user: u32, began_ms: i64) -> NewSession {
    let session = SessionRecord { id: SessionId([n; 32]), user, generation: 0, began_ms, seen_ms: began_ms };
    NewSession { session, totp_step: None, most: 20, note: note("signed in") }
}

async fn sessions(store: &Arc<dyn Store>) -> Vec<u8> {
    store.sessions().await.unwrap().iter().map(|session| session.id.0[0]).collect()
}

/// A store with the user 1, `ada`, of virtual server 2.
async fn with_ada(stores: &impl Stores) -> Arc<dyn Store> {
    let store = stores.open();
    tenants(&store).await;
    put(&store, user(1, "ada")).await.unwrap();
    store
}

pub async fn a_user_is_there_as_it_was_put_and_its_number_is_never_used_twice(stores: &impl Stores) {
    let store = with_ada(stores).await;
    let full = NewUser {
        role: UserRole::Auditor,
        password: None,
        sealed_totp: Some(b"sealed".to_vec()),
        recovery: vec![[1; 32], [2; 32]],
        invitation: Some(Invitation { hash: [3; 32], expires_ms: T + 9 }),
        external: Some(External { issuer: "https://id.example.com".into(), subject: "s-1".into() }),
        ..user(2, "ben@example.com")
    };
    put(&store, full.clone()).await.unwrap();
    let store = reopen(stores, store).await;
    let read = store.directory().await.unwrap();
    assert_eq!((read.next_user, read.users.len()), (3, 2));
    let expected = UserRecord {
        id: 2,
        vs: VS,
        name: full.name,
        role: full.role,
        password: full.password,
        sealed_totp: full.sealed_totp,
        recovery: full.recovery,
        invitation: full.invitation,
        external: full.external,
        generation: 0,
        created_ms: T,
    };
    assert!(read.users[1] == expected, "{:?}", read.users[1]);
    store.change("alice".into(), T, vec![Change::RemoveUser { id: 2 }]).await.unwrap();
    assert!(put(&store, user(2, "eve")).await.is_err());
    assert!(store.change("alice".into(), T, vec![Change::RemoveUser { id: 2 }]).await.is_err());
    assert!(put(&store, NewUser { vs: VsId(77), ..user(3, "eve") }).await.is_err());
    assert_eq!(put(&store, user(3, "eve")).await.unwrap().next_user, 4);
}

pub async fn a_user_name_is_one_in_any_case(stores: &impl Stores) {
    let store = with_ada(stores).await;
    let error = put(&store, NewUser { vs: VsId(3), ..user(2, "ADA") }).await.err().unwrap();
    assert!(matches!(&error, StoreError::Conflict(reason) if reason.contains("taken")), "{error}");
    let renamed = NewUser { name: "Ada".into(), ..user(1, "ada") };
    let renamed = put(&store, renamed).await.unwrap();
    assert_eq!((renamed.users[0].name.as_str(), renamed.users[0].generation), ("Ada", 0));
}

pub async fn another_password_role_or_virtual_server_ends_all_sessions(stores: &impl Stores) {
    let store = with_ada(stores).await;
    let changes: [fn(NewUser) -> NewUser; 4] = [
        |user| NewUser { password: Some("another".into()), ..user },
        |user| NewUser { role: UserRole::Auditor, ..user },
        |user| NewUser { vs: VsId(3), ..user },
        |user| NewUser { password: None, ..user },
    ];
    let mut ada = user(1, "ada");
    for (generation, change) in (0u32..).zip(changes) {
        let mut new = session(1, 1, T);
        new.session.generation = generation;
        assert!(store.begin_session(new).await.unwrap());
        let harmless = NewUser { recovery: vec![[generation as u8; 32]], ..ada.clone() };
        put(&store, harmless.clone()).await.unwrap();
        assert_eq!(sessions(&store).await, [1], "what is harmless ends none");
        ada = change(harmless);
        let after = put(&store, ada.clone()).await.unwrap();
        assert_eq!(after.users[0].generation, generation + 1);
        assert!(sessions(&store).await.is_empty());
    }
}

pub async fn a_removed_user_and_a_removed_virtual_server_take_sessions_along(stores: &impl Stores) {
    let store = with_ada(stores).await;
    put(&store, NewUser { vs: VsId(3), ..user(2, "ben") }).await.unwrap();
    assert!(store.begin_session(session(1, 1, T)).await.unwrap());
    assert!(store.begin_session(session(2, 2, T)).await.unwrap());
    store.change("alice".into(), T, vec![Change::RemoveUser { id: 1 }]).await.unwrap();
    assert_eq!(sessions(&store).await, [2]);
    let left =
        store.change("alice".into(), T, vec![Change::RemoveVirtualServer { id: VsId(3) }]).await.unwrap();
    assert!(left.users.is_empty() && sessions(&store).await.is_empty());
}

pub async fn a_session_is_there_until_it_is_ended(stores: &impl Stores) {
    let store = with_ada(stores).await;
    let new = session(1, 1, T);
    assert!(store.begin_session(new.clone()).await.unwrap());
    store.touch_sessions(vec![(new.session.id, T + 90), (SessionId([9; 32]), T)]).await.unwrap();
    store.touch_sessions(vec![(new.session.id, T + 30)]).await.unwrap();
    let store = reopen(stores, store).await;
    assert_eq!(store.sessions().await.unwrap(), [SessionRecord { seen_ms: T + 90, ..new.session }]);
    assert!(store.end_session(new.session.id, note("signed out")).await.unwrap());
    assert!(!store.end_session(new.session.id, note("signed out")).await.unwrap());
    assert!(sessions(&store).await.is_empty());
    let told: Vec<String> = audit(&store, 3).await.into_iter().map(|entry| entry.action).collect();
    assert_eq!(told, ["signed out", "signed in", "added user \"ada\""]);
}

pub async fn a_session_does_not_begin_for_who_is_another_by_now(stores: &impl Stores) {
    let store = with_ada(stores).await;
    assert!(!store.begin_session(session(1, 7, T)).await.unwrap());
    put(&store, NewUser { password: None, ..user(1, "ada") }).await.unwrap();
    assert!(!store.begin_session(session(1, 1, T)).await.unwrap());
    assert!(sessions(&store).await.is_empty());
    assert!(audit(&store, 9).await.iter().all(|entry| entry.action != "signed in"));
}

pub async fn a_code_is_used_once_and_none_before_it_again(stores: &impl Stores) {
    let store = with_ada(stores).await;
    let with_step = |n, step| NewSession { totp_step: Some(step), ..session(n, 1, T) };
    assert!(store.begin_session(with_step(1, 100)).await.unwrap());
    assert!(!store.begin_session(with_step(2, 100)).await.unwrap());
    assert!(!store.begin_session(with_step(2, 99)).await.unwrap());
    assert!(store.use_totp_step(1, 101).await.unwrap());
    let store = reopen(stores, store).await;
    assert!(!store.begin_session(with_step(2, 101)).await.unwrap());
    put(&store, NewUser { recovery: vec![[1; 32]], ..user(1, "ada") }).await.unwrap();
    assert!(!store.use_totp_step(1, 101).await.unwrap(), "a change of the user does not give it back");
    assert!(!store.use_totp_step(7, 101).await.unwrap());
    assert!(store.begin_session(with_step(2, 102)).await.unwrap());
    // At the same time, one.
    let both = (store.begin_session(with_step(3, 103)), store.begin_session(with_step(4, 103)));
    assert!(both.0.await.unwrap());
    assert!(!both.1.await.unwrap());
    assert_eq!(sessions(&store).await, [1, 2, 3]);
}

pub async fn of_many_sessions_the_oldest_end(stores: &impl Stores) {
    let store = with_ada(stores).await;
    put(&store, user(2, "ben")).await.unwrap();
    store.begin_session(session(9, 2, T)).await.unwrap();
    for n in 1..=5 {
        let new = NewSession { most: 3, ..session(n, 1, T + i64::from(n)) };
        assert!(store.begin_session(new).await.unwrap());
    }
    assert_eq!(sessions(&store).await, [9, 3, 4, 5]);
}

pub async fn sessions_whose_time_is_past_end(stores: &impl Stores) {
    let store = with_ada(stores).await;
    for (n, began_ms) in [(1, T), (2, T + 50), (3, T + 100)] {
        store.begin_session(session(n, 1, began_ms)).await.unwrap();
    }
    store.touch_sessions(vec![(SessionId([1; 32]), T + 200), (SessionId([3; 32]), T + 200)]).await.unwrap();
    assert_eq!(store.expire_sessions(T + 60, T + 10).await.unwrap(), 2, "one is idle, one is old");
    assert_eq!(sessions(&store).await, [3]);
}

pub async fn what_changed_of_a_user_is_told_without_secrets(stores: &impl Stores) {
    let store = with_ada(stores).await;
    let changed = NewUser {
        role: UserRole::Administrator,
        password: Some("another hash".into()),
        sealed_totp: Some(b"sealed totp".to_vec()),
        recovery: vec![[65; 32]],
        ..user(1, "ada")
    };
    put(&store, changed).await.unwrap();
    store.change("alice".into(), T, vec![Change::RemoveUser { id: 1 }]).await.unwrap();
    let entries = audit(&store, 3).await;
    let differences: Vec<_> = entries.iter().map(|entry| &entry.difference).collect();
    assert_eq!(differences[2].before, serde_json::Value::Null);
    assert_eq!(differences[2].after["role"], "operator");
    assert_eq!(differences[2].after["password"], "set");
    assert_eq!(
        (&differences[1].before, &differences[1].after),
        (
            &serde_json::json!({"role": "operator", "password": "set", "second_factor": "not set", "recovery_codes": 0}),
            &serde_json::json!({"role": "administrator", "password": "changed", "second_factor": "set", "recovery_codes": 1}),
        )
    );
    assert_eq!(
        (&differences[0].before["name"], &differences[0].after),
        (&"ada".into(), &serde_json::Value::Null)
    );
    for secret in ["hash", "sealed", "AAAA"] {
        assert!(!format!("{differences:?}").contains(secret), "{secret}");
    }
}
