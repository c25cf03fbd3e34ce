//! Errands of users on nodes, between the request that wants something and the agent that fetches it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use units::SortedMap;

use crate::wire::errand::{Errand, ErrandResult, LogText, LogWish};

/// Greatest number of errands that wait for one node.
const WAITING_MAX: usize = 64;

/// Result of an errand.
pub(super) type Outcome = Result<LogText, String>;

/// The errands of all nodes.
#[derive(Default)]
pub(super) struct Errands {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    /// Errands that no agent has fetched, by node.
    queued: SortedMap<String, VecDeque<Errand>>,
    /// Agents that wait for errands, by node.
    agents: SortedMap<String, oneshot::Sender<()>>,
    /// Requests that wait for a result.
    awaited: SortedMap<u64, Awaited>,
}

/// A request that waits for a result.
struct Awaited {
    node: String,
    reply: oneshot::Sender<Outcome>,
}

/// A request under way; it is forgotten when this is dropped.
pub(super) struct Sent<'e> {
    errands: &'e Errands,
    number: u64,
    node: String,
    pub(super) result: oneshot::Receiver<Outcome>,
}

impl Errands {
    /// Sends an agent for a part of a log; `None` if too many wait for its node.
    pub(super) fn send(&self, node: &str, pod: u32, wish: LogWish) -> Option<Sent<'_>> {
        let mut inner = self.inner();
        inner.last += 1;
        let number = inner.last;
        let queue = inner.queued.entry(node.to_owned()).or_default();
        if queue.len() >= WAITING_MAX {
            return None;
        }
        queue.push_back(Errand {
            number,
            pod,
            container: wish.container,
            from: wish.from,
            is_previous: wish.is_previous,
        });
        let (reply, result) = oneshot::channel();
        let node = node.to_owned();
        let awaited = Awaited {
            node: node.clone(),
            reply,
        };
        inner.awaited.insert(number, awaited);
        if let Some(agent) = inner.agents.remove(&node) {
            // An agent that has gone comes again.
            let _ = agent.send(());
        }
        Some(Sent {
            errands: self,
            number,
            node,
            result,
        })
    }

    /// The errands of a node that wait.
    pub(super) fn fetch(&self, node: &str) -> Vec<Errand> {
        let queued = self.inner().queued.remove(node);
        queued.into_iter().flatten().collect()
    }

    /// Tells when errands of a node come in.
    pub(super) fn wait(&self, node: &str) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.inner().agents.insert(node.to_owned(), sender);
        receiver
    }

    /// An agent brings the result of an errand; one of another node's is ignored.
    pub(super) fn bring(&self, node: &str, brought: ErrandResult) {
        let mut inner = self.inner();
        let awaited = inner.awaited.get(&brought.number);
        if awaited.is_some_and(|awaited| awaited.node == node)
            && let Some(awaited) = inner.awaited.remove(&brought.number)
        {
            // Whoever asked may have gone.
            let _ = awaited.reply.send(brought.result);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let mut inner = self.errands.inner();
        inner.awaited.remove(&self.number);
        if let Some(queue) = inner.queued.get_mut(&self.node) {
            queue.retain(|errand| errand.number != self.number);
            if queue.is_empty() {
                inner.queued.remove(&self.node);
            }
        }
    }
}
