//! Errands of a node: a thread of their own asks for them and brings the results, and the daemon's
//! thread looks into the runtime in between. The same thread asks which pods that ended have left the lists
//! of the control server, so that their logs are not kept.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration as WallDuration;

use serde_json::Value;

use crate::client::{Client, Line};
use crate::runtime::clock;
use crate::wire::errand::{Errand, ErrandResult};

/// Time after which a server that did not answer is asked again.
const RETRY: WallDuration = WallDuration::from_secs(1);

/// Longest time that the daemon's thread takes for an errand.
const PATIENCE: WallDuration = WallDuration::from_secs(10);

/// Time between two questions about pods that ended.
const RELEASE_NS: i64 = 20_000_000_000;

/// The errands that have come in.
pub(super) struct Errands {
    wishes: Receiver<Wish>,
}

/// A wish of the thread that the daemon's own thread fulfils.
pub(super) enum Wish {
    /// An errand, and the place for its result.
    Errand(Errand, Sender<ErrandResult>),
    /// The pods that ended and whose containers are kept.
    Retained(Sender<Vec<u32>>),
    /// The containers of these pods are kept no longer.
    Release(Vec<u32>),
}

/// The thread that asks.
struct Asking {
    line: Line,
    /// Path of the node.
    node: String,
    wishes: Sender<Wish>,
    /// Clock since boot at the last question about pods that ended.
    asked_ns: Option<i64>,
}

impl Errands {
    /// Starts asking for the errands of a node.
    pub(super) fn start(client: Client, node: &str) -> Self {
        let (sender, wishes) = channel();
        let mut asking = Asking {
            line: Line::waiting(client),
            node: format!("/v1/nodes/{node}"),
            wishes: sender,
            asked_ns: None,
        };
        let work = move || while asking.go() {};
        // Without the thread nothing is lost but logs on demand.
        let _ = std::thread::Builder::new()
            .name("errands".to_owned())
            .spawn(work);
        Self { wishes }
    }

    /// The next wish that has come in.
    pub(super) fn next(&self) -> Option<Wish> {
        self.wishes.try_recv().ok()
    }
}

impl Asking {
    /// Fetches errands and brings their results; returns whether to go on.
    fn go(&mut self) -> bool {
        let path = format!("{}/errands", self.node);
        let Ok(errands) = self.line.get::<Vec<Errand>>(&path) else {
            std::thread::park_timeout(RETRY);
            return true;
        };
        for errand in errands {
            let (reply, result) = channel();
            let number = errand.number;
            if self.wishes.send(Wish::Errand(errand, reply)).is_err() {
                let why = "the agent is being stopped; try again".to_owned();
                let result = Err(why);
                // Whoever asked need not wait for the agent that comes after.
                let _ = self
                    .line
                    .post::<Value>(&path, &ErrandResult { number, result });
                return false;
            }
            if let Ok(result) = result.recv_timeout(PATIENCE) {
                // A result that does not arrive is asked for again by who wants it.
                let _ = self.line.post::<Value>(&path, &result);
            }
        }
        let now_ns = clock::boot_ns();
        let is_due = |asked_ns| now_ns - asked_ns >= RELEASE_NS;
        if self.asked_ns.is_none_or(is_due) {
            self.asked_ns = Some(now_ns);
            return self.release();
        }
        true
    }

    /// Finds out which pods that ended have left the lists; returns whether to go on.
    fn release(&mut self) -> bool {
        let (reply, retained) = channel();
        if self.wishes.send(Wish::Retained(reply)).is_err() {
            return false;
        }
        let retained = retained.recv_timeout(PATIENCE).unwrap_or_default();
        if retained.is_empty() {
            return true;
        }
        // A server that does not answer is asked again.
        let gone = self
            .line
            .post::<Vec<u32>>(&format!("{}/ended", self.node), &retained);
        let gone = gone.unwrap_or_default();
        gone.is_empty() || self.wishes.send(Wish::Release(gone)).is_ok()
    }
}
