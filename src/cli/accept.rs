//! `windtunnel check --accept`: stores the results as the new baseline, after showing the changes.

use std::path::Path;

use lab::check::{
    Baseline, BaselineMetric, Change, CheckReport, End, Selection, SuiteResults, accepted,
    accepted_only, changes,
};
use lab::folder::{Existing, locked, write_file};
use metrics::registry;
use report::check::{self, CheckForm, CheckOptions};
use report::format;

use super::{Exit, Failure, output};

/// Request to accept a new baseline.
pub(super) struct Acceptance<'a> {
    /// Entries to accept, as `ENTRY` or `ENTRY:METRIC`; all if empty.
    pub(super) only: &'a [String],
    /// Dry run: nothing is written.
    pub(super) is_dry: bool,
    /// Path of the baseline file.
    pub(super) path: &'a Path,
}

/// Shows the changes to the baseline as it then is, and accepts them.
pub(super) fn run(
    asked: &Acceptance<'_>,
    report: &CheckReport,
    results: &SuiteResults,
    read: &dyn Fn() -> Result<Option<Baseline>, Failure>,
) -> Result<Exit, Failure> {
    if asked.is_dry {
        return accept(asked, report, results, read()?.as_ref());
    }
    // Of several that accept a part each, the next reads what the one before has written.
    locked(asked.path, || {
        accept(asked, report, results, read()?.as_ref())
    })
}

fn accept(
    asked: &Acceptance<'_>,
    report: &CheckReport,
    results: &SuiteResults,
    old: Option<&Baseline>,
) -> Result<Exit, Failure> {
    let new = if asked.only.is_empty() {
        // Nothing of a suite that does not run as a whole is taken unasked.
        let exit = match report.end() {
            End::Broken => Some(Exit::Incomplete),
            End::WrongInput => Some(Exit::Input),
            _ => None,
        };
        if let Some(exit) = exit {
            output::print_with(|out| {
                check::write(out, report, CheckForm::Table, CheckOptions::default())
            })?;
            return Ok(exit);
        }
        accepted(results, old, &report.suite)
    } else {
        let only = asked.only.iter();
        let only: Vec<Selection> = only.map(|text| Selection::parse(text, results)).collect();
        accepted_only(results, old, &report.suite, &only)
            .map_err(|error| Failure::input(format!("--only: {error}")))?
    };
    let nothing = Baseline::default();
    let changes = changes(old.unwrap_or(&nothing), &new);
    let lines: String = changes.iter().map(|change| told(change) + "\n").collect();
    let count = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    let (would, path) = (
        if asked.is_dry { "would have " } else { "" },
        asked.path.display(),
    );
    let summary = format!(
        "Baseline {path}: {would}{} added, {} changed, {} removed\n",
        count(|change| matches!(change, Change::Added { .. } | Change::AddedEntry { .. })),
        count(|change| matches!(change, Change::Changed { .. })),
        count(|change| matches!(change, Change::Removed { .. }))
    );
    if !asked.is_dry {
        write_file(asked.path, new.to_text().as_bytes(), Existing::Replace)?;
    }
    output::print(format!("{lines}{summary}").as_bytes())?;
    Ok(Exit::Done)
}

fn told(change: &Change) -> String {
    let value = |metric: &BaselineMetric| match metric.mean {
        Some(mean) => format::value(mean, &metric.unit),
        None => format::UNDEFINED.to_owned(),
    };
    match change {
        Change::Added { entry, metric, new } => {
            format!("  + {entry} {}: {}", registry::title(metric), value(new))
        }
        Change::Changed {
            entry,
            metric,
            old,
            new,
        } => {
            let both = format::values(&[old.mean, new.mean], &new.unit);
            format!(
                "  ~ {entry} {}: {}",
                registry::title(metric),
                both.join(" → ")
            )
        }
        Change::Removed { entry, metric } => format!("  - {entry} {}", registry::title(metric)),
        Change::AddedEntry { entry, digest } => {
            let digest = digest.get(..12).unwrap_or(digest);
            format!("  + {entry}: digest {digest}")
        }
        Change::Entry { entry, what } => format!("  ~ {entry}: other {what}"),
    }
}
