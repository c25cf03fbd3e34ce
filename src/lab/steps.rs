//! The logical clock of a fill-up, on which a step is made for each pod that arrives. The simulator
//! counts a step as a second; summaries count in steps, rates among them: an hour has no meaning there.

/// Unit of durations on the clock of a fill-up.
pub const STEPS: &str = "steps";

/// Unit on the clock of a fill-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepUnit {
    /// Name of the unit.
    pub name: &'static str,
    /// Number of these units in one of the unit of simulated time.
    pub factor: f64,
}

impl StepUnit {
    /// Unit that stands for one of simulated time; `None` for units without time, and for money, power
    /// and energy, which only real time gives a meaning.
    pub fn of(unit: &str) -> Option<Self> {
        const HOUR: f64 = 3_600.0;
        let found = match unit {
            "s" => (STEPS, 1.0),
            "1/s" => ("1/step", 1.0),
            "1/h" => ("1/step", 1.0 / HOUR),
            "1/day" => ("1/step", 1.0 / (24.0 * HOUR)),
            "pods/h" => ("pods/step", 1.0 / HOUR),
            "1/1000 pod-hours" => ("1/1000 pod-steps", 1.0 / HOUR),
            "pod-hours" => ("pod-steps", HOUR),
            "core-hours" => ("core-steps", HOUR),
            "gpu-hours" => ("gpu-steps", HOUR),
            "node-hours" => ("node-steps", HOUR),
            "GiB s" => ("GiB steps", 1.0),
            _ => return None,
        };
        let (name, factor) = found;
        Some(Self { name, factor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::registry;

    #[test]
    fn every_unit_with_time_has_one_in_steps() {
        let check = |unit: &str, expected: Option<(&str, f64)>| {
            let found = StepUnit::of(unit).map(|own| (own.name, own.factor * 7_200.0));
            let found = found.map(|(name, amount)| (name, amount.round()));
            assert_eq!(found, expected, "{unit}");
        };
        check("1/h", Some(("1/step", 2.0)));
        check("pod-hours", Some(("pod-steps", 25_920_000.0)));
        check("pods", None);
        for entry in registry::REGISTRY {
            for statistic in entry.statistics {
                let unit = statistic.unit;
                let has_time = unit.ends_with("hours") || unit.contains("/h") || unit == "s";
                assert!(!has_time || StepUnit::of(unit).is_some(), "{unit}");
            }
        }
    }
}
