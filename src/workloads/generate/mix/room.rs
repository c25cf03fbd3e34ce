//! A machine at whose door jobs wait before they are submitted: logs of some machines have the start of a job for its
//! submission, so that a job comes when there is room for it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use units::{Instant, SortedMap};

use arrivals::stream::Arrival;

/// Jobs that run on the machine from their submission on, and those that wait for room.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// Processors of the machine, thousandths.
    all: i64,
    free: i64,
    /// Ends of the jobs that run, with the processors of each.
    running: BinaryHeap<Reverse<(Instant, i64)>>,
    /// Jobs that wait, by what they take, each with its number: of those that fit the first one comes first.
    waiting: SortedMap<i64, VecDeque<(u64, Arrival)>>,
    arrived: u64,
    /// Jobs that are submitted, in order.
    submitted: VecDeque<Arrival>,
}

impl Room {
    /// An empty machine of a number of thousandths of processors.
    pub(super) fn new(all: i64) -> Self {
        Self {
            all,
            free: all,
            running: BinaryHeap::new(),
            waiting: SortedMap::new(),
            arrived: 0,
            submitted: VecDeque::new(),
        }
    }

    /// The next job that is submitted.
    pub(super) fn take(&mut self) -> Option<Arrival> {
        self.submitted.pop_front()
    }

    /// Goes on to the next end of a job; `false` where none runs.
    pub(super) fn empty(&mut self) -> bool {
        let Some(&Reverse((at, _))) = self.running.peek() else {
            return false;
        };
        self.until(at);
        true
    }

    /// Has a job come to the door that takes a number of processors. One that takes none, or stays for good, is
    /// submitted at once; one that is larger than the machine takes all of it.
    pub(super) fn comes(&mut self, arrival: Arrival, processors: i64) {
        self.until(arrival.submit);
        let processors = processors.min(self.all);
        if processors <= self.free || arrival.run_time.is_none() {
            self.submit(arrival, processors);
            return;
        }
        self.arrived += 1;
        let own = self.waiting.entry(processors).or_default();
        own.push_back((self.arrived, arrival));
    }

    /// Ends all jobs up to an instant, and submits those that wait as soon as they fit.
    fn until(&mut self, instant: Instant) {
        while let Some(&Reverse((at, processors))) = self.running.peek()
            && at <= instant
        {
            self.running.pop();
            self.free += processors;
            while let Some(first) = self.first_that_fits() {
                let own = self.waiting.get_mut(&first);
                let (_, arrival) = own
                    .and_then(VecDeque::pop_front)
                    .expect("invariant: one that waits was found");
                if self.waiting.get(&first).is_some_and(VecDeque::is_empty) {
                    self.waiting.remove(&first);
                }
                self.submit(
                    Arrival {
                        submit: at,
                        ..arrival
                    },
                    first,
                );
            }
        }
    }

    /// What the job takes that came first of those that fit.
    fn first_that_fits(&self) -> Option<i64> {
        let fitting = self.waiting.range(..=self.free);
        let first = fitting.min_by_key(|(_, jobs)| jobs.front().map(|(number, _)| *number));
        first.map(|(&processors, _)| processors)
    }

    fn submit(&mut self, arrival: Arrival, processors: i64) {
        if let Some(run_time) = arrival.run_time {
            self.free -= processors;
            let end = arrival.submit.saturating_add(run_time);
            self.running.push(Reverse((end, processors)));
        }
        self.submitted.push_back(arrival);
    }
}
