//! Faults 28 to 31: certificates, tokens, and clients that are hostile, slow, or never read, against the
//! program itself.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};

use live::runtime::clock;

use crate::cluster::{Cluster, Shape, Web};
use crate::table::Test;
use crate::wait::{identity, kill, millis, seconds, wait_calmly, wait_for};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "28",
        name: "certificate expired, foreign, of another node, revoked",
        needs: &["pidfd"],
        run: certificates,
    },
    Test {
        fault: "29",
        name: "join token wrong, expired, used up, for another server",
        needs: &["pidfd"],
        run: tokens,
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

/// Joins as a viewer with a token in a file.
fn login<'w>(address: &'w str, name: &'w str, token: &'w str) -> [&'w str; 10] {
    [
        "login",
        "--server",
        address,
        "--token-file",
        token,
        "--name",
        name,
        "--state",
        name,
        "-q",
    ]
}

fn create_token(cluster: &Cluster, file: &str, more: &[&str]) -> String {
    let words = ["token", "create", "--role", "viewer", "--state", "state"];
    let token = cluster.run(&[&words[..], more].concat());
    fs::write(cluster.folder.join(file), &token).expect("a file");
    token
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
    create_token(&cluster, "token", &[]);
    let address = cluster.address().to_string();
    cluster.run(&login(&address, "ada", "token"));
    let look = ["get", "pods", "--state", "ada"];
    assert!(cluster.try_run(&look).is_some());
    impostors(&cluster);
    // Six of seven days later agents renew; their old certificates would be no good two days after.
    let own = |node: u8| certificate(&cluster, node);
    let before = [own(0), own(1)];
    step(6);
    // A user renews with the next command.
    let nodes = ["get", "nodes", "--state", "state"];
    cluster.run(&nodes);
    wait_calmly("certificates are renewed", seconds(6), || {
        let is_new = own(0) != before[0] && own(1) != before[1];
        (!is_new).then_some("the same")
    });
    step(8);
    cluster.run(&nodes);
    let refused = cluster.output(&look);
    assert!(!refused.status.success(), "an expired certificate");
    // This test's own clock did not jump, so the program asks.
    let scale = ["scale", "Deployment/default/web", "--replicas", "4"];
    cluster.run(&[&scale[..], &["--state", "state"]].concat());
    wait_calmly("agents go on", seconds(8), || {
        let processes = cluster.processes();
        (processes.len() != 4).then_some(processes)
    });
    cluster.run(&["revoke", "agent/n0", "--state", "state"]);
    wait_calmly("a revoked agent is refused", seconds(8), || {
        let notes = notes(&cluster);
        let is_noted = notes.contains("refused: revoked: agent/n0");
        (!is_noted).then_some(notes)
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
    let output = cluster.output(&["get", "pods", "--state", forged.to_str().expect("a path")]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && words.contains("certificate"),
        "{words}"
    );
    // An agent that says it is another node, with the certificate of its own.
    let folder = cluster.host(0).join("state");
    let stolen = cluster.folder.join("stolen");
    fs::create_dir_all(stolen.join(".credentials")).expect("a folder");
    for entry in fs::read_dir(folder.join(".credentials"))
        .expect("credentials")
        .flatten()
    {
        let copy = stolen.join(".credentials").join(entry.file_name());
        fs::copy(entry.path(), copy).expect("a copy");
    }
    let stolen = stolen.to_str().expect("a path");
    let mut thief = cluster.spawn(&[
        "agent", "--node", "n1", "--folder", stolen, "--state", "nowhere",
    ]);
    wait_calmly("the thief is noted", seconds(5), || {
        let notes = notes(cluster);
        let is_noted = notes.contains("refused: other-node: agent/n0");
        (!is_noted).then_some(notes)
    });
    end(&mut thief);
}

fn end(child: &mut Child) {
    kill(&identity(child.id()));
    child.wait().expect("a process of this test");
}

fn certificate(cluster: &Cluster, node: u8) -> String {
    let file = cluster.host(node).join("state/.credentials/agent.crt");
    fs::read_to_string(file).unwrap_or_default()
}

fn tokens() {
    let cluster = Cluster::without_agents(Shape {
        node_count: 0,
        ..shape("tokens", 1)
    });
    let address = cluster.address().to_string();
    let refusal = |name: &str, token: &str| {
        let output = cluster.output(&login(&address, name, token));
        assert!(!output.status.success(), "{token}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let good = create_token(&cluster, "good", &[]);
    cluster.run(&login(&address, "ada", "good"));
    let used_up = refusal("eve", "good");
    let (head, secret) = good.trim().rsplit_once('.').expect("a token");
    let mut wrong: Vec<char> = secret.chars().collect();
    wrong.reverse();
    let wrong: String = wrong.into_iter().collect();
    fs::write(cluster.folder.join("wrong"), format!("{head}.{wrong}\n")).expect("a file");
    create_token(&cluster, "brief", &["--valid", "1s"]);
    let made_ns = clock::boot_ns();
    assert_eq!(refusal("eve", "wrong"), used_up);
    wait_for("the token expires", seconds(3), || {
        (clock::boot_ns() - made_ns > 2_100_000_000).then_some(())
    });
    assert_eq!(refusal("eve", "brief"), used_up);
    assert!(used_up.contains("not valid"), "{used_up}");
    // A server of another authority does not get to see the secret: what it reads is no request.
    let token = create_token(&cluster, "spare", &[]);
    let fake = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let fake_address = fake.local_addr().expect("an address").to_string();
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = fake.accept().expect("a connection");
        let limit = Some(millis(500));
        stream.set_read_timeout(limit).expect("a limit");
        let mut seen = Vec::new();
        let _ = stream.read_to_end(&mut seen);
        seen
    });
    let output = cluster.output(&login(&fake_address, "eve", "spare"));
    assert!(!output.status.success());
    let seen = reader.join().expect("a thread");
    let secret = token.trim().rsplit('.').next().expect("a secret");
    let holds = |seen: &[u8]| {
        seen.windows(secret.len())
            .any(|part| part == secret.as_bytes())
    };
    assert!(!holds(&seen));
    let mut other = Cluster::without_agents(Shape {
        node_count: 0,
        ..shape("other", 1)
    });
    let misled = other.address().to_string();
    let output = cluster.output(&login(&misled, "eve", "spare"));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && words.contains("certificate"),
        "{words}"
    );
    other.kill_control();
    cluster.run(&login(&address, "eve", "spare"));
    let said = notes(&cluster);
    assert!(said.contains("refused: token:"), "{said}");
    assert!(!said.contains(secret), "{said}");
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
        let file = cluster.folder.join("deep.yaml");
        fs::write(&file, text).expect("a file");
        let output = cluster.output(&["apply", "deep.yaml", "--state", "state"]);
        assert!(!output.status.success());
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
    let mut cluster = Cluster::without_agents(Shape {
        node_count: 0,
        ..shape("deaf", 1)
    });
    cluster.kill_control();
    // Over plain text a test can write requests by hand.
    let mut command = cluster.user(&[
        "control",
        "walk.yaml",
        "--state",
        "plain",
        "--plain",
        "--listen",
        "127.0.0.1:0",
    ]);
    let mut server = command.stderr(Stdio::null()).spawn().expect("the program");
    let folder = cluster.folder.join("plain");
    let place = wait_for("a server", seconds(8), || {
        let place = live::access::location(&folder).ok()?;
        TcpStream::connect(place.address).ok()?;
        Some(place)
    });
    let secret = fs::read_to_string(folder.join("admin.token")).expect("a secret");
    let ask = |path: &str, address: SocketAddr| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
            secret.trim()
        );
        // Many requests, and no answer is ever read.
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
    let before = memory(server.id());
    let _held: Vec<TcpStream> = (0..64)
        .map(|number| {
            let path = ["/v1/events?after=0", "/v1/log"][number % 2];
            ask(path, place.address)
        })
        .collect();
    let words = ["get", "pods", "--state", "plain"];
    assert!(cluster.try_run(&words).is_some(), "others are served");
    let grown = memory(server.id()).saturating_sub(before);
    end(&mut server);
    println!("     {grown} KiB more with 64 deaf clients");
    assert!(grown < 64 << 10, "{grown} KiB");
}
