//! Errands of a node: a thread of their own asks for them and brings the results, and the daemon's
//! thread looks into the runtime in between.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration as WallDuration;

use serde_json::Value;

use crate::client::{Client, Line};
use crate::wire::errand::{Errand, ErrandResult};

/// Time after which a server that did not answer is asked again.
const RETRY: WallDuration = WallDuration::from_secs(1);

/// Longest time that the daemon's thread takes for an errand.
const PATIENCE: WallDuration = WallDuration::from_secs(10);

/// The errands that have come in.
pub(super) struct Errands {
    wanted: Receiver<Wanted>,
}

/// An errand and the place for its result.
pub(super) struct Wanted {
    pub(super) errand: Errand,
    reply: Sender<ErrandResult>,
}

impl Errands {
    /// Starts asking for the errands of a node.
    pub(super) fn start(client: Client, node: &str) -> Self {
        let (sender, wanted) = channel();
        let path = format!("/v1/nodes/{node}/errands");
        let mut line = Line::waiting(client);
        let work = move || while go(&mut line, &path, &sender) {};
        // Without the thread nothing is lost but logs on demand.
        let _ = std::thread::Builder::new()
            .name("errands".to_owned())
            .spawn(work);
        Self { wanted }
    }

    /// The next errand that has come in.
    pub(super) fn next(&self) -> Option<Wanted> {
        self.wanted.try_recv().ok()
    }
}

impl Wanted {
    /// Hands over the result.
    pub(super) fn done(self, result: ErrandResult) {
        // The thread ends with the daemon.
        let _ = self.reply.send(result);
    }
}

/// Fetches errands and brings their results; returns whether to go on.
fn go(line: &mut Line, path: &str, sender: &Sender<Wanted>) -> bool {
    let Ok(errands) = line.get::<Vec<Errand>>(path) else {
        std::thread::park_timeout(RETRY);
        return true;
    };
    for errand in errands {
        let (reply, result) = channel();
        if sender.send(Wanted { errand, reply }).is_err() {
            return false;
        }
        if let Ok(result) = result.recv_timeout(PATIENCE) {
            // A result that does not arrive is asked for again by who wants it.
            let _ = line.post::<Value>(path, &result);
        }
    }
    true
}
