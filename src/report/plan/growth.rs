//! Growth in words: the month in which a cluster is full, and the table of the months.

use std::fmt::Write;

use super::PlanReport;
use super::reasons::brief;
use intake::calendar::day_after;
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

    /// The day at the end of a month ahead, as far as the dump tells when it was taken.
    pub(super) fn day_of(&self, month: u32) -> Option<String> {
        day_after(self.taken_unix_secs?, month)
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
        let is_dated = self.day_of(0).is_some();
        let head = if is_dated {
            "month  by        "
        } else {
            "month"
        };
        let _ = writeln!(text, "{head}      pods   waiting");
        for month in &self.plan.months {
            let day = self.day_of(month.month);
            let day = day.map_or(String::new(), |day| format!("  {day}"));
            let _ = writeln!(
                text,
                "{:>5}{day}{:>10}{:>10}",
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
    format!("a goal is missed ({}: {})", own.pod, brief(&own.message))
}

/// The verdict about the last month that was looked at, and the day at its end.
pub(super) fn verdict_of_growth(last: &Month, day: Option<String>) -> String {
    let pods = plural::count(last.pods, "pod");
    let month = last.month;
    let by = day.map_or(String::new(), |day| format!(" (by {day})"));
    match (&last.first, &last.missed) {
        (Some(first), _) => format!(
            "full in month {month}{by}: of {pods}, {} {} no node ({}: {})",
            last.waiting,
            plural::either(last.waiting, "finds", "find"),
            first.pod,
            brief(&first.message)
        ),
        (None, Some(missed)) => {
            format!(
                "full in month {month}{by}: with {pods} {}",
                goal_missed(missed)
            )
        }
        (None, None) => format!(
            "not full within {}{by}: all {pods} of month {month} find a node",
            plural::count(month, "month")
        ),
    }
}
