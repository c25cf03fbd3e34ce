//! Proxies of a host: a listener for every port of every service, which hands connections to endpoints by
//! the balancers of the simulator. A pod that is not ready any more gets no new connections.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control::services::{Affinity, Balancer, Limits, RequestOutcome, hash64};
use model::Text;
use rng::Stream;
use units::{Duration as ClusterDuration, Instant, SortedMap};

use crate::runtime::clock::boot_ns;
use crate::wire::service::{ServicePort, ServiceRow};

/// Longest time for a connection to an endpoint; then another one is tried.
const CONNECT: Duration = Duration::from_secs(1);

/// Greatest number of connections of one proxy at a time.
const CONNECTIONS_MAX: usize = 1024;

/// Number of clients whose endpoints are remembered; then those whose time is over are forgotten, and no
/// new ones are added while that does not help.
const SESSIONS_MAX: usize = 16_384;

/// The proxies of a host, by the address at which they listen.
#[derive(Default)]
pub(super) struct Proxies {
    proxies: SortedMap<SocketAddr, Arc<Proxy>>,
}

/// The proxy of a port of a service.
struct Proxy {
    state: Mutex<State>,
    is_over: AtomicBool,
    open: AtomicUsize,
}

struct State {
    balancer: Balancer,
    algorithm: String,
    addresses: SortedMap<Text, SocketAddr>,
    affinity_ns: Option<i64>,
    /// Endpoints of clients, of a service with session affinity.
    sessions: Option<Affinity>,
}

/// An endpoint that was picked for a connection.
struct Picked {
    name: Text,
    address: SocketAddr,
    /// `true` of the endpoint that the client had before, which no balancer chose.
    is_kept: bool,
}

impl Proxies {
    /// Serves these services from now on.
    pub(super) fn serve(&mut self, rows: &[ServiceRow]) {
        let mut wanted: SortedMap<SocketAddr, (&ServiceRow, &ServicePort)> = SortedMap::new();
        for row in rows {
            let address: Option<IpAddr> = row.address.as_ref().and_then(|text| text.parse().ok());
            for port in &row.ports {
                if let Some(address) = address {
                    wanted.insert(SocketAddr::new(address, port.port), (row, port));
                }
            }
        }
        let gone: Vec<SocketAddr> = self
            .proxies
            .keys()
            .filter(|address| !wanted.contains_key(address))
            .copied()
            .collect();
        for address in gone {
            if let Some(proxy) = self.proxies.remove(&address) {
                proxy.end(address);
            }
        }
        for (address, (row, port)) in wanted {
            if let Some(proxy) = self.proxies.get(&address) {
                proxy.follow(row, port);
                continue;
            }
            let proxy = Arc::new(Proxy::new(row));
            proxy.follow(row, port);
            // A port that is taken is tried again with the next change: agents of one host share them.
            if Proxy::listen(&proxy, address).is_ok() {
                self.proxies.insert(address, proxy);
            }
        }
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        for (&address, proxy) in &self.proxies {
            proxy.end(address);
        }
    }
}

impl Proxy {
    fn new(row: &ServiceRow) -> Self {
        let state = State {
            balancer: balancer(row),
            algorithm: row.balancing.clone(),
            addresses: SortedMap::new(),
            affinity_ns: None,
            sessions: None,
        };
        Self {
            state: Mutex::new(state),
            is_over: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the endpoints of a service.
    fn follow(&self, row: &ServiceRow, port: &ServicePort) {
        let mut state = self.state();
        if state.algorithm != row.balancing {
            state.algorithm.clone_from(&row.balancing);
            state.balancer = balancer(row);
        }
        if state.affinity_ns != row.affinity_ns {
            state.affinity_ns = row.affinity_ns;
            let timeout = row.affinity_ns.map(ClusterDuration::from_nanos);
            state.sessions = timeout.map(Affinity::new);
        }
        let found = row.endpoints.iter().filter_map(|endpoint| {
            let address: IpAddr = endpoint.address.parse().ok()?;
            let address = SocketAddr::new(address, endpoint.port(port)?);
            Some((Text::from(endpoint.pod.as_str()), address, endpoint.weight))
        });
        let found: Vec<(Text, SocketAddr, i64)> = found.collect();
        let endpoints: Vec<(Text, i64)> = found
            .iter()
            .map(|(name, _, weight)| (name.clone(), *weight))
            .collect();
        state.balancer.set_endpoints(&endpoints);
        let addresses = found.into_iter();
        state.addresses = addresses
            .map(|(name, address, _)| (name, address))
            .collect();
    }

    /// Listens at an address of this host.
    fn listen(proxy: &Arc<Self>, address: SocketAddr) -> io::Result<()> {
        let listener = TcpListener::bind(address)?;
        let own = Arc::clone(proxy);
        let accept = move || {
            for stream in listener.incoming() {
                if own.is_over.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(stream) = stream {
                    Self::admit(&own, stream);
                }
            }
        };
        std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(accept)
            .map(drop)
    }

    /// Ends listening; connections that are open go on.
    fn end(&self, address: SocketAddr) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener up.
        let _ = TcpStream::connect_timeout(&address, CONNECT);
    }

    fn admit(proxy: &Arc<Self>, stream: TcpStream) {
        if proxy.open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            proxy.open.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let own = Arc::clone(proxy);
        let serve = move || {
            own.pass(&stream);
            own.open.fetch_sub(1, Ordering::Relaxed);
        };
        let started = std::thread::Builder::new()
            .name("proxied".to_owned())
            .spawn(serve);
        if started.is_err() {
            proxy.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Passes a connection to an endpoint that answers; without any it ends.
    fn pass(&self, client: &TcpStream) {
        let source = client.peer_addr().map_or(0, |peer| match peer.ip() {
            IpAddr::V4(ip) => hash64(u64::from(ip.to_bits())),
            IpAddr::V6(ip) => hash64(
                ip.segments()
                    .iter()
                    .fold(0, |sum, &part| (sum << 8) ^ u64::from(part)),
            ),
        });
        let mut tried: Vec<Text> = Vec::new();
        while let Some(picked) = self.pick(source, &tried) {
            match TcpStream::connect_timeout(&picked.address, CONNECT) {
                Ok(server) => {
                    self.keep(source, &picked.name);
                    both_ways(client, &server);
                    self.finish(&picked, RequestOutcome::Well);
                    return;
                }
                Err(_) => self.finish(&picked, RequestOutcome::Failed),
            }
            tried.push(picked.name);
        }
        let _ = client.shutdown(Shutdown::Both);
    }

    fn pick(&self, source: u64, tried: &[Text]) -> Option<Picked> {
        let mut state = self.state();
        let state = &mut *state;
        let known = &state.addresses;
        let is_there =
            |name: &str| known.contains_key(name) && !tried.iter().any(|one| **one == *name);
        let sessions = state.sessions.as_mut();
        let kept = sessions.and_then(|sessions| sessions.endpoint(now(), source, is_there));
        let is_kept = kept.is_some();
        let name = match kept {
            Some(name) => name,
            None => state.balancer.pick(now(), source, tried)?,
        };
        let address = *known.get(&name)?;
        Some(Picked {
            name,
            address,
            is_kept,
        })
    }

    /// The client stays with an endpoint, if the service wants it so.
    fn keep(&self, source: u64, name: &Text) {
        let mut state = self.state();
        let Some(sessions) = &mut state.sessions else {
            return;
        };
        if sessions.len() >= SESSIONS_MAX {
            sessions.expire(now());
        }
        if sessions.len() < SESSIONS_MAX {
            sessions.remember(now(), source, name.clone());
        }
    }

    fn finish(&self, picked: &Picked, served: RequestOutcome) {
        if !picked.is_kept {
            let mut state = self.state();
            state.balancer.finish(now(), &picked.name, served);
        }
    }
}

fn balancer(row: &ServiceRow) -> Balancer {
    let purpose = format!("proxy {}/{}", row.namespace, row.name);
    let stream = Stream::new(boot_ns().unsigned_abs(), &purpose, 0);
    Balancer::new(row.algorithm(), Limits::default(), stream)
}

fn now() -> Instant {
    Instant::from_nanos(boot_ns())
}

/// Copies bytes in both directions until both ends have said all.
fn both_ways(client: &TcpStream, server: &TcpStream) {
    let one_way = |from: &TcpStream, to: &TcpStream| {
        let (mut reader, mut writer) = (from, to);
        // Within the kernel, where it can.
        if io::copy(&mut reader, &mut writer).is_err() {
            let _ = from.shutdown(Shutdown::Both);
        }
        let _ = to.shutdown(Shutdown::Write);
    };
    std::thread::scope(|scope| {
        let back = std::thread::Builder::new().spawn_scoped(scope, || one_way(server, client));
        if back.is_ok() {
            one_way(client, server);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::wire::service::{Endpoint, PodPort};

    /// A server that answers each connection with its name and then echoes.
    fn server(name: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let _ = stream.write_all(name.as_bytes());
                    let mut text = Vec::new();
                    let _ = stream.read_to_end(&mut text);
                    let _ = stream.write_all(&text);
                });
            }
        });
        port
    }

    fn row(balancing: &str, endpoints: &[(&str, u16, i64)]) -> ServiceRow {
        let endpoints = endpoints.iter().map(|(pod, host, weight)| Endpoint {
            pod: (*pod).to_owned(),
            node: "n0".to_owned(),
            address: "127.0.0.1".to_owned(),
            weight: *weight,
            ports: vec![PodPort {
                name: None,
                container: 80,
                host: *host,
            }],
        });
        ServiceRow {
            namespace: "default".to_owned(),
            name: "web".to_owned(),
            address: Some("127.64.3.7".to_owned()),
            balancing: balancing.to_owned(),
            affinity_ns: None,
            ports: vec![ServicePort {
                name: None,
                port: free_port(),
                target: "80".to_owned(),
            }],
            endpoints: endpoints.collect(),
        }
    }

    fn free_port() -> u16 {
        let listener = TcpListener::bind("127.64.3.7:0").expect("a free port");
        listener.local_addr().expect("an address").port()
    }

    fn ask(row: &ServiceRow) -> String {
        let address = format!("127.64.3.7:{}", row.ports[0].port);
        let mut stream = TcpStream::connect(address).expect("a proxy");
        stream.write_all(b"+echo").expect("a connection");
        stream.shutdown(Shutdown::Write).expect("a connection");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }

    #[test]
    fn connections_go_round_by_weight_and_past_what_is_not_there() {
        let (a, b) = (server("a"), server("b"));
        let mut proxies = Proxies::default();
        let both = row("round-robin", &[("a", a, 1), ("b", b, 1)]);
        proxies.serve(std::slice::from_ref(&both));
        let asked: Vec<String> = (0..4).map(|_| ask(&both)).collect();
        assert_eq!(asked, ["a+echo", "b+echo", "a+echo", "b+echo"]);
        let weighted = ServiceRow {
            balancing: "smooth-weighted".to_owned(),
            ports: both.ports.clone(),
            ..row("", &[("a", a, 3), ("b", b, 1)])
        };
        proxies.serve(std::slice::from_ref(&weighted));
        let of_a = (0..8).filter(|_| ask(&weighted) == "a+echo").count();
        assert_eq!(of_a, 6);
        // One that is not there is left out, and one that is not ready any more is not asked.
        let holed = ServiceRow {
            ports: both.ports.clone(),
            ..row("least-connections", &[("a", free_port(), 1), ("b", b, 1)])
        };
        proxies.serve(std::slice::from_ref(&holed));
        assert!((0..4).all(|_| ask(&holed) == "b+echo"));
        let alone = ServiceRow {
            ports: both.ports.clone(),
            ..row("round-robin", &[("a", a, 1)])
        };
        proxies.serve(std::slice::from_ref(&alone));
        assert!((0..4).all(|_| ask(&alone) == "a+echo"));
        // A client stays with its endpoint for as long as the service says, while it is there.
        let sticky = ServiceRow {
            ports: both.ports.clone(),
            affinity_ns: Some(60_000_000_000),
            ..row("round-robin", &[("a", a, 1), ("b", b, 1)])
        };
        proxies.serve(std::slice::from_ref(&sticky));
        let first = ask(&sticky);
        assert!((0..4).all(|_| ask(&sticky) == first));
        let (gone, stays) = if first == "a+echo" { (a, b) } else { (b, a) };
        assert_ne!(gone, stays);
        let left = ServiceRow {
            ports: both.ports.clone(),
            affinity_ns: sticky.affinity_ns,
            ..row("round-robin", &[("left", stays, 1)])
        };
        proxies.serve(std::slice::from_ref(&left));
        assert_ne!(ask(&left), first);
        let hasty = ServiceRow {
            affinity_ns: Some(1),
            ..sticky
        };
        proxies.serve(std::slice::from_ref(&hasty));
        let asked: units::SortedSet<String> = (0..4).map(|_| ask(&hasty)).collect();
        assert_eq!(asked.len(), 2);
        proxies.serve(&[]);
        let address = format!("127.64.3.7:{}", both.ports[0].port);
        let end_ns = boot_ns() + 2_000_000_000;
        while TcpStream::connect(&address).is_ok() && boot_ns() < end_ns {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        assert!(
            TcpStream::connect(&address).is_err(),
            "nobody listens any more"
        );
    }
}
