//! The engine: every round it takes units off machines that may no longer have them, then gives
//! every unit without a machine to the least loaded one that is able
//! (spec: orchestrators-a.md section 5; fleet `engine/{scheduler,reconciler,state}.go`,
//! `agent/state.go`).
//!
//! This is the plain form: the definition that the fast form ([`super::fast`]) is judged against.
//! Runs use it only for rounds in which units are about each other (peers, conflicts, replacements,
//! global units); every other round is the fast form's.

use thiserror::Error;

use model::{Labels, Text};

use super::unit::{Requirements, TargetState};
use units::{SortedMap, SortedSet};

/// A unit in the registry.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Resources that the unit requests.
    pub requirements: Requirements,
    /// Target state of the unit.
    pub target: TargetState,
    /// The machine that it is scheduled to.
    pub machine: Option<Text>,
}

impl Unit {
    /// A unit that is to run, without a machine yet.
    pub fn launched(requirements: Requirements) -> Self {
        Self {
            requirements,
            target: TargetState::Launched,
            machine: None,
        }
    }
}

/// Reason a unit gets no machine in a round; it is tried again in the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecideError {
    /// There are no machines.
    #[error("zero agents available")]
    NoMachines,
    /// No machine is able.
    #[error("no agents able to run job")]
    NoneAble,
}

/// Reason a machine is not able to run a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inability {
    /// The unit names another machine.
    MachineId,
    /// It does not have the metadata.
    Metadata,
    /// A peer is not there.
    Peer,
    /// A unit there excludes it, or it excludes a unit there.
    Conflict,
}

/// Changes of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Units taken off a machine, in order.
    pub unscheduled: Vec<(Text, Text)>,
    /// Units given to a machine, in order.
    pub scheduled: Vec<(Text, Text)>,
    /// Units that stay without a machine.
    pub waiting: Vec<(Text, DecideError)>,
}

/// The registry as the engine reads it: machines that are there, and units.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    pub(super) machines: SortedMap<Text, Labels>,
    pub(super) units: SortedMap<Text, Unit>,
    /// Units on each machine: those scheduled to it, and the global ones that run there.
    pub(super) present: SortedMap<Text, SortedSet<Text>>,
}

impl Engine {
    /// A machine is there, or its metadata changed.
    pub fn put_machine(&mut self, id: Text, metadata: Labels) {
        self.machines.insert(id, metadata);
    }

    /// A machine's key has expired; its units are moved in the next round.
    pub fn remove_machine(&mut self, id: &str) {
        self.machines.remove(id);
    }

    /// A unit is submitted, or changed.
    pub fn put_unit(&mut self, name: Text, unit: Unit) {
        self.units.insert(name, unit);
    }

    /// A unit is destroyed.
    pub fn remove_unit(&mut self, name: &str) {
        self.units.remove(name);
    }

    /// Another state is wanted of a unit.
    pub fn set_target(&mut self, name: &str, target: TargetState) {
        if let Some(unit) = self.units.get_mut(name) {
            unit.target = target;
        }
    }

    /// A unit.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.get(name)
    }

    /// The machines that are there.
    pub fn machines(&self) -> impl Iterator<Item = &Text> {
        self.machines.keys()
    }

    /// One round.
    pub fn reconcile(&mut self) -> Round {
        let mut round = Round::default();
        self.count();
        let names: Vec<Text> = self.units.keys().cloned().collect();
        for name in &names {
            self.review(name, &mut round);
        }
        for name in &names {
            let unit = &self.units[name];
            let is_wanted = unit.machine.is_none()
                && unit.target != TargetState::Inactive
                && !unit.requirements.is_global;
            if !is_wanted {
                continue;
            }
            match self.decide(name, &unit.requirements) {
                Ok(machine) => self.schedule(name, machine, &mut round),
                Err(error) => round.waiting.push((name.clone(), error)),
            }
        }
        round
    }

    /// Counts what is on each machine anew; [`Engine::reconcile`] does so by itself.
    pub fn count(&mut self) {
        self.present = self
            .machines
            .keys()
            .map(|id| (id.clone(), SortedSet::new()))
            .collect();
        for (name, unit) in &self.units {
            let machine = unit.machine.as_ref();
            if unit.target != TargetState::Inactive
                && let Some(present) = machine.and_then(|id| self.present.get_mut(id))
            {
                present.insert(name.clone());
            }
        }
        let global =
            |unit: &&Unit| unit.requirements.is_global && unit.target != TargetState::Inactive;
        for (name, unit) in self.units.iter().filter(|(_, unit)| global(unit)) {
            for id in self.machines.keys() {
                let asked = &unit.requirements;
                let runs =
                    asked.has_metadata(&self.machines[id]) && !self.has_conflict(name, asked, id);
                if runs && let Some(present) = self.present.get_mut(id) {
                    present.insert(name.clone());
                }
            }
        }
    }

    /// Number of units on a machine.
    pub fn load(&self, machine: &str) -> usize {
        self.present.get(machine).map_or(0, SortedSet::len)
    }

    /// The machines, the least loaded first, equal ones by id.
    pub fn by_load(&self) -> Vec<&Text> {
        let mut machines: Vec<&Text> = self.machines.keys().collect();
        machines.sort_by_key(|&id| self.load(id));
        machines
    }

    /// The machine for a unit.
    ///
    /// # Errors
    /// There is none, or none that is able.
    pub fn decide(&self, name: &str, requirements: &Requirements) -> Result<Text, DecideError> {
        if self.machines.is_empty() {
            return Err(DecideError::NoMachines);
        }
        let able = |id: &&&Text| self.inability(name, requirements, id).is_none();
        let machines = self.by_load();
        let chosen = machines.iter().find(able);
        chosen.map(|&id| id.clone()).ok_or(DecideError::NoneAble)
    }

    /// Reason a machine is not able to run a unit; `None` if it is.
    pub fn inability(
        &self,
        name: &str,
        requirements: &Requirements,
        machine: &str,
    ) -> Option<Inability> {
        let present = self.present.get(machine);
        let has_unit = |peer: &Text| present.is_some_and(|units| units.contains(peer));
        let metadata = self.machines.get(machine);
        if requirements
            .machine_id
            .as_ref()
            .is_some_and(|id| &**id != machine)
        {
            Some(Inability::MachineId)
        } else if !metadata.is_some_and(|metadata| requirements.has_metadata(metadata)) {
            Some(Inability::Metadata)
        } else if !requirements.peers.iter().all(has_unit) {
            Some(Inability::Peer)
        } else if self.has_conflict(name, requirements, machine) {
            Some(Inability::Conflict)
        } else {
            None
        }
    }

    fn has_conflict(&self, name: &str, requirements: &Requirements, machine: &str) -> bool {
        let present = self.present.get(machine).into_iter().flatten();
        present
            .filter_map(|other| Some((other, self.units.get(other)?)))
            .any(|(other, unit)| requirements.conflicts_with(name, &unit.requirements, other))
    }

    /// Whether a scheduled unit may stay, and whether it moves another one off its machine.
    fn review(&mut self, name: &Text, round: &mut Round) {
        let unit = &self.units[name];
        let Some(machine) = unit.machine.clone() else {
            return;
        };
        let stays = unit.target != TargetState::Inactive
            && self.machines.contains_key(&machine)
            && self.inability(name, &unit.requirements, &machine).is_none();
        if !stays {
            self.unschedule(name, round);
            return;
        }
        let present = self.present.get(&machine).into_iter().flatten();
        let is_replaced = |other: &&Text| {
            self.units.get(*other).is_some_and(|replaced| {
                replaced.machine.is_some()
                    && unit
                        .requirements
                        .replaces_only(name, &replaced.requirements, other)
            })
        };
        let replaced: Vec<Text> = present.filter(is_replaced).cloned().collect();
        for other in replaced {
            self.unschedule(&other, round);
            let elsewhere = self.by_load().into_iter().find(|&id| *id != machine);
            if let Some(elsewhere) = elsewhere.cloned() {
                self.schedule(&other, elsewhere, round);
            }
        }
    }

    fn unschedule(&mut self, name: &Text, round: &mut Round) {
        let unit = self.units.get_mut(name);
        if let Some(machine) = unit.and_then(|unit| unit.machine.take()) {
            if let Some(present) = self.present.get_mut(&machine) {
                present.remove(name);
            }
            round.unscheduled.push((name.clone(), machine));
        }
    }

    fn schedule(&mut self, name: &Text, machine: Text, round: &mut Round) {
        if let Some(present) = self.present.get_mut(&machine) {
            present.insert(name.clone());
        }
        if let Some(unit) = self.units.get_mut(name) {
            unit.machine = Some(machine.clone());
        }
        round.scheduled.push((name.clone(), machine));
    }
}
