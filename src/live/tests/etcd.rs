//! Control servers over an etcd of the test: elections, fences and the log. Where none is installed the
//! test says so and does nothing.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::bench::{Bench, deployment};
use crate::control::Compaction;
use crate::etcd::election::{Candidate, Term};
use crate::etcd::journal::EtcdJournal;
use crate::etcd::{EtcdError, Place};
use crate::journal::Journal;
use crate::runtime::clock::boot_ns;

/// A member of its own.
struct Etcd {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Etcd {
    /// Starts a member; `None` if there is none to be had.
    fn started(name: &str) -> Option<Self> {
        let folder = format!("windtunnel-etcd-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = std::fs::remove_dir_all(&folder);
        let [port, peer] = [free_port(), free_port()];
        let own = format!("http://127.0.0.1:{port}");
        let peer = format!("http://127.0.0.1:{peer}");
        let mut command = Command::new("etcd");
        command.arg("--data-dir").arg(&folder);
        command.args(["--name", "n0", "--listen-client-urls", &own]);
        command.args(["--advertise-client-urls", &own]);
        command.args(["--listen-peer-urls", &peer]);
        command.args(["--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("n0={peer}")]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().ok()?;
        Some(Self {
            child,
            folder,
            port,
        })
    }

    fn place(&self, lease_s: i64) -> Place {
        Place {
            endpoints: vec![format!("http://127.0.0.1:{}", self.port)],
            prefix: "/windtunnel/test".to_owned(),
            tls: None,
            lease: units::Duration::from_secs(lease_s),
        }
    }

    fn elected(&self, name: &str, lease_s: i64) -> Term {
        let until = boot_ns() + 20_000_000_000;
        let candidate = Candidate::new(&self.place(lease_s), name).expect("a candidate");
        let term = candidate.elected(&|| boot_ns() > until, &|_| {});
        term.expect("an election")
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port below those that the system gives to connections, one of which may be made before the server listens.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(64);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (first.wrapping_add(step) % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn etcd(name: &str) -> Option<Etcd> {
    let started = Etcd::started(name);
    if started.is_none() {
        eprintln!("skipped: needs etcd");
    }
    started
}

#[test]
fn one_leads_and_the_writes_of_those_before_are_refused() {
    let Some(etcd) = etcd("fence") else { return };
    let first = etcd.elected("first", 2);
    let mut journal = EtcdJournal::open(&first).expect("a journal");
    let long = vec![b'x'; 1_300_000];
    for record in [b"head".to_vec(), long.clone(), b"last".to_vec()] {
        journal.append(&record).expect("a write");
    }
    let candidate = Candidate::new(&etcd.place(2), "second").expect("a candidate");
    let until = boot_ns() + 700_000_000;
    let told = std::cell::RefCell::new(Vec::new());
    let elected = candidate.elected(&|| boot_ns() > until, &|line| {
        told.borrow_mut().push(line.to_owned());
    });
    assert!(elected.is_none());
    assert_eq!(*told.borrow(), ["standing by: `first` leads"]);
    let mut late = EtcdJournal::open(&first).expect("a journal");
    let before = first.elected();
    drop(first);
    let second = etcd.elected("second", 2);
    assert!(second.elected() > before);
    let refused = late.append(b"late").expect_err("a fence");
    assert!(refused.to_string().contains("another control server leads"));
    let refused = late.replace(&[b"late"]).expect_err("a fence");
    assert!(refused.to_string().contains("another control server leads"));
    let mut journal = EtcdJournal::open(&second).expect("a journal");
    let records = journal.records().expect("records");
    assert_eq!(records, [b"head".to_vec(), long.clone(), b"last".to_vec()]);
    journal.replace(&[b"head", &long]).expect("a short log");
    journal.append(b"next").expect("a write");
    drop(journal);
    let journal = EtcdJournal::open(&second).expect("a journal");
    let records = journal.records().expect("records");
    assert_eq!(records, [b"head".to_vec(), long, b"next".to_vec()]);
}

#[test]
fn a_cluster_goes_on_under_the_next_leader_and_etcd_that_is_away_stops_it_in_time() {
    let Some(mut etcd) = etcd("leaders") else {
        return;
    };
    let first = etcd.elected("first", 2);
    let journal = || EtcdJournal::open(&first).expect("a journal");
    let mut bench = Bench::over(3, journal());
    bench.compaction = Compaction {
        after_bytes: 8_000,
        snapshots: 0,
        archive: None,
    };
    bench.open(journal());
    bench.turns(3);
    bench.apply(&deployment(5));
    bench.turns(30);
    bench.agrees(5);
    drop(first);
    let second = etcd.elected("second", 2);
    // The first one still believes that it leads, and can't do anything any more.
    bench.turns(5);
    let control = bench.control.as_ref().expect("a control server");
    let digest = control.driver().digest();
    bench.open(EtcdJournal::open(&second).expect("a journal"));
    bench.apply(&deployment(7));
    bench.turns(30);
    bench.agrees(7);
    bench.audit();
    let control = bench.control.take().expect("a control server");
    assert_ne!(control.driver().digest(), digest);
    let _ = etcd.child.kill();
    let until = boot_ns() + 10_000_000_000;
    while !second.is_over() {
        assert!(boot_ns() < until, "a lease that can't be kept is over");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let unreached = EtcdJournal::open(&second).err().expect("no etcd");
    assert!(unreached.to_string().contains("etcd at 127.0.0.1"));
    let wrong = Candidate::new(
        &Place {
            endpoints: vec!["localhost".to_owned()],
            ..etcd.place(2)
        },
        "third",
    );
    assert!(matches!(wrong.err(), Some(EtcdError::Endpoint(_))));
}
