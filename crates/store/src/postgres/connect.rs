//! Where the database is, how it is reached, and one connection to it. The URL's password is shown nowhere.

use super::command::{silent, unavailable};
use super::schema::SCHEMA;
use super::tls::{Stream, Tls, Trust};
use crate::StoreError;
use futures_util::future::{BoxFuture, poll_fn};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Row, Socket, Statement};

/// How long the connection to one address may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long a host may take in all, whatever its addresses, until it has said whether it will do.
const HOST_PATIENCE: Duration = Duration::from_secs(10);
/// Of several hosts the next is tried when the one before it has not answered for so long. A machine that is gone says nothing.
const HEAD_START: Duration = Duration::from_millis(250);
/// Once a host has refused, so long is waited for others that say nothing: then all are asked again. A server under load takes a second or
/// two to let somebody in.
const LAST_WORD: Duration = Duration::from_secs(3);
/// How long a machine may leave packets unconfirmed before the connection to it counts as broken. However long a statement takes,
/// a machine that is there confirms them.
const SILENCE: Duration = Duration::from_secs(3);
/// The oldest server that has all it takes (`DETACH PARTITION … CONCURRENTLY`).
const OLDEST: i32 = 140_000;

/// Set on every connection. Every statement of the store is meant to go by an index, also where the table is so new that its
/// statistics say nothing; and a plan does not depend on the values. `synchronous_commit` is turned on where it is off; who
/// chose one of the other levels meant it.
const SET_UP: &str = "SET application_name = 'textgate'; SET client_encoding = 'UTF8'; SET jit = off;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan;
    SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning;
    SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '5s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Where the database is.
#[derive(Clone)]
pub struct Database {
    /// What the URL says, for each of its hosts.
    hosts: Vec<Config>,
    tls: Tls,
    shown: String,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.shown).finish()
    }
}

impl PartialEq for Database {
    fn eq(&self, other: &Self) -> bool {
        self.hosts == other.hosts
    }
}

impl Eq for Database {}

/// Without the password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Database {
    /// Reads a URL as libpq does (`postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, several hosts with commas), with
    /// `sslmode` and `sslrootcert`. Without `sslmode` a server on another machine must have a certificate that is right
    /// (`verify-full`), and one on this machine needs none (`disable`).
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let wrong =
            |reason: String| StoreError::CannotOpen { path: "by the URL in `store`".to_owned(), reason };
        let (url, settings) = without_tls_settings(url);
        // Its own error may repeat a part of the URL.
        let mut config: Config = url.parse().map_err(|_| {
            wrong("it cannot be read; write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the \
                   password as %XX".to_owned())
        })?;
        let is_local = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => {
                name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
            Host::Unix(_) => true,
        });
        let roots = settings.root_cert.as_deref();
        let (mode, trust) = match settings.mode.as_deref() {
            None if is_local => (SslMode::Disable, Trust::Any),
            None | Some("verify-full") => (SslMode::Require, Trust::ChainAndName),
            Some("verify-ca") => (SslMode::Require, Trust::Chain),
            Some("require") => (SslMode::Require, Trust::Any),
            Some("prefer") => (SslMode::Prefer, Trust::Any),
            Some("disable") => (SslMode::Disable, Trust::Any),
            Some(_) => {
                return Err(wrong(
                    "sslmode is one of disable, prefer, require, verify-ca and verify-full".to_owned(),
                ));
            }
        };
        let tls = Tls::new(trust, roots).map_err(wrong)?;
        config.ssl_mode(mode);
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
        if hosts > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            // Whichever answers first could be a standby.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let hosts = each_host(&config).map_err(|why| wrong(why.to_owned()))?;
        let shown = shown(&config);
        Ok(Self { hosts, tls, shown })
    }

    /// A connection to the first host that will do, as it comes: those of the URL are tried in its order, and none waits for one that
    /// does not answer.
    async fn first_host(&self) -> Result<(Client, Connection<Socket, Stream<Socket>>), Unreached> {
        let (mut left, mut under_way) = (self.hosts.iter(), FuturesUnordered::new());
        let mut why = Unreached(None);
        loop {
            if let Some(host) = left.next() {
                under_way.push(timeout(HOST_PATIENCE, host.connect(self.tls.clone())));
            }
            let is_last = left.len() == 0;
            let patience = match (is_last, &why) {
                (false, _) => HEAD_START,
                (true, Unreached(None)) => HOST_PATIENCE,
                (true, Unreached(Some(_))) => LAST_WORD,
            };
            tokio::select! {
                biased;
                done = under_way.next() => match done {
                    Some(Ok(Ok(connected))) => return Ok(connected),
                    Some(Ok(Err(error))) => why = Unreached(Some(error)),
                    Some(Err(_)) => {}
                    None => return Err(why),
                },
                () = sleep(patience), if !under_way.is_empty() => if is_last {
                    return Err(why);
                },
            }
        }
    }

    /// A connection that is set up, driven by a task of this runtime. What is notified goes to `notices`, with its channel.
    pub(super) async fn connect(&self, notices: Option<UnboundedSender<Heard>>) -> Result<Conn, Unreached> {
        let (client, mut connection) = self.first_host().await?;
        tokio::spawn(async move {
            loop {
                match poll_fn(|cx| connection.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notification(notice))) => {
                        if let Some(notices) = &notices {
                            let (channel, payload) =
                                (notice.channel().to_owned(), notice.payload().to_owned());
                            let _ = notices.send(Heard { channel, payload });
                        }
                    }
                    Some(Ok(_)) => {}
                    // Whoever uses the connection is told.
                    Some(Err(_)) | None => return,
                }
            }
        });
        let conn = Conn { client, statements: Mutex::default() };
        conn.batch(&format!("SET search_path = {SCHEMA}; {SET_UP}")).await?;
        Ok(conn)
    }

    /// Connects, and sees whether the server is one that will do.
    pub(super) async fn reach(&self) -> Result<Conn, StoreError> {
        let cannot = |reason: String| StoreError::CannotOpen { path: self.shown.clone(), reason };
        let conn = self.connect(None).await.map_err(|error| {
            cannot(format!("{}; is the database there, and are user, password and TLS right?", error.words()))
        })?;
        let version = conn.client.query_one("SELECT current_setting('server_version_num')::int4", &[]).await;
        let version: i32 = version.and_then(|row| row.try_get(0)).map_err(|error| cannot(words(&error)))?;
        if version < OLDEST {
            return Err(cannot(format!("PostgreSQL {} is too old; it takes 14 or newer", version / 10_000)));
        }
        Ok(conn)
    }
}

/// Why there is no connection: what the last host said that said something.
pub(super) struct Unreached(Option<tokio_postgres::Error>);

impl From<tokio_postgres::Error> for Unreached {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(Some(error))
    }
}

impl Unreached {
    /// What is wrong, for people.
    pub(super) fn words(&self) -> String {
        self.0.as_ref().map_or_else(|| "it does not answer".to_owned(), words)
    }

    /// With what to do about it.
    pub(super) fn unavailable(&self) -> StoreError {
        self.0.as_ref().map_or_else(silent, unavailable)
    }
}

/// What another node notified.
pub(super) struct Heard {
    pub(super) channel: String,
    pub(super) payload: String,
}

/// One connection, with the statements it has prepared.
pub(super) struct Conn {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

/// Values of one statement.
pub(super) type Params<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// Boxes the values of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Sync + Send + '_>),*]
    };
}
pub(super) use values;

/// One statement on its way, to be sent with others.
pub(super) type Step<'a> = BoxFuture<'a, Result<Vec<Row>, tokio_postgres::Error>>;

impl Conn {
    /// The bare connection.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it is of no more use.
    pub(super) fn is_broken(&self) -> bool {
        self.client.is_closed()
    }

    /// Statements without values, one after the other.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql).await
    }

    /// The prepared statement of this text; prepared the first time.
    pub(super) async fn statement(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.lock().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.lock().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of a statement.
    pub(super) async fn rows(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, values).await
    }

    /// The one row of a statement, if there is one.
    pub(super) async fn row(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, tokio_postgres::Error> {
        let statement = self.statement(sql).await?;
        self.client.query_opt(&statement, values).await
    }

    /// How many rows a statement touched.
    pub(super) async fn run(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, tokio_postgres::Error> {
        let statement = self.statement(sql).await?;
        self.client.execute(&statement, values).await
    }

    /// A prepared statement with its values, to be sent with others by [`in_order`].
    pub(super) fn step<'a>(&'a self, statement: Statement, values: Params<'a>) -> Step<'a> {
        Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
            self.client.query(&statement, &values).await
        })
    }

    /// A statement without values or rows, to be sent with others.
    pub(super) fn plain(&self, sql: &'static str) -> Step<'_> {
        Box::pin(async move { self.client.batch_execute(sql).await.map(|()| Vec::new()) })
    }
}

/// Sends statements one after the other without waiting for answers in between, and answers with all of theirs. Each future
/// sends its statement when it is first polled.
pub(super) async fn in_order(mut steps: Vec<Step<'_>>) -> Vec<Result<Vec<Row>, tokio_postgres::Error>> {
    let mut answers: Vec<Option<Result<_, _>>> = Vec::new();
    answers.resize_with(steps.len(), || None);
    poll_fn(|cx| {
        let mut is_done = true;
        for (step, answer) in steps.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match step.as_mut().poll(cx) {
                    std::task::Poll::Ready(ready) => *answer = Some(ready),
                    std::task::Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

/// What is wrong, for people. Details of rows are left out: they may hold numbers.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} ({})", error.message(), error.code().code());
    }
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = error.source();
    }
    words
}

#[derive(Default)]
struct TlsSettings {
    mode: Option<String>,
    root_cert: Option<PathBuf>,
}

/// The URL without what only concerns TLS, and that.
fn without_tls_settings(url: &str) -> (String, TlsSettings) {
    let mut settings = TlsSettings::default();
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), settings) };
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.split_once('=') {
            Some(("sslmode", mode)) => {
                settings.mode = Some(mode.to_owned());
                false
            }
            Some(("sslrootcert", path)) => {
                settings.root_cert = Some(Path::new(&percent_decoded(path)).to_owned());
                false
            }
            _ => true,
        })
        .collect();
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, settings)
}

fn percent_decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(octet) => {
                octets.push(octet);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// The same for each host alone, in this order. Fails with what is wrong with them.
fn each_host(config: &Config) -> Result<Vec<Config>, &'static str> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    if count == 0 {
        return Err("it names no host; write postgres://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    if [hosts.len(), addresses.len()].iter().any(|len| *len != 0 && *len != count)
        || ports.len() > 1 && ports.len() != count
    {
        return Err("it has not as many ports or addresses as it has hosts");
    }
    let alone = |at: usize| {
        let mut alone = without_hosts(config);
        match hosts.get(at) {
            Some(Host::Tcp(name)) => {
                alone.host(name);
            }
            Some(Host::Unix(path)) => {
                alone.host_path(path);
            }
            None => {}
        }
        if let Some(address) = addresses.get(at) {
            alone.hostaddr(*address);
        }
        if let Some(port) = ports.get(at).or(ports.first()) {
            alone.port(*port);
        }
        alone
    };
    Ok((0..count).map(alone).collect())
}

/// All the rest of it.
fn without_hosts(config: &Config) -> Config {
    let mut rest = Config::new();
    if let Some(user) = config.get_user() {
        rest.user(user);
    }
    if let Some(password) = config.get_password() {
        rest.password(password);
    }
    if let Some(name) = config.get_dbname() {
        rest.dbname(name);
    }
    if let Some(options) = config.get_options() {
        rest.options(options);
    }
    if let Some(name) = config.get_application_name() {
        rest.application_name(name);
    }
    rest.ssl_mode(config.get_ssl_mode()).ssl_negotiation(config.get_ssl_negotiation());
    rest.target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    rest.load_balance_hosts(config.get_load_balance_hosts());
    rest.connect_timeout(CONNECT_PATIENCE).tcp_user_timeout(SILENCE).keepalives(config.get_keepalives());
    rest.keepalives_idle(SILENCE).keepalives_interval(SILENCE / 3).keepalives_retries(3);
    rest
}

/// Host, port and database.
fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(n, host)| {
            let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        })
        .collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or("postgres");
    format!("postgres://{}/{database}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_user_and_password() {
        let url =
            "postgres://ada:s3cret@db.example.com:6000/sms?sslmode=require&target_session_attrs=read-write";
        let database = Database::parse(url).unwrap();
        assert_eq!(database.to_string(), "postgres://db.example.com:6000/sms");
        assert!(!format!("{database:?}").contains("s3cret"));
        let several = Database::parse("postgres://u:p@a,b:6/d?sslmode=disable").unwrap();
        assert_eq!(several.to_string(), "postgres://a:5432,b:6/d");
    }

    #[test]
    fn each_host_is_reached_with_all_that_the_url_says() {
        let url = "postgres://ada:s3cret@a:1,b:2/sms?hostaddr=127.0.0.1,127.0.0.2\
                   &options=-cwork_mem%3D1MB&channel_binding=disable&sslmode=prefer";
        let each = |one: &str, port: u16, address: &str| {
            let mut config: Config = format!("host={one} port={port} hostaddr={address}").parse().unwrap();
            config.user("ada").password("s3cret").dbname("sms").options("-cwork_mem=1MB");
            // The one that takes writes is meant, where there are several.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            config.channel_binding(tokio_postgres::config::ChannelBinding::Disable);
            config.connect_timeout(CONNECT_PATIENCE).tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
            config.keepalives_interval(SILENCE / 3).keepalives_retries(3);
            config
        };
        assert_eq!(
            Database::parse(url).unwrap().hosts,
            [each("a", 1, "127.0.0.1"), each("b", 2, "127.0.0.2")]
        );
        for url in ["postgres:///sms", "postgres://a:1,b:2,c/sms?hostaddr=127.0.0.1"] {
            assert!(matches!(Database::parse(url), Err(StoreError::CannotOpen { .. })), "{url}");
        }
    }

    #[tokio::test]
    async fn a_host_that_says_nothing_holds_nobody_up_and_what_another_says_is_told() {
        // Both take connections, and one of them answers: that it is no database.
        let [silent, other] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let port = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
        let url = format!("postgres://u@127.0.0.1:{},127.0.0.1:{}/d", port(&silent), port(&other));
        let database = Database::parse(&url).unwrap();
        let asked =
            tokio::spawn(async move { database.connect(None).await.err().map(|error| error.words()) });
        let heard = tokio::task::spawn_blocking(move || other.accept().map(drop));
        heard.await.unwrap().expect("the second is asked though the first has not answered");
        assert!(!asked.is_finished(), "the first may still answer");
        drop(silent);
        let words = asked.await.unwrap().expect("neither will do");
        assert!(words.contains("closed") || words.contains("reset"), "{words}");
    }

    #[test]
    fn an_error_repeats_nothing_of_the_url() {
        for url in ["postgres://ada:s3cret@host:port/x", "postgres://ada:s3cret@host/x?sslmode=s3cret"] {
            let error = Database::parse(url).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn another_machine_must_show_a_certificate_unless_told_otherwise() {
        let mode = |url: &str| Database::parse(url).unwrap().hosts[0].get_ssl_mode();
        assert_eq!(mode("postgres://u@127.0.0.1/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@%2Frun%2Fpostgresql/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example.com/d"), SslMode::Require);
        assert_eq!(mode("postgres://u@127.0.0.1,db.example.com/d"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example.com/d?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn roots_are_read_from_the_file_that_is_named() {
        let error = Database::parse("postgres://u@h/d?sslrootcert=%2Fnot%2Fthere").unwrap_err().to_string();
        assert!(error.contains("/not/there"), "{error}");
    }
}
