//! Nodes with a database and its standby, each on a machine of its own, and the SMSC that all of them send to.

use crate::kit::{Api, KEY, PATIENCE, Server, eventually};
use crate::network::{Machine, Network, Side};
use crate::server::{At, Postgres};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;
use textgate_simulator::{Behaviour, Smsc, SmscOptions};
use tokio::sync::{Mutex, MutexGuard};

/// How long it is written down at least that an answer has not come: then a caller asks another node.
const CALLER_PATIENCE: Duration = Duration::from_secs(3);
/// Installations share few cores: one at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// One node.
pub struct Node {
    /// The process and its files.
    pub server: Server,
    /// Where it runs.
    pub machine: Machine,
    listen: SocketAddr,
}

impl Node {
    async fn serve(&mut self, network: &Network) {
        let mut command = self.server.command(&["serve"]);
        command.env("TEXTGATE_HTTP_LISTEN", self.listen.to_string());
        command.env("TEXTGATE_NETWORK_ALLOW", network.ranges()).env("TEXTGATE_LOG_LEVEL", "info");
        self.server.serve_by(self.machine.run(&command)).await;
    }

    /// Its API as a caller with this key has it who does not wait for long.
    pub fn api(&self, key: &str) -> Api {
        self.api_with(key, CALLER_PATIENCE)
    }

    /// Its API as a caller with this key has it who waits for so long.
    pub fn api_with(&self, key: &str, patience: Duration) -> Api {
        let client = reqwest::Client::builder().no_proxy().timeout(patience);
        let client = client.pool_idle_timeout(Duration::from_secs(5)).build().unwrap();
        Api::new(client, self.listen, key)
    }

    /// Waits until it says that it is ready.
    pub async fn is_ready(&self) {
        let api = self.api("");
        eventually("the node is ready", async || {
            let answer = api.try_ask(reqwest::Method::GET, "/readyz", &[], "").await;
            answer.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
    }

    /// Sends a signal to its process.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.server.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// How often it was taken for gone, and has begun anew.
    pub fn begun_anew(&self) -> usize {
        self.server.log().matches("this node has begun anew").count()
    }
}

/// All of it.
pub struct Cluster {
    // In the order in which they end: whoever uses something before it.
    /// The database's name on its server.
    database: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The database that takes writes, and its machine.
    pub primary: (Postgres, Machine),
    /// The one that follows it.
    pub standby: Option<(Postgres, Machine)>,
    /// The machine of the one that is gone.
    gone: Option<Machine>,
    /// The SMSC.
    pub smsc: Smsc,
    /// What is between them.
    pub network: Network,
    _turn: MutexGuard<'static, ()>,
}

/// The numbers of the databases' machines.
const DATABASES: [u8; 2] = [11, 12];
/// A standby that lost its primary looks for it often.
const SETTINGS: &[&str] = &["synchronous_commit=on", "wal_retrieve_retry_interval=200ms"];

fn at(machine: &Machine) -> At {
    At { address: machine.inner, namespace: machine.namespace.clone() }
}

impl Cluster {
    /// So many nodes, running, with this manifest; the SMSC takes so long to answer.
    pub async fn start(
        count: u8,
        answer_delay: Duration,
        manifest: impl FnOnce(SocketAddr) -> String,
    ) -> Self {
        let turn = TURN.lock().await;
        let network = Network::new();
        let redeliver_after = Some(Duration::from_millis(200));
        let behaviour = Behaviour { answer_delay, redeliver_after, ..Behaviour::default() };
        let listen = SocketAddr::from((network.own(), 0));
        let smsc = SmscOptions { listen, behaviour, keep: 4_000_000, ..SmscOptions::default() };
        let smsc = Smsc::start(smsc).await.unwrap();
        let [first, second] = DATABASES.map(|number| network.machine(number));
        let primary = Postgres::start_at(at(&first), SETTINGS);
        let database = primary.database().rsplit('/').next().unwrap().to_owned();
        let standby = primary.standby(at(&second), SETTINGS);
        let hosts = format!("{},{}", primary.address(), standby.address());
        // The machines of the databases are others, which without `disable` would have to have certificates.
        let url = format!("postgres://textgate@{hosts}/{database}?sslmode=disable");
        let (mut nodes, first_manifest) = (Vec::<Node>::new(), manifest(smsc.address()));
        for number in 1..=count {
            let machine = network.machine(number);
            let free = || TcpListener::bind((machine.outer, 0)).unwrap().local_addr().unwrap().port();
            let port = if network.is_separate() { 8080 } else { free() };
            let listen = SocketAddr::from((machine.outer, port));
            let mut node = Node { server: Server::stopped_on(&url), machine, listen };
            match nodes.first() {
                None => {
                    node.server.apply(&first_manifest);
                }
                Some(first) => {
                    std::fs::create_dir_all(node.server.data_dir()).unwrap();
                    std::fs::copy(first.server.data_dir().join("key"), node.server.data_dir().join("key"))
                        .unwrap();
                }
            }
            node.serve(&network).await;
            nodes.push(node);
        }
        Self {
            database,
            nodes,
            primary: (primary, first),
            standby: Some((standby, second)),
            gone: None,
            smsc,
            network,
            _turn: turn,
        }
    }

    /// Starts a node again that was killed.
    pub async fn serve(&mut self, node: usize) {
        self.nodes[node].serve(&self.network).await;
        self.nodes[node].is_ready().await;
    }

    /// Every node has its gateway.
    pub async fn until_up(&self) {
        for node in &self.nodes {
            node.is_ready().await;
            node.api_with(KEY, PATIENCE).until_gateway("main", "up").await;
        }
    }

    /// The machine of the database that takes writes is gone at a blow, and the other takes its place.
    pub fn fail_over(&mut self) {
        let (standby, machine) = self.standby.take().expect("there is one");
        if self.network.is_separate() {
            self.network.pull(&self.primary.1, Side::Inner);
        }
        self.primary.0.stop("QUIT");
        standby.promote();
        self.gone = Some(std::mem::replace(&mut self.primary, (standby, machine)).1);
    }

    /// Which node a submit came from, where that can be told.
    pub fn sender(&self, peer: Option<SocketAddr>) -> Option<usize> {
        let ip = peer?.ip();
        self.nodes.iter().position(|node| self.network.is_separate() && ip == node.machine.outer)
    }

    /// The machine of the database that is gone comes back with an empty disk, and follows the other.
    pub fn follow_again(&mut self) {
        let machine = self.gone.take().expect("one is gone");
        if self.network.is_separate() {
            self.network.plug(&machine, Side::Inner);
        }
        let standby = self.primary.0.standby(at(&machine), SETTINGS);
        self.standby = Some((standby, machine));
    }

    /// Waits until no more messages are still to be sent than callers have just asked for.
    pub async fn until_few_wait(&self, few: u64) {
        eventually("what was left is sent", async || {
            let count = "SELECT count(*) FROM textgate.message WHERE marked = 0";
            let count: u64 = self.primary.0.sql(&self.database, count).parse().unwrap();
            (count <= few).then_some(())
        })
        .await;
    }

    /// Waits until the SMSC has all of these texts.
    pub async fn until_arrived(&self, texts: &[String]) {
        let arrived = self.smsc.wait_for(3 * PATIENCE, |all| {
            let there: std::collections::HashSet<&str> =
                all.iter().map(|message| message.text.as_str()).collect();
            texts.iter().all(|text| there.contains(text.as_str()))
        });
        arrived.await.expect("the other nodes send what is left");
    }
}
