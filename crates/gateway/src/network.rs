//! Which addresses a gateway may connect to, so that a tenant's URL cannot reach the host's own network.
//!
//! The guard judges addresses, never names: what a name resolves to is judged, and exactly what was judged is
//! connected to, so a name that changes its mind in between (DNS rebinding) gains nothing.

use futures_util::future::BoxFuture;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Most addresses of one name that are tried; real names have a handful.
const MOST_ADDRESSES: usize = 16;
/// How long a name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses a gateway may connect to: the public internet, and the ranges that the service provider allowed.
///
/// Cheap to clone. Also a [`reqwest::dns::Resolve`].
#[derive(Clone)]
pub struct NetworkGuard {
    allow: Arc<[IpNet]>,
    lookup: Lookup,
    timeout: Duration,
}

/// Why there is no address to connect to. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// An address that is not on the public internet and not in an allowed range.
    #[error("{address} is {kind}; the service provider can allow it with network.allow in the configuration")]
    Blocked {
        /// The address as given.
        address: IpAddr,
        /// What it is, with its article: "a loopback address".
        kind: &'static str,
    },
    /// A name, none of whose addresses may be connected to.
    #[error(
        "{host} has the address {address}, which is {kind}; the service provider can allow it with network.allow in the configuration"
    )]
    BlockedName {
        /// The name.
        host: String,
        /// Its first address.
        address: IpAddr,
        /// What the address is, with its article.
        kind: &'static str,
    },
    /// A name without an address, or the DNS server's failure.
    #[error("{host} has no address ({reason}); check the host's name and this machine's DNS")]
    Unresolved {
        /// The name.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// A name that took too long.
    #[error("{host} was not resolved within {} s; check this machine's DNS", .within.as_secs())]
    TimedOut {
        /// The name.
        host: String,
        /// How long was waited.
        within: Duration,
    },
    /// Not a host at all.
    #[error("enter a host name or an IP address")]
    NotAHost,
}

impl NetworkError {
    /// Whether the guard said no, in contrast to a name that cannot be resolved now.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked { .. } | Self::BlockedName { .. } | Self::NotAHost)
    }
}

/// How names become addresses: the system's resolver, or a test's table.
type Lookup = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

fn system_lookup(host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move {
        let found = tokio::net::lookup_host((host, port)).await?;
        Ok(found.take(4 * MOST_ADDRESSES).collect())
    })
}

// === impl NetworkGuard ===

impl Default for NetworkGuard {
    fn default() -> Self {
        Self::allowing([])
    }
}

impl fmt::Debug for NetworkGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkGuard").field("allow", &self.allow).finish_non_exhaustive()
    }
}

impl NetworkGuard {
    /// A guard that lets these ranges through, and everything public.
    pub fn allowing(ranges: impl IntoIterator<Item = IpNet>) -> Self {
        Self {
            allow: ranges.into_iter().map(unmapped_range).collect(),
            lookup: Arc::new(system_lookup),
            timeout: RESOLVE_TIMEOUT,
        }
    }

    /// The same guard with another resolver: a test's.
    #[cfg(test)]
    pub(crate) fn resolving_with(
        mut self,
        lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.lookup = Arc::new(move |host, port| {
            let found =
                lookup(&host).map(|ips| ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
            Box::pin(std::future::ready(found))
        });
        self
    }

    /// Whether a gateway may connect to this address.
    pub fn permits(&self, ip: IpAddr) -> bool {
        self.check(ip).is_ok()
    }

    /// The same, with the reason.
    pub fn check(&self, address: IpAddr) -> Result<(), NetworkError> {
        let ip = address.to_canonical();
        match special(ip) {
            Some(kind) if !self.allow.iter().any(|range| range.contains(&ip)) => {
                Err(NetworkError::Blocked { address, kind })
            }
            _ => Ok(()),
        }
    }

    /// Whether a host that is written as an address (`127.0.0.1`, `::1`, `[::1]`) may be connected to. Names pass:
    /// [`resolve`](Self::resolve) judges what they resolve to.
    pub fn check_literal(&self, host: &str) -> Result<(), NetworkError> {
        literal(host).map_or(Ok(()), |ip| self.check(ip))
    }

    /// The addresses of a host that may be connected to, at least one, in the resolver's order. An address stands
    /// for itself. Takes at most 5 s. Connect to what this gives back, never to the name again.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NetworkError> {
        if let Some(ip) = literal(host) {
            return self.check(ip).map(|()| vec![SocketAddr::new(ip, port)]);
        }
        // RFC 1035 §2.3.4: 255 octets; what is longer is not worth a question.
        if host.is_empty() || host.len() > 255 || host.contains('\0') {
            return Err(NetworkError::NotAHost);
        }
        let unresolved = |reason: String| NetworkError::Unresolved { host: host.to_owned(), reason };
        let mut found = tokio::time::timeout(self.timeout, (self.lookup)(host.to_owned(), port))
            .await
            .map_err(|_| NetworkError::TimedOut { host: host.to_owned(), within: self.timeout })?
            .map_err(|error| unresolved(error.to_string()))?;
        let Some(first) = found.first().map(SocketAddr::ip) else {
            return Err(unresolved("the answer is empty".to_owned()));
        };
        found.retain(|address| self.permits(address.ip()));
        found.truncate(MOST_ADDRESSES);
        if found.is_empty() {
            let kind = special(first.to_canonical()).unwrap_or("a special address");
            return Err(NetworkError::BlockedName { host: host.to_owned(), address: first, kind });
        }
        Ok(found)
    }
}

impl reqwest::dns::Resolve for NetworkGuard {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let guard = self.clone();
        Box::pin(async move {
            // Port 0: reqwest puts the URL's port in.
            let found = Self::resolve(&guard, name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// The address that a host is written as, in brackets or not.
fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// A range of IPv4-mapped addresses as the IPv4 range it means; addresses are compared in that form.
fn unmapped_range(range: IpNet) -> IpNet {
    let IpNet::V6(v6) = range else { return range };
    let prefix = v6.prefix_len().checked_sub(96);
    match (v6.network().to_ipv4_mapped(), prefix) {
        (Some(v4), Some(prefix)) => Ipv4Net::new(v4, prefix).map_or(range, IpNet::V4),
        _ => range,
    }
}

// === the special ranges ===

/// What an address is, with its article, unless it is global unicast.
fn special(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => special_v4(ip),
        IpAddr::V6(ip) => special_v6(ip),
    }
}

/// IANA IPv4 Special-Purpose Address Registry, and multicast (RFC 5771). The first that contains it names it.
const V4: &[([u8; 4], u8, &str)] = &[
    ([0, 0, 0, 0], 32, "the unspecified address"),
    ([0, 0, 0, 0], 8, "an address of \"this network\""),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "a carrier's shared address (CGNAT)"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    // Azure's host agent answers every virtual machine on this public address: as telling as 169.254.169.254.
    ([168, 63, 129, 16], 32, "a cloud platform's own address"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "an address for protocol assignments"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "a 6to4 relay's address"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address for benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([255, 255, 255, 255], 32, "the broadcast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// IANA IPv6 Special-Purpose Address Registry. What is left outside 2000::/3 is not assigned to anyone.
const V6: &[([u16; 8], u8, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, "the unspecified address"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "a loopback address"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, "an IPv4-compatible address"),
    // Translation within a network of one's own (RFC 8215): leads to private addresses by design.
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "a local translation address"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "a discard address"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "a Teredo address"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "an address for protocol assignments"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "an address for documentation"),
    // Deprecated (RFC 7526), and each one hides an IPv4 address.
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "a 6to4 address"),
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, "an address of the former 6bone"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "an address for documentation"),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "a segment routing address"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "a private address (unique local)"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "a link-local address"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "a private address (site-local)"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "a multicast address"),
];

fn special_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let contains = |base: [u8; 4], prefix| Ipv4Net::new(base.into(), prefix).is_ok_and(|n| n.contains(&ip));
    V4.iter().find(|(base, prefix, _)| contains(*base, *prefix)).map(|(_, _, kind)| *kind)
}

fn special_v6(ip: Ipv6Addr) -> Option<&'static str> {
    if let Some(v4) = translated(ip) {
        // RFC 6052 §3.1: this prefix must not stand for non-global IPv4 addresses, so no allowed range helps here.
        return special_v4(v4).map(|_| "a translation (NAT64) of an address that is not public");
    }
    let contains = |base: [u16; 8], prefix| Ipv6Net::new(base.into(), prefix).is_ok_and(|n| n.contains(&ip));
    match V6.iter().find(|(base, prefix, _)| contains(*base, *prefix)) {
        Some((_, _, kind)) => Some(kind),
        // RFC 4291 §2.4, RFC 3587: global unicast is 2000::/3.
        None if ip.segments()[0] >> 13 != 1 => Some("an address that nobody is assigned"),
        None => None,
    }
}

/// The IPv4 address behind 64:ff9b::/96 (RFC 6052 §2.1), which DNS64 hands out in networks without IPv4.
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn allowing(ranges: &[&str]) -> NetworkGuard {
        NetworkGuard::allowing(ranges.iter().map(|r| r.parse().unwrap()))
    }

    #[test]
    fn what_is_not_public_is_refused_and_named() {
        let table = [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "this network"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.0", "CGNAT"),
            ("100.127.255.255", "CGNAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("168.63.129.16", "platform"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.0", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "protocol"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4"),
            ("192.168.1.1", "private"),
            ("198.18.0.0", "benchmarks"),
            ("198.19.255.255", "benchmarks"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.255", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "IPv4-compatible"),
            ("::808:808", "IPv4-compatible"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:10.1.2.3", "private"),
            ("::ffff:0:127.0.0.1", "nobody"),
            ("64:ff9b::127.0.0.1", "NAT64"),
            ("64:ff9b::10.0.0.1", "NAT64"),
            ("64:ff9b:1::1", "local translation"),
            ("100::1", "discard"),
            ("2001::1", "Teredo"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
            ("2001:20::1", "protocol"),
            ("2001:1ff::1", "protocol"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("3ffe::1", "6bone"),
            ("3fff:fff::1", "documentation"),
            ("4000::1", "nobody"),
            ("5f00::1", "segment routing"),
            ("fc00::1", "unique local"),
            ("fdff::1", "unique local"),
            ("fd00:ec2::254", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ];
        let guard = NetworkGuard::default();
        for (address, kind) in table {
            let error = guard.check(ip(address)).expect_err(address);
            assert!(error.to_string().contains(kind), "{address}: {error}");
            assert!(error.is_blocked() && !guard.permits(ip(address)));
        }
    }

    #[test]
    fn the_public_internet_is_permitted_up_to_the_edges() {
        let guard = NetworkGuard::default();
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2a00::1",
            "3ffd::1",
            "3fff:1000::1",
        ] {
            assert!(guard.permits(ip(address)), "{address}");
        }
    }

    #[test]
    fn an_allowed_range_is_permitted_in_every_form_and_nothing_beside_it() {
        let guard = allowing(&["127.0.0.0/8", "fd00:1::/32"]);
        for address in ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "fd00:1::5"] {
            assert!(guard.permits(ip(address)), "{address}");
        }
        for address in ["10.0.0.1", "::1", "fd00:2::5", "::7f00:1", "64:ff9b::7f00:1"] {
            assert!(!guard.permits(ip(address)), "{address}");
        }
        assert!(allowing(&["::ffff:10.1.0.0/112"]).permits(ip("10.1.2.3")));
        assert!(!allowing(&["::ffff:10.1.0.0/112"]).permits(ip("10.2.2.3")));
    }

    #[test]
    fn a_literal_is_judged_in_brackets_too() {
        let guard = NetworkGuard::default();
        for host in ["127.0.0.1", "::1", "[::1]", "[::ffff:10.0.0.1]"] {
            assert!(guard.check_literal(host).is_err(), "{host}");
        }
        for host in ["8.8.8.8", "[2a00::1]", "example.com", "localhost", ""] {
            assert!(guard.check_literal(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn the_refusal_says_what_to_do() {
        assert_eq!(
            NetworkGuard::default().check_literal("127.0.0.1").unwrap_err().to_string(),
            "127.0.0.1 is a loopback address; the service provider can allow it with network.allow in the configuration"
        );
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let guard = NetworkGuard::default().resolving_with(|host| match host {
            "mixed.example" => Ok(vec![ip("127.0.0.1"), ip("8.8.8.8"), ip("::ffff:10.0.0.1")]),
            "empty.example" => Ok(vec![]),
            "gone.example" => Err(io::Error::other("no such name")),
            _ => Ok(vec![ip("10.0.0.7")]),
        });
        let found = guard.resolve("mixed.example", 443).await.unwrap();
        assert_eq!(found, ["8.8.8.8:443".parse().unwrap()]);
        let error = guard.resolve("inside.example", 443).await.unwrap_err();
        assert!(error.is_blocked());
        assert!(error.to_string().starts_with("inside.example has the address 10.0.0.7, which is a private"));
        for host in ["empty.example", "gone.example"] {
            let error = guard.resolve(host, 443).await.unwrap_err();
            assert!(matches!(&error, NetworkError::Unresolved { .. }) && !error.is_blocked(), "{error}");
        }
        assert_eq!(guard.resolve("", 1).await, Err(NetworkError::NotAHost));
        assert_eq!(guard.resolve(&"a".repeat(256), 1).await, Err(NetworkError::NotAHost));
    }

    #[tokio::test]
    async fn an_address_stands_for_itself_and_other_spellings_of_loopback_are_no_way_in() {
        let guard = NetworkGuard::default();
        assert_eq!(guard.resolve("8.8.8.8", 25).await.unwrap(), ["8.8.8.8:25".parse().unwrap()]);
        assert_eq!(guard.resolve("[2a00::1]", 25).await.unwrap(), ["[2a00::1]:25".parse().unwrap()]);
        // The system's resolver understands these as addresses (inet_aton), or as names without one.
        for host in ["localhost", "127.1", "2130706433", "0x7f.1", "017700000001", "fe80::1%lo", "[::1]"] {
            assert!(guard.resolve(host, 80).await.is_err(), "{host}");
        }
        assert!(allowing(&["127.0.0.0/8", "::1/128"]).resolve("localhost", 80).await.is_ok());
    }

    #[tokio::test]
    async fn a_name_that_takes_too_long_is_given_up() {
        let never: Lookup = Arc::new(|_, _| Box::pin(std::future::pending()));
        let guard =
            NetworkGuard { lookup: never, timeout: Duration::from_millis(5), ..NetworkGuard::default() };
        let error = guard.resolve("slow.example", 80).await.unwrap_err();
        assert!(error.to_string().starts_with("slow.example was not resolved within"), "{error}");
        assert!(!error.is_blocked());
    }
}
