//! A Fleet at work: the registry, the engine that leads, and the keys of machines, as one component
//! (spec: orchestrators-a.md section 5).
//!
//! Rounds that would find nothing new are left out; when the next one is due follows from when the
//! interval was restarted last. So are beats: a key's end follows from when its machine fell silent.

mod machines;
mod read;
mod units;

use crate::parts::turn::Turn;
use ::units::{Duration, Instant, NodeId, ObjectId, Revision, SortedMap, SortedSet, plural};
use cluster::{Conflict, Store};
use control::admission::Creation;
use control::{Component, Outbox, Progress, Write};
use model::{Event, PodRef, Text};

use super::fast::FastEngine;
use super::options::FleetSetup;
use super::presence::{Leadership, WATCH_PAUSE};

use machines::Machine;
use units::{App, Own};

/// The component.
#[derive(Clone)]
pub struct Fleet {
    setup: FleetSetup,
    cursor: Revision,
    now: Instant,
    engine: FastEngine,
    /// By node.
    machines: Vec<Machine>,
    /// Instants at which keys of silent machines end.
    expiries: SortedSet<(Instant, NodeId)>,
    units: SortedMap<Text, Own>,
    /// The units of pods, by slot.
    unit_of: Vec<Option<(PodRef, Text)>>,
    apps: SortedMap<ObjectId, App>,
    /// Pods of global units, by unit and machine.
    globals: SortedMap<(ObjectId, NodeId), Option<PodRef>>,
    /// Names under which a second unit was submitted.
    taken: SortedSet<Text>,
    /// Services that wait for the first connection to their socket.
    activations: SortedSet<(Instant, Text)>,
    leadership: Leadership,
    leader: Option<NodeId>,
    /// Machines whose engine is away, while their agent goes on.
    away: SortedSet<NodeId>,
    /// Instant from which rounds are counted.
    anchor: Instant,
    /// Instant at which a round is due because the registry changed.
    event_due: Option<Instant>,
    last_event: Option<Instant>,
    /// Whether machines changed since the last round.
    needs_round: bool,
    /// Instant of the last refusal of a binding: another round at that instant would decide the
    /// same.
    refused_at: Option<Instant>,
    /// Instant of the last round whose own changes call for another one, an interval later.
    changed_at: Option<Instant>,
    /// Marks a round that the next one would only repeat unless something changes: a binding was refused for what
    /// the cluster is like, or no machine is heard.
    awaits_change: bool,
}

impl Fleet {
    /// A fleet that has seen nothing.
    pub fn new(setup: FleetSetup) -> Self {
        Self {
            leadership: Leadership::new(&setup.options),
            anchor: Instant::ZERO.saturating_add(setup.options.first_round),
            setup,
            cursor: Revision::default(),
            now: Instant::ZERO,
            engine: FastEngine::default(),
            machines: Vec::new(),
            expiries: SortedSet::new(),
            units: SortedMap::new(),
            unit_of: Vec::new(),
            apps: SortedMap::new(),
            globals: SortedMap::new(),
            taken: SortedSet::new(),
            activations: SortedSet::new(),
            leader: None,
            away: SortedSet::new(),
            event_due: None,
            last_event: None,
            needs_round: false,
            refused_at: None,
            changed_at: None,
            awaits_change: false,
        }
    }

    /// A unit's target changed: a round follows at once, or when the watch looks again.
    fn event(&mut self) {
        let again = self.last_event.map(|last| last.saturating_add(WATCH_PAUSE));
        let due = again.map_or(self.now, |again| again.max(self.now));
        self.event_due = Some(self.event_due.map_or(due, |known| known.min(due)));
    }

    /// The round of the interval at an instant or before it.
    fn round_before(&self, at: Instant) -> Instant {
        let past = at.since(self.anchor).as_nanos();
        if past < 0 {
            return self.anchor;
        }
        let interval = self.setup.options.engine_interval.as_nanos().max(1);
        Instant::from_nanos(at.as_nanos() - past % interval)
    }

    /// The round of the interval at an instant or after it.
    fn round_after(&self, at: Instant) -> Instant {
        let before = self.round_before(at);
        if before >= at {
            before
        } else {
            before.saturating_add(self.setup.options.engine_interval)
        }
    }

    /// Makes a round if one is due.
    fn round(&mut self, turn: &mut Turn<'_>) {
        let now = self.now;
        let by_event = self.event_due.is_some_and(|at| at <= now);
        let is_over = self.refused_at == Some(now) || self.changed_at == Some(now);
        let is_useful = self.needs_round && !is_over;
        let by_interval = is_useful && self.round_after(now) == now;
        if !by_event && !by_interval {
            return;
        }
        if by_event {
            (self.event_due, self.last_event) = (None, Some(now));
            self.anchor = now;
        }
        let Some(candidate) = self.candidate(turn.store) else {
            // No engine is there, and rounds would go on without end.
            (self.needs_round, self.awaits_change) = (false, true);
            return;
        };
        if !self.lead(candidate) {
            // Nobody holds the lease yet; whoever takes it looks at everything.
            self.needs_round = true;
            return;
        }
        let round = self.engine.reconcile();
        // Units that are about others may be able, or in the way, only after what this round did.
        let has_changed = !(round.scheduled.is_empty() && round.unscheduled.is_empty());
        self.needs_round = has_changed && self.engine.has_special();
        self.changed_at = self.needs_round.then_some(now);
        turn.out.decided_pods += round.scheduled.len() as u32;
        turn.out.decided_jobs += round.scheduled.len() as u32;
        for (name, machine) in &round.unscheduled {
            self.unscheduled(name, machine, turn);
        }
        for (name, machine) in &round.scheduled {
            self.scheduled(name, machine, turn);
        }
        self.globals(turn);
    }

    /// Instant of the next round that has something to look at.
    fn next_round(&self) -> Option<Instant> {
        let after = self.now.saturating_add(Duration::from_nanos(1));
        let by_interval = self.needs_round.then(|| self.round_after(after));
        self.event_due.into_iter().chain(by_interval).min()
    }
}

impl Component for Fleet {
    fn name(&self) -> &'static str {
        "fleet-engine"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.now = now;
        self.read(turn);
        self.expire(turn);
        self.activate(turn);
        self.round(turn);
        let expiry = self.expiries.first().map(|(at, _)| *at);
        let activation = self.activations.first().map(|(at, _)| *at);
        for at in [self.next_round(), expiry, activation]
            .into_iter()
            .flatten()
        {
            turn.out.wake_at(at);
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        if let Event::PodBound { pod, .. } = &write.event {
            self.not_bound(*pod, conflict);
        }
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Creation::Pod(new) = creation {
            self.not_made(new);
        }
    }

    fn managers_away(&mut self, now: Instant, away: u32) {
        self.engines_away(now, away as usize);
    }

    fn remarks(&self) -> Vec<String> {
        let names = self.taken.iter().map(|name| format!("`{name}`"));
        let names = plural::first_of(names, 3);
        let units = plural::count(self.taken.len(), "unit");
        let remark = (!self.taken.is_empty()).then(|| {
            format!(
                "{units} submitted under a name that another one has, which stays as it is: {names}"
            )
        });
        remark.into_iter().collect()
    }

    fn backlog(&self) -> usize {
        let waits = |own: &&Own| own.pod.is_some() && own.bound.is_none();
        self.units.values().filter(waits).count()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let (known, name) = self.unit_of.get(pod.slot.index())?.as_ref()?;
        let own = self.units.get(name)?;
        let waits = *known == pod && own.bound.is_none();
        waits.then(|| {
            let message = if self.engine.machines().next().is_none() {
                "zero agents available"
            } else {
                "no agents able to run job"
            };
            message.into()
        })
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
