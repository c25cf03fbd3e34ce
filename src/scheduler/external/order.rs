//! Orders of jobs, and of the pods in a pipeline's queue, that a program outside answers.

use std::cell::RefCell;

use cluster::Class;
use control::exchange::Exchange;
use control::exchange::question::{JobState, OrderRequest, Question};
use model::{Pod, Text};
use units::{Instant, SortedMap, SortedSet};

use super::{Dialogue, ExternalPoints, NAME, state};
use crate::QueueOrder;
use crate::batch::{JobFacts, JobNumber, JobOrder, Score};

impl Dialogue {
    /// Keys of jobs, in their order.
    fn keys(&mut self, now: Instant, jobs: Vec<JobState>) -> Option<Vec<i64>> {
        let now = now.as_nanos();
        self.numbers(&Question::Order(OrderRequest { now, jobs }))
    }
}

/// An order of the batch planner whose keys a program gives: of all waiting jobs together, whenever one
/// is to be chosen. A copy asks a program of its own, which begins anew.
pub struct ExternalJobOrder {
    dialogue: Dialogue,
    /// Jobs that were described.
    described: SortedSet<JobNumber>,
    /// Jobs that wait, as of the last choice.
    waiting: Vec<JobFacts>,
    keys: SortedMap<JobNumber, i64>,
}

impl ExternalJobOrder {
    /// An order that asks `exchange`, in runs with a seed.
    pub fn new(exchange: Box<dyn Exchange>, seed: u64) -> Self {
        Self::of(Dialogue::new(exchange, ExternalPoints::ORDER, seed))
    }

    fn of(dialogue: Dialogue) -> Self {
        Self {
            dialogue,
            described: SortedSet::new(),
            waiting: Vec::new(),
            keys: SortedMap::new(),
        }
    }
}

impl JobOrder for ExternalJobOrder {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Behind all others until the next choice, which asks about it.
    fn score(&self, job: &JobFacts, _now: Instant) -> Score {
        let key = self.keys.get(&job.number);
        key.map_or(Score::LAST, |&key| Score::whole(key))
    }

    fn ages(&self) -> bool {
        true
    }

    fn follows_changes(&self) -> bool {
        true
    }

    fn waiting(&mut self, jobs: &mut dyn Iterator<Item = &JobFacts>) {
        self.waiting.clear();
        self.waiting.extend(jobs);
    }

    fn refresh(&mut self, now: Instant) {
        self.keys.clear();
        // There is nothing to choose from among fewer than two.
        if self.waiting.len() < 2 {
            return;
        }
        let described = &mut self.described;
        let states = self.waiting.iter().map(|facts| JobState {
            id: facts.number.0,
            described: (described.insert(facts.number)).then(|| state::job(facts)),
        });
        let states = states.collect();
        if let Some(keys) = self.dialogue.keys(now, states) {
            let jobs = self.waiting.iter().map(|facts| facts.number);
            self.keys = jobs.zip(keys).collect();
        }
    }

    fn failure(&self) -> Option<&str> {
        self.dialogue.failure.as_deref()
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(Self::of(self.dialogue.again()))
    }
}

/// An order of a pipeline's queue whose keys a program gives, of each pod as it joins the queue. A copy
/// asks a program of its own, which begins anew.
pub struct ExternalQueueOrder {
    /// The queue asks for a key through a shared reference, one at a time.
    dialogue: RefCell<Dialogue>,
}

impl ExternalQueueOrder {
    /// An order that asks `exchange`, in runs with a seed.
    pub fn new(exchange: Box<dyn Exchange>, seed: u64) -> Self {
        let dialogue = Dialogue::new(exchange, ExternalPoints::ORDER, seed);
        Self {
            dialogue: RefCell::new(dialogue),
        }
    }
}

impl QueueOrder for ExternalQueueOrder {
    fn name(&self) -> &'static str {
        NAME
    }

    fn key(&self, pod: &Pod, class: &Class) -> i64 {
        let job = JobState {
            id: u64::from(pod.pod.id.0),
            described: Some(state::job_of_pod(pod, class)),
        };
        let keys = self.dialogue.borrow_mut().keys(pod.created, vec![job]);
        keys.and_then(|keys| keys.first().copied()).unwrap_or(0)
    }

    fn failure(&self) -> Option<Text> {
        self.dialogue.borrow().failure.clone()
    }

    fn clone_order(&self) -> Box<dyn QueueOrder> {
        Box::new(Self {
            dialogue: RefCell::new(self.dialogue.borrow().again()),
        })
    }
}
