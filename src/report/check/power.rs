//! Power of the gates that hold: the smallest change that they find, and what their passes leave open.

use lab::check::{CheckReport, Gate, Outcome};
use lab::statistics::unseen_share;
use metrics::{Direction, registry};

use crate::format;

/// Smallest worsening that a gate with a test finds, of those that hold.
pub fn power(report: &CheckReport) -> Vec<String> {
    let told = report.gates.iter().filter_map(|gate| {
        let holds = matches!(gate.outcome, Outcome::Within | Outcome::Equivalent);
        let least = gate.detectable.filter(|_| holds)?;
        let sign = if gate.better == Direction::Higher {
            "−"
        } else {
            "+"
        };
        let share = gate.base.filter(|base| base.abs() > 0.0);
        let amount = match share {
            Some(base) => format!("{:.1} %", least / base.abs() * 100.0),
            None => format::value(least, &gate.unit),
        };
        let (entry, label) = (format::clean(&gate.entry), registry::title(&gate.metric));
        Some(format!("{entry} {label}: {sign}{amount}"))
    });
    told.collect()
}

/// Words on what passes by a test of few runs don't exclude.
pub fn unseen(report: &CheckReport) -> Option<String> {
    let passes = |gate: &&Gate| matches!(gate.outcome, Outcome::Within | Outcome::Equivalent);
    let gates = report.gates.iter().filter(passes);
    let by_test = gates.filter(|gate| gate.limit.starts_with("tested"));
    let runs = by_test.filter_map(|gate| Some(gate.judgement.as_ref()?.n).filter(|n| *n > 1));
    let share = format::fixed(100.0 * unseen_share(runs.min()?), 0);
    Some(format!(
        "passes by a test miss what happens in fewer than {share} % of runs"
    ))
}
