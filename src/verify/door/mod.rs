//! The front door: what [`crate`]'s other judges ask of the functions that decide, asked of the whole
//! program. A case is written as files, as a user would (an experiment, manifests, configurations),
//! in memory, and takes the path of the command line: `run` (the experiment is loaded, prepared and
//! run), `explain` of a run or of a dump, `place`. What a run shows is held against the recording.
//!
//! A case that files can't say is counted with its reason, and so is a family without a door. Which
//! cases go through the door, where it is not all of them, follows from a hash of their names.

pub(crate) mod batch;
pub(crate) mod folder;
pub(crate) mod lines;
pub(crate) mod watch;

use std::path::PathBuf;

use serde::Serialize;

use super::{Family, FamilyReport, VerifyOptions};

/// Cases that go through the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of them.
    All,
    /// At most this many of each row, by the hash of their names.
    Most(usize),
}

/// Judges cases of files through the program, by row.
pub type DoorJudge =
    fn(&[PathBuf], &VerifyOptions, Share) -> Result<Vec<(String, DoorReport)>, String>;

/// Way of the cases of a family through the program.
#[derive(Clone, Copy)]
pub enum Door {
    /// Its judge runs files itself; there is no other.
    Same,
    /// This function writes cases as files and runs them.
    Judge(DoorJudge),
    /// No command answers what it records; why.
    Closed(&'static str),
}

/// Reason of rows whose cases are not written as files.
pub(crate) const UNWRITTEN: &str = "verify writes no files for these cases";

/// Result of the cases of a row at the door.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DoorReport {
    /// Cases that agree.
    pub passed: u64,
    /// Cases that don't.
    pub failed: u64,
    /// Cases that files can't say.
    pub unsaid: u64,
    /// The first disagreements, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disagreements: Vec<String>,
    /// Reasons why cases are unsaid, with their number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<(String, u64)>,
}

/// Number of disagreements that are described in words.
const TOLD: usize = 10;

/// Outcome of a case at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// All that is recorded and that the program shows agrees.
    Agrees,
    /// Something doesn't, in words.
    Differs(String),
    /// Files can't say it; why.
    Unsaid(String),
}

impl Said {
    /// The outcome of a case of this name.
    #[must_use]
    pub fn of(self, id: &str) -> Self {
        match self {
            Self::Differs(words) => Self::Differs(format!("{id}: {words}")),
            other => other,
        }
    }
}

impl DoorReport {
    /// Counts a case.
    pub fn count(&mut self, said: Said) {
        match said {
            Said::Agrees => self.passed += 1,
            Said::Differs(words) => {
                self.failed += 1;
                if self.disagreements.len() < TOLD {
                    self.disagreements.push(words);
                }
            }
            Said::Unsaid(why) => self.leave_out(why, 1),
        }
    }

    /// Leaves out a number of cases for a reason.
    pub fn leave_out(&mut self, why: String, cases: u64) {
        self.unsaid += cases;
        match self.reasons.iter_mut().find(|(own, _)| *own == why) {
            Some((_, count)) => *count += cases,
            None => self.reasons.push((why, cases)),
        }
    }
}

/// Adds what the door of a family says to its reports.
///
/// # Errors
/// A file can't be read.
pub(super) fn open(
    family: &Family,
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
    reports: &mut Vec<FamilyReport>,
) -> Result<(), String> {
    match family.door {
        Door::Same => {
            for report in reports {
                report.door = Some(DoorReport {
                    passed: report.passed,
                    failed: report.failed,
                    ..DoorReport::default()
                });
            }
        }
        Door::Closed(why) => {
            for report in reports {
                let mut door = DoorReport::default();
                door.leave_out(why.to_owned(), report.passed + report.failed);
                report.door = Some(door);
            }
        }
        Door::Judge(judge) => {
            for (row, door) in judge(files, options, share)? {
                let known = reports.iter_mut().find(|report| report.family == row);
                let report = if let Some(report) = known {
                    report
                } else {
                    reports.push(FamilyReport::new(&row));
                    let last = reports.len() - 1;
                    &mut reports[last]
                };
                report.door = Some(door);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_disagreements_told() {
        let mut report = DoorReport::default();
        report.count(Said::Agrees);
        report.count(Said::Differs("x".to_owned()));
        report.count(Said::Unsaid("no field".to_owned()));
        report.count(Said::Unsaid("no field".to_owned()));
        assert_eq!((report.passed, report.failed, report.unsaid), (1, 1, 2));
        assert_eq!(report.reasons, [("no field".to_owned(), 2)]);
        assert_eq!(report.disagreements, ["x"]);
    }
}
