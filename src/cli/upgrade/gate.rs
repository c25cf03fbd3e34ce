//! Gates of `upgrade` (`--fail-on`): bounds on the pods that differ, and in runs on metrics.

use std::str::FromStr;

use lab::upgrade::Difference;
use lab::upgrade::runs::{ComparedRuns, OF_RUNS};
use metrics::{Direction, registry};
use report::upgrade::UpgradeReport;
use units::{nearest, plural};

/// Bound on the number of pods with a difference, or on the change of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gate {
    subject: Subject,
    bound: f64,
    is_percent: bool,
}

/// Bounded quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    /// Pods with a difference.
    Pods(Difference),
    /// Metric of a run, by its id.
    Metric(String),
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no gate; expected `NAME>NUMBER` or `NAME>NUMBER%`, such as `moved>2%`"
            )
        };
        let (name, bound) = text.split_once('>').ok_or_else(wrong)?;
        let subject = subject(name.trim())?;
        let bound = bound.trim();
        let number = bound.strip_suffix('%').unwrap_or(bound).trim();
        let number: f64 = number.parse().map_err(|_| wrong())?;
        if !number.is_finite() || number < 0.0 {
            return Err(wrong());
        }
        Ok(Self {
            subject,
            bound: number,
            is_percent: bound.ends_with('%'),
        })
    }
}

fn subject(name: &str) -> Result<Subject, String> {
    let found = Difference::ALL.into_iter().find(|own| own.name() == name);
    if let Some(difference) = found {
        return Ok(Subject::Pods(difference));
    }
    if registry::find(name).is_some() {
        return Ok(Subject::Metric(name.to_owned()));
    }
    let hint = nearest::hint(name, Difference::ALL.map(Difference::name));
    Err(format!(
        "`{name}` is nothing that can be bounded; {hint}; of an experiment, metrics can be bounded \
         as well, such as `pending_time.p99>5%`"
    ))
}

impl Gate {
    fn unit(&self) -> &'static str {
        if self.is_percent { "%" } else { "" }
    }

    /// Refuses a gate that a dump does not measure.
    pub(super) fn check_for_dump(&self) -> Result<(), String> {
        match &self.subject {
            Subject::Pods(_) => Ok(()),
            Subject::Metric(name) => Err(format!(
                "--fail-on {name}: metrics are measured in runs of an experiment; a dump has {}",
                Difference::ALL.map(Difference::name).join(", ")
            )),
        }
    }

    /// Refuses a gate that runs do not measure.
    pub(super) fn check_for_runs(&self) -> Result<(), String> {
        match &self.subject {
            Subject::Pods(difference) if !OF_RUNS.contains(difference) => Err(format!(
                "--fail-on {}: runs keep neither ties nor messages; they have {}, and metrics such \
                 as `pending_time.p99>5%`",
                difference.name(),
                OF_RUNS.map(Difference::name).join(", ")
            )),
            _ => Ok(()),
        }
    }

    /// Words about the gate if the pods of a dump break it.
    pub(super) fn broken_by(&self, report: &UpgradeReport<'_>) -> Option<String> {
        let Subject::Pods(difference) = self.subject else {
            return None;
        };
        let count = report.upgrade.count(difference);
        let percent = report.percent(difference);
        let value = if self.is_percent {
            percent
        } else {
            report.upgrade.estimate(difference)
        };
        (value > self.bound).then(|| {
            format!(
                "gate {}>{}{} fails: {count} of {} ({percent:.2} %){}",
                difference.name(),
                self.bound,
                self.unit(),
                plural::count(report.upgrade.pods, "pod"),
                report.sample_words(difference)
            )
        })
    }

    /// Words about a gate that a sample alone keeps: the pods may break it as far as the interval goes.
    pub(super) fn doubted_by(&self, report: &UpgradeReport<'_>) -> Option<String> {
        let Subject::Pods(difference) = self.subject else {
            return None;
        };
        let is_doubted = report.upgrade.is_sample() && self.broken_by(report).is_none();
        is_doubted.then(|| {
            format!(
                "gate {}>{}{} holds by {}{}; `--sample 0` takes every pod",
                difference.name(),
                self.bound,
                self.unit(),
                plural::count(report.upgrade.pods, "pod"),
                report.sample_words(difference)
            )
        })
    }

    /// Words about the gate if the runs of an experiment break it.
    pub(super) fn broken_by_runs(&self, runs: &ComparedRuns) -> Option<String> {
        match &self.subject {
            Subject::Pods(difference) => self.broken_by_pods(*difference, runs),
            Subject::Metric(name) => self.broken_by_metric(name, runs),
        }
    }

    fn broken_by_pods(&self, difference: Difference, runs: &ComparedRuns) -> Option<String> {
        let percent = runs.percent(difference)?;
        let pods = runs.pods * percent / 100.0;
        let value = if self.is_percent { percent } else { pods };
        (value > self.bound).then(|| {
            format!(
                "gate {}>{}{} fails: {pods:.1} of {} ({percent:.2} %), the mean of {}",
                difference.name(),
                self.bound,
                self.unit(),
                plural::count(runs.pods.round() as u64, "pod"),
                plural::count(runs.seeds, "seed")
            )
        })
    }

    /// A metric without a better direction may change neither way.
    fn broken_by_metric(&self, name: &str, runs: &ComparedRuns) -> Option<String> {
        let gate = format!("gate {name}>{}{} fails", self.bound, self.unit());
        let Some(effect) = runs.measured.iter().find(|effect| effect.name == name) else {
            return Some(format!("{gate}: the runs have no value of it"));
        };
        let worse = |difference: f64| match registry::find(name).map(|(_, own)| own.direction) {
            Some(Direction::Lower) => difference,
            Some(Direction::Higher) => -difference,
            _ => difference.abs(),
        };
        let value = if self.is_percent {
            // From nothing to something is more than any share.
            let percent = effect.percent();
            percent.map_or_else(
                || f64::INFINITY * worse(effect.difference()).signum(),
                worse,
            )
        } else {
            worse(effect.difference())
        };
        let is_change = effect.difference().abs() > f64::EPSILON;
        (is_change && value > self.bound).then(|| {
            format!(
                "{gate}: {:.4} -> {:.4} {}, the mean of {}",
                effect.from,
                effect.to,
                effect.unit,
                plural::count(runs.seeds, "seed")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::upgrade::Effect;

    #[test]
    fn gates_are_read_and_wrong_ones_told() {
        let gate: Gate = "moved>2%".parse().expect("a gate");
        assert_eq!((gate.bound, gate.is_percent), (2.0, true));
        let gate: Gate = "waiting > 0".parse().expect("a gate");
        assert_eq!(
            (gate.subject, gate.is_percent),
            (Subject::Pods(Difference::Waits), false)
        );
        for (text, expected) in [
            ("moved", "is no gate"),
            ("moved>two", "is no gate"),
            ("moved>-1", "is no gate"),
            ("moved>NaN%", "is no gate"),
            ("moves>2%", "did you mean `moved`?"),
            ("pending_tim.p99>2%", "can be bounded"),
        ] {
            let error = text.parse::<Gate>().expect_err("no gate");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn gates_are_refused_where_nothing_measures_them() {
        let refused = |text: &str, is_dump: bool| {
            let gate: Gate = text.parse().expect("a gate");
            let checked = if is_dump {
                gate.check_for_dump()
            } else {
                gate.check_for_runs()
            };
            checked.is_err()
        };
        assert!(refused("pending_time.p99>5%", true) && refused("messages>0", false));
        assert!(!refused("messages>0", true) && !refused("pending_time.p99>5%", false));
    }

    #[test]
    fn runs_break_gates_in_the_worse_direction_alone() {
        let effect = |name: &str, from: f64, to: f64| Effect {
            name: name.to_owned(),
            unit: "s".to_owned(),
            from,
            to,
            interval: None,
        };
        let measured = vec![
            effect("pending_time.p99", 100.0, 110.0),
            effect("allocation.cpu.mean", 0.5, 0.6),
            effect("pods.never_placed", 0.0, 1.0),
        ];
        let runs = ComparedRuns {
            seeds: 2,
            differing: 1,
            pods: 50.0,
            shares: [10.0, 0.0, 0.0],
            effects: Vec::new(),
            measured,
        };
        for (text, is_broken) in [
            ("moved>9%", true),
            ("moved>5", false),
            ("moved>4", true),
            ("waiting>0", false),
            ("pending_time.p99>9%", true),
            ("pending_time.p99>11", false),
            ("allocation.cpu.mean>1%", false),
            ("pods.never_placed>50%", true),
            ("turnaround.p99>1%", true),
        ] {
            let gate: Gate = text.parse().expect("a gate");
            let broken = gate.broken_by_runs(&runs);
            assert_eq!(broken.is_some(), is_broken, "{text}: {broken:?}");
        }
    }
}
