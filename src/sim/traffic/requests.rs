//! Requests one by one: each is drawn, balanced by the balancers of the control plane, waits in the
//! queue of a pod, is worked on, and may be given up and tried again.

mod arrivals;
mod ends;
mod functions;
mod load_average;
mod tally;
mod tries;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use control::services::{Affinity, RequestOutcome};
use model::traffic::FailureCause;
use model::{PodRef, Text};
use units::{Identity, Instant, SortedMap};

use self::arrivals::{ClientGroup, ClientKey, Draws, askers};
use super::entry::Entry;
use super::fluid::SharedState;
use super::plan::{Detail, Load, Target, TrafficPlan};
use super::service_backend::ServiceBackend;
use functions::Function;
use load_average::LoadAverage;
use tally::Tally;
use tries::Clients;

/// Next happening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NextEvent {
    /// A client of a group asks; of an open loop only while its number of draws is this.
    Ask { group: usize, draw: u64, asker: u32 },
    /// A pod has finished a try.
    Finish { pod: PodRef, serial: u64 },
    /// An instance of a function has finished a try.
    Done {
        function: u32,
        request: usize,
        serial: u64,
    },
    /// A client gives up a try.
    GiveUp { request: usize, serial: u64 },
    /// A client tries again.
    Again { request: usize },
}

/// A request under way.
#[derive(Clone, Debug)]
struct Request {
    group: usize,
    asker: u32,
    /// Stable identity of the request.
    who: Identity,
    service: usize,
    flow: usize,
    client: u64,
    first: Instant,
    tries: u32,
    /// The number of its present try; a client that has given up is at another one.
    serial: u64,
    /// Place of the present try.
    at: Option<(Text, PodRef)>,
}

/// A pod at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    server: u16,
    busy: Vec<Try>,
    queue: VecDeque<Try>,
    recent: LoadAverage,
}

/// Load of a pod: requests at work and waiting there, tries a second that came of late and that it
/// began to work on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PodLoad {
    pub at_work: f64,
    pub waiting: f64,
    pub arrived: f64,
    pub begun: f64,
}

/// A try in a pod; its client may have given it up.
#[derive(Clone, Copy, Debug)]
struct Try {
    request: usize,
    serial: u64,
    service: usize,
    /// Stable identity of the try.
    who: Identity,
    group: usize,
}

/// Requests of all groups, one by one.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    seed: u64,
    pub since: Instant,
    agenda: BinaryHeap<Reverse<(Instant, u64, NextEvent)>>,
    number: u64,
    serial: u64,
    open: Vec<Option<Request>>,
    vacant: Vec<usize>,
    pub workers: SortedMap<PodRef, Worker>,
    pub clients: SortedMap<(usize, u64), Clients>,
    sessions: SortedMap<usize, Affinity>,
    tallies: Vec<Tally>,
    functions: Vec<Function>,
    draws: Draws,
    askers: Vec<ClientGroup>,
    tokens: SortedMap<usize, f64>,
}

/// World that requests read.
pub(super) struct World<'a> {
    pub backings: &'a mut [ServiceBackend],
    /// Routes of each group's requests: service, flow, weight.
    pub routes: &'a [Vec<(usize, usize, u64)>],
    /// The services that stand for functions, by their numbers.
    pub functions: &'a SortedMap<usize, usize>,
    pub entry: Entry<'a>,
}

impl Requests {
    pub(super) fn new(plan: &TrafficPlan, seed: u64) -> Self {
        let mut own = Self {
            seed,
            since: Instant::ZERO,
            agenda: BinaryHeap::new(),
            number: 0,
            serial: 0,
            open: Vec::new(),
            vacant: Vec::new(),
            workers: SortedMap::new(),
            clients: SortedMap::new(),
            sessions: SortedMap::new(),
            tallies: Vec::new(),
            functions: Vec::new(),
            draws: Draws::new(seed),
            askers: askers(plan, seed),
            tokens: SortedMap::new(),
        };
        own.add_functions(plan);
        for (place, group) in plan.groups.iter().enumerate() {
            let asks_function = matches!(group.target, Target::Function(_));
            if plan.detail != Detail::Requests && !asks_function {
                continue;
            }
            match &group.load {
                Load::Open(_) => own.draw_next(plan, place, Instant::ZERO),
                Load::Closed { clients, think } => {
                    for asker in 0..u32::try_from(*clients).unwrap_or(u32::MAX) {
                        own.think(place, asker, Instant::ZERO, *think);
                    }
                }
            }
        }
        own
    }

    fn push(&mut self, at: Instant, what: NextEvent) {
        self.number += 1;
        self.agenda.push(Reverse((at, self.number, what)));
    }

    /// Does everything up to an instant, and tells of it in stretches.
    pub(super) fn advance(
        &mut self,
        to: Instant,
        world: &mut World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        while self.since < to {
            let step = shared.plan.model.interval.as_nanos().max(1);
            let grid = Instant::from_nanos((self.since.as_nanos() / step + 1).saturating_mul(step));
            let place = shared.plan.cuts.partition_point(|cut| *cut <= self.since);
            let cut = shared.plan.cuts.get(place).copied();
            let end = cut.map_or(grid, |cut| cut.min(grid)).min(to);
            while let Some(Reverse((at, ..))) = self.agenda.peek()
                && *at < end
            {
                let Some(Reverse((at, _, what))) = self.agenda.pop() else {
                    break;
                };
                self.happen(at, what, world, shared);
            }
            self.tell(end, world, shared);
            self.since = end;
        }
    }

    fn happen(
        &mut self,
        now: Instant,
        what: NextEvent,
        world: &mut World<'_>,
        shared: &mut SharedState<'_>,
    ) {
        match what {
            NextEvent::Ask { group, draw, asker } => {
                if draw > 0 {
                    if self.askers[group].drawn != draw {
                        return;
                    }
                    self.draw_next(shared.plan, group, now);
                }
                self.ask(now, ClientKey { group, asker }, world, shared);
            }
            NextEvent::Again { request } => self.attempt(now, request, world, shared),
            NextEvent::GiveUp { request, serial } => {
                let is_waiting = self.is_at(request, serial);
                if is_waiting {
                    self.leave(now, request, world, RequestOutcome::Failed);
                    self.failed(now, request, FailureCause::Timeout, shared);
                }
            }
            NextEvent::Finish { pod, serial } => self.finish(now, pod, serial, world, shared),
            NextEvent::Done {
                function,
                request,
                serial,
            } => {
                let run = functions::Run {
                    function: function as usize,
                    request,
                    serial,
                };
                self.done(now, run, world, shared);
            }
        }
    }

    /// Stable identity of the present try of a request.
    fn present_try(&self, request: usize) -> Option<Identity> {
        let own = self.open[request].as_ref()?;
        Some(own.who.nth(u64::from(own.tries)))
    }

    fn is_at(&self, request: usize, serial: u64) -> bool {
        let own = self.open[request].as_ref();
        own.is_some_and(|own| own.serial == serial && own.at.is_some())
    }

    /// Load of a pod.
    pub(super) fn load(&self, now: Instant, pod: PodRef) -> PodLoad {
        let worker = self.workers.get(&pod);
        worker.map_or_else(PodLoad::default, |worker| {
            let (arrived, begun) = worker.recent.rates(now);
            PodLoad {
                at_work: worker.busy.len() as f64,
                waiting: worker.queue.len() as f64,
                arrived,
                begun,
            }
        })
    }
}
