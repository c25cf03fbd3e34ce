//! Conditions that hold between the values of every run, whatever it models: rules as data, evaluated at the end of
//! each run. What a family knows of itself alone, such as the range of a value, stands with its statistics
//! ([`crate::values::Statistic`]), what it keeps for no value is its own check
//! ([`crate::record::collector::Collector::check`]), and what holds of the cluster itself is
//! [`super::consistency`].

use crate::values::MetricValue;

/// A rule between values, by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// The first is never more than the second.
    AtMost(&'static str, &'static str),
    /// The first is the sum of the others.
    Sum(&'static str, &'static [&'static str]),
}

/// The rules of all runs.
pub const INVARIANTS: &[Invariant] = &[
    // A mean is no more than the most.
    Invariant::AtMost("energy.power.mean", "energy.power.peak"),
    Invariant::AtMost("missing_replicas.mean", "missing_replicas.max"),
    Invariant::AtMost("queue_length.mean", "queue_length.max"),
    Invariant::AtMost("quota_use.mean", "quota_use.peak"),
    // What is had is no more than what is wanted.
    Invariant::AtMost("usage.cpu.utilization", "usage.cpu.demand"),
    // A part is no more than the whole.
    Invariant::AtMost("energy.idle", "energy.total"),
    Invariant::AtMost("energy.boot", "energy.total"),
    Invariant::AtMost("jobs.waited", "jobs.measured"),
    // Nothing that was submitted is lost, or counts twice.
    Invariant::Sum(
        "jobs.measured",
        &[
            "jobs.succeeded",
            "jobs.failed",
            "jobs.rejected",
            "jobs.evicted",
            "jobs.cancelled",
            "jobs.running_at_end",
            "jobs.waiting_at_end",
        ],
    ),
    Invariant::Sum("pods.created", &["pods.bound", "pods.never_placed"]),
    Invariant::Sum(
        "pods.created",
        &[
            "pods.succeeded",
            "pods.failed",
            "pods.rejected",
            "pods.evicted",
            "pods.cancelled",
            "pods.running_at_end",
            "pods.pending_at_end",
        ],
    ),
];

/// The last parts of ids of one distribution, the least first.
const ORDER: [&str; 6] = ["min", "p50", "p90", "p95", "p99", "max"];

/// Looks whether all rules hold of the values of a run; those without a value break none.
///
/// # Errors
/// The first rule that is broken, in words.
pub fn evaluate(rules: &[Invariant], values: &[MetricValue]) -> Result<(), String> {
    let value_of = |id: &str| {
        let mut known = values.iter();
        known.find(|own| own.id == id)?.value
    };
    for rule in rules {
        match *rule {
            Invariant::AtMost(less, more) => {
                at_most((less, value_of(less)), (more, value_of(more)))?;
            }
            Invariant::Sum(whole, parts) => {
                let sum: Option<Vec<f64>> = parts.iter().map(|part| value_of(part)).collect();
                if let (Some(value), Some(parts)) = (value_of(whole), sum) {
                    let sum: f64 = parts.iter().sum();
                    if !is_close(value, sum) {
                        return Err(format!("{whole} is {value}, and its parts are {sum}"));
                    }
                }
            }
        }
    }
    let mut before: Option<(&str, &MetricValue)> = None;
    for own in values {
        let (family, place) = ranked(&own.id);
        let Some(place) = place else { continue };
        if let Some((known, last)) = before.replace((family, own))
            && known == family
            && let (_, Some(other)) = ranked(&last.id)
        {
            let (less, more) = if other < place {
                (last, own)
            } else {
                (own, last)
            };
            at_most((&less.id, less.value), (&more.id, more.value))?;
        }
    }
    Ok(())
}

/// The id of a distribution, and the place of one of its values in their order.
fn ranked(id: &str) -> (&str, Option<usize>) {
    let (family, name) = id.rsplit_once('.').unwrap_or(("", id));
    (family, ORDER.iter().position(|known| *known == name))
}

fn at_most(less: (&str, Option<f64>), more: (&str, Option<f64>)) -> Result<(), String> {
    let ((less, Some(low)), (more, Some(high))) = (less, more) else {
        return Ok(());
    };
    if low <= high || is_close(low, high) {
        Ok(())
    } else {
        Err(format!("{less} is {low}, and {more} is {high}"))
    }
}

/// Whether two values are equal, but for the rounding of floats.
fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::REGISTRY;

    fn value(id: &str, value: f64) -> MetricValue {
        MetricValue {
            least: None,
            id: id.to_owned(),
            value: Some(value),
            reason: None,
            approx: false,
            n: None,
        }
    }

    #[test]
    fn every_rule_is_about_values_that_there_are() {
        let listed = |id: &str| {
            REGISTRY.iter().any(|entry| {
                let own = id.strip_prefix(entry.subject);
                let own = own.and_then(|rest| rest.strip_prefix('.'));
                let mut all = entry.statistics.iter();
                own.is_some_and(|own| all.any(|statistic| statistic.path() == own))
            })
        };
        for rule in INVARIANTS {
            let ids = match rule {
                Invariant::AtMost(less, more) => vec![*less, *more],
                Invariant::Sum(whole, parts) => [&[*whole], *parts].concat(),
            };
            for id in ids {
                assert!(listed(id), "there is no {id}");
            }
        }
    }

    #[test]
    fn every_rule_can_break() {
        for rule in INVARIANTS {
            let mut values = match rule {
                Invariant::AtMost(less, more) => vec![value(less, 2.0), value(more, 1.0)],
                Invariant::Sum(whole, parts) => {
                    let parts = parts.iter().map(|part| value(part, 1.0));
                    parts.chain([value(whole, parts_len(rule) + 1.0)]).collect()
                }
            };
            assert!(evaluate(&[*rule], &values).is_err(), "{rule:?}");
            let right = match rule {
                Invariant::AtMost(..) => 2.0,
                Invariant::Sum(..) => parts_len(rule),
            };
            let last = values.len() - 1;
            values[last].value = Some(right);
            assert_eq!(evaluate(&[*rule], &values), Ok(()), "{rule:?}");
            values[last].value = None;
            assert_eq!(evaluate(&[*rule], &values), Ok(()), "{rule:?}");
        }
    }

    fn parts_len(rule: &Invariant) -> f64 {
        match rule {
            Invariant::AtMost(..) => 1.0,
            Invariant::Sum(_, parts) => parts.len() as f64,
        }
    }

    #[test]
    fn quantiles_are_in_order() {
        let wait = |p50, p99| [value("wait.pods.p50", p50), value("wait.pods.p99", p99)];
        assert_eq!(evaluate(&[], &wait(1.0, 1.0)), Ok(()));
        let broken = evaluate(&[], &wait(2.0, 1.0));
        let expected = "wait.pods.p50 is 2, and wait.pods.p99 is 1";
        assert_eq!(broken, Err(expected.to_owned()));
        // Of two families.
        let other = [value("a.p99", 2.0), value("b.p50", 1.0)];
        assert_eq!(evaluate(&[], &other), Ok(()));
    }
}
