//! Attributes of machines and constraints of tasks on them in Google's trace of 2011: labels of nodes,
//! and what a task demands of the labels of its node. An attribute that a machine doesn't have is empty.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::events::Key;
use crate::parts::anti_affinity;
use crate::readers::prelude::*;
use arrivals::spill::{Hashed as _, NONE, TextLog};
use model::{Affinity, NodeSelector, NodeSelectorTerm, Operator, Requirement};

columns! { CONSTRAINT_COLUMNS;
    TIME: required("time", "µs since 600 s before the trace") => is_whole,
    JOB: required("job id", "job") => is_whole,
    INDEX: required("task index", "task within its job") => is_whole,
    OPERATOR: required("operator", "0 equal, 1 not equal, 2 less, 3 greater")
        => |field| matches!(field, "0" | "1" | "2" | "3"),
    NAME: required("attribute name", "attribute of machines") => |field| !is_number_or_empty(field),
    VALUE: required("attribute value", "value; empty is that of no attribute"),
}

columns! { ATTRIBUTE_COLUMNS;
    _: required("time", "µs since 600 s before the trace") => is_whole,
    MACHINE: required("machine id", "machine") => is_whole,
    OWN_NAME: required("attribute name", "becomes a label") => |field| !is_number_or_empty(field),
    OWN_VALUE: required("attribute value", "value"),
    DELETED: required("attribute deleted", "1: the machine has it no longer") => |field| matches!(field, "0" | "1"),
}

const CONSTRAINTS: Layout = Layout::headless(CONSTRAINT_COLUMNS);
const ATTRIBUTES: Layout = Layout::headless(ATTRIBUTE_COLUMNS);

/// Whether a table that begins with these bytes is one of constraints.
pub(super) fn is_constraints(first: &[u8]) -> Confidence {
    CONSTRAINTS.confidence(first)
}

/// Whether a table that begins with these bytes is one of attributes.
pub(super) fn is_attributes(first: &[u8]) -> Confidence {
    ATTRIBUTES.confidence(first)
}

/// The constraints of tasks, as they were first stated. They are found by the hashes of tasks and stand in a temporary file,
/// as some tasks of most jobs have some.
#[derive(Default)]
pub(super) struct Constraints {
    /// The place of the last constraint of each task, and the time of all.
    known: Places<2>,
    /// Each constraint, and the place of the one before it of its task.
    log: TextLog<1>,
    is_any: bool,
}

/// A constraint of a task.
#[derive(Serialize, Deserialize)]
struct Stated {
    requirement: Requirement,
    /// The place of the constraint before it of its task.
    before: Option<u64>,
}

impl Constraints {
    /// Adds the constraints of a table.
    pub(super) fn add(&mut self, part: &Input, journal: &mut Journal) -> Result<(), TraceError> {
        journal.file = part.name.clone();
        each_row_of(part, &CONSTRAINTS, journal, &mut |journal, fields| {
            let time = super::time(fields, TIME)?;
            let key = (
                fields.number(JOB, 0, i64::MAX)?,
                fields.number(INDEX, 0, i64::MAX)?,
            );
            let operator = fields.number(OPERATOR, 0, 3)?;
            let name = fields.name(NAME, "the name of an attribute")?;
            let value = fields.text(VALUE);
            if operator > 1 && value.parse::<i64>().is_err() {
                return Err(fields.bad(VALUE, "a whole number to compare with").into());
            }
            let (operator, values) = match (operator, value) {
                (0, "") => (Operator::DoesNotExist, Vec::new()),
                (0, value) => (Operator::In, vec![value.into()]),
                (1, "") => (Operator::Exists, Vec::new()),
                (1, value) => (Operator::NotIn, vec![value.into()]),
                (2, value) => (Operator::Lt, vec![value.into()]),
                (_, value) => (Operator::Gt, vec![value.into()]),
            };
            let requirement = Requirement {
                key: name.into(),
                operator,
                values,
            };
            let kind = "constraint stated later; the first ones stand";
            journal.drop_if(!self.state(key, time, requirement)?, kind, fields.line())?;
            Ok(())
        })
    }

    /// Adds a constraint of a task, unless the task has some of another time; whether it was added.
    fn state(
        &mut self,
        task: Key,
        time: Option<Instant>,
        requirement: Requirement,
    ) -> Result<bool, TraceError> {
        let (task, time) = (task.hashed(), time.map_or(NONE, Instant::as_nanos) as u64);
        let known = self.known.all(task)?;
        if known.is_some_and(|[_, first]| first != time) {
            return Ok(false);
        }
        let before = known.map(|[last, _]| last);
        let stated = serde_json::to_string(&Stated {
            requirement,
            before,
        });
        let place = self.log.push([&stated.map_err(|_| unreadable())?]);
        self.known.put_all(task, [place, time])?;
        self.is_any = true;
        Ok(true)
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        !self.is_any
    }

    /// The demands of a task on its node.
    ///
    /// # Errors
    /// They can't be read back.
    pub(super) fn of(&self, task: Key) -> Result<Affinity, TraceError> {
        let mut next = self.known.all(task.hashed())?.map(|[last, _]| last);
        let mut requirements = Vec::new();
        while let Some(place) = next {
            let [text] = self.log.get(place)?;
            let stated: Stated = serde_json::from_str(&text).map_err(|_| unreadable())?;
            requirements.push(stated.requirement);
            next = stated.before;
        }
        requirements.reverse();
        Ok(demands(requirements))
    }
}

/// The failure of a constraint that does not come back from the disk as it went there.
#[cold]
fn unreadable() -> TraceError {
    TraceError::Io {
        file: "temporary file of constraints".to_owned(),
        reason: "holds one that can't be read back; read the trace again".to_owned(),
    }
}

/// The affinity of a task that demands all of these of its node.
pub(crate) fn demands(requirements: Vec<Requirement>) -> Affinity {
    let mut affinity = Affinity::default();
    if !requirements.is_empty() {
        affinity.node.required = Some(NodeSelector {
            terms: vec![NodeSelectorTerm {
                match_expressions: requirements,
                ..NodeSelectorTerm::default()
            }],
        });
    }
    affinity
}

/// The note about tasks that their job keeps apart.
pub(crate) const APART_WAIVED: &str =
    "tasks on different machines, not enforced without `constraints`";

/// The label of tasks that are kept apart: their job.
const JOB_LABEL: &str = "google.com/job";

/// Keeps a task from every domain of a label of nodes in which another task of its job stands.
pub(crate) fn keep_apart(spec: &mut PodSpec, job: i64, domain: &str) {
    anti_affinity::keep_apart(spec, JOB_LABEL, job.to_string().into(), domain);
}

/// An attribute of a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute<'r> {
    /// The machine.
    pub(crate) machine: i64,
    /// The name.
    pub(crate) name: &'r str,
    /// The value.
    pub(crate) value: &'r str,
    /// Whether the machine has it no longer.
    pub(crate) is_deleted: bool,
}

/// The attributes of machines, as they were first stated.
#[derive(Default)]
pub(crate) struct Attributes {
    known: IndexMap<i64, Labels, FxBuildHasher>,
}

impl Attributes {
    /// Adds the attributes of a table.
    pub(super) fn add(&mut self, part: &Input, journal: &mut Journal) -> Result<(), TraceError> {
        journal.file = part.name.clone();
        each_row_of(part, &ATTRIBUTES, journal, &mut |journal, fields| {
            super::time(fields, TIME)?;
            let machine = fields.number(MACHINE, 0, i64::MAX)?;
            let name = fields.name(OWN_NAME, "the name of an attribute")?;
            let is_deleted = fields.number(DELETED, 0, 1)? == 1;
            let value = fields.text(OWN_VALUE);
            let attribute = Attribute {
                machine,
                name,
                value,
                is_deleted,
            };
            Ok(self.take(journal, fields.line(), attribute)?)
        })
    }

    /// Takes an attribute of a machine.
    pub(crate) fn take(
        &mut self,
        journal: &mut Journal,
        line: u64,
        attribute: Attribute<'_>,
    ) -> Result<(), TraceError> {
        let Attribute {
            machine,
            name,
            value,
            is_deleted,
        } = attribute;
        let labels = self.known.entry(machine).or_default();
        let known = labels.get(name).map(|value| &**value);
        if is_deleted || known.is_some_and(|known| known != value) {
            let kind = "attribute changes later; the first value stands";
            return journal.dirt(kind, Action::Drop, line);
        }
        if !value.is_empty() && known.is_none() {
            labels.insert(name.into(), value.into());
        }
        Ok(())
    }

    /// The labels of a machine.
    pub(crate) fn of(&self, machine: i64) -> Option<&Labels> {
        self.known.get(&machine)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::SortedMap;

    use super::*;

    proptest! {
        #[test]
        fn constraints_of_a_task_are_those_of_its_first_time(
            stated in prop::collection::vec((0..4_i64, 0..2_i64, "[ab]{1,2}"), 0..40),
            most_held in 1_usize..5,
        ) {
            let mut constraints = Constraints {
                known: Places::holding(most_held),
                ..Constraints::default()
            };
            let mut plain: SortedMap<Key, (Option<Instant>, Vec<Requirement>)> = SortedMap::new();
            prop_assert!(constraints.is_empty());
            for (index, second, name) in &stated {
                let time = (*second > 0).then(|| Instant::from_secs(*second));
                let requirement = Requirement {
                    key: name.as_str().into(),
                    operator: Operator::In,
                    values: vec![index.to_string().into()],
                };
                let (first, known) = plain.entry((7, *index)).or_insert_with(|| (time, Vec::new()));
                let is_first = *first == time;
                if is_first {
                    known.push(requirement.clone());
                }
                let is_added = constraints.state((7, *index), time, requirement);
                prop_assert_eq!(is_added, Ok(is_first));
            }
            prop_assert_eq!(constraints.is_empty(), stated.is_empty());
            for index in 0..5 {
                let known = plain.get(&(7, index)).map(|(_, known)| known.clone());
                let expected = demands(known.unwrap_or_default());
                prop_assert_eq!(constraints.of((7, index)), Ok(expected));
            }
        }
    }
}
