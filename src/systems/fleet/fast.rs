//! The fast form of the engine: who is on which machine, how loaded machines are and which units have
//! none is kept rather than counted, and a round looks at what changed alone. It decides as
//! [`Engine`] does (a property test holds the two to each other). Units that are about each other
//! (peers, conflicts, replacements, global ones) are decided by the plain form: while there are any,
//! every round is.

use model::{Labels, Text};

use super::engine::{DecideError, Engine, Round, Unit};
use super::unit::{Requirements, TargetState};
use units::{SortedMap, SortedSet};

/// The registry as a fast engine reads it.
#[derive(Clone, Debug, Default)]
pub struct FastEngine {
    plain: Engine,
    /// Units that are about others.
    special: SortedSet<Text>,
    /// Units scheduled to each machine, there or not.
    on: SortedMap<Text, SortedSet<Text>>,
    /// Machines that are there by how many units that are wanted are on them.
    ordered: SortedSet<(usize, Text)>,
    loads: SortedMap<Text, usize>,
    /// Units that are wanted and have no machine.
    wanted: SortedSet<Text>,
    /// Scheduled units that may not stay.
    review: SortedSet<Text>,
}

/// Whether a unit is about others.
fn is_special(asked: &Requirements) -> bool {
    asked.is_global
        || !(asked.peers.is_empty() && asked.conflicts.is_empty() && asked.replaces.is_empty())
}

impl FastEngine {
    /// A machine is there, or its metadata changed.
    pub fn put_machine(&mut self, id: &Text, metadata: Labels) {
        self.plain.put_machine(id.clone(), metadata);
        let load = self.load(id);
        if let Some(known) = self.loads.insert(id.clone(), load) {
            self.ordered.remove(&(known, id.clone()));
        }
        self.ordered.insert((load, id.clone()));
        if let Some(units) = self.on.get(id) {
            self.review.extend(units.iter().cloned());
        }
    }

    /// A machine's key has expired.
    pub fn remove_machine(&mut self, id: &Text) {
        if let Some(load) = self.loads.remove(id) {
            self.ordered.remove(&(load, id.clone()));
        }
        self.plain.remove_machine(id);
        if let Some(units) = self.on.get(id) {
            self.review.extend(units.iter().cloned());
        }
    }

    /// A unit is submitted, or changed.
    pub fn put_unit(&mut self, name: &Text, unit: Unit) {
        self.remove_unit(name);
        if is_special(&unit.requirements) {
            self.special.insert(name.clone());
        }
        let machine = unit.machine.clone();
        let is_wanted = unit.target != TargetState::Inactive;
        self.plain.put_unit(name.clone(), unit);
        match machine {
            Some(machine) => {
                self.set_on(name, &machine, true);
                self.review.insert(name.clone());
            }
            None if is_wanted => {
                self.wanted.insert(name.clone());
            }
            None => {}
        }
    }

    /// A unit is destroyed.
    pub fn remove_unit(&mut self, name: &Text) {
        let machine = self.plain.unit(name).and_then(|unit| unit.machine.clone());
        if let Some(machine) = machine {
            self.set_on(name, &machine, false);
        }
        self.plain.remove_unit(name);
        self.special.remove(name);
        self.wanted.remove(name);
        self.review.remove(name);
    }

    /// Another state is wanted of a unit.
    pub fn set_target(&mut self, name: &Text, target: TargetState) {
        if let Some(unit) = self.plain.unit(name).cloned() {
            self.put_unit(name, Unit { target, ..unit });
        }
    }

    /// A unit.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.plain.unit(name)
    }

    /// The machines that are there.
    pub fn machines(&self) -> impl Iterator<Item = &Text> {
        self.plain.machines()
    }

    /// Whether there are units that are about others: what a round does may change what the next one
    /// finds.
    pub fn has_special(&self) -> bool {
        !self.special.is_empty()
    }

    /// Whether a global unit runs on a machine, as the last round saw it.
    pub fn has_global(&self, name: &str, machine: &str) -> bool {
        let present = self.plain.present.get(machine);
        present.is_some_and(|present| present.contains(name))
    }

    fn is_counted(&self, name: &str) -> bool {
        let unit = self.plain.unit(name);
        unit.is_some_and(|unit| unit.target != TargetState::Inactive)
    }

    fn load(&self, machine: &Text) -> usize {
        let units = self.on.get(machine).into_iter().flatten();
        units.filter(|name| self.is_counted(name)).count()
    }

    fn set_on(&mut self, name: &Text, machine: &Text, is_on: bool) {
        let counts = self.is_counted(name);
        let is_there = self.plain.machines.contains_key(machine);
        let units = self.on.entry(machine.clone()).or_default();
        let has_changed = if is_on {
            units.insert(name.clone())
        } else {
            units.remove(name)
        };
        if units.is_empty() {
            self.on.remove(machine);
        }
        if !(has_changed && counts && is_there) {
            return;
        }
        let known = self.loads.get(machine).copied().unwrap_or(0);
        let next = if is_on { known + 1 } else { known - 1 };
        self.ordered.remove(&(known, machine.clone()));
        self.ordered.insert((next, machine.clone()));
        self.loads.insert(machine.clone(), next);
    }

    /// One round.
    pub fn reconcile(&mut self) -> Round {
        if self.special.is_empty() {
            return self.quick();
        }
        let round = self.plain.reconcile();
        self.count_anew();
        round
    }

    /// Counts who is where anew, after a round of the plain form.
    fn count_anew(&mut self) {
        self.on.clear();
        self.wanted.clear();
        self.review.clear();
        for (name, unit) in &self.plain.units {
            match &unit.machine {
                Some(machine) => {
                    let on = self.on.entry(machine.clone()).or_default();
                    on.insert(name.clone());
                }
                None if unit.target != TargetState::Inactive => {
                    self.wanted.insert(name.clone());
                }
                None => {}
            }
        }
        let loads = self.plain.machines.keys();
        let loads: SortedMap<Text, usize> = loads.map(|id| (id.clone(), self.load(id))).collect();
        self.ordered = loads.iter().map(|(id, load)| (*load, id.clone())).collect();
        self.loads = loads;
    }

    fn quick(&mut self) -> Round {
        let mut round = Round::default();
        for name in std::mem::take(&mut self.review) {
            self.look_at(&name, &mut round);
        }
        let names: Vec<Text> = self.wanted.iter().cloned().collect();
        for name in names {
            match self.decide(&name) {
                Ok(machine) => {
                    self.wanted.remove(&name);
                    self.set_machine(&name, Some(machine.clone()));
                    self.set_on(&name, &machine, true);
                    round.scheduled.push((name, machine));
                }
                Err(error) => round.waiting.push((name, error)),
            }
        }
        round
    }

    fn look_at(&mut self, name: &Text, round: &mut Round) {
        let Some(unit) = self.plain.unit(name) else {
            return;
        };
        let Some(machine) = unit.machine.clone() else {
            return;
        };
        let is_able = self.is_able(&unit.requirements, &machine);
        if unit.target != TargetState::Inactive && is_able {
            return;
        }
        self.set_on(name, &machine, false);
        self.set_machine(name, None);
        if self.is_counted(name) {
            self.wanted.insert(name.clone());
        }
        round.unscheduled.push((name.clone(), machine));
    }

    fn set_machine(&mut self, name: &str, machine: Option<Text>) {
        if let Some(unit) = self.plain.units.get_mut(name) {
            unit.machine = machine;
        }
    }

    fn is_able(&self, asked: &Requirements, machine: &str) -> bool {
        let Some(metadata) = self.plain.machines.get(machine) else {
            return false;
        };
        let is_named = asked.machine_id.as_ref().is_none_or(|id| **id == *machine);
        is_named && asked.has_metadata(metadata)
    }

    fn decide(&self, name: &str) -> Result<Text, DecideError> {
        if self.ordered.is_empty() {
            return Err(DecideError::NoMachines);
        }
        let asked = self.plain.unit(name).map(|unit| &unit.requirements);
        let able = |machine: &Text| asked.is_some_and(|asked| self.is_able(asked, machine));
        let mut machines = self.ordered.iter().map(|(_, machine)| machine);
        let chosen = machines.find(|machine| able(machine));
        chosen.cloned().ok_or(DecideError::NoneAble)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Machine(u8, u8),
        Lost(u8),
        Unit(u8, u8, u8, bool),
        Destroyed(u8),
        Target(u8, bool),
        Round,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (0..5_u8, 0..3_u8).prop_map(|(id, zone)| Step::Machine(id, zone)),
            1 => (0..5_u8).prop_map(Step::Lost),
            6 => (0..20_u8, 0..12_u8, 0..3_u8, any::<bool>())
                .prop_map(|(name, kind, zone, is)| Step::Unit(name, kind, zone, is)),
            1 => (0..20_u8).prop_map(Step::Destroyed),
            1 => (0..20_u8, any::<bool>()).prop_map(|(name, is)| Step::Target(name, is)),
            4 => Just(Step::Round),
        ]
    }

    /// Requirements of a unit: mostly none about others.
    fn requirements(kind: u8, zone: u8, has_specials: bool) -> Requirements {
        let mut asked = Requirements::default();
        match kind {
            0 => asked.machine_id = Some("m1".into()),
            1..4 => asked.require(&format!("zone={zone}")),
            4 if has_specials => asked.conflicts.extend(["u1*".into()]),
            5 if has_specials => asked.peers.extend(["u02".into()]),
            6 if has_specials => asked.is_global = true,
            7 if has_specials => asked.replaces.extend(["u03".into()]),
            _ => {}
        }
        asked
    }

    fn target(is_launched: bool) -> TargetState {
        if is_launched {
            TargetState::Launched
        } else {
            TargetState::Inactive
        }
    }

    proptest! {
        #[test]
        fn the_fast_form_decides_as_the_plain_one(
            steps in proptest::collection::vec(step(), 1..60),
            has_specials in any::<bool>(),
        ) {
            let (mut plain, mut fast) = (Engine::default(), FastEngine::default());
            for step in steps {
                match step {
                    Step::Machine(id, zone) => {
                        let id: Text = format!("m{id}").into();
                        let metadata: Labels = [("zone".into(), format!("{zone}").into())].into();
                        plain.put_machine(id.clone(), metadata.clone());
                        fast.put_machine(&id, metadata);
                    }
                    Step::Lost(id) => {
                        let id: Text = format!("m{id}").into();
                        plain.remove_machine(&id);
                        fast.remove_machine(&id);
                    }
                    Step::Unit(name, kind, zone, is_launched) => {
                        let name: Text = format!("u{name:02}").into();
                        let known = plain.unit(&name).and_then(|unit| unit.machine.clone());
                        let unit = Unit {
                            requirements: requirements(kind, zone, has_specials),
                            target: target(is_launched),
                            machine: known,
                        };
                        plain.put_unit(name.clone(), unit.clone());
                        fast.put_unit(&name, unit);
                    }
                    Step::Destroyed(name) => {
                        let name: Text = format!("u{name:02}").into();
                        plain.remove_unit(&name);
                        fast.remove_unit(&name);
                    }
                    Step::Target(name, is_launched) => {
                        let name: Text = format!("u{name:02}").into();
                        plain.set_target(&name, target(is_launched));
                        fast.set_target(&name, target(is_launched));
                    }
                    Step::Round => prop_assert_eq!(plain.reconcile(), fast.reconcile()),
                }
            }
        }
    }
}
