//! API keys.

use super::*;
use textgate_store::Role;

#[tokio::test]
async fn a_key_is_known_by_its_secret_and_kept_as_a_hash_only() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let secret = bench.dispatch.put_api_key("test", acme, "app", None, Role::Send, Some(5)).await.unwrap();
    let caller = bench.dispatch.authenticate(&secret).unwrap();
    assert_eq!((caller.vs, caller.actor.as_str(), caller.role), (acme, "key acme/app", Role::Send));
    assert_eq!(caller.rate, Some(5));
    for wrong in ["", &secret[1..], &secret.to_lowercase()] {
        assert!(bench.dispatch.authenticate(wrong).is_none());
    }
    let bench = bench.reopened().await;
    assert_eq!(bench.dispatch.authenticate(&secret).unwrap().vs, acme);
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[tokio::test]
async fn a_key_that_is_put_again_has_another_secret() {
    let bench = Bench::new().await;
    let put = |secret| bench.dispatch.put_api_key("test", VsId::ROOT, "app", secret, Role::Full, None);
    let first = put(None).await.unwrap();
    let second = put(None).await.unwrap();
    assert!(bench.dispatch.authenticate(&first).is_none());
    assert_eq!(bench.dispatch.authenticate(&second).unwrap().actor, "key /app");
    let version = bench.version();
    put(Some(second)).await.unwrap();
    assert_eq!(bench.version(), version, "the same secret is no change");
}

#[tokio::test]
async fn a_secret_of_another_key_is_a_conflict_that_does_not_say_whose() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let secret = "x".repeat(24);
    let put = |vs, name| bench.dispatch.put_api_key("test", vs, name, Some(secret.clone()), Role::Full, None);
    assert_eq!(put(acme, "hidden").await.unwrap(), secret);
    for (vs, name) in [(acme, "app"), (VsId::ROOT, "hidden")] {
        let error = put(vs, name).await.unwrap_err();
        assert!(!error.to_string().contains("hidden") && is_conflict::<()>(Err(error)));
    }
    assert!(is_unknown(put(VsId(99), "app").await));
}

#[tokio::test]
async fn keys_are_listed_by_name_and_removed_for_good() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let put = |vs, name| bench.dispatch.put_api_key("test", vs, name, None, Role::Full, None);
    let secret = put(acme, "b").await.unwrap();
    put(acme, "a").await.unwrap();
    put(VsId::ROOT, "other").await.unwrap();
    let names = || -> Vec<String> { bench.dispatch.api_keys(acme).into_iter().map(|key| key.name).collect() };
    assert_eq!(names(), ["a", "b"]);
    bench.dispatch.remove_api_key("test", acme, "b").await.unwrap();
    assert_eq!(names(), ["a"]);
    assert!(bench.dispatch.authenticate(&secret).is_none());
    assert!(is_unknown(bench.dispatch.remove_api_key("test", acme, "b").await));
    assert!(is_unknown(bench.dispatch.remove_api_key("test", acme, "other").await));
}

#[tokio::test]
async fn a_key_with_problems_is_told_all_of_them() {
    let bench = Bench::new().await;
    let put =
        bench.dispatch.put_api_key("test", VsId::ROOT, "a/b", Some("short".into()), Role::Full, Some(0));
    assert_eq!(paths(put.await), ["name", "secret", "rate"]);
}
