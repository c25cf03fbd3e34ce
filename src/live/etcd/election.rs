//! Election of a leader, its lease, and writes that it alone can make.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use units::{Duration, Instant};

use super::gateway::Gateway;
use super::{EtcdError, Place, number};
use crate::runtime::clock::boot_ns;

/// Time between two looks of a candidate at the leader.
const LOOK: Duration = Duration::from_millis(250);

/// Time between two attempts of a write that no member answered.
const RETRY: std::time::Duration = std::time::Duration::from_millis(100);

/// Greatest length of a value in one request, in bytes: etcd takes 1.5 MiB, and Base64 adds a third.
pub(super) const VALUE_MAX: usize = 512 << 10;

/// A key and its value.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Vec<u8>,
}

/// The part of an etcd that a cluster has.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    gateway: Gateway,
    prefix: String,
    /// Time for which a write is tried.
    patience: Duration,
}

/// A candidate for the lead.
pub struct Candidate {
    keys: Keys,
    /// Name by which others know it.
    name: String,
    lease: Duration,
}

/// Term of office of a leader. It ends when this is dropped.
pub struct Term {
    pub(super) office: Office,
    is_over: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
    lease: i64,
}

/// Right to write.
#[derive(Clone, Debug)]
pub(super) struct Office {
    pub(super) keys: Keys,
    /// Revision at which the leader was elected.
    elected: i64,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(rename = "ID", deserialize_with = "number")]
    id: i64,
}

#[derive(Deserialize)]
struct Kept {
    result: Option<KeptLease>,
}

#[derive(Deserialize)]
struct KeptLease {
    #[serde(rename = "TTL", default)]
    life: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    #[serde(deserialize_with = "number")]
    revision: i64,
}

#[derive(Deserialize)]
struct Transaction {
    header: Header,
    #[serde(default)]
    succeeded: bool,
    #[serde(default)]
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    response_range: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    kvs: Vec<Found>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct Found {
    key: String,
    #[serde(default)]
    value: String,
    #[serde(deserialize_with = "number")]
    create_revision: i64,
}

fn now() -> Instant {
    Instant::from_nanos(boot_ns())
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn decoded(text: &str) -> Result<Vec<u8>, EtcdError> {
    let decoded = STANDARD.decode(text);
    decoded.map_err(|error| EtcdError::Refused(format!("not an answer: {error}")))
}

impl Keys {
    /// The whole name of a key.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}/{key}", self.prefix)
    }

    fn leader(&self) -> String {
        encoded(self.name("leader"))
    }

    /// All entries whose keys begin with a text, in order of their keys. A majority of the members
    /// stands behind the answer.
    pub(super) fn list(&self, beginning: &str) -> Result<Vec<Entry>, EtcdError> {
        let first = self.name(beginning);
        let mut from = first.clone().into_bytes();
        let mut end = first.clone().into_bytes();
        // Names end with letters and `/`, so there is a greater last byte.
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let mut entries = Vec::new();
        loop {
            let range: Range = self.gateway.post(
                "/v3/kv/range",
                &json!({"key": encoded(&from), "range_end": encoded(&end), "limit": "64"}),
            )?;
            for found in range.kvs {
                let key = decoded(&found.key)?;
                from.clone_from(&key);
                from.push(0);
                let key = String::from_utf8_lossy(&key).into_owned();
                let key = key.strip_prefix(&format!("{}/", self.prefix));
                entries.push(Entry {
                    key: key.unwrap_or_default().to_owned(),
                    value: decoded(&found.value)?,
                });
            }
            if !range.more {
                return Ok(entries);
            }
        }
    }

    /// The name of the leader, if there is one.
    fn present_leader(&self) -> Result<Option<String>, EtcdError> {
        let message = json!({"key": self.leader()});
        let range: Range = self.gateway.post("/v3/kv/range", &message)?;
        let found = range.kvs.first();
        let name = found.map(|found| decoded(&found.value)).transpose()?;
        Ok(name.map(|name| String::from_utf8_lossy(&name).into_owned()))
    }
}

impl Candidate {
    /// A candidate of a name.
    ///
    /// # Errors
    /// An endpoint is none, or a file of keys can't be used.
    pub fn new(place: &Place, name: &str) -> Result<Self, EtcdError> {
        Ok(Self {
            keys: Keys {
                gateway: Gateway::new(place)?,
                prefix: place.prefix.clone(),
                patience: place.lease,
            },
            name: name.to_owned(),
            lease: place.lease,
        })
    }

    /// Waits to be elected; `None` if it was interrupted. `stands_by` gets the name of each
    /// leader that it waits behind, and problems with etcd.
    pub fn elected(
        &self,
        is_interrupted: &dyn Fn() -> bool,
        stands_by: &dyn Fn(&str),
    ) -> Option<Term> {
        let mut told = String::new();
        while !is_interrupted() {
            let news = match self.stand() {
                Ok(Ok(term)) => return Some(term),
                Ok(Err(leader)) => format!("standing by: `{leader}` leads"),
                Err(error) => error.to_string(),
            };
            if news != told {
                stands_by(&news);
                told = news;
            }
            pause(LOOK);
        }
        None
    }

    /// Stands for election once; the name of the leader, if there is one.
    fn stand(&self) -> Result<Result<Term, String>, EtcdError> {
        if let Some(leader) = self.keys.present_leader()? {
            return Ok(Err(leader));
        }
        let begun = now();
        let seconds = (self.lease.as_nanos() / 1_000_000_000).max(1);
        let granted: Granted = self
            .keys
            .gateway
            .post("/v3/lease/grant", &json!({"TTL": seconds.to_string()}))?;
        let leader = self.keys.leader();
        let elected: Result<Transaction, EtcdError> = self.keys.gateway.post(
            "/v3/kv/txn",
            &json!({
                "compare": [{"key": leader, "target": "CREATE", "result": "EQUAL", "create_revision": "0"}],
                "success": [{"request_put": {
                    "key": leader, "value": encoded(&self.name), "lease": granted.id.to_string(),
                }}],
            }),
        );
        let elected = match elected {
            Ok(elected) if elected.succeeded => elected,
            other => {
                // It may have been elected without learning of it.
                revoke(&self.keys.gateway, granted.id);
                return other.map(|_| Err("another candidate".to_owned()));
            }
        };
        let office = Office {
            keys: self.keys.clone(),
            elected: elected.header.revision,
        };
        Ok(Ok(Term::begin(office, granted.id, begun, self.lease)))
    }
}

impl Term {
    fn begin(office: Office, lease: i64, begun: Instant, life: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (flag, gateway) = (Arc::clone(&is_over), office.keys.gateway.clone());
        let keep = move || keep(&gateway, lease, begun, life, &flag);
        let thread = std::thread::Builder::new().name("lease".to_owned());
        let keeper = thread.spawn(keep).ok();
        if keeper.is_none() {
            is_over.store(true, Ordering::Relaxed);
        }
        Self {
            office,
            is_over,
            keeper,
            lease,
        }
    }

    /// Revision at which the leader was elected.
    pub const fn elected(&self) -> i64 {
        self.office.elected
    }

    /// Whether the lease may be over: the server has to step down.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            keeper.thread().unpark();
            let _ = keeper.join();
        }
        // The next leader need not wait.
        revoke(&self.office.keys.gateway, self.lease);
    }
}

/// Keeps a lease until it is over. The lease is taken to end when its life has passed since the last
/// request that was granted was sent, which is before it ends for etcd.
fn keep(gateway: &Gateway, lease: i64, begun: Instant, life: Duration, is_over: &AtomicBool) {
    let mut ends = begun.saturating_add(life);
    let third = Duration::from_nanos(life.as_nanos() / 3);
    while !is_over.load(Ordering::Relaxed) {
        pause(third);
        let sent = now();
        if sent >= ends {
            break;
        }
        let message = json!({"ID": lease.to_string()});
        let kept: Result<Kept, EtcdError> = gateway.post("/v3/lease/keepalive", &message);
        match kept {
            Ok(kept) if kept.result.as_ref().is_some_and(|kept| kept.life.is_some()) => {
                ends = sent.saturating_add(life);
            }
            // It is gone.
            Ok(_) => break,
            // Another member may answer in time.
            Err(_) => {}
        }
    }
    is_over.store(true, Ordering::Relaxed);
}

fn revoke(gateway: &Gateway, lease: i64) {
    let message = json!({"ID": lease.to_string()});
    // One that is not revoked ends by itself.
    let _: Result<Value, EtcdError> = gateway.post("/v3/lease/revoke", &message);
}

fn pause(time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(0);
    std::thread::park_timeout(std::time::Duration::from_nanos(nanos));
}

impl Office {
    /// Writes entries that are not there yet, all or none. A write whose answer got lost is tried
    /// again: one that was made already is no failure.
    pub(super) fn create(&self, entries: &[Entry]) -> Result<(), EtcdError> {
        let absent = |entry: &Entry| {
            let key = encoded(self.keys.name(&entry.key));
            json!({"key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0"})
        };
        let puts: Vec<Value> = entries.iter().map(|entry| self.put(entry)).collect();
        let looks: Vec<Value> = entries.iter().map(|entry| self.look(entry)).collect();
        let message = self.fenced(entries.iter().map(absent).collect(), &puts, looks);
        let answer = self.carry_out(&message)?;
        if answer.succeeded {
            return Ok(());
        }
        self.check(&answer)?;
        let found = answer.responses.iter().skip(1);
        let mut found = found.map(|response| response.response_range.as_ref()?.kvs.first());
        for entry in entries {
            let value = found.next().flatten().map(|found| decoded(&found.value));
            if value.transpose()?.as_deref() != Some(&entry.value) {
                let key = &entry.key;
                return Err(EtcdError::Refused(format!("`{key}` is there already")));
            }
        }
        Ok(())
    }

    /// Writes an entry, whatever was there.
    pub(super) fn set(&self, entry: &Entry) -> Result<(), EtcdError> {
        let message = self.fenced(Vec::new(), &[self.put(entry)], Vec::new());
        let answer = self.carry_out(&message)?;
        self.check(&answer)
    }

    /// Removes all entries whose keys begin with a text.
    pub(super) fn remove(&self, beginning: &str) -> Result<(), EtcdError> {
        let first = self.keys.name(beginning);
        let mut end = first.clone().into_bytes();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let removal = json!({"request_delete_range": {
            "key": encoded(first), "range_end": encoded(end),
        }});
        let answer = self.carry_out(&self.fenced(Vec::new(), &[removal], Vec::new()))?;
        self.check(&answer)?;
        // Removed entries take up room until their revisions are forgotten.
        let revision = answer.header.revision.to_string();
        let message = json!({"revision": revision});
        let _: Result<Value, EtcdError> = self.keys.gateway.post("/v3/kv/compaction", &message);
        Ok(())
    }

    fn put(&self, entry: &Entry) -> Value {
        let key = encoded(self.keys.name(&entry.key));
        json!({"request_put": {"key": key, "value": encoded(&entry.value)}})
    }

    fn look(&self, entry: &Entry) -> Value {
        json!({"request_range": {"key": encoded(self.keys.name(&entry.key))}})
    }

    /// A transaction that only this leader can make.
    fn fenced(&self, compare: Vec<Value>, success: &[Value], failure: Vec<Value>) -> Value {
        let leader = self.keys.leader();
        let mut compared = vec![json!({
            "key": leader, "target": "CREATE", "result": "EQUAL",
            "create_revision": self.elected.to_string(),
        })];
        compared.extend(compare);
        let mut looks = vec![json!({"request_range": {"key": leader}})];
        looks.extend(failure);
        json!({"compare": compared, "success": success, "failure": looks})
    }

    /// Sends a transaction until a member answers, for as long as the lease could last.
    fn carry_out(&self, message: &Value) -> Result<Transaction, EtcdError> {
        let until = now().saturating_add(self.keys.patience);
        loop {
            let answer = self.keys.gateway.post("/v3/kv/txn", message);
            match answer {
                Err(EtcdError::Unreached { .. }) if now() < until => {
                    std::thread::park_timeout(RETRY);
                }
                answer => return answer,
            }
        }
    }

    /// Refuses a transaction that another leader's term has voided.
    fn check(&self, answer: &Transaction) -> Result<(), EtcdError> {
        if answer.succeeded {
            return Ok(());
        }
        let leader = answer.responses.first();
        let leader = leader.and_then(|response| response.response_range.as_ref()?.kvs.first());
        if leader.is_some_and(|leader| leader.create_revision == self.elected) {
            Ok(())
        } else {
            Err(EtcdError::Fenced)
        }
    }
}
