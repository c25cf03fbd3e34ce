//! Growth in words: the month in which a cluster is full, and the table of the months.

use std::fmt::Write;

use super::PlanReport;
use lab::plan::growth::Month;
use lab::plan::loss::Unplaced;
use units::plural;

impl PlanReport<'_> {
    /// The month ahead that an answer is about, in words.
    pub(super) fn whose(&self) -> String {
        self.plan.ahead.map_or(String::new(), |own| {
            let pods = plural::count(own.pods, "pod");
            format!(" for the {pods} of month {}", own.month)
        })
    }

    /// Table of the months.
    pub(super) fn growth(&self, text: &mut String) {
        if self.plan.months.is_empty() {
            return;
        }
        if self.plan.ahead.is_some() {
            let _ = writeln!(text, "\ngrowth on the nodes of today");
        } else {
            text.push('\n');
        }
        let _ = writeln!(text, "month      pods   waiting");
        for month in &self.plan.months {
            let _ = writeln!(
                text,
                "{:>5}{:>10}{:>10}",
                month.month, month.pods, month.waiting
            );
            if let Some(missed) = &month.missed {
                let _ = writeln!(text, "{}", goal_missed(missed));
            }
        }
    }
}

/// Words for a goal that is missed.
pub(super) fn goal_missed(own: &Unplaced) -> String {
    format!("a goal is missed ({}: {})", own.pod, own.message)
}

/// The verdict about the last month that was looked at.
pub(super) fn verdict_of_growth(last: &Month) -> String {
    let pods = plural::count(last.pods, "pod");
    let month = last.month;
    match (&last.first, &last.missed) {
        (Some(first), _) => format!(
            "full in month {month}: of {pods}, {} {} no node ({}: {})",
            last.waiting,
            plural::either(last.waiting, "finds", "find"),
            first.pod,
            first.message
        ),
        (None, Some(missed)) => {
            format!("full in month {month}: with {pods} {}", goal_missed(missed))
        }
        (None, None) => format!(
            "not full within {}: all {pods} of month {month} find a node",
            plural::count(month, "month")
        ),
    }
}
