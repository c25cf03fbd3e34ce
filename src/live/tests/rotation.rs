//! The authority of a control server is replaced step by step while its parties go on.

use serde_json::{Value, json};

use super::server::Running;
use crate::client::{Client, ClientError};
use crate::joining::Renewal;
use crate::security::credentials::Credentials;
use crate::security::identity::Role;
use crate::security::rotation::{RotationStatus, Step};

/// Seconds of a certificate's life, of which none is half over here.
const LONG_S: i64 = 3600;

/// A party and what keeps its certificate new.
struct Member {
    name: &'static str,
    path: &'static str,
    renewal: Renewal,
    client: Client,
}

impl Member {
    fn joined(running: &Running, role: Role, name: &'static str, path: &'static str) -> Self {
        let client = running.joined(role, name);
        let mut own = Self::again(running, name, path);
        own.client = client;
        own
    }

    /// A party that starts again.
    fn again(running: &Running, name: &'static str, path: &'static str) -> Self {
        let folder = running.party_folder(name);
        let credentials = Credentials::read(&folder, "own").expect("credentials");
        Self {
            name,
            path,
            renewal: Renewal::new(&folder, "own", credentials),
            client: Client::secured(running.address, running.config(&folder, "own")),
        }
    }

    /// Sends a message, and renews the certificate if the answer says that there is something new.
    fn speaks(&mut self) -> bool {
        let _: Value = self.client.get(self.path).expect("an answer");
        self.renewal.keep(&self.client).expect("a renewal")
    }

    fn cluster(&self, running: &Running) -> String {
        let folder = running.party_folder(self.name);
        let credentials = Credentials::read(&folder, "own").expect("credentials");
        credentials.cluster().expect("a name")
    }
}

fn step(running: &Running, step: Step) -> Result<RotationStatus, String> {
    let taken = running
        .admin()
        .post("/v1/authority", &json!({"step": step}));
    taken.map_err(|error| error.to_string())
}

fn refused(running: &Running, wish: Step, expected: &str) {
    let why = step(running, wish).expect_err("a refusal");
    assert!(why.contains(expected), "{why}");
}

#[test]
fn an_authority_is_replaced_without_locking_anybody_out() {
    let mut running = Running::secured("rotation", LONG_S);
    let path = "/v1/nodes/n0/commands?session=1&after=0";
    let mut agent = Member::joined(&running, Role::Agent, "n0", path);
    let mut viewer = Member::joined(&running, Role::Viewer, "bob", "/v1/pods");
    let cluster = agent.cluster(&running);
    assert!(!agent.speaks());
    refused(&running, Step::Switch, "`add` comes next");
    let added = step(&running, Step::Add).expect("a new authority");
    assert_eq!((added.trusted.len(), added.next), (2, Step::Switch));
    assert_eq!(added.signs, added.trusted[0]);
    assert_eq!(added.behind, ["agent/n0", "viewer/bob"]);
    assert!(agent.speaks() && !agent.speaks());
    refused(&running, Step::Switch, "viewer/bob have yet to renew");
    assert!(viewer.speaks());
    let token = running.token(Role::Viewer, None, 1, LONG_S);
    refused(&running, Step::Switch, "name the old authority");
    let wish = json!({"id": token.id});
    let _: bool = running
        .admin()
        .post("/v1/tokens/delete", &wish)
        .expect("an answer");
    let before = running.config(&running.party_folder("bob"), "own");
    let switched = step(&running, Step::Switch).expect("the new one signs");
    assert_eq!(switched.signs, switched.trusted[1]);
    // Every step is durable: the next server goes on from it.
    running.stop();
    running.start();
    let mut agent = Member::again(&running, "n0", path);
    let mut viewer = Member::again(&running, "bob", "/v1/pods");
    assert!(agent.speaks());
    refused(&running, Step::Drop, "viewer/bob have yet to renew");
    assert!(viewer.speaks());
    let dropped = step(&running, Step::Drop).expect("the old one goes");
    assert_eq!(dropped.trusted, [switched.signs]);
    assert!(agent.speaks() && viewer.speaks());
    let old: Result<Value, _> = Client::secured(running.address, before).get("/v1/pods");
    assert!(matches!(old, Err(ClientError::Untrusted { .. })), "{old:?}");
    running.stop();
    running.start();
    let mut agent = Member::again(&running, "n0", path);
    assert!(!agent.speaks());
    let newcomer = running.joined(Role::Viewer, "eve");
    let _: Value = newcomer.get("/v1/pods").expect("an answer");
    // A container's name holds that of the cluster, so it must stay.
    assert_eq!(agent.cluster(&running), cluster);
    let again = step(&running, Step::Add).expect("another rotation");
    assert_eq!(again.trusted.len(), 2);
    running.stop();
}
