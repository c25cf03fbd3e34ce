//! Regressions that a baseline puts up with for a while, and entries that nothing is left of.

use super::run::SuiteResults;
use super::{Acknowledgement, Baseline, Gate, Outcome};
use units::Date;

/// Regressions that the baseline puts up with for now. What is acknowledged and expired, no longer
/// needed or not in the suite is told.
pub(super) fn acknowledge(
    gates: &mut [Gate],
    baseline: &Baseline,
    today: Date,
    notes: &mut Vec<String>,
) {
    for known in &baseline.acknowledgements {
        let expires = known.expires.parse::<Date>().unwrap_or(Date::from_days(0));
        let is_of = |gate: &Gate| gate.entry == known.entry && gate.metric == known.metric;
        let is_gated = gates.iter().any(is_of);
        let regressed = gates
            .iter_mut()
            .filter(|gate| is_of(gate) && gate.outcome.is_failure());
        let mut is_used = false;
        for gate in regressed {
            is_used = true;
            hold(gate, known, expires, today);
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

fn hold(gate: &mut Gate, known: &Acknowledgement, expires: Date, today: Date) {
    let relative = gate.judgement.as_ref().and_then(|found| found.relative);
    let most = (known.allow.zip(relative)).filter(|(most, is)| is.abs() > *most);
    if expires < today {
        gate.note = Some(format!(
            "its acknowledgement (\"{}\") expired on {expires}; fix the regression, or renew the \
             acknowledgement with its reason",
            known.reason
        ));
    } else if let Some((most, _)) = most {
        gate.note = Some(format!(
            "worse than its acknowledgement allows ({} %)",
            super::limit::rounded(most * 100.0)
        ));
    } else {
        gate.outcome = Outcome::Acknowledged;
        gate.note = Some(format!("until {expires}: {}", known.reason));
    }
}

/// Entries of the baseline that the suite no longer has.
pub(super) fn orphans(results: &SuiteResults, baseline: &Baseline, notes: &mut Vec<String>) {
    let is_run = |name: &str| {
        results
            .entries
            .iter()
            .any(|entry| entry.report.name == name)
    };
    for name in baseline.entries.keys().filter(|name| !is_run(name)) {
        notes.push(format!(
            "`{name}` of the baseline is no longer in the suite"
        ));
    }
}
