//! The clients of the controllers: each controller has one of its own, which sends so many requests a
//! second (kube-controller-manager, `--kube-api-qps` and `--kube-api-burst`). What a sync asks for
//! beyond that waits its turn, and the sync is over once all of it is sent.

use std::collections::VecDeque;

use super::queue::Work;
use crate::admission::Creation;
use crate::client_limit::{ClientLimit, TokenBucket};
use crate::{Outbox, Write};
use model::{Event, Object, ObjectChange, PodChange};
use units::Instant;

/// A request on its way.
#[derive(Clone, Debug)]
enum Request {
    Write(Write),
    Create(Creation),
    /// A request whose effect is not read here, such as an Event about objects that were created.
    Record,
    /// A change that a request before it stands for.
    Paid(Write),
}

/// The requests by which a job's controller counts pods that ended: it writes down which it is about to
/// count, takes the finalizer off each of them, and reports the count (`trackJobStatusAndRemoveFinalizers`).
/// Here the count is written first, so that who takes over counts none again; it waits for the others' turn.
fn counting(writes: Vec<Write>) -> VecDeque<Request> {
    let is_gone = |write: &Write| {
        let event = &write.event;
        matches!(
            event,
            Event::PodChanged {
                change: PodChange::Forgotten,
                ..
            }
        )
    };
    let is_job = |write: &Write| {
        let event = &write.event;
        matches!(
            event,
            Event::Object(ObjectChange::Updated {
                object: Object::Job(_),
                ..
            })
        )
    };
    let counted = writes.iter().filter(|write| is_gone(write)).count();
    if counted == 0 || !writes.first().is_some_and(is_job) {
        return writes.into_iter().map(Request::Write).collect();
    }
    let first = (0..=counted).map(|_| Request::Record);
    let rest = writes.into_iter().map(|write| {
        if is_gone(&write) {
            Request::Paid(write)
        } else {
            Request::Write(write)
        }
    });
    first.chain(rest).collect()
}

/// Requests of one sync that are not sent yet.
#[derive(Clone, Debug)]
struct Batch {
    work: Work,
    requests: VecDeque<Request>,
}

/// The client of a controller.
#[derive(Clone, Debug)]
struct Client {
    bucket: TokenBucket,
    waiting: VecDeque<Batch>,
}

/// The clients of all controllers.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// By controller.
    clients: Vec<Client>,
}

/// What was sent of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SyncResult {
    pub(super) work: Work,
    /// Whether nothing of it is left to be sent.
    pub(super) is_complete: bool,
}

impl Flow {
    /// Clients that have sent nothing yet.
    pub(super) fn new(limit: ClientLimit, controllers: usize) -> Self {
        let client = Client {
            bucket: TokenBucket::new(limit),
            waiting: VecDeque::new(),
        };
        Self {
            clients: vec![client; controllers],
        }
    }

    /// Whether requests of a sync of this work are still to be sent.
    pub(super) fn is_busy(&self, work: Work) -> bool {
        let (place, _) = work;
        self.clients[place]
            .waiting
            .iter()
            .any(|batch| batch.work == work)
    }

    /// Takes the requests of a sync out of its box, to be sent when there are tokens.
    pub(super) fn submit(&mut self, work: Work, out: &mut Outbox) {
        let mut requests = counting(out.writes.drain(..).collect());
        let (mut created, mut batch) = (0_usize, 1_usize);
        for creation in out.creations.drain(..) {
            // Slow start: batches of 1, 2, 4 … While one is under way its Events queue for tokens
            // behind it, so that about one of them is sent for each batch.
            if created == batch {
                requests.push_back(Request::Record);
                (created, batch) = (0, batch * 2);
            }
            created += 1;
            requests.push_back(Request::Create(creation));
        }
        if !requests.is_empty() {
            let (place, _) = work;
            self.clients[place]
                .waiting
                .push_back(Batch { work, requests });
        }
    }

    /// Sends what there are tokens for of the first sync that waits for any.
    pub(super) fn send(&mut self, now: Instant, out: &mut Outbox) -> Option<SyncResult> {
        let mut clients = self.clients.iter_mut();
        let client = clients.find(|client| client.is_due(now))?;
        let batch = client.waiting.front_mut()?;
        while let Some(request) = batch.requests.front()
            && (matches!(request, Request::Paid(_)) || client.bucket.next(now) <= now)
            && let Some(request) = batch.requests.pop_front()
        {
            if !matches!(request, Request::Paid(_)) {
                client.bucket.reserve(now);
            }
            match request {
                Request::Write(write) | Request::Paid(write) => out.writes.push(write),
                Request::Create(creation) => out.creations.push(creation),
                Request::Record => {}
            }
        }
        let sent = SyncResult {
            work: batch.work,
            is_complete: batch.requests.is_empty(),
        };
        if sent.is_complete {
            client.waiting.pop_front();
        }
        Some(sent)
    }

    /// Gives up what is left of a sync, as one of its requests was refused; how many creations that
    /// are.
    pub(super) fn give_up(&mut self, work: Work) -> usize {
        let (place, _) = work;
        let waiting = &mut self.clients[place].waiting;
        let left = waiting.iter().filter(|batch| batch.work == work);
        let left = left.flat_map(|batch| &batch.requests);
        let creations = left
            .filter(|request| matches!(request, Request::Create(_)))
            .count();
        waiting.retain(|batch| batch.work != work);
        creations
    }

    /// Whether something can be sent now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.clients.iter().any(|client| client.is_due(now))
    }

    /// When the next request can be sent.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let waiting = self
            .clients
            .iter()
            .filter(|client| !client.waiting.is_empty());
        waiting.map(|client| client.bucket.next(now)).min()
    }
}

impl Client {
    fn is_due(&self, now: Instant) -> bool {
        !self.waiting.is_empty() && self.bucket.next(now) <= now
    }
}
