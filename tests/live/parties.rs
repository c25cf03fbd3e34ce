//! Faults 28, 30 and 31: certificates, and clients that are hostile, slow, or never read, against the
//! program itself.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;

use live::runtime::clock;
use live::wire::request::Request;
use serde_json::Value;

use crate::cluster::{Cluster, Shape, Web};
use crate::table::Test;
use crate::wait::{identity, kill, millis, seconds, wait_calmly};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "28",
        name: "certificate expired, foreign, of another node",
        needs: &["pidfd"],
        run: certificates,
    },
    Test {
        fault: "30",
        name: "hostile and slow clients: heartbeats go on",
        needs: &["pidfd"],
        run: hostile,
    },
    Test {
        fault: "31",
        name: "clients that never read",
        needs: &["pidfd"],
        run: deaf,
    },
];

const DAY_S: i64 = 86_400;

const fn shape(name: &'static str, pace: u32) -> Shape {
    Shape {
        name,
        node_count: 2,
        pace,
        is_networked: false,
    }
}

fn notes(cluster: &Cluster) -> String {
    fs::read_to_string(cluster.folder.join("notes")).unwrap_or_default()
}

fn certificates() {
    let mut cluster = Cluster::without_agents(shape("certificates", 10));
    cluster.kill_control();
    let clock = cluster.folder.join("clock");
    let step = |days: i64| fs::write(&clock, (days * DAY_S).to_string()).expect("a file");
    step(0);
    let variable = ("WT_WALL_SHIFT", clock.display().to_string());
    cluster.environment.push(variable);
    cluster.start_control();
    for node in 0..2 {
        cluster.start_agent(node);
    }
    cluster.await_nodes();
    cluster.apply(Web::of(2));
    cluster.agrees(2);
    cluster.run(&[
        "certs",
        "viewer/ada",
        "--state",
        "state",
        "--out",
        "ada",
        "--days",
        "7",
    ]);
    let of_pods = |folder: &str| asked(&cluster, folder);
    of_pods("ada").expect("a list");
    impostors(&cluster);
    // Its certificate is good for seven days, those of this machine's agents for a year.
    step(8);
    let refused = asked(&cluster, "ada").expect_err("an expired certificate");
    assert!(refused.contains("certificate"), "{refused}");
    step(0);
    cluster.scale(4);
    wait_calmly("agents go on", seconds(8), || {
        let processes = cluster.processes();
        (processes.len() != 4).then_some(processes)
    });
    assert_eq!(cluster.processes().len(), 4, "what runs is left alone");
}

/// Parties with certificates that are not for what they do.
fn impostors(cluster: &Cluster) {
    // A certificate of another authority: the folder of another server, with this one's address.
    let mut foreign = Cluster::without_agents(shape("foreign", 1));
    foreign.kill_control();
    let forged = foreign.state();
    fs::copy(cluster.state().join("address"), forged.join("address")).expect("a copy");
    let words = asked(cluster, forged.to_str().expect("a path")).expect_err("a stranger");
    assert!(words.contains("certificate"), "{words}");
    // An agent that says it is another node, with the certificate of its own.
    let stolen = cluster.host(0).join("state/.credentials");
    let address = cluster.state().join("address");
    fs::copy(address, stolen.join("address")).expect("a copy");
    let stolen = stolen.to_str().expect("a path");
    let mut thief = cluster.spawn(&[
        "agent", "--node", "n1", "--folder", "thief", "--state", stolen,
    ]);
    wait_calmly("the thief is noted", seconds(5), || {
        let notes = notes(cluster);
        let is_noted = notes.contains("refused: other-node: agent/n0");
        (!is_noted).then_some(notes)
    });
    end(&mut thief);
}

/// What a server says to the party of a folder that asks for the record of its inputs.
fn asked(cluster: &Cluster, folder: &str) -> Result<(), String> {
    let client = cluster.client_of(Path::new(folder))?;
    let answer = client.get::<Value>("/v1/pods");
    answer.map(drop).map_err(|error| error.to_string())
}

fn end(child: &mut Child) {
    kill(&identity(child.id()));
    child.wait().expect("a process of this test");
}

fn hostile() {
    let cluster = Cluster::new(shape("hostile", 20));
    cluster.apply(Web::of(2));
    cluster.agrees(2);
    let address = cluster.address();
    let mut held: Vec<TcpStream> = Vec::new();
    let mut slowest_ms = 0;
    let mut look = || {
        let began_ns = clock::boot_ns();
        assert_eq!(cluster.nodes().len(), 2, "users are served");
        slowest_ms = slowest_ms.max((clock::boot_ns() - began_ns) / 1_000_000);
    };
    let open = |first: &[u8]| {
        let stream = TcpStream::connect_timeout(&address, seconds(2)).ok()?;
        (&stream).write_all(first).ok()?;
        Some(stream)
    };
    // Connections that say nothing, and such as begin a record of TLS and go on a byte at a time.
    for number in 0..1_000 {
        let first: &[u8] = if number % 2 == 0 { &[] } else { &[22, 3, 1, 2] };
        held.extend(open(first));
        if number % 100 == 0 {
            look();
        }
    }
    for mut stream in held.iter().skip(1).step_by(2).take(50) {
        let _ = stream.write_all(&[0]);
    }
    look();
    // What is not TLS: a body of 10 MB, a thousand headers, a request that never ends.
    let body = vec![b'x'; 10 << 20];
    let headers = "a: b\r\n".repeat(1_000);
    let plain = format!("GET / HTTP/1.1\r\n{headers}\r\n");
    for first in [&body[..], plain.as_bytes(), b"GET / HT"] {
        held.extend(open(first));
        look();
    }
    // Users who are known: nesting without end, in the form of the wire and in a manifest.
    for text in [
        "[".repeat(200_000),
        "- ".repeat(20_000),
        "{a: ".repeat(20_000),
    ] {
        let file = "deep.yaml".to_owned();
        let outcome = cluster.ask(&Request::Apply { file, text });
        assert_eq!(outcome.refused.len(), 1);
        look();
    }
    assert!(slowest_ms < 5_000, "{slowest_ms} ms for an answer");
    assert!(cluster.events("NotReady").is_empty());
    cluster.agrees(2);
    println!(
        "     {} hostile connections, answers within {slowest_ms} ms",
        held.len()
    );
    cluster.audit();
}

fn deaf() {
    let cluster = Cluster::without_agents(Shape {
        node_count: 0,
        ..shape("deaf", 1)
    });
    let ask = |path: &str| {
        let mut stream = cluster.raw();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        // Many requests, and no answer is ever read.
        let limit = Some(millis(300));
        stream.sock.set_write_timeout(limit).expect("a limit");
        for _ in 0..200 {
            if stream.write_all(head.as_bytes()).is_err() {
                break;
            }
        }
        stream
    };
    let memory = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        number.unwrap_or(0)
    };
    let before = memory(cluster.control_pid());
    let paths = ["/v1/events?after=0", "/v1/log", "/api/v1/pods?watch=true"];
    let held: Vec<_> = (0..48).map(|number| ask(paths[number % 3])).collect();
    // The rate of requests is that of the user as a whole, so another one asks.
    cluster.run(&["certs", "viewer/bob", "--state", "state", "--out", "bob"]);
    wait_calmly("others are served", seconds(8), || {
        asked(&cluster, "bob").err()
    });
    let grown = memory(cluster.control_pid()).saturating_sub(before);
    println!("     {grown} KiB more with {} deaf clients", held.len());
    assert!(grown < 64 << 10, "{grown} KiB");
}
