//! Paths of files as code hosts know them: from the uppermost folder of the repository, where links lead.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use lab::check::CheckReport;
use report::check;

use super::outputs::CheckFormat;
use super::{CheckArguments, relative};
use crate::source::repository;

/// A report as a form shows it: in those for code hosts with paths from the repository's uppermost folder.
pub(super) fn in_form<'a>(
    arguments: &CheckArguments,
    report: &'a CheckReport,
    format: CheckFormat,
) -> Cow<'a, CheckReport> {
    if matches!(format, CheckFormat::Table | CheckFormat::Json) {
        return Cow::Borrowed(report);
    }
    let base = arguments.base.as_deref().unwrap_or_default();
    let of_suite = arguments.file.parent().unwrap_or(Path::new(""));
    let folders = [of_suite, Path::new(base)].map(real);
    let roots = folders.map(|folder| real(&repository(&folder)));
    let files = check::files(report);
    let files = files.iter().map(|file| {
        let of_base = file
            .strip_prefix(base)
            .and_then(|file| file.strip_prefix(':'));
        let path = real(Path::new(file));
        let mut below = roots.iter().filter_map(|root| path.strip_prefix(root).ok());
        let below = below.next().map(|path| path.display().to_string());
        let path = of_base.map(str::to_owned).or(below);
        (file.clone(), path.unwrap_or_else(|| file.clone()))
    });
    Cow::Owned(check::with_paths(report, &files.collect()))
}

/// Names the files of changes below the current folder without detours.
pub(super) fn straighten(report: &mut CheckReport) {
    for change in &mut report.changes {
        let path = real(Path::new(&change.file));
        let below = relative(&path);
        if below != path {
            change.file = below.display().to_string();
        }
    }
}

/// A path from the root, where links lead; of what is not there, without steps up.
pub(super) fn real(path: &Path) -> PathBuf {
    let path = Path::new(".").join(path);
    path.canonicalize().unwrap_or_else(|_| {
        let whole = std::path::absolute(&path).unwrap_or(path);
        let mut plain = PathBuf::new();
        for part in whole.components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                other => plain.push(other),
            }
        }
        plain
    })
}
