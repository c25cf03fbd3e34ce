//! Regressions that a baseline puts up with for a while, and entries that nothing is left of.

use super::limit::{excess, number, rounded};
use super::run::SuiteResults;
use super::{Acknowledgement, BaseSide, Baseline, CheckSettings, Gate, Outcome};
use units::Date;

/// Regressions that the baseline puts up with for now. What is acknowledged and expired, no longer
/// needed or not in the suite is told.
pub(super) fn acknowledge(
    gates: &mut [Gate],
    results: &SuiteResults,
    baseline: &Baseline,
    settings: &CheckSettings,
    notes: &mut Vec<String>,
) {
    let today = settings.today;
    for known in &baseline.acknowledgements {
        let expires = end_of(known);
        let is_of = |gate: &Gate| gate.entry == known.entry && gate.metric == known.metric;
        let is_gated = gates.iter().any(is_of);
        let regressed = gates
            .iter_mut()
            .filter(|gate| is_of(gate) && gate.outcome.is_failure());
        let mut is_used = false;
        for gate in regressed {
            is_used = true;
            let worse = worse(gate, results);
            hold(gate, known, worse, today);
            let base = settings.base.as_ref();
            if gate.outcome == Outcome::Acknowledged && base.is_some_and(|own| !own.allows(known)) {
                gate.is_acknowledged_here = true;
                let note = gate.note.take().unwrap_or_default();
                gate.note = Some(format!("acknowledged by this change, {note}"));
            }
        }
        if is_used {
            continue;
        }
        let what = format!("the acknowledgement of {} {}", known.entry, known.metric);
        notes.push(if !is_gated {
            format!("{what} matches nothing that is gated here; correct it, or remove it")
        } else if expires < today {
            format!("{what} expired on {expires} and is not needed; remove it")
        } else {
            format!("{what} is no longer needed; remove it")
        });
    }
}

impl BaseSide {
    /// Whether the base puts up with as much for as long.
    fn allows(&self, known: &Acknowledgement) -> bool {
        self.acknowledgements.iter().any(|own| {
            (&own.entry, &own.metric) == (&known.entry, &known.metric)
                && own.allow >= known.allow
                && end_of(own) >= end_of(known)
        })
    }
}

/// The last day of an acknowledgement.
fn end_of(known: &Acknowledgement) -> Date {
    known.expires.parse().unwrap_or(Date::from_days(0))
}

/// Worsening of a gate as a share: of the baseline's value, or beyond a bound, of that.
fn worse(gate: &Gate, results: &SuiteResults) -> Option<f64> {
    if let Some(judgement) = &gate.judgement {
        return judgement.relative.map(f64::abs);
    }
    let mut entries = results.entries.iter();
    let entry = entries.find(|entry| entry.report.name == gate.entry)?;
    let mut objectives = entry.objectives.iter();
    let objective = objectives.find(|own| own.id() == gate.metric && !own.is_relative())?;
    let bound = objective.max.as_ref().or(objective.min.as_ref())?;
    let size = Some(number(bound).abs()).filter(|size| *size > 0.0);
    Some(excess(objective, gate.head?) / size.unwrap_or(1.0))
}

fn hold(gate: &mut Gate, known: &Acknowledgement, worse: Option<f64>, today: Date) {
    let expires = end_of(known);
    let most = (known.allow.zip(worse)).filter(|(most, is)| is > most);
    if expires > today.next_year() {
        gate.note = Some(format!(
            "its acknowledgement (\"{}\") ends on {expires}, which is more than a year ahead; renew it \
             year by year",
            known.reason
        ));
    } else if expires < today {
        gate.note = Some(format!(
            "its acknowledgement (\"{}\") expired on {expires}; fix the regression, or renew the \
             acknowledgement with its reason",
            known.reason
        ));
    } else if let Some((most, _)) = most {
        gate.note = Some(format!(
            "worse than its acknowledgement allows ({} %)",
            rounded(most * 100.0)
        ));
    } else {
        gate.outcome = Outcome::Acknowledged;
        gate.note = Some(format!("until {expires}: {}", known.reason));
    }
}

/// Entries of the baseline that the suite no longer has; none while a scenario of the suite can't be read, as
/// they may be its own.
pub(super) fn orphans(results: &SuiteResults, baseline: &Baseline) -> Vec<String> {
    let mut entries = results.entries.iter();
    if entries.any(|entry| entry.report.error.is_some()) {
        return Vec::new();
    }
    let is_run = |name: &str| {
        let mut entries = results.entries.iter();
        entries.any(|entry| entry.report.name == name)
    };
    let names = baseline.entries.keys().filter(|name| !is_run(name));
    names.map(ToString::to_string).collect()
}
