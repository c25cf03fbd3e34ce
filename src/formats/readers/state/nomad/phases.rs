//! Amounts of a resource that tasks of a group hold at most, as some run before the others and some after them. Source: the
//! source of Nomad, `AllocatedResources.Comparable` in `nomad/structs/structs.go`.

use serde_json::Value;

use crate::readers::prelude::*;

/// The time at which a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It ends before the others begin.
    Before,
    /// It begins before the others, and runs beside them.
    Beside,
    /// The others.
    Main,
    /// It begins once the others have ended.
    After,
    /// Amounts that are never given to others, such as cores of its own.
    Always,
}

impl Phase {
    /// The phase of a task whose life cycle is at a path.
    pub(super) fn of(element: &Element, path: &str) -> Self {
        let is_sidecar = element
            .at(&format!("{path}/Sidecar"))
            .and_then(Value::as_bool);
        match element.text_at(&format!("{path}/Hook")) {
            "prestart" if is_sidecar == Some(true) => Self::Beside,
            "prestart" => Self::Before,
            "poststop" => Self::After,
            _ => Self::Main,
        }
    }
}

/// Amounts of a resource by phase; `None` of what nothing states.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Phases {
    before: Option<f64>,
    main: Option<f64>,
    after: Option<f64>,
    always: Option<f64>,
}

impl Phases {
    /// Adds what a task requests.
    pub(super) fn add(&mut self, phase: Phase, amount: f64) {
        let sums: &mut [&mut Option<f64>] = match phase {
            Phase::Before => &mut [&mut self.before],
            Phase::Beside => &mut [&mut self.before, &mut self.main],
            Phase::Main => &mut [&mut self.main],
            Phase::After => &mut [&mut self.after],
            Phase::Always => &mut [&mut self.always],
        };
        for sum in sums {
            **sum = Some(sum.unwrap_or_default() + amount);
        }
    }

    /// The most that is held at any time.
    pub(super) fn most(self) -> Option<f64> {
        let shared = [self.before, self.main, self.after].into_iter().flatten();
        let shared = shared.reduce(f64::max);
        match (shared, self.always) {
            (None, None) => None,
            (shared, always) => Some(shared.unwrap_or_default() + always.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Phase; 5] = [
        Phase::Before,
        Phase::Beside,
        Phase::Main,
        Phase::After,
        Phase::Always,
    ];

    proptest! {
        #[test]
        fn the_most_is_what_is_held_at_some_time(
            tasks in prop::collection::vec((0..ALL.len(), 0_u32..9), 0..8),
        ) {
            let mut phases = Phases::default();
            for &(phase, amount) in &tasks {
                phases.add(ALL[phase], amount.into());
            }
            let held = |now: [Phase; 3]| -> u32 {
                let there = tasks.iter().filter(|(phase, _)| now.contains(&ALL[*phase]));
                there.map(|(_, amount)| amount).sum()
            };
            let times = [
                [Phase::Before, Phase::Beside, Phase::Always],
                [Phase::Main, Phase::Beside, Phase::Always],
                [Phase::After, Phase::Always, Phase::Always],
            ];
            let most = times.into_iter().map(held).max().map(f64::from);
            prop_assert_eq!(phases.most(), most.filter(|_| !tasks.is_empty()));
        }
    }
}
