//! The family `real-cluster`: timelines recorded from the programs of a real Kubernetes control plane
//! with fake kubelets. A case is a folder with `manifests.yaml`, `driver.json` (what users did, and
//! when) and the recording: `timeline-1.jsonl`, `timeline-2.jsonl` … of repeats, or `expected.json`
//! with the times of every kind of change over the repeats.
//!
//! A case becomes an experiment of the system `kubernetes` under `models: production` (`experiment`).
//! What a run shows (`watch`) is turned into the kinds of change of the recording (`recorded`),
//! and counts and times are compared within the spread of the repeats (`compare`).

pub mod compare;
mod driver;
mod experiment;
mod patch;
mod pools;
mod recorded;
mod refusals;
mod rows;
mod translate;
mod watch;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use self::compare::{Verdict, compare};
use self::driver::Driver;
use self::experiment::Case;
use self::pools::Pools;
use self::recorded::Recording;
use super::door::Door;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use intake::Input;

/// Timelines of a real control plane.
pub const FAMILY: Family = Family {
    name: "real-cluster",
    summary: "timelines of a real Kubernetes control plane: what happens, how often and when",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Same,
};

/// Whether a file stands for the folder of a case: its driver, or else its recording, so that a case
/// without a part says which it lacks.
fn claims(path: &Path) -> bool {
    let has = |name: &str| path.with_file_name(name).is_file();
    match file_name(path) {
        DRIVER => has(MANIFESTS) || has("timeline-1.jsonl") || has("expected.json"),
        "timeline-1.jsonl" | "timeline-1.jsonl.gz" => !has(DRIVER) && has(MANIFESTS),
        "expected.json" => !has(DRIVER) && has(MANIFESTS) && !has("timeline-1.jsonl"),
        _ => false,
    }
}

/// The file of what users did.
const DRIVER: &str = "driver.json";

/// The file of the objects that a case begins with.
const MANIFESTS: &str = "manifests.yaml";

/// Why a case has no verdict.
pub(super) enum Trouble {
    /// It can't be read, or does not run.
    Wrong(String),
    /// This program has no words for it.
    Unsupported(String),
}

impl From<String> for Trouble {
    fn from(words: String) -> Self {
        Self::Wrong(words)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every family's judge may fail as a whole"
)]
fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    let named = files.iter().map(|file| {
        let folder = file.parent().unwrap_or(Path::new(""));
        (file_name(folder).to_owned(), folder)
    });
    let wanted: Vec<(String, &Path)> = named.filter(|(name, _)| options.wants(name)).collect();
    let step = options
        .sample
        .map_or(1, |sample| wanted.len().div_ceil(sample.max(1)).max(1));
    let chosen: Vec<&(String, &Path)> = wanted.iter().step_by(step).collect();
    let outcomes: Vec<Result<Verdict, Trouble>> = chosen
        .par_iter()
        .map(|(_, folder)| judge_folder(folder))
        .collect();
    for ((name, _), outcome) in chosen.into_iter().zip(outcomes) {
        match outcome {
            Ok(verdict) => report.case(verdict.outcome(name)),
            Err(Trouble::Wrong(why)) => report.fail(|| format!("{name}: {why}")),
            Err(Trouble::Unsupported(why)) => report.leave_out(1, || format!("{name}: {why}")),
        }
    }
    Ok(report)
}

/// Judges the case of a folder.
///
/// # Errors
/// The folder's files can't be read or run, or say what this program has no words for.
pub(super) fn judge_folder(folder: &Path) -> Result<Verdict, Trouble> {
    for (part, what) in [
        (
            DRIVER,
            "what users did and when, and the end of the recording",
        ),
        (MANIFESTS, "the objects that the case begins with"),
    ] {
        if !folder.join(part).is_file() {
            let words = format!("it has no `{part}` ({what}); add it to judge the case");
            return Err(Trouble::Unsupported(words));
        }
    }
    let driver = Driver::read(&text(&folder.join(DRIVER))?)?;
    let manifests = text(&folder.join(MANIFESTS))?;
    let case = Case::new(&driver, &manifests)?;
    let pools = Pools::of(&case, &driver);
    let recording = Recording::read(folder, &pools)?;
    let run = case.run(recording.phases(&driver), &pools)?;
    Ok(compare(&recording, &run, &driver))
}

/// The verdict on the case of a folder, in one line.
///
/// # Errors
/// The case can't be judged.
pub fn verdict_of(folder: &Path) -> Result<Verdict, String> {
    judge_folder(folder).map_err(|trouble| match trouble {
        Trouble::Wrong(why) | Trouble::Unsupported(why) => why,
    })
}

fn text(path: &Path) -> Result<String, String> {
    let text = Input::path(path).read_to_string();
    text.map_err(|error| error.to_string())
}
