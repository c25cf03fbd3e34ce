//! Judging recorded decisions and published tables against what this program decides. Every family
//! calls the very functions that the simulator runs, so breaking one breaks its family. Where the
//! simulator runs a fast form of what a plain form defines (kube-scheduler, Mesos, Fleet, Swarm), both
//! have to give the recorded answer.

pub mod batsim;
pub mod batsim_shutdown;
mod cases;
pub mod cloudsim;
pub mod cluster_autoscaler;
pub mod door;
mod experiment_text;
pub mod fgd_orders;
pub mod fgd_placements;
pub mod fgd_tables;

pub mod go_rand;
pub mod hpa;
pub mod job_runs;
pub mod kube_controllers;
pub mod kube_releases;
pub mod kube_scheduler;
pub mod kueue;
pub mod metrics;
pub mod orchestrators;
pub mod place;
pub mod plan;

pub mod published;
pub mod real_cluster;
pub mod swf_sched;
pub mod table;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use door::{Door, DoorJudge, DoorReport, Said, Share};

/// Result of checking one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FamilyReport {
    /// The family's name.
    pub family: String,
    /// Cases that agree.
    pub passed: u64,
    /// Cases that don't.
    pub failed: u64,
    /// Cases that this program can't judge.
    pub unsupported: u64,
    /// The first disagreements, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disagreements: Vec<String>,
    /// Result of the same cases through files and the whole program, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<DoorReport>,
}

/// Number of disagreements that are described in words.
const TOLD: usize = 10;

impl FamilyReport {
    /// A report without cases.
    pub fn new(family: &str) -> Self {
        Self {
            family: family.to_owned(),
            ..Self::default()
        }
    }

    /// A case agrees.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// A case disagrees; `what` says which, what was expected and what was found.
    pub fn fail(&mut self, what: impl FnOnce() -> String) {
        self.failed += 1;
        self.tell(what);
    }

    /// Leaves out a number of cases that can't be judged; `why` says why, and what would help.
    pub fn leave_out(&mut self, cases: u64, why: impl FnOnce() -> String) {
        self.unsupported += cases;
        self.tell(why);
    }

    /// Counts a case: `Err` says how it disagrees.
    pub fn case(&mut self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.pass(),
            Err(words) => self.fail(|| words),
        }
    }

    /// Adds the cases of another report of the same family.
    pub fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.unsupported += other.unsupported;
        for words in other.disagreements {
            self.tell(|| words);
        }
    }

    fn tell(&mut self, words: impl FnOnce() -> String) {
        if self.disagreements.len() < TOLD {
            let words = words();
            if self.disagreements.last() != Some(&words) {
                self.disagreements.push(words);
            }
        }
    }

    /// Whether there was any case.
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed + self.unsupported == 0 && self.door.is_none()
    }
}

/// Selection of cases to judge.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Folders in which the traces that vectors name are found.
    pub traces: Vec<PathBuf>,
    /// Only these families and kinds, by name or glob; all if there are none.
    pub families: Vec<String>,
    /// Only cases whose name contains this text.
    pub case: Option<String>,
    /// Judge about this many runs, spread over what there is, instead of all.
    pub sample: Option<usize>,
    /// Cases that also go through files and the whole program.
    pub door: Option<Share>,
}

impl VerifyOptions {
    /// Whether a case of this name is to be judged.
    pub fn wants(&self, name: &str) -> bool {
        self.case
            .as_ref()
            .is_none_or(|part| name.contains(part.as_str()))
    }

    /// Whether cases that a family reports under this name are to be judged: the whole family is,
    /// or they are.
    pub fn wants_row(&self, family: &str, row: &str) -> bool {
        let mut patterns = self.families.iter();
        self.families.is_empty() || patterns.any(|one| selects(one, family) || selects(one, row))
    }
}

/// A family of vectors.
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// let name = Path::new("go_rng_vectors.csv.gz");
/// let family = verify::FAMILIES.iter().find(|family| (family.claims)(name));
/// assert_eq!(family.map(|family| family.name), Some("go-rand"));
/// ```
pub struct Family {
    /// The family's name.
    pub name: &'static str,
    /// Description of the family in a sentence.
    pub summary: &'static str,
    /// Whether a file of this name belongs to it.
    pub claims: fn(&Path) -> bool,
    /// The kinds of cases that its files hold side by side, each reported as a family of its own;
    /// empty if the family is one.
    pub kinds: &'static [&'static str],
    /// Judges files of the family. An error is a file that can't be read.
    pub judge: Judge,
    /// Way of its cases through files and the whole program.
    pub door: Door,
}

impl Family {
    /// Judges files, and what of them goes through the door.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn run(
        &self,
        files: &[PathBuf],
        options: &VerifyOptions,
    ) -> Result<Vec<FamilyReport>, String> {
        let mut reports = self.judge.run(files, options)?;
        if let Some(share) = options.door {
            door::open(self, files, options, share, &mut reports)?;
        }
        Ok(reports)
    }
}

/// Judge of files.
pub enum Judge {
    /// One report in all.
    One(fn(&[PathBuf], &VerifyOptions) -> Result<FamilyReport, String>),
    /// A report for each family that the files themselves name.
    Several(fn(&[PathBuf], &VerifyOptions) -> Result<Vec<FamilyReport>, String>),
}

impl Judge {
    /// Whether the files name what is reported, so that a name may be known only to them.
    pub fn is_named_by_files(&self) -> bool {
        matches!(self, Self::Several(_))
    }

    /// Judges files. An error is a file that can't be read.
    pub fn run(
        &self,
        files: &[PathBuf],
        options: &VerifyOptions,
    ) -> Result<Vec<FamilyReport>, String> {
        match self {
            Self::One(judge) => Ok(vec![judge(files, options)?]),
            Self::Several(judge) => judge(files, options),
        }
    }
}

/// Every family, in written order.
pub const FAMILIES: &[Family] = &[
    go_rand::FAMILY,
    fgd_orders::FAMILY,
    fgd_placements::FAMILY,
    fgd_tables::FAMILY,
    swf_sched::FAMILY,
    batsim::FAMILY,
    cloudsim::FAMILY,
    kube_releases::FAMILY,
    kube_scheduler::FAMILY,
    kueue::FAMILY,
    kube_controllers::DEPLOYMENT,
    kube_controllers::REPLICA_SET,
    kube_controllers::FAMILY,
    hpa::FAMILY,
    cluster_autoscaler::FAMILY,
    place::FAMILY,
    plan::FAMILY,
    metrics::FAMILY,
    orchestrators::FAMILY,
    real_cluster::FAMILY,
];

/// Whether a pattern (`name`, `name-*`, `*x*`) selects a family: by the whole name, or by the part
/// before a `-` (`fgd` selects `fgd-tables`).
pub fn selects(pattern: &str, family: &str) -> bool {
    matches_glob(pattern.as_bytes(), family.as_bytes())
        || family
            .strip_prefix(pattern)
            .is_some_and(|rest| rest.starts_with('-'))
}

fn matches_glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches_glob(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, tail)| matches_glob(pattern, tail))
        }
        (Some((b'?', rest)), Some((_, tail))) => matches_glob(rest, tail),
        (Some((head, rest)), Some((first, tail))) => head == first && matches_glob(rest, tail),
        _ => false,
    }
}

/// Finds a file below the traces folders: as given, or in a folder of this name.
pub(crate) fn find_trace(
    options: &VerifyOptions,
    folder: &str,
    names: &[String],
) -> Option<PathBuf> {
    let folders = options
        .traces
        .iter()
        .flat_map(|root| [root.join(folder), root.clone()]);
    folders
        .flat_map(|root| names.iter().map(move |name| root.join(name)))
        .find(|path| path.is_file())
}

/// A file's name as text.
pub(crate) fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_selected_by_their_own_names_and_by_that_of_their_family() {
        let options = |pattern: &str| VerifyOptions {
            families: vec![pattern.to_owned()],
            ..VerifyOptions::default()
        };
        for (pattern, expected) in [
            ("kube-spread", true),
            ("kube-scheduler", true),
            ("kube-*", true),
            ("kube-ports", false),
            ("spread", false),
        ] {
            let is_wanted = options(pattern).wants_row("kube-scheduler", "kube-spread");
            assert_eq!(is_wanted, expected, "{pattern}");
        }
        assert!(VerifyOptions::default().wants_row("kube-scheduler", "kube-spread"));
    }

    #[test]
    fn families_are_selected_by_name_prefix_and_glob() {
        for (pattern, family, expected) in [
            ("fgd", "fgd-tables", true),
            ("fgd-tables", "fgd-tables", true),
            ("fgd-*", "fgd-tables", true),
            ("*", "go-rand", true),
            ("go", "go-rand", true),
            ("gd", "fgd-tables", false),
            ("fgd-t?bles", "fgd-tables", true),
            ("swf", "go-rand", false),
        ] {
            assert_eq!(selects(pattern, family), expected, "{pattern} {family}");
        }
    }
}
