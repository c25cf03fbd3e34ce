//! The daemon's side of the wire: messages are sent by the daemon's own thread, and a second one waits
//! for commands.

use std::sync::mpsc::{Receiver, Sender, channel};

use serde::Serialize;
use units::{Duration, Instant};

use crate::client::{Client, ClientError, Line};
use crate::wire::{NodeAnswer, Update};

/// Time after which a server that did not answer is asked for commands again.
const RETRY: Duration = Duration::from_secs(1);

/// The link to a control server.
pub(super) struct Link {
    line: Line,
    node: String,
    requests: Sender<String>,
    answers: Receiver<Result<NodeAnswer, ClientError>>,
    /// `true` while the second thread waits for commands.
    is_waiting: bool,
    /// `true` if the last message was answered.
    is_reached: bool,
    /// Instant before which no commands are asked for.
    not_before: Instant,
    failed: bool,
}

impl Link {
    /// A link over which nothing has passed.
    pub(super) fn new(client: Client, node: &str) -> Self {
        let (requests, paths) = channel::<String>();
        let (sender, answers) = channel();
        let mut watching = Line::waiting(client.clone());
        let wait = move || {
            for path in paths {
                if sender.send(watching.get(&path)).is_err() {
                    break;
                }
            }
        };
        // Without the thread commands come with the answers to heartbeats.
        let _ = std::thread::Builder::new()
            .name("commands".to_owned())
            .spawn(wait);
        Self {
            line: Line::prompt(client),
            node: node.to_owned(),
            requests,
            answers,
            is_waiting: false,
            is_reached: false,
            not_before: Instant::ZERO,
            failed: false,
        }
    }

    /// Whether the last message was answered.
    pub(super) const fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// Sends a message.
    pub(super) fn post(
        &mut self,
        verb: &str,
        message: &impl Serialize,
    ) -> Result<NodeAnswer, ClientError> {
        let path = format!("/v1/nodes/{}/{verb}", self.node);
        let answer = self.line.post(&path, message);
        self.is_reached = answer.is_ok();
        answer
    }

    /// Has the second thread wait for the commands that follow those of the session so far.
    pub(super) fn watch(&mut self, now: Instant, session: Option<&Update>) {
        if std::mem::take(&mut self.failed) {
            self.not_before = now.saturating_add(RETRY);
        }
        let Some(update) = session else {
            return;
        };
        if self.is_waiting || self.not_before > now {
            return;
        }
        let path = format!(
            "/v1/nodes/{}/commands?session={}&after={}",
            self.node, update.session, update.received
        );
        self.is_waiting = self.requests.send(path).is_ok();
    }

    /// The answer of the second thread, if one has come.
    pub(super) fn received(&mut self) -> Option<Result<NodeAnswer, ClientError>> {
        let answer = self.answers.try_recv().ok()?;
        self.is_waiting = false;
        self.failed = answer.is_err();
        Some(answer)
    }
}
