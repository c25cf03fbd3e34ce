//! Choice of the instances that die when there are too many (spec: orchestrators-b.md section 2.4;
//! marathon `ScalingProposition.scala`, `Constraints.selectInstancesToKill`).

use model::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Instant, SortedMap};

/// Condition of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Condition {
    /// It can't be reached and is given up: no candidate.
    UnreachableInactive,
    /// It can't be reached.
    Unreachable,
    /// The instance's agent has it.
    Staging,
    /// It starts.
    Starting,
    /// It runs.
    Running,
    /// Anything else.
    Other,
}

/// Selection of the instances to kill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KillSelection {
    /// Instances that started last are killed first.
    #[default]
    YoungestFirst,
    /// Instances that started first are killed first.
    OldestFirst,
}

/// An instance whose goal is to run.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The instance's id.
    pub id: Text,
    /// The instance's condition.
    pub condition: Condition,
    /// Instant of the instance's start.
    pub started: Instant,
    /// The instance's group under each `GROUP_BY` constraint of the application.
    pub groups: Vec<Text>,
}

/// The instances that die, in order: those asked for, those that keep groups even, the rest by
/// condition and age.
pub fn victims(
    instances: &[Instance],
    kill: usize,
    selection: KillSelection,
    asked: &[Text],
) -> Vec<Text> {
    let is_candidate = |one: &&Instance| one.condition != Condition::UnreachableInactive;
    let mut left: Vec<&Instance> = instances.iter().filter(is_candidate).collect();
    left.sort_by(|one, other| {
        let by_age = match selection {
            KillSelection::YoungestFirst => other.started.cmp(&one.started),
            KillSelection::OldestFirst => one.started.cmp(&other.started),
        };
        let by_condition = one.condition.cmp(&other.condition);
        by_condition
            .then(by_age)
            .then_with(|| one.id.cmp(&other.id))
    });
    let mut chosen = Vec::new();
    for id in asked {
        if chosen.len() < kill
            && let Some(position) = left.iter().position(|one| one.id == *id)
        {
            chosen.push(left.remove(position).id.clone());
        }
    }
    while chosen.len() < kill
        && let Some(position) = next_of_groups(&left)
    {
        chosen.push(left.remove(position).id.clone());
    }
    let missing = kill.saturating_sub(chosen.len());
    chosen.extend(left.into_iter().take(missing).map(|one| one.id.clone()));
    chosen
}

/// The first instance in a largest group of the first constraint whose groups differ, or would
/// differ by no more than one; `None` without constraints.
fn next_of_groups(left: &[&Instance]) -> Option<usize> {
    let constraints = left.first()?.groups.len();
    (0..constraints).find_map(|constraint| {
        let mut counts: SortedMap<&Text, usize> = SortedMap::new();
        for one in left {
            *counts.entry(one.groups.get(constraint)?).or_default() += 1;
        }
        let most = *counts.values().max()?;
        let largest = |one: &&Instance| counts.get(&one.groups[constraint]) == Some(&most);
        left.iter().position(largest)
    })
}
