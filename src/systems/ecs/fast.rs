//! The fast form of placement: what is left of each instance, the instances that a service's
//! constraints admit, and the tasks of each group by instance and by attribute stand in columns that
//! change with their instance. Where tasks are spread over instances last, those with the fewest tasks
//! of the group are looked at first (`levels`); otherwise one pass looks for room and follows
//! the first strategy. It places as [`super::placement::place`] does (a property test holds the two to
//! each other).

use fixedbitset::FixedBitSet;
use rng::Stream;

use model::{Labels, Text};
use units::SortedMap;

use super::levels::{Levels, Ones};
use super::placement::{Constraint, Field, Gpus, Instance, Packed, Rules, Strategy, Task};

/// Instances, with columns.
#[derive(Clone, Debug, Default)]
pub struct FastCluster {
    instances: Vec<Instance>,
    cpu: Vec<i64>,
    memory: Vec<i64>,
    /// Values of the attributes that strategies name.
    attributes: SortedMap<Text, Values>,
    groups: SortedMap<Text, Group>,
    rules: Vec<RuleSet>,
    candidates: Vec<u32>,
    /// The instances with one of several values of an attribute.
    of_values: FixedBitSet,
}

/// Values of one attribute, numbered as they come.
#[derive(Clone, Debug, Default)]
struct Values {
    numbers: SortedMap<Text, u32>,
    of: Vec<u32>,
    /// The instances with each value, by its number.
    with: Vec<FixedBitSet>,
}

impl Values {
    fn number(&mut self, value: &Text) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(value.clone()).or_insert(next)
    }

    /// Takes in the next instance.
    fn push(&mut self, value: &Text) {
        let number = self.number(value);
        if self.with.len() <= number as usize {
            self.with
                .resize_with(number as usize + 1, FixedBitSet::default);
        }
        self.with[number as usize].grow_and_insert(self.of.len());
        self.of.push(number);
    }

    /// Gives an instance another value; the numbers of the one before and of the new one.
    fn change(&mut self, index: usize, value: &Text) -> Change {
        let before = self.of[index];
        self.with[before as usize].set(index, false);
        let now = self.number(value);
        if self.with.len() <= now as usize {
            self.with
                .resize_with(now as usize + 1, FixedBitSet::default);
        }
        self.with[now as usize].grow_and_insert(index);
        self.of[index] = now;
        Change { before, now }
    }
}

/// Numbers of the values of an attribute that an instance had and has.
struct Change {
    before: u32,
    now: u32,
}

/// Tasks of one group.
#[derive(Clone, Debug, Default)]
struct Group {
    on: Vec<u32>,
    /// The instances by the number of tasks on them.
    levels: Levels,
    /// By attribute and number of its value.
    by: SortedMap<Text, Vec<u32>>,
}

/// Rules, and the instances that their queries hold for.
#[derive(Clone, Debug)]
struct RuleSet {
    rules: Rules,
    matching: FixedBitSet,
    is_distinct: bool,
}

impl RuleSet {
    fn admits(rules: &Rules, instance: &Instance) -> bool {
        rules.constraints.iter().all(|constraint| match constraint {
            Constraint::DistinctInstance => true,
            Constraint::MemberOf(query) => query.holds(&instance.attributes),
        })
    }
}

/// Key of a strategy, as columns hold it.
enum Key<'a> {
    /// Tasks of the group on the instance.
    Count(&'a [u32]),
    /// Tasks of the group by the instance's value of an attribute.
    CountByValue(&'a [u32], &'a [u32]),
    /// Amount left.
    Left(&'a [i64]),
    /// All alike: the group has no tasks.
    Alike,
}

impl Key<'_> {
    fn of(&self, index: usize) -> i64 {
        match self {
            Self::Count(counts) => i64::from(counts[index]),
            Self::CountByValue(numbers, counts) => {
                let count = counts.get(numbers[index] as usize);
                i64::from(count.copied().unwrap_or(0))
            }
            Self::Left(left) => left[index],
            Self::Alike => 0,
        }
    }
}

impl FastCluster {
    /// The instances, in the order in which they were added.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Registers the rules of a service, which tasks then name by their number.
    pub fn register(&mut self, rules: Rules) -> usize {
        for strategy in &rules.strategies {
            if let Strategy::Spread(Field::Attribute(name)) = strategy {
                self.number_values(name);
            }
        }
        let mut matching = FixedBitSet::with_capacity(self.instances.len());
        for (index, instance) in self.instances.iter().enumerate() {
            matching.set(index, RuleSet::admits(&rules, instance));
        }
        let mut constraints = rules.constraints.iter();
        let is_distinct =
            constraints.any(|constraint| matches!(constraint, Constraint::DistinctInstance));
        self.rules.push(RuleSet {
            rules,
            matching,
            is_distinct,
        });
        self.rules.len() - 1
    }

    fn number_values(&mut self, attribute: &Text) {
        if self.attributes.contains_key(attribute) {
            return;
        }
        let mut values = Values::default();
        for instance in &self.instances {
            let value = instance.attributes.get(attribute).cloned();
            values.push(&value.unwrap_or_default());
        }
        for (name, group) in &mut self.groups {
            let mut counts = Vec::new();
            for (instance, &number) in self.instances.iter().zip(&values.of) {
                add(&mut counts, number, instance.tasks_of(name) as i64);
            }
            group.by.insert(attribute.clone(), counts);
        }
        self.attributes.insert(attribute.clone(), values);
    }

    /// Adds an instance, whose id comes after those of all others.
    pub fn add_instance(&mut self, instance: Instance) {
        let index = self.instances.len();
        self.cpu.push(0);
        self.memory.push(0);
        for (attribute, values) in &mut self.attributes {
            let value = instance.attributes.get(attribute).cloned();
            values.push(&value.unwrap_or_default());
        }
        for group in self.groups.values_mut() {
            group.on.push(0);
            group.levels.grow(index + 1);
        }
        for set in &mut self.rules {
            set.matching.grow(index + 1);
            set.matching
                .set(index, RuleSet::admits(&set.rules, &instance));
        }
        let tasks = instance.tasks.clone();
        self.instances.push(instance);
        self.refresh(index);
        for (group, count) in tasks {
            self.count(&group, index, count as i64);
        }
    }

    /// Gives an instance other attributes (`PutAttributes`); its tasks stay.
    pub fn set_attributes(&mut self, index: usize, attributes: Labels) {
        let Some(instance) = self.instances.get_mut(index) else {
            return;
        };
        if instance.attributes == attributes {
            return;
        }
        instance.attributes = attributes;
        for (attribute, values) in &mut self.attributes {
            let value = instance.attributes.get(attribute).cloned();
            let change = values.change(index, &value.unwrap_or_default());
            for group in self.groups.values_mut() {
                let tasks = i64::from(group.on.get(index).copied().unwrap_or(0));
                let counts = group.by.entry(attribute.clone()).or_default();
                add(counts, change.before, -tasks);
                add(counts, change.now, tasks);
            }
        }
        for set in &mut self.rules {
            let admits = RuleSet::admits(&set.rules, instance);
            set.matching.set(index, admits);
        }
    }

    /// Sets whether an instance takes tasks.
    pub fn set_active(&mut self, index: usize, is_active: bool) {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.is_active = is_active;
            self.refresh(index);
        }
    }

    fn refresh(&mut self, index: usize) {
        let instance = &self.instances[index];
        // Nothing is left of an instance that takes no tasks.
        let left = |amount: i64| if instance.is_active { amount } else { i64::MIN };
        (self.cpu[index], self.memory[index]) = (left(instance.cpu), left(instance.memory));
    }

    /// Adds a task to an instance.
    pub fn add(&mut self, index: usize, task: &Task) {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.add(task);
            self.refresh(index);
            self.count(&task.group, index, 1);
        }
    }

    /// Takes a task off an instance.
    pub fn remove(&mut self, index: usize, task: &Task) {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.remove(task);
            self.refresh(index);
            self.count(&task.group, index, -1);
        }
    }

    /// A task of an instance is to stop, and counts there no longer.
    pub fn stop(&mut self, index: usize, task: &Task) {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.stop(task);
            self.count(&task.group, index, -1);
        }
    }

    /// Takes a task off an instance that was to stop.
    pub fn release(&mut self, index: usize, task: &Task) {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.release(task);
            self.refresh(index);
        }
    }

    fn count(&mut self, name: &Text, index: usize, change: i64) {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.clone(), Group::default());
        }
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        group.on.resize(self.instances.len(), 0);
        group.levels.grow(self.instances.len());
        let before = group.on[index];
        add(&mut group.on, index as u32, change);
        group.levels.change(index, before, group.on[index]);
        for (attribute, values) in &self.attributes {
            let counts = group.by.entry(attribute.clone()).or_default();
            add(counts, values.of[index], change);
        }
    }

    /// The instance for a task under registered rules; `None` if none is eligible.
    pub fn place(&mut self, task: &Task, rules: usize, random: &mut Stream) -> Option<usize> {
        let set = self.rules.get(rules)?;
        match &set.rules.strategies[..] {
            [Strategy::Spread(Field::Instance)] => self.fewest(set, task, None),
            [
                Strategy::Spread(Field::Attribute(name)),
                Strategy::Spread(Field::Instance),
            ] => {
                let values = self.attributes.get(name)?;
                if values.with.len() <= 1 {
                    return self.fewest(set, task, None);
                }
                let mut of_values = std::mem::take(&mut self.of_values);
                let found = self.fewest_by_value(rules, task, name, &mut of_values);
                self.of_values = of_values;
                found
            }
            _ => self.scan(task, rules, random),
        }
    }

    /// The instance with the fewest tasks of the group among those with room, and among those of a set
    /// where one is given; of equal ones the first.
    fn fewest(&self, set: &RuleSet, task: &Task, of: Option<&FixedBitSet>) -> Option<usize> {
        let asks_more = task.gpus != Gpus::NONE || !task.ports.is_empty();
        let has_room = |&index: &usize| {
            task.cpu <= self.cpu[index]
                && task.memory <= self.memory[index]
                && (!asks_more || self.instances[index].has_gpus_and_ports(task))
        };
        let matching = [Some(&set.matching), of];
        let Some(group) = self.groups.get(&task.group) else {
            return Ones::of(matching).find(has_room);
        };
        let levels = if set.is_distinct { 1 } else { usize::MAX };
        for level in group.levels.each().take(levels) {
            let mut found = Ones::of([matching[0], of, Some(level.set)]).filter(has_room);
            let found = if level.is_last {
                found.min_by_key(|&index| group.on[index])
            } else {
                found.next()
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The same among the instances whose value of an attribute has the fewest tasks of the group: those
    /// of one number of tasks after the other, until one has room.
    fn fewest_by_value(
        &self,
        rules: usize,
        task: &Task,
        attribute: &Text,
        of_values: &mut FixedBitSet,
    ) -> Option<usize> {
        let (set, values) = (self.rules.get(rules)?, self.attributes.get(attribute)?);
        let group = self.groups.get(&task.group);
        let counts = group.and_then(|group| group.by.get(attribute));
        let count = |value: usize| {
            let count = counts.and_then(|counts| counts.get(value));
            count.copied().unwrap_or(0)
        };
        let all = 0..values.with.len();
        let mut least = all.clone().map(count).min()?;
        loop {
            of_values.clear();
            of_values.grow(self.instances.len());
            for value in all.clone().filter(|&value| count(value) == least) {
                of_values.union_with(&values.with[value]);
            }
            if let Some(found) = self.fewest(set, task, Some(of_values)) {
                return Some(found);
            }
            least = all.clone().map(count).filter(|&own| own > least).min()?;
        }
    }

    /// One pass over all instances.
    fn scan(&mut self, task: &Task, rules: usize, random: &mut Stream) -> Option<usize> {
        let set = self.rules.get(rules)?;
        let group = self.groups.get(&task.group);
        let key = |strategy: &Strategy| match strategy {
            Strategy::Spread(Field::Instance) => {
                group.map_or(Key::Alike, |group| Key::Count(&group.on))
            }
            Strategy::Spread(Field::Attribute(name)) => {
                let counts = group.and_then(|group| group.by.get(name));
                match (counts, self.attributes.get(name)) {
                    (Some(counts), Some(values)) => Key::CountByValue(&values.of, counts),
                    _ => Key::Alike,
                }
            }
            Strategy::Binpack(Packed::Cpu) => Key::Left(&self.cpu),
            Strategy::Binpack(Packed::Memory) => Key::Left(&self.memory),
            Strategy::Random => Key::Alike,
        };
        let taken = group.filter(|_| set.is_distinct).map(|group| &group.on[..]);
        let asks_more = task.gpus != Gpus::NONE || !task.ports.is_empty();
        let strategies = &set.rules.strategies;
        let first = strategies.first().map_or(Key::Alike, key);
        let mut least = i64::MAX;
        self.candidates.clear();
        for (index, (&cpu, &memory)) in self.cpu.iter().zip(&self.memory).enumerate() {
            let has_room = task.cpu <= cpu && task.memory <= memory;
            if !has_room || !set.matching.contains(index) {
                continue;
            }
            if taken.is_some_and(|taken| taken[index] > 0) {
                continue;
            }
            if asks_more && !self.instances[index].has_gpus_and_ports(task) {
                continue;
            }
            let own = first.of(index);
            if own < least {
                least = own;
                self.candidates.clear();
            }
            if own == least {
                self.candidates.push(index as u32);
            }
        }
        for (number, strategy) in strategies.iter().enumerate() {
            if self.candidates.len() <= 1 {
                break;
            }
            if *strategy == Strategy::Random {
                let drawn = random.below(self.candidates.len() as u64) as usize;
                return Some(self.candidates[drawn] as usize);
            }
            if number == 0 {
                continue;
            }
            let key = key(strategy);
            let keys = self.candidates.iter().map(|&index| key.of(index as usize));
            let least = keys.min();
            self.candidates
                .retain(|&index| Some(key.of(index as usize)) == least);
        }
        self.candidates.first().map(|&index| index as usize)
    }
}

fn add(counts: &mut Vec<u32>, place: u32, change: i64) {
    let place = place as usize;
    if counts.len() <= place {
        counts.resize(place + 1, 0);
    }
    let changed = i64::from(counts[place]) + change;
    counts[place] = u32::try_from(changed).unwrap_or(0);
}
