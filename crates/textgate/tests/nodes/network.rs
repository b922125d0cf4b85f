//! Machines that are none: a network namespace each, with one cable to the network of callers and providers and one to the
//! network of the databases, each of which can be pulled out. Where namespaces cannot be made (that takes root), every machine
//! is an address of the loopback, and no cable can be pulled.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

/// The two networks. Each is a /24 of 198.18.0.0/15, which is for tests of networks (RFC 2544).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Callers and providers.
    Outer,
    /// Databases.
    Inner,
}

impl Side {
    const ALL: [Self; 2] = [Self::Outer, Self::Inner];

    fn letter(self) -> char {
        if self == Self::Outer { 'o' } else { 'i' }
    }
}

/// Takes everything away again when its standard input ends, which it does when the test's process is gone, however that
/// ends. Ctrl-C goes to it as well, and must not stop it.
const WATCH: &str = r#"trap "" INT TERM HUP
read -r _
for namespace in $(ip netns list | cut -d" " -f1 | grep "^$0-"); do
    for pid in $(ip netns pids "$namespace"); do kill -9 "$pid"; done
    ip netns delete "$namespace"
done
for link in $(ls /sys/class/net | grep "^$0[oi]"); do ip link delete "$link"; done"#;

/// All machines, and what is between them.
pub struct Network {
    /// What all its interfaces and namespaces begin with.
    name: String,
    /// The third octet of its addresses.
    third: u8,
    /// `None`: addresses of the loopback.
    watch: Option<Child>,
}

/// One machine.
#[derive(Debug, Clone)]
pub struct Machine {
    number: u8,
    /// Its address among callers and providers.
    pub outer: Ipv4Addr,
    /// Its address among databases.
    pub inner: Ipv4Addr,
    /// Its namespace.
    pub namespace: Option<String>,
}

impl Network {
    /// A network without machines. Says so where it is only the loopback.
    pub fn new() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let letter = char::from(b'a' + NEXT.fetch_add(1, Ordering::Relaxed));
        let mut network = Self { name: format!("tg{}{letter}", std::process::id()), third: 0, watch: None };
        if let Err(why) = network.build() {
            network.demolish();
            eprintln!("NO NAMESPACES: nodes have addresses of the loopback, and no cable is pulled ({why})");
        }
        network
    }

    fn build(&mut self) -> Result<(), String> {
        let taken = ip("-4 -oneline address show")?;
        let mut thirds = (0..=u8::MAX).cycle().skip(std::process::id() as usize % 256).take(256);
        let is_free =
            |third: &u8| ["198.18", "198.19"].iter().all(|net| !taken.contains(&format!(" {net}.{third}.")));
        self.third = thirds.find(is_free).ok_or("no addresses are left")?;
        let mut watch = Command::new("sh");
        watch
            .args(["-c", WATCH, &self.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.watch = Some(watch.spawn().map_err(|error| error.to_string())?);
        for side in Side::ALL {
            let bridge = format!("{}{}", self.name, side.letter());
            ip(&format!("link add {bridge} type bridge"))?;
            ip(&format!("address add {}/24 dev {bridge}", self.address(side, 254)))?;
            ip(&format!("link set {bridge} up"))?;
        }
        // And whether there are namespaces.
        ip(&format!("netns add {}-0", self.name)).map(drop)
    }

    fn demolish(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            drop(watch.stdin.take());
            let _ = watch.wait();
        }
    }

    /// Whether its machines are machines.
    pub fn is_separate(&self) -> bool {
        self.watch.is_some()
    }

    /// The address of this process, where it plays callers and providers.
    pub fn own(&self) -> Ipv4Addr {
        if self.is_separate() { self.address(Side::Outer, 254) } else { Ipv4Addr::LOCALHOST }
    }

    /// Every address that it may have, as `network.allow` takes it.
    pub fn ranges(&self) -> &'static str {
        "127.0.0.0/8,198.18.0.0/15"
    }

    fn address(&self, side: Side, host: u8) -> Ipv4Addr {
        let second = if side == Side::Outer { 18 } else { 19 };
        Ipv4Addr::new(198, second, self.third, host)
    }

    /// A machine of this number, from 1; its cables are plugged in.
    pub fn machine(&self, number: u8) -> Machine {
        if !self.is_separate() {
            let address = Ipv4Addr::new(127, 0, 0, number);
            return Machine { number, outer: address, inner: address, namespace: None };
        }
        let namespace = format!("{}-{number}", self.name);
        must(&format!("netns add {namespace}"));
        must(&format!("-n {namespace} link set lo up"));
        for side in Side::ALL {
            let (cable, inside) = (self.cable(side, number), format!("{}", side.letter()));
            must(&format!("link add {cable} type veth peer name {inside} netns {namespace}"));
            must(&format!("link set {cable} master {}{} up", self.name, side.letter()));
            must(&format!("-n {namespace} address add {}/24 dev {inside}", self.address(side, number)));
            must(&format!("-n {namespace} link set {inside} up"));
        }
        let address = |side| self.address(side, number);
        Machine {
            number,
            outer: address(Side::Outer),
            inner: address(Side::Inner),
            namespace: Some(namespace),
        }
    }

    fn cable(&self, side: Side, number: u8) -> String {
        format!("{}{}{number}", self.name, side.letter())
    }

    /// Pulls a machine's cable out of the switch. Nothing tells it so: what it sends is lost.
    pub fn pull(&self, machine: &Machine, side: Side) {
        must(&format!("link set {} down", self.cable(side, machine.number)));
    }

    /// Plugs it in again.
    pub fn plug(&self, machine: &Machine, side: Side) {
        must(&format!("link set {} up", self.cable(side, machine.number)));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.demolish();
    }
}

impl Machine {
    /// This command on this machine.
    pub fn run(&self, command: &Command) -> Command {
        let mut there = match &self.namespace {
            Some(namespace) => {
                let mut there = Command::new("ip");
                there.args(["netns", "exec", namespace]).arg(command.get_program());
                there
            }
            None => Command::new(command.get_program()),
        };
        there.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there
    }
}

/// `ip` with these arguments; answers what it printed.
fn ip(arguments: &str) -> Result<String, String> {
    let output = Command::new("ip").args(arguments.split(' ')).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.map_err(|error| format!("ip: {error}"))?;
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).trim().to_owned();
    if status.success() { Ok(text(stdout)) } else { Err(format!("ip {arguments}: {}", text(stderr))) }
}

fn must(arguments: &str) {
    if let Err(why) = ip(arguments) {
        panic!("{why}");
    }
}

#[test]
fn a_machine_whose_cable_is_pulled_is_reached_again_when_it_is_plugged_in_and_nothing_is_left_of_it() {
    let network = Network::new();
    if !network.is_separate() {
        return;
    }
    let (machine, name) = (network.machine(1), network.name.clone());
    let mut command = Command::new("cat");
    command.arg("/sys/class/net/i/carrier");
    let is_plugged = || {
        let output = machine.run(&command).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim() == "1"
    };
    assert!(is_plugged());
    network.pull(&machine, Side::Inner);
    assert!(!is_plugged());
    network.plug(&machine, Side::Inner);
    assert!(is_plugged());
    drop(network);
    assert!(!ip("netns list").unwrap().contains(&name));
    assert!(!ip("-oneline link show").unwrap().contains(&name));
}
