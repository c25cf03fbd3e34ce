//! Label of the work under way, for observers outside: it is set on the way into a part and set
//! back on the way out. Nothing of it is read back by the control plane and there is no clock in
//! it, so that nothing decided can depend on it; a profiler samples the
//! label (`windtunnel run --profile`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::admission::Creation;
use crate::provider::{MachineOrder, OrderFailure};
use cluster::{Conflict, Store, UsageSamples};
use model::{ClusterObjects, PodRef, Text};
use units::{Duration, Instant, Revision};

use super::{Component, DurableState, Memory, Outbox, Program, Progress, Write};

/// A part in which work is done: its number among those that were named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part(u32);

/// A label of one run. Its copies are the same label; one that is off costs a branch.
#[derive(Clone, Debug, Default)]
pub struct Probe(Option<Arc<Label>>);

#[derive(Debug, Default)]
struct Label {
    current: AtomicU32,
    names: Mutex<Vec<String>>,
}

impl Probe {
    /// A label that is on, at a part of this name.
    pub fn starting_at(name: &str) -> Self {
        let probe = Self(Some(Arc::default()));
        probe.part(name);
        probe
    }

    /// Whether a profiler samples.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The part of a name; equal names are one part.
    pub fn part(&self, name: &str) -> Part {
        let Some(label) = &self.0 else {
            return Part::default();
        };
        let mut names = label.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().position(|known| known == name);
        Part(known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        }) as u32)
    }

    /// Enters a part; hands back the one that was left, to be entered again at the end.
    #[inline]
    pub fn enter(&self, part: Part) -> Part {
        match &self.0 {
            // One thread writes, so a plain load and store will do.
            Some(label) => {
                let left = label.current.load(Ordering::Relaxed);
                label.current.store(part.0, Ordering::Relaxed);
                Part(left)
            }
            None => part,
        }
    }

    /// Does something in a part.
    #[inline]
    pub fn within<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        let left = self.enter(part);
        let done = work();
        self.enter(left);
        done
    }

    /// The number of the part in which work is being done; `None` if the label is off.
    pub fn current(&self) -> Option<usize> {
        let label = self.0.as_ref()?;
        Some(label.current.load(Ordering::Relaxed) as usize)
    }

    /// The names of the parts by number.
    pub fn names(&self) -> Vec<String> {
        self.0.as_ref().map_or_else(Vec::new, |label| {
            let names = label.names.lock();
            names.unwrap_or_else(PoisonError::into_inner).clone()
        })
    }
}

/// A component whose work is labelled with its name.
pub struct ComponentProbe {
    component: Box<dyn Component>,
    probe: Probe,
    part: Part,
}

impl ComponentProbe {
    /// Labels a component, and the parts in it that can be distinguished.
    pub fn new(mut component: Box<dyn Component>, probe: &Probe) -> Self {
        component.attach(probe);
        Self {
            part: probe.part(&format!("scheduler {}", component.name())),
            component,
            probe: probe.clone(),
        }
    }
}

impl Component for ComponentProbe {
    fn name(&self) -> &str {
        self.component.name()
    }

    fn cursor(&self) -> Revision {
        self.component.cursor()
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let Self {
            component,
            probe,
            part,
        } = self;
        probe.within(*part, || component.step(now, view, out))
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.component.refused(write, conflict);
    }

    fn declined(&mut self, creation: &Creation, conflict: &Conflict) {
        self.component.declined(creation, conflict);
    }

    fn order_failed(&mut self, now: Instant, failed: &OrderFailure) {
        self.component.order_failed(now, failed);
    }

    fn awaits(&mut self, now: Instant, order: &MachineOrder) {
        self.component.awaits(now, order);
    }

    fn reads_metrics(&self, now: Instant) -> bool {
        self.component.reads_metrics(now)
    }

    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        let Self {
            component,
            probe,
            part,
        } = self;
        probe.within(*part, || component.metrics(now, view, usage));
    }

    fn attach(&mut self, probe: &Probe) {
        self.component.attach(probe);
    }

    fn watch_delay(&self) -> Duration {
        self.component.watch_delay()
    }

    fn decision_time(&self) -> Duration {
        self.component.decision_time()
    }

    fn places_pods(&self) -> bool {
        self.component.places_pods()
    }

    fn resumes_pods(&self) -> bool {
        self.component.resumes_pods()
    }

    fn moves_pods(&self) -> bool {
        self.component.moves_pods()
    }

    fn relies_on_view(&self) -> bool {
        self.component.relies_on_view()
    }

    fn claims_as_seen(&self) -> bool {
        self.component.claims_as_seen()
    }

    fn program(&self) -> Program {
        self.component.program()
    }

    fn kept(&self) -> Option<DurableState> {
        self.component.kept()
    }

    fn reads_back(&mut self, now: Instant, kept: DurableState) {
        self.component.reads_back(now, kept);
    }

    fn relies_on(&mut self, program: Program, is_up: bool) {
        self.component.relies_on(program, is_up);
    }

    fn managers_away(&mut self, now: Instant, away: u32) {
        self.component.managers_away(now, away);
    }

    fn framework(&mut self, now: Instant, framework: u32, is_up: bool) {
        self.component.framework(now, framework, is_up);
    }

    fn discovery(&mut self, now: Instant, is_up: bool) {
        self.component.discovery(now, is_up);
    }

    fn memory(&self) -> Memory {
        self.component.memory()
    }

    fn recall(&mut self, now: Instant, memory: &str, view: &Store) -> Result<(), String> {
        self.component.recall(now, memory, view)
    }

    fn restarted(&mut self, now: Instant) {
        self.component.restarted(now);
    }

    fn surrounded(&mut self, now: Instant, objects: &ClusterObjects) {
        self.component.surrounded(now, objects);
    }

    fn backlog(&self) -> usize {
        self.component.backlog()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        self.component.waiting_message(pod)
    }

    fn waiting_filters(&self, pod: PodRef) -> Vec<Text> {
        self.component.waiting_filters(pod)
    }

    fn remarks(&self) -> Vec<String> {
        self.component.remarks()
    }

    fn flaw(&self) -> Option<String> {
        self.component.flaw()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(Self {
            component: self.component.clone(),
            probe: self.probe.clone(),
            part: self.part,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_nest_and_equal_names_are_one() {
        let probe = Probe::starting_at("engine");
        let (outer, inner) = (probe.part("scheduler"), probe.part("scheduler / fit"));
        assert_eq!(probe.part("scheduler"), outer);
        assert_eq!(probe.current(), Some(0));
        probe.within(outer, || {
            assert_eq!(probe.current(), Some(1));
            probe.within(inner, || assert_eq!(probe.current(), Some(2)));
            assert_eq!(probe.current(), Some(1));
        });
        assert_eq!(probe.current(), Some(0));
        assert_eq!(probe.names(), ["engine", "scheduler", "scheduler / fit"]);
    }

    /// A run that is profiled asks a component all that any other run does.
    #[test]
    fn a_component_that_is_labelled_passes_everything_on() {
        let methods = |text: &str, from: &str| -> Vec<String> {
            let (_, own) = text.split_once(from).expect("it is there");
            let (own, _) = own.split_once("\n}\n").expect("it ends");
            let names = own.split("\n    fn ").skip(1);
            let names = names.map(|rest| rest.split('(').next().unwrap_or_default().to_owned());
            names.collect()
        };
        let all = methods(include_str!("component.rs"), "pub trait Component: Send {");
        let own = methods(
            include_str!("probe.rs"),
            "impl Component for ComponentProbe {",
        );
        assert!(all.len() > 30, "{all:?}");
        for method in all {
            assert!(own.contains(&method), "`{method}` is not passed on");
        }
    }

    #[test]
    fn a_label_that_is_off_is_nowhere() {
        let probe = Probe::default();
        let part = probe.part("engine");
        assert_eq!(probe.within(part, || 7), 7);
        assert_eq!((probe.current(), probe.names()), (None, Vec::new()));
    }
}
