//! Attributes of machines and constraints of tasks on them in Google's trace of 2011: labels of nodes,
//! and what a task demands of the labels of its node. An attribute that a machine doesn't have is empty.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::events::Key;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, FieldTest, is_number_or_empty, is_whole, row_has};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::rows::{Layout, each_row_of};
use model::{
    Affinity, LabelSelector, Labels, NodeSelector, NodeSelectorTerm, Operator, PodAffinityTerm,
    PodSpec, Requirement, Text,
};
use units::Instant;

const CONSTRAINT_COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("time", "µs since 600 s before the trace"),
    ColumnDoc::required("job id", "job"),
    ColumnDoc::required("task index", "task within its job"),
    ColumnDoc::required("operator", "0 equal, 1 not equal, 2 less, 3 greater"),
    ColumnDoc::required("attribute name", "attribute of machines"),
    ColumnDoc::required("attribute value", "value; empty is that of no attribute"),
];

const ATTRIBUTE_COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("time", "µs since 600 s before the trace"),
    ColumnDoc::required("machine id", "machine"),
    ColumnDoc::required("attribute name", "becomes a label"),
    ColumnDoc::required("attribute value", "value"),
    ColumnDoc::required("attribute deleted", "1: the machine has it no longer"),
];

const CONSTRAINTS: Layout = Layout::headless(CONSTRAINT_COLUMNS);
const ATTRIBUTES: Layout = Layout::headless(ATTRIBUTE_COLUMNS);

const TIME: usize = 0;
const JOB: usize = 1;
const INDEX: usize = 2;
const OPERATOR: usize = 3;
const NAME: usize = 4;
const VALUE: usize = 5;

const MACHINE: usize = 1;
const OWN_NAME: usize = 2;
const OWN_VALUE: usize = 3;
const DELETED: usize = 4;

/// Whether a table that begins with these bytes is one of constraints.
pub(super) fn is_constraints(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 5] = [
        (TIME, is_whole),
        (JOB, is_whole),
        (INDEX, is_whole),
        (OPERATOR, |field| matches!(field, "0" | "1" | "2" | "3")),
        (NAME, |field| !is_number_or_empty(field)),
    ];
    row_has(first, b',', CONSTRAINT_COLUMNS.len(), &tests)
}

/// Whether a table that begins with these bytes is one of attributes.
pub(super) fn is_attributes(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (TIME, is_whole),
        (MACHINE, is_whole),
        (OWN_NAME, |field| !is_number_or_empty(field)),
        (DELETED, |field| matches!(field, "0" | "1")),
    ];
    row_has(first, b',', ATTRIBUTE_COLUMNS.len(), &tests)
}

/// The constraints of tasks, as they were first stated.
#[derive(Default)]
pub(super) struct Constraints {
    known: IndexMap<Key, (Option<Instant>, Vec<Requirement>), FxBuildHasher>,
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
            let (first, known) = self.known.entry(key).or_insert_with(|| (time, Vec::new()));
            if *first != time {
                let kind = "constraint stated later; the first ones stand";
                return Ok(journal.dirt(kind, Action::Drop, fields.line())?);
            }
            known.push(Requirement {
                key: name.into(),
                operator,
                values,
            });
            Ok(())
        })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The demands of a task on its node.
    pub(super) fn of(&self, key: Key) -> Affinity {
        let known = self.known.get(&key);
        known.map_or_else(Affinity::default, |(_, requirements)| {
            demands(requirements.clone())
        })
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
    let job: Text = job.to_string().into();
    spec.labels.insert(JOB_LABEL.into(), job.clone());
    let others = LabelSelector {
        requirements: vec![Requirement {
            key: JOB_LABEL.into(),
            operator: Operator::In,
            values: vec![job],
        }],
    };
    let term = PodAffinityTerm {
        selector: Some(others),
        topology_key: domain.into(),
        namespaces: Vec::new(),
        namespace_selector: None,
        match_label_keys: Vec::new(),
        mismatch_label_keys: Vec::new(),
    };
    spec.affinity.required_pod_anti_affinity.push(term);
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
