//! Units as the engine sees them: what their section `[X-Fleet]` asks for
//! (spec: orchestrators-a.md section 5; fleet `job/job.go`, `api/units.go`).

use crate::mapping::is_one_per_node;
use crate::parts::pattern::glob_matches;
use model::{Labels, Operator, PodSpec, Text};

use super::unit_file::{UnitFile, UnitFileError, UnitName, words};
use units::{SortedMap, SortedSet};

/// Target state of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetState {
    /// Nowhere.
    Inactive,
    /// On a machine, not started.
    Loaded,
    /// On a machine and started.
    Launched,
}

/// Requirements of a unit on its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The machine.
    pub machine_id: Option<Text>,
    /// Values, one of which the machine has to have, by key.
    pub metadata: SortedMap<Text, SortedSet<Text>>,
    /// Units that have to be on the machine.
    pub peers: SortedSet<Text>,
    /// Patterns of units that must not be on the machine.
    pub conflicts: SortedSet<Text>,
    /// Patterns of units that are moved off the machine.
    pub replaces: SortedSet<Text>,
    /// Whether every machine with the metadata runs it.
    pub is_global: bool,
}

/// The section of a unit file that Fleet reads.
pub const SECTION: &str = "X-Fleet";

/// Meaning of an option.
#[derive(Clone, Copy)]
enum Meaning {
    MachineId,
    Metadata,
    Peers,
    Conflicts,
    Replaces,
    Global,
}

/// The options, with the names that they had before.
const OPTIONS: [(&str, Meaning); 11] = [
    ("MachineID", Meaning::MachineId),
    ("MachineOf", Meaning::Peers),
    ("MachineMetadata", Meaning::Metadata),
    ("Conflicts", Meaning::Conflicts),
    ("Replaces", Meaning::Replaces),
    ("Global", Meaning::Global),
    ("X-ConditionMachineID", Meaning::MachineId),
    ("X-ConditionMachineBootID", Meaning::MachineId),
    ("X-ConditionMachineOf", Meaning::Peers),
    ("X-ConditionMachineMetadata", Meaning::Metadata),
    ("X-Conflicts", Meaning::Conflicts),
];

/// The names of the options, for messages.
pub(super) fn known_options() -> String {
    OPTIONS[..6]
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Requirements {
    /// Requirements that follow from a pod's own rules: its node selector and affinity to single labels are metadata, a
    /// node without another of its kind is a conflict with the other instances of its template.
    pub fn of_pod(name: &str, spec: &PodSpec) -> Self {
        let mut own = Self::default();
        for (key, value) in &spec.node_selector {
            own.require(&format!("{key}={value}"));
        }
        let terms = spec.affinity.node.required.iter();
        let terms = terms.flat_map(|required| &required.terms);
        let parts = terms.flat_map(|term| &term.match_expressions);
        for part in parts.filter(|part| part.operator == Operator::In) {
            for value in &part.values {
                own.require(&format!("{}={value}", part.key));
            }
        }
        if is_one_per_node(spec)
            && let Some((prefix, _)) = name.split_once('@')
        {
            own.conflicts.insert(format!("{prefix}@*").into());
        }
        own
    }

    /// Reads the requirements of a unit that is submitted.
    ///
    /// # Errors
    /// It is a service that runs nothing, has an unknown option, or options that exclude each
    /// other.
    pub fn of_file(unit: &str, file: &UnitFile) -> Result<Self, UnitFileError> {
        let mut found = Self::default();
        for option in file.section(SECTION) {
            if !found.take_option(unit, &option.name, &option.value) {
                return Err(UnitFileError::Unknown {
                    unit: unit.to_owned(),
                    line: option.line,
                    name: option.name.to_string(),
                });
            }
        }
        let is_service = unit.ends_with(".service");
        let mut starts = file.section("Service");
        if is_service && !starts.any(|option| &*option.name == "ExecStart") {
            return Err(UnitFileError::ExecStart {
                unit: unit.to_owned(),
            });
        }
        found.check(unit)?;
        Ok(found)
    }

    /// Takes in what an option asks for a unit, whose name stands for `%n`, `%N`, `%p` and `%i` in the value.
    /// Returns `false` for an option that Fleet does not know.
    pub fn take_option(&mut self, unit: &str, option: &str, value: &str) -> bool {
        let known = OPTIONS.iter().find(|(known, _)| *known == option);
        if let Some(&(_, meaning)) = known {
            self.take(meaning, &UnitName::new(unit).fill_in(value));
        }
        known.is_some()
    }

    fn take(&mut self, meaning: Meaning, value: &str) {
        let named = || words(value).into_iter().map(Text::from);
        match meaning {
            // The first value counts.
            Meaning::MachineId => {
                self.machine_id.get_or_insert_with(|| value.into());
            }
            Meaning::Metadata => words(value).iter().for_each(|pair| self.require(pair)),
            Meaning::Peers => self.peers.extend(named()),
            Meaning::Conflicts => self.conflicts.extend(named()),
            Meaning::Replaces => self.replaces.extend(named()),
            // The last value counts.
            Meaning::Global => self.is_global = is_true(value),
        }
    }

    /// Adds a pair `key=value` of metadata; a pair with an empty side is ignored.
    pub fn require(&mut self, pair: &str) {
        if let Some((key, value)) = pair.split_once('=')
            && !key.is_empty()
            && !value.is_empty()
        {
            let values = self.metadata.entry(key.into()).or_default();
            values.insert(value.into());
        }
    }

    /// Refuses options that exclude each other.
    ///
    /// # Errors
    /// Two do.
    pub fn check(&self, unit: &str) -> Result<(), UnitFileError> {
        for (option, patterns) in [("Conflicts", &self.conflicts), ("Replaces", &self.replaces)] {
            for peer in &self.peers {
                if let Some(pattern) = patterns.iter().find(|&one| glob_matches(one, peer)) {
                    return Err(UnitFileError::Peer {
                        unit: unit.to_owned(),
                        peer: peer.to_string(),
                        option,
                        pattern: pattern.to_string(),
                    });
                }
            }
        }
        let has = [
            ("MachineID", self.machine_id.is_some()),
            ("MachineOf", !self.peers.is_empty()),
            ("Conflicts", !self.conflicts.is_empty()),
            ("Global", self.is_global),
            ("Replaces", !self.replaces.is_empty()),
        ];
        let [id, peers, conflicts, global, replaces] = has;
        let exclusive = [
            (id, peers),
            (id, conflicts),
            (id, global),
            (id, replaces),
            (global, peers),
            (global, replaces),
            (conflicts, replaces),
        ];
        match exclusive.iter().find(|(one, other)| one.1 && other.1) {
            Some((one, other)) => Err(UnitFileError::Exclusive {
                unit: unit.to_owned(),
                one: one.0,
                other: other.0,
            }),
            None => Ok(()),
        }
    }

    /// Whether a machine has the metadata.
    pub fn has_metadata(&self, metadata: &Labels) -> bool {
        let mut keys = self.metadata.iter();
        keys.all(|(key, values)| {
            metadata
                .get(key)
                .is_some_and(|value| values.contains(value))
        })
    }

    /// Whether two units must not be on one machine, whichever of them says so.
    pub fn conflicts_with(&self, name: &str, other: &Self, other_name: &str) -> bool {
        name != other_name
            && (matches_any(&self.conflicts, other_name) || matches_any(&other.conflicts, name))
    }

    /// Whether this unit moves another one off its machine, and that one does not do the same.
    pub fn replaces_only(&self, name: &str, other: &Self, other_name: &str) -> bool {
        name != other_name
            && matches_any(&self.replaces, other_name)
            && !matches_any(&other.replaces, name)
    }
}

fn matches_any(patterns: &SortedSet<Text>, name: &str) -> bool {
    patterns.iter().any(|pattern| glob_matches(pattern, name))
}

/// Whether a value is one of those that stand for `true` (fleet `job.go`, `isTruthyValue`).
fn is_true(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    matches!(value.as_str(), "1" | "yes" | "true" | "t" | "on")
}
