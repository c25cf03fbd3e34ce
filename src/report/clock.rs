//! The clock of runs as people read it. A fill-up has a logical clock, on which a pod arrives at every
//! step: its durations are steps, not minutes.

use crate::format;
use lab::steps::STEPS;
use lab::summary::{Summary, VariantSummary};

/// Clock that durations are counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Simulated time.
    Time,
    /// Steps of a fill-up, one for each pod that arrives.
    Steps,
}

impl Clock {
    /// The clock of a run.
    pub(crate) fn of(variant: &VariantSummary) -> Self {
        match variant.arrived {
            Some(_) => Self::Steps,
            None => Self::Time,
        }
    }

    /// The clock that the runs share; simulated time if they have several.
    pub(crate) fn shared(summary: &Summary) -> Self {
        let mut clocks = summary.variants.iter().map(Self::of);
        let first = clocks.next().unwrap_or(Self::Time);
        let is_shared = clocks.all(|clock| clock == first);
        if is_shared { first } else { Self::Time }
    }

    /// A duration in words.
    pub(crate) fn duration(self, seconds: f64) -> String {
        match self {
            Self::Time => format::duration(seconds),
            Self::Steps => format::value(seconds, STEPS),
        }
    }

    /// The unit of a metric on this clock. Summaries of older programs have seconds throughout.
    pub(crate) fn unit(self, unit: &str) -> &str {
        match (self, unit) {
            (Self::Steps, "s" | "seconds") => STEPS,
            (_, unit) => unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_fill_up_counts_steps() {
        let check = |summary: &Summary, expected: [&str; 2]| {
            let clock = Clock::shared(summary);
            assert_eq!([&clock.duration(7_200.0), clock.unit("s")], expected);
        };
        check(&example::fill_up(), ["7,200 steps", "steps"]);
        check(&example::batch(), ["2.00 h", "s"]);
        let mut mixed = example::fill_up();
        mixed.variants.extend(example::batch().variants);
        check(&mixed, ["2.00 h", "s"]);
    }
}
