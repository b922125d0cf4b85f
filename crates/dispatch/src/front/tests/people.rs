//! People: signing in, sessions, second factors, links, and who may do what.

use super::*;
use crate::accounts::tokens;
use crate::guard::GuardRules;
use crate::people::*;
use crate::testing::START_MS;
use std::net::IpAddr;
use std::time::Duration;
use textgate_sms::Country;
use textgate_store::{AuditFilter, Role};

pub(super) const PASSWORD: &str = "correct horse battery";

fn from() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

pub(super) fn sign_in(name: &str, password: &str, code: Option<&str>) -> SignIn {
    SignIn { name: name.into(), password: password.into(), code: code.map(str::to_owned), from: from() }
}

impl Bench {
    /// The same under a clock that the test holds.
    async fn held() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::engine::Engine::open(parts(&folder), crate::clock::Clock::held(START_MS)).await;
        Self { dispatch: Dispatch { engine: engine.unwrap() }, folder }
    }

    pub(super) async fn user(&self, vs: VsId, name: &str, role: UserRole) -> u32 {
        let input = UserInput { name: name.into(), role, password: Some(PASSWORD.into()) };
        self.dispatch.add_user("test", vs, input).await.unwrap().user.id
    }

    pub(super) async fn signed_in(&self, name: &str) -> SignedIn {
        self.dispatch.sign_in(sign_in(name, PASSWORD, None)).await.unwrap()
    }

    async fn refusal(&self, name: &str, password: &str, code: Option<&str>) -> SignInRefusal {
        self.dispatch.sign_in(sign_in(name, password, code)).await.err().unwrap()
    }

    pub(super) async fn told(&self) -> Vec<(String, String)> {
        let page = self.dispatch.audit(VsId::ROOT, AuditFilter::default(), None, 100).await.unwrap();
        page.entries.into_iter().map(|entry| (entry.actor, entry.action)).collect()
    }

    /// The code that an app with this secret shows now.
    pub(super) fn code(&self, offer: &TotpOffer, steps_later: i64) -> String {
        let bits = offer.secret.bytes().fold(String::new(), |bits, c| {
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == c).unwrap();
            bits + &format!("{value:05b}")
        });
        let octets: Vec<u8> = bits
            .as_bytes()
            .chunks_exact(8)
            .map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap())
            .collect();
        let octets: [u8; 20] = octets.try_into().unwrap();
        let totp = totp_rs::Builder::new().with_secret(octets).build_noncompliant();
        let now_s = self.dispatch.engine.clock.now_ms() / 1_000 + 30 * steps_later;
        totp.generate(now_s as u64).to_string()
    }
}

#[tokio::test]
async fn the_first_user_is_made_by_a_link_that_is_good_once() {
    let bench = Bench::new().await;
    let token = bench.dispatch.set_up_token().unwrap();
    assert_eq!(bench.dispatch.set_up_token().unwrap(), token, "while the program runs it is one");
    assert!(is_unknown(bench.dispatch.set_up("guess", "ada", PASSWORD, vec![]).await));
    assert_eq!(paths(bench.dispatch.set_up(&token, "a b", "short", vec![]).await), ["name", "password"]);
    let first = bench.dispatch.set_up(&token, "ada@example.com", PASSWORD, vec![]).await.unwrap();
    assert_eq!((first.person.vs, first.person.role), (VsId::ROOT, UserRole::Administrator));
    assert_eq!(bench.dispatch.session(&first.token), Some(first.person.clone()));
    assert_eq!(bench.dispatch.set_up_token(), None);
    assert!(is_unknown(bench.dispatch.set_up(&token, "eve", PASSWORD, vec![]).await));
    let bench = bench.reopened().await;
    assert_eq!(bench.dispatch.session(&first.token), Some(first.person), "sessions outlive a start");
    assert_eq!(bench.dispatch.set_up_token(), None);
    bench.signed_in("Ada@Example.COM").await;
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [PASSWORD, &first.token, &token] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}

#[tokio::test]
async fn countries_of_the_set_up_are_the_guards_and_leave_its_other_rules_alone() {
    let country = |letters| Country::parse(letters).unwrap();
    let bench = Bench::new().await;
    let token = bench.dispatch.set_up_token().unwrap();
    let wrong = bench.dispatch.set_up(&token, "ada", "short", vec![country("DE")]).await;
    assert_eq!(paths(wrong), ["password"]);
    assert_eq!(bench.dispatch.guard(VsId::ROOT).unwrap().own, None, "no set-up, no rules");
    bench.dispatch.set_up(&token, "ada", PASSWORD, vec![country("DE"), country("AT")]).await.unwrap();
    let rules = GuardRules { countries: vec![country("AT"), country("DE")], ..GuardRules::default() };
    assert_eq!(bench.dispatch.guard(VsId::ROOT).unwrap().own, Some(rules));

    let bench = Bench::new().await;
    let before = GuardRules { block_ranges: false, ..GuardRules::default() };
    bench.dispatch.put_guard("test", VsId::ROOT, Some(before.clone())).await.unwrap();
    let token = bench.dispatch.set_up_token().unwrap();
    bench.dispatch.set_up(&token, "ada", PASSWORD, vec![country("FR")]).await.unwrap();
    let rules = GuardRules { countries: vec![country("FR")], ..before };
    assert_eq!(bench.dispatch.guard(VsId::ROOT).unwrap().own, Some(rules));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_not_said_and_soon_has_to_wait() {
    let bench = Bench::held().await;
    bench.user(VsId::ROOT, "ada", UserRole::Operator).await;
    for (name, password) in
        [("ada", "wrong"), ("ada", ""), ("ada", &"x".repeat(5_000)), ("hunter2 in the wrong field", PASSWORD)]
    {
        assert_eq!(bench.refusal(name, password, None).await, SignInRefusal::Wrong);
    }
    for _ in 0..3 {
        assert_eq!(bench.refusal("ada", "wrong", None).await, SignInRefusal::Wrong);
    }
    assert_eq!(bench.refusal("ada", PASSWORD, None).await, SignInRefusal::TooMany { wait_s: 1 });
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.signed_in("ada").await;
    let metrics = bench.dispatch.render_metrics();
    for series in ["{outcome=\"done\"} 1", "{outcome=\"wrong\"} 7", "{outcome=\"too_many\"} 1"] {
        assert!(metrics.contains(&format!("textgate_sign_ins_total{series}")), "{series}");
    }
    bench.dispatch.engine.tell_failures(true);
    bench.dispatch.engine.store.note(Vec::new()).await.unwrap();
    let told = bench.told().await;
    assert!(told.contains(&("user ada".into(), "failed sign-in from 192.0.2.1".into())), "{told:?}");
    assert!(
        told.contains(&("user ada".into(), "5 failed sign-ins, the last from 192.0.2.1".into())),
        "{told:?}"
    );
    assert!(told.contains(&("unknown".into(), "failed sign-in of an unknown name from 192.0.2.1".into())));
    assert!(told.contains(&("user ada".into(), "signed in from 192.0.2.1".into())));
    assert!(!format!("{told:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn with_a_second_factor_each_code_signs_in_once() {
    let bench = Bench::held().await;
    bench.user(VsId::ROOT, "ada", UserRole::Operator).await;
    let ada = bench.signed_in("ada").await;
    assert!(is_conflict(bench.dispatch.confirm_totp(&ada.person, "123456").await));
    let offer = bench.dispatch.begin_totp(&ada.person).unwrap();
    assert!(bench.dispatch.begin_totp(&ada.person).unwrap() == offer, "asked again, the same");
    assert_eq!(paths(bench.dispatch.confirm_totp(&ada.person, "000000x").await), ["code"]);
    let first = bench.code(&offer, 0);
    let recovery = bench.dispatch.confirm_totp(&ada.person, &first).await.unwrap();
    assert_eq!(recovery.len(), 10);
    assert!(bench.dispatch.begin_totp(&ada.person).is_err());
    assert_eq!(bench.refusal("ada", PASSWORD, None).await, SignInRefusal::SecondFactorNeeded);
    assert_eq!(bench.refusal("ada", "wrong", Some(&bench.code(&offer, 1))).await, SignInRefusal::Wrong);
    assert_eq!(
        bench.refusal("ada", PASSWORD, Some(&first)).await,
        SignInRefusal::Wrong,
        "it was shown before"
    );
    tokio::time::advance(Duration::from_secs(30)).await;
    let code = bench.code(&offer, 0);
    bench.dispatch.sign_in(sign_in("ada", PASSWORD, Some(&code))).await.unwrap();
    assert_eq!(bench.refusal("ada", PASSWORD, Some(&code)).await, SignInRefusal::Wrong);
    let spoken = recovery[3].to_uppercase().replace('-', " ");
    bench.dispatch.sign_in(sign_in("ada", PASSWORD, Some(&spoken))).await.unwrap();
    assert_eq!(bench.refusal("ada", PASSWORD, Some(&recovery[3])).await, SignInRefusal::Wrong);
    let id = ada.person.user;
    assert_eq!(bench.dispatch.user(VsId::ROOT, id).unwrap().recovery_codes, 9);
    assert_eq!(paths(bench.dispatch.remove_totp(&ada.person, "wrong").await), ["password"]);
    bench.dispatch.remove_totp(&ada.person, PASSWORD).await.unwrap();
    bench.signed_in("ada").await;
    assert!(!format!("{:?}", bench.told().await).contains(&offer.secret));
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_it_is_idle_or_old() {
    let bench = Bench::held().await;
    bench.user(VsId::ROOT, "ada", UserRole::Operator).await;
    let (idle, used) = (bench.signed_in("ada").await.token, bench.signed_in("ada").await.token);
    let minutes = |minutes: u64| tokio::time::advance(Duration::from_secs(60 * minutes));
    minutes(20).await;
    assert!(bench.dispatch.session(&used).is_some());
    minutes(20).await;
    assert!(bench.dispatch.session(&used).is_some(), "each use counts");
    assert!(bench.dispatch.session(&idle).is_none());
    for _ in 0..33 {
        minutes(20).await;
        assert!(bench.dispatch.session(&used).is_some());
    }
    minutes(19).await;
    assert!(bench.dispatch.session(&used).is_some(), "twelve hours, and no more");
    minutes(2).await;
    assert!(bench.dispatch.session(&used).is_none());
    assert!(bench.dispatch.session("guess").is_none());
    // The store was told of uses. What was queued before is written once this is.
    bench.dispatch.engine.store.note(Vec::new()).await.unwrap();
    let stored = bench.dispatch.engine.store.sessions().await.unwrap();
    let stored = stored.iter().find(|session| session.id.0 == tokens::hash(&used)).unwrap();
    assert!(START_MS + 700 * 60_000 <= stored.seen_ms);
}

#[tokio::test]
async fn sessions_end_with_the_password_the_role_the_user_and_on_signing_out() {
    let bench = Bench::new().await;
    let id = bench.user(VsId::ROOT, "ada", UserRole::Operator).await;
    let is_in = |token: &str| bench.dispatch.session(token).is_some();
    let (a, b) = (bench.signed_in("ada").await, bench.signed_in("ada").await);
    bench.dispatch.sign_out(&a.token).await.unwrap();
    assert!(!is_in(&a.token) && is_in(&b.token));
    bench.dispatch.sign_out("guess").await.unwrap();
    let new = "another long password";
    assert_eq!(paths(bench.dispatch.change_password(&b.person, "wrong", new).await), ["old"]);
    assert_eq!(paths(bench.dispatch.change_password(&b.person, PASSWORD, "short").await), ["new"]);
    let c = bench.dispatch.change_password(&b.person, PASSWORD, new).await.unwrap();
    assert!(!is_in(&b.token) && is_in(&c.token));
    let role = UserChange { role: Some(UserRole::Auditor), ..UserChange::default() };
    bench.dispatch.change_user("test", VsId::ROOT, id, role).await.unwrap();
    assert!(!is_in(&c.token));
    let d = bench.dispatch.sign_in(sign_in("ada", new, None)).await.unwrap();
    let renamed = UserChange { name: Some("Ada.L".into()), ..UserChange::default() };
    bench.dispatch.change_user("test", VsId::ROOT, id, renamed).await.unwrap();
    assert_eq!(bench.dispatch.session(&d.token).unwrap().name, "Ada.L", "another name ends none");
    bench.dispatch.remove_user("test", VsId::ROOT, id).await.unwrap();
    assert!(!is_in(&d.token));
    let bench = bench.reopened().await;
    assert!([a, b, c, d].iter().all(|each| bench.dispatch.session(&each.token).is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_person_sees_and_ends_their_own_sessions_and_nobody_elses() {
    let bench = Bench::held().await;
    bench.user(VsId::ROOT, "ada", UserRole::Administrator).await;
    bench.user(VsId::ROOT, "ben", UserRole::Auditor).await;
    let (here, there, ben) =
        (bench.signed_in("ada").await, bench.signed_in("ada").await, bench.signed_in("ben").await);
    let sessions = bench.dispatch.sessions(&here.person);
    assert_eq!((sessions.len(), sessions.iter().filter(|session| session.is_this).count()), (2, 1));
    bench.dispatch.end_other_sessions(&here.person).await.unwrap();
    let is_in = |signed_in: &SignedIn| bench.dispatch.session(&signed_in.token).is_some();
    assert_eq!((is_in(&here), is_in(&there), is_in(&ben)), (true, false, true));
    assert_eq!(bench.dispatch.sessions(&here.person).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_sets_a_password_once_and_within_a_day() {
    let bench = Bench::held().await;
    let input = |name: &str| UserInput { name: name.into(), role: UserRole::Operator, password: None };
    let added = bench.dispatch.add_user("test", VsId::ROOT, input("ada")).await.unwrap();
    let (id, link) = (added.user.id, added.link.unwrap());
    assert!(added.user.invited_until_ms.is_some() && !added.user.has_password);
    assert_eq!(bench.refusal("ada", "", None).await, SignInRefusal::Wrong);
    assert_eq!(bench.dispatch.invitation(&link.token).as_deref(), Some("ada"));
    assert_eq!(bench.dispatch.invitation("guess"), None);
    assert_eq!(paths(bench.dispatch.accept_invitation(&link.token, "short").await), ["password"]);
    assert_eq!(bench.dispatch.accept_invitation(&link.token, PASSWORD).await.unwrap(), "ada");
    assert!(is_unknown(bench.dispatch.accept_invitation(&link.token, PASSWORD).await));
    let session = bench.signed_in("ada").await;
    // A new link leaves everything as it is until it is used; a reset does not.
    let first = bench.dispatch.invite("test", VsId::ROOT, id).await.unwrap();
    assert!(bench.dispatch.session(&session.token).is_some());
    let second = bench.dispatch.reset_user("test", VsId::ROOT, id).await.unwrap();
    assert!(bench.dispatch.session(&session.token).is_none());
    assert_eq!(bench.refusal("ada", PASSWORD, None).await, SignInRefusal::Wrong);
    assert_eq!(bench.dispatch.invitation(&first.token), None, "the newest link is the only one");
    tokio::time::advance(Duration::from_secs(24 * 3600 - 1)).await;
    assert!(bench.dispatch.invitation(&second.token).is_some());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(is_unknown(bench.dispatch.accept_invitation(&second.token, PASSWORD).await));
}

#[tokio::test]
async fn users_are_those_of_the_own_virtual_server_and_below_and_no_others_exist() {
    let bench = Bench::new().await;
    let (acme, other) = (bench.add("acme").await, bench.add("rival").await);
    let sales = bench.add("acme/sales").await;
    let root = bench.user(VsId::ROOT, "root", UserRole::Administrator).await;
    let ada = bench.user(acme, "ada", UserRole::Administrator).await;
    let ben = bench.user(sales, "ben", UserRole::Operator).await;
    let eve = bench.user(other, "eve", UserRole::Administrator).await;
    let ids = |within| -> Vec<u32> {
        bench.dispatch.users(within).unwrap().into_iter().map(|user| user.id).collect()
    };
    assert_eq!((ids(acme), ids(sales), ids(other)), (vec![ada, ben], vec![ben], vec![eve]));
    for id in [root, eve, 99] {
        let change = UserChange { role: Some(UserRole::Auditor), ..UserChange::default() };
        assert!(is_unknown(bench.dispatch.user(acme, id)));
        assert!(is_unknown(bench.dispatch.change_user("test", acme, id, change).await));
        assert!(is_unknown(bench.dispatch.remove_user("test", acme, id).await));
        assert!(is_unknown(bench.dispatch.reset_user("test", acme, id).await));
        assert!(is_unknown(bench.dispatch.invite("test", acme, id).await));
    }
    assert_eq!(bench.dispatch.find_user(acme, "EVE"), None);
    assert_eq!(bench.dispatch.find_user(acme, "BEN"), Some(ben));
    let taken = UserInput { name: "EVE".into(), role: UserRole::Operator, password: None };
    let error = bench.dispatch.add_user("test", acme, taken).await.err().unwrap();
    assert!(!error.to_string().contains("rival"), "{error}");
    assert!(is_conflict(bench.dispatch.remove_user("user ada", acme, ada).await), "not oneself");
    bench.dispatch.remove_virtual_server("test", sales).await.unwrap();
    assert_eq!(ids(acme), [ada]);
}

#[tokio::test]
async fn each_role_may_what_it_may_and_where() {
    let bench = Bench::new().await;
    let (acme, other) = (bench.add("acme").await, bench.add("other").await);
    let sales = bench.add("acme/sales").await;
    let may = |role| {
        let person = Person { user: 1, name: "a".into(), vs: acme, role, session: SessionId([0; 32]) };
        let d = &bench.dispatch;
        [VsId::ROOT, acme, sales, other, VsId(99)].map(|vs| {
            let may = [
                person.may_read(d, vs),
                person.may_change(d, vs),
                person.may_administer(d, vs),
                person.is_above(d, vs),
            ];
            may.map(|may| if may { '+' } else { '-' }).iter().collect::<String>()
        })
    };
    assert_eq!(may(UserRole::Administrator), ["----", "+++-", "++++", "----", "----"]);
    assert_eq!(may(UserRole::Operator), ["----", "++--", "----", "----", "----"]);
    assert_eq!(may(UserRole::Auditor), ["----", "+---", "+---", "----", "----"]);
}

#[tokio::test]
async fn somebody_from_outside_gets_the_role_that_is_mapped() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    bench.user(VsId::ROOT, "ben", UserRole::Administrator).await;
    let mapping = |value: &str, path: &str, role| RoleMapping {
        value: value.into(),
        virtual_server: path.into(),
        role,
    };
    let mappings = [
        mapping("gone", "no/such", UserRole::Administrator),
        mapping("sms", "acme", UserRole::Operator),
        mapping("audit", "/", UserRole::Auditor),
    ];
    let come = async |subject: &str, name: &str, values: &[&str]| {
        let issuer = "https://id.example.com".to_owned();
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let input =
            ExternalSignIn { issuer, subject: subject.into(), name: name.into(), values, from: from() };
        bench.dispatch.sign_in_external(input, &mappings).await
    };
    let first = come("1", "ada", &["other", "audit", "sms"]).await.unwrap();
    assert_eq!((first.person.vs, first.person.role), (acme, UserRole::Operator));
    let again = come("1", "another name", &["sms"]).await.unwrap();
    assert_eq!(again.person.user, first.person.user);
    assert!(bench.dispatch.session(&first.token).is_some());
    let moved = come("1", "ada", &["audit"]).await.unwrap();
    assert_eq!((moved.person.vs, moved.person.role), (VsId::ROOT, UserRole::Auditor));
    assert!(bench.dispatch.session(&first.token).is_none(), "another role ends the sessions");
    assert_eq!(come("2", "eve", &["gone", "none"]).await.err().unwrap(), ExternalRefusal::NoRole);
    assert_eq!(come("2", "BEN", &["sms"]).await.err().unwrap(), ExternalRefusal::NameTaken("BEN".into()));
    assert!(matches!(come("2", "b n", &["sms"]).await.err().unwrap(), ExternalRefusal::NameInvalid(_)));
    assert_eq!(bench.refusal("ada", "", None).await, SignInRefusal::Wrong);
    assert!(is_conflict(bench.dispatch.reset_user("test", VsId::ROOT, first.person.user).await));
}

#[tokio::test]
async fn the_audit_log_has_before_and_after_of_settings_and_no_secret() {
    let bench = Bench::with_provider().await;
    let acme = bench.add("acme").await;
    let put = async |host: &str, password: &str| {
        let settings = json!({"host": host, "password": password, "parameters": [{"name": "token", "value": password, "is_password": true}]});
        bench.put(acme, custom(settings)).await.unwrap();
    };
    put("a", "hunter2").await;
    put("b", "hunter3").await;
    bench
        .dispatch
        .put_api_key("test", acme, "app", Some("hunter4".repeat(4)), Role::Send, None)
        .await
        .unwrap();
    let page = bench.dispatch.audit(acme, AuditFilter::default(), None, 10).await.unwrap();
    let settings = &page.entries[1].difference;
    let gateway = |value: &Value| value["gateways"]["main"]["settings"].clone();
    assert_eq!(
        gateway(&settings.before),
        json!({"host": "a", "password": "set", "parameters": {"token": "set"}})
    );
    assert_eq!(
        gateway(&settings.after),
        json!({"host": "b", "password": "changed", "parameters": {"token": "changed"}})
    );
    assert_eq!(settings.before.get("mode"), None, "what is not other is not shown");
    assert!(!format!("{page:?}").contains("hunter"));
    let others = bench.add("other").await;
    assert_eq!(
        bench.dispatch.audit(others, AuditFilter::default(), None, 10).await.unwrap().entries.len(),
        1
    );
    assert!(is_unknown(bench.dispatch.audit(VsId(99), AuditFilter::default(), None, 10).await));
    let check = bench.dispatch.verify_audit(None).await.unwrap();
    assert_eq!((check.broken.clone(), check.is_end), (None, true));
    assert_eq!(bench.dispatch.verify_audit(Some(check.at)).await.unwrap(), check);
    let cut = textgate_store::AuditPoint { id: check.at.id + 1, ..check.at };
    assert_eq!(bench.dispatch.verify_audit(Some(cut)).await.unwrap().broken.unwrap().0, cut.id);
}

#[tokio::test]
async fn a_csrf_token_belongs_to_one_session() {
    let bench = Bench::new().await;
    let (a, b) = (bench.dispatch.csrf("a"), bench.dispatch.csrf("b"));
    assert!(a != b && a.len() == 32 && bench.dispatch.csrf("a") == a);
}
