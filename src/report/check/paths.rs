//! Paths of the files that a report names.

use lab::check::CheckReport;
use units::{SortedMap, SortedSet};

use super::place_of;

/// The files that a report names as places.
pub fn files(report: &CheckReport) -> SortedSet<String> {
    let of_entries = report.entries.iter();
    let of_entries = of_entries.flat_map(|own| [own.file.as_str(), place_of(own).0]);
    let of_gates = report.gates.iter().map(|own| own.file.as_str());
    let of_changes = report.changes.iter().map(|own| own.file.as_str());
    let all = of_entries.chain(of_gates).chain(of_changes);
    all.map(str::to_owned).collect()
}

/// A report with other paths of its files.
pub fn with_paths(report: &CheckReport, paths: &SortedMap<String, String>) -> CheckReport {
    let mut report = report.clone();
    let put = |file: &mut String| {
        if let Some(path) = paths.get(file) {
            file.clone_from(path);
        }
    };
    for entry in &mut report.entries {
        let place = place_of(entry).0.to_owned();
        put(&mut entry.file);
        if let (Some(error), Some(path)) = (&mut entry.error, paths.get(&place)) {
            *error = error.replace(&format!("{place}:"), &format!("{path}:"));
        }
    }
    report.gates.iter_mut().for_each(|own| put(&mut own.file));
    report.changes.iter_mut().for_each(|own| put(&mut own.file));
    report
}
