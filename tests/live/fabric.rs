//! Hosts as network namespaces: one namespace holds a bridge, one stands for each host, a veth pair joins
//! each host to the bridge. The root namespace takes no part, so nothing leaks. Names are `wt-PID-START-N`.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::audit::audit;
use crate::hosts::Host;
use crate::sweep::{is_of_gone_run, run_name};
use crate::table::Test;
use crate::wait::is_alive;

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "net",
        name: "hosts reach each other until they are cut",
        needs: &["root", "ip", "netns", "veth", "bridge-device"],
        run: cuts,
    },
    Test {
        fault: "net",
        name: "two hosts isolated from each other, one reaches both",
        needs: &["root", "ip", "bridge", "netns", "veth", "bridge-device"],
        run: isolated,
    },
    Test {
        fault: "net",
        name: "one direction dropped in the bridge",
        needs: &["root", "ip", "nft", "netns", "veth", "bridge-device"],
        run: one_direction,
    },
    Test {
        fault: "net",
        name: "answers of one host to another vanish",
        needs: &["root", "ip", "netns", "veth", "bridge-device"],
        run: answers_vanish,
    },
    Test {
        fault: "15",
        name: "link of a host cut: its workloads go on",
        needs: &[
            "pidfd",
            "root",
            "ip",
            "nsenter",
            "netns",
            "veth",
            "bridge-device",
        ],
        run: workloads_without_network,
    },
    Test {
        fault: "net",
        name: "namespaces of a crashed run are removed",
        needs: &["root", "ip", "netns"],
        run: namespaces_of_crashed_runs,
    },
];

/// Hosts on a bridge.
pub(crate) struct Fabric {
    prefix: String,
    host_count: u8,
}

/// Time after which a connection counts as cut.
const CUT: Duration = Duration::from_millis(700);
const PORT: u16 = 7000;

impl Fabric {
    /// Hosts 1 to `host_count`, each with its address on the bridge.
    pub(crate) fn new(host_count: u8) -> Self {
        let fabric = Self {
            prefix: run_name(),
            host_count,
        };
        let hub = fabric.hub();
        command(&["ip", "netns", "add", &hub]);
        command(&["ip", "-n", &hub, "link", "add", "br0", "type", "bridge"]);
        command(&["ip", "-n", &hub, "link", "set", "br0", "up"]);
        for number in 1..=host_count {
            let (host, port) = (fabric.host(number), format!("v{number}"));
            command(&["ip", "netns", "add", &host]);
            // Both ends are born in their namespaces, never in the root one.
            let pair = ["type", "veth", "peer", "name", "eth0", "netns", &host];
            command(&[&["ip", "link", "add", &port, "netns", &hub][..], &pair].concat());
            command(&[
                "ip", "-n", &hub, "link", "set", &port, "master", "br0", "up",
            ]);
            let address = format!("{}/24", Self::address(number));
            command(&["ip", "-n", &host, "address", "add", &address, "dev", "eth0"]);
            command(&["ip", "-n", &host, "link", "set", "eth0", "up"]);
            command(&["ip", "-n", &host, "link", "set", "lo", "up"]);
        }
        fabric
    }

    fn hub(&self) -> String {
        format!("{}-0", self.prefix)
    }

    fn host(&self, number: u8) -> String {
        format!("{}-{number}", self.prefix)
    }

    /// File that stands for the namespace of a host.
    pub(crate) fn path(&self, number: u8) -> PathBuf {
        Path::new("/run/netns").join(self.host(number))
    }

    pub(crate) fn address(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, number)
    }

    /// Changes the port of a host at the bridge.
    pub(crate) fn set_port(&self, number: u8, setting: &[&str]) {
        let (hub, port) = (self.hub(), format!("v{number}"));
        command(&[&["ip", "-n", &hub, "link", "set", &port][..], setting].concat());
    }

    /// Does something within the network of a host. The namespace holds for a thread of its own; a
    /// socket stays in the one in which it was made.
    pub(crate) fn within<T: Send>(&self, number: u8, action: impl FnOnce() -> T + Send) -> T {
        let path = self.path(number);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file = std::fs::File::open(path).expect("a namespace");
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(file.as_fd(), kind).expect("root");
                action()
            });
            thread.join().expect("a thread")
        })
    }

    /// Takes the bridge down, or up again.
    pub(crate) fn set_bridge(&self, state: &str) {
        command(&["ip", "-n", &self.hub(), "link", "set", "br0", state]);
    }

    /// Drops packets in the bridge by a rule.
    pub(crate) fn drop_packets(&self, rule: &str) {
        let rules = format!(
            "table bridge cut {{ chain forward {{ type filter hook forward priority 0; {rule}; }}; }}"
        );
        let hub = format!("--net=/run/netns/{}", self.hub());
        command(&["nsenter", &hub, "nft", &rules]);
    }

    /// Drops no packets any more.
    pub(crate) fn drop_no_packets(&self) {
        let hub = format!("--net=/run/netns/{}", self.hub());
        command(&["nsenter", &hub, "nft", "delete table bridge cut"]);
    }

    /// Runs a command on a host.
    pub(crate) fn run(&self, number: u8, words: &[&str]) {
        let host = format!("--net={}", self.path(number).display());
        command(&[&["nsenter", &host], words].concat());
    }

    fn listen(&self, number: u8) -> TcpListener {
        let address = SocketAddrV4::new(Self::address(number), PORT);
        self.within(number, || TcpListener::bind(address).expect("a free port"))
    }

    /// Returns whether one host can connect to another.
    fn connects(&self, from: u8, to: u8) -> bool {
        let address = SocketAddrV4::new(Self::address(to), PORT).into();
        self.within(from, || TcpStream::connect_timeout(&address, CUT).is_ok())
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        for number in 0..=self.host_count {
            remove(&self.host(number));
        }
    }
}

fn cuts() {
    let fabric = Fabric::new(3);
    let listeners = [1, 2, 3].map(|number| fabric.listen(number));
    assert!(fabric.connects(1, 2) && fabric.connects(2, 1) && fabric.connects(3, 1));
    // The cable, then a partition that the host itself does not see.
    let cuts: [[&[&str]; 2]; 2] = [[&["down"], &["up"]], [&["nomaster"], &["master", "br0"]]];
    for [cut, mend] in cuts {
        fabric.set_port(2, cut);
        assert!(!fabric.connects(1, 2) && !fabric.connects(2, 3), "{cut:?}");
        assert!(fabric.connects(1, 3), "the others go on");
        fabric.set_port(2, mend);
        let is_back = || fabric.connects(1, 2).then_some(());
        crate::wait::wait_for("the host returns", crate::wait::seconds(3), is_back);
    }
    drop(listeners);
}

fn isolated() {
    let fabric = Fabric::new(3);
    let _listeners = [1, 2, 3].map(|number| fabric.listen(number));
    for port in ["v1", "v2"] {
        command(&[
            "bridge",
            "-n",
            &fabric.hub(),
            "link",
            "set",
            "dev",
            port,
            "isolated",
            "on",
        ]);
    }
    assert!(!fabric.connects(1, 2) && !fabric.connects(2, 1));
    assert!(fabric.connects(1, 3) && fabric.connects(3, 2));
}

fn one_direction() {
    let fabric = Fabric::new(3);
    let _listeners = [1, 2, 3].map(|number| fabric.listen(number));
    let (one, other) = (Fabric::address(1), Fabric::address(2));
    fabric.drop_packets(&format!("ip saddr {one} ip daddr {other} drop"));
    assert!(!fabric.connects(1, 2), "its packets vanish");
    assert!(fabric.connects(3, 2) && fabric.connects(1, 3));
}

fn answers_vanish() {
    let fabric = Fabric::new(3);
    let _listeners = [1, 2, 3].map(|number| fabric.listen(number));
    let route = format!("{}/32", Fabric::address(1));
    command(&[
        "ip",
        "-n",
        &fabric.host(2),
        "route",
        "add",
        "blackhole",
        &route,
    ]);
    assert!(!fabric.connects(1, 2));
    assert!(fabric.connects(3, 2) && fabric.connects(1, 3));
}

fn workloads_without_network() {
    let fabric = Fabric::new(2);
    let listener = fabric.listen(1);
    let outside = Host::started();
    let mut host = Host::new();
    host.enter(fabric.path(2));
    host.start_agent();
    let isolation = |host: &Host| host.events()[0]["what"]["agent"]["isolation"].clone();
    assert_eq!(
        isolation(&host),
        isolation(&outside),
        "cgroups are seen from within"
    );
    let running = host.run(&host.order("inside", "sleep 60000"));
    let network = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).expect("a process");
    assert_eq!(network(running.workload.pid), network(running.shim.pid));
    assert_ne!(network(running.workload.pid), network(std::process::id()));
    fabric.set_port(2, &["nomaster"]);
    assert!(!fabric.connects(2, 1));
    assert!(is_alive(&running.workload));
    host.end(&running.attempt);
    audit(&host);
    drop(listener);
}

fn namespaces_of_crashed_runs() {
    // No process has this id.
    let crashed = "wt-4194304-1-0";
    let foreign = format!("{}-kept", run_name());
    command(&["ip", "netns", "add", crashed]);
    command(&["ip", "netns", "add", &foreign]);
    remove_earlier();
    let left = names();
    remove(&foreign);
    assert!(!left.iter().any(|name| name == crashed));
    assert!(left.contains(&foreign), "a run that lives keeps its own");
}

/// Removes the namespaces of runs that are gone.
pub(crate) fn remove_earlier() {
    for name in names().iter().filter(|name| is_of_gone_run(name)) {
        remove(name);
    }
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn remove(name: &str) {
    // Gone already.
    let _ = Command::new("ip").args(["netns", "del", name]).output();
}

/// Runs a command; panics with its words if it fails.
#[track_caller]
fn command(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let output = output.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {complaint}");
}
