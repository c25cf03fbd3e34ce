//! Making a recorded comparison again: all candidates, all seeds and perturbations, and every verdict.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::study::{RunRecord, STUDY_VERSION, Study};
use super::{CompareError, Settings, runs};
use crate::replicate::Workers;
use scenario::Experiment;

/// The name of the file that records a comparison in its result folder.
pub const STUDY_FILE: &str = "comparison.json";

/// Parts of a recorded comparison that tell how to make it again, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedStudy {
    /// Version of the form.
    pub schema_version: u32,
    /// Settings of the comparison.
    pub settings: Settings,
    /// The candidates with their runs.
    pub candidates: Vec<RecordedCandidate>,
    /// The pairs with every verdict; a report has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Json>,
    /// The candidates among each other, if that was asked for; a report has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_pairs: Option<Json>,
}

/// A candidate of a recorded comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedCandidate {
    /// The candidate's name.
    pub name: String,
    /// The candidate's runs with their digests.
    pub runs: Vec<RunRecord>,
}

impl RecordedStudy {
    /// The record of a comparison without its verdicts.
    pub fn of(study: &Study) -> Self {
        let candidates = study.candidates.iter().map(|own| RecordedCandidate {
            name: own.name.clone(),
            runs: own.runs.clone(),
        });
        Self {
            schema_version: study.schema_version,
            settings: study.settings.clone(),
            candidates: candidates.collect(),
            pairs: None,
            all_pairs: None,
        }
    }

    /// Reads what a comparison left; `None` of a comparison of finished runs, which made none.
    ///
    /// # Errors
    /// In words, why it can't be read.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let version = |json: &Json| json.get("schemaVersion").and_then(Json::as_u64);
        let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        // A table of variants side by side has the same name.
        if json.get("candidates").is_none() {
            return Ok(None);
        }
        match version(&json) {
            Some(version) if version == u64::from(STUDY_VERSION) => {}
            Some(version) if version > u64::from(STUDY_VERSION) => {
                return Err("it was written by a newer windtunnel; use that one".to_owned());
            }
            _ => {
                return Err(
                    "it was written by an older windtunnel and does not list its runs; use that one, \
                     or compare again"
                        .to_owned(),
                );
            }
        }
        let study: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        Ok(study.settings.is_made().then_some(study))
    }
}

/// A candidate of a comparison that was made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateCheck {
    /// The candidate's name.
    pub name: String,
    /// Number of recorded runs.
    pub runs: usize,
    /// The runs with another digest now, and those that were not made again.
    pub differing: Vec<RunRecord>,
    /// Number of runs made beyond those recorded.
    pub more: usize,
}

/// Result of making a comparison again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyCheck {
    /// The candidates, in the recorded order.
    pub candidates: Vec<CandidateCheck>,
    /// Number of recorded judgements; none if only digests are recorded.
    pub judgements: Option<usize>,
    /// The judgements that come out otherwise, as `CANDIDATE METRIC`.
    pub differing: Vec<String>,
}

impl StudyCheck {
    /// Returns whether everything is the same.
    pub fn is_same(&self) -> bool {
        let is_same = |own: &CandidateCheck| own.differing.is_empty() && own.more == 0;
        self.differing.is_empty() && self.candidates.iter().all(is_same)
    }
}

/// Makes a comparison again and compares every digest and every judgement.
///
/// # Errors
/// If a run fails, or the candidates can't be compared any more.
pub fn again(
    recorded: &RecordedStudy,
    experiment: &Experiment,
    workers: Workers<'_>,
) -> Result<StudyCheck, CompareError> {
    let made = runs::run(experiment, &recorded.settings, workers, None)?.study;
    let candidates = recorded.candidates.iter().map(|own| {
        let now = made.candidates.iter().find(|now| now.name == own.name);
        let now = now.map_or(&[][..], |now| &now.runs);
        let differing = own.runs.iter().filter(|run| !now.contains(run));
        CandidateCheck {
            name: own.name.clone(),
            runs: own.runs.len(),
            differing: differing.cloned().collect(),
            more: now.len().saturating_sub(own.runs.len()),
        }
    });
    let mut check = StudyCheck {
        candidates: candidates.collect(),
        judgements: None,
        differing: Vec::new(),
    };
    if let Some(pairs) = &recorded.pairs {
        let now = serde_json::to_value(&made.pairs).unwrap_or_default();
        let among = serde_json::to_value(&made.all_pairs).unwrap_or_default();
        let before = judgements(pairs, recorded.all_pairs.as_ref().unwrap_or(&Json::Null));
        let now = judgements(&now, &among);
        check.judgements = Some(before.len());
        let others = now.iter().map(Some).chain(std::iter::repeat(None));
        let differing = before.iter().zip(others);
        let differing = differing.filter(|(own, other)| *other != Some(*own));
        check.differing = differing.map(|(own, _)| own.name.clone()).collect();
    }
    Ok(check)
}

/// A judgement or a ranking as it is recorded.
#[derive(PartialEq)]
struct Recorded<'a> {
    name: String,
    judgement: &'a Json,
}

/// The judgements of the pairs, and those and the rankings of the candidates among each other.
fn judgements<'a>(pairs: &'a Json, all_pairs: &'a Json) -> Vec<Recorded<'a>> {
    let list = |json: &'a Json| json.as_array().into_iter().flatten();
    let text = |json: &Json, key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let rankings = list(&all_pairs["rankings"]).map(|ranking| Recorded {
        name: format!("ranking {}", text(ranking, "metric")),
        judgement: ranking,
    });
    let mut found: Vec<Recorded<'_>> = rankings.collect();
    for pair in list(pairs).chain(list(&all_pairs["pairs"])) {
        let candidate = text(pair, "candidate");
        for judgement in pair["metrics"].as_array().into_iter().flatten() {
            let metric = text(judgement, "metric");
            found.push(Recorded {
                name: format!("{candidate} {metric}"),
                judgement,
            });
        }
    }
    found
}
