//! Ground that candidates stand on: the experiment that they change, its inputs, and the held-out
//! experiments that decide at the end.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::TuneError;
use super::request::Candidate;
use crate::compare::Inputs;
use crate::difference::{Difference, differences};
use crate::folder::KeptFolder;
use crate::hashes::input_hashes;
use crate::source::{Source, within};
use crate::summary::InputSummary;
use intake::Input;
use scenario::as_run::document;
use scenario::schema::MeasuredWindow;
use scenario::{Color, Experiment, NamedText};
use units::nearest;

/// Name under which a candidate is loaded, for messages.
const CANDIDATE: &str = "candidate";
/// A candidate that changes nothing.
const UNCHANGED: NamedText<'_> = NamedText {
    name: CANDIDATE,
    text: "candidate: {}",
};
/// Field that holds the program of a candidate.
const EXTERNAL: &str = "system.scheduler.external";

/// Experiment that candidates change.
pub struct Ground {
    /// Text that candidates change.
    source: Source,
    sets: Vec<String>,
    /// The experiment as it stands.
    pub(super) base: Experiment,
    hashes: Vec<InputSummary>,
    inputs: Inputs,
    /// Hash over the experiment and the content of its files.
    pub(super) hash: String,
}

impl Ground {
    /// Ground of an experiment file, with values of `--set`; of several variants the named one, or the first.
    ///
    /// # Errors
    /// If the file is wrong, or has no such variant.
    pub fn of(
        mut source: Source,
        mut sets: Vec<String>,
        variant: Option<&str>,
    ) -> Result<Self, TuneError> {
        let mut base = source.experiment(&sets)?;
        let names = base.variants.iter().map(|plan| plan.name.as_str());
        let place = match variant {
            None => 0,
            Some(name) => names.clone().position(|own| own == name).ok_or_else(|| {
                let hint = nearest::hint(name, names);
                TuneError::Input(format!("--base: there is no variant `{name}`; {hint}"))
            })?,
        };
        let plan = base.variants.swap_remove(place);
        // A variant is the text that its candidates change.
        let as_written = source.variants(UNCHANGED, &sets)?;
        if as_written.variants[0].scenario != plan.scenario {
            source.text = document(&plan.scenario).to_string();
            sets.clear();
        }
        base.variants = vec![plan];
        let scenario = &base.variants[0].scenario;
        if scenario.metrics.window == MeasuredWindow::Auto {
            return Err(TuneError::Input(format!(
                "{}: `metrics.window: auto` finds another window for each candidate; state it by `from`",
                source.name
            )));
        }
        let hashes = input_hashes(&base)?;
        let inputs = Inputs::of(scenario, &hashes);
        let mut hasher = blake3::Hasher::new();
        hasher.update(document(scenario).to_string().as_bytes());
        for file in &hashes {
            hasher.update(file.blake3.as_bytes());
        }
        let hash = hasher.finalize().to_hex().to_string();
        Ok(Self {
            source,
            sets,
            base,
            hashes,
            inputs,
            hash,
        })
    }

    /// Seed of the first run.
    pub(super) fn seed(&self) -> u64 {
        self.base.variants[0].scenario.seed
    }

    /// Name of the experiment file.
    pub(super) fn name(&self) -> String {
        self.source.name.clone()
    }

    /// The experiment as a candidate changes it. Texts of programs are written below the folder.
    ///
    /// # Errors
    /// The mistake in the candidate, in words.
    pub(super) fn candidate(
        &self,
        candidate: &Candidate,
        folder: &KeptFolder,
    ) -> Result<Experiment, String> {
        let mut set = candidate.set.clone();
        if let Some(program) = self.program(candidate, folder)? {
            set.insert(EXTERNAL.to_owned(), Json::Object(program));
        }
        let text = json!({ CANDIDATE: set }).to_string();
        let variants = NamedText {
            name: CANDIDATE,
            text: &text,
        };
        let loaded = self.source.variants(variants, &self.sets);
        let mut experiment = loaded
            .map_err(|rejected| within(&rejected).render(Color::Off).trim_end().to_owned())?;
        self.source.complete(&mut experiment);
        let scenario = &experiment.variants[0].scenario;
        if scenario.seed != self.seed() {
            return Err(
                "`seed` is not a candidate's to change: all run with the same seeds".into(),
            );
        }
        let conflicts = self.inputs.conflicts(&Inputs::of(scenario, &self.hashes));
        if let Some(first) = conflicts.first() {
            return Err(format!(
                "`{first}` is part of the input, which is the same for all candidates"
            ));
        }
        Ok(experiment)
    }

    /// The program of a candidate, as the field that names it has it.
    fn program(
        &self,
        candidate: &Candidate,
        folder: &KeptFolder,
    ) -> Result<Option<Map<String, Json>>, String> {
        if candidate.policy.is_none() && candidate.source.is_none() {
            return Ok(None);
        }
        if !self.source.allows_external {
            let field = if candidate.source.is_some() {
                "source"
            } else {
                "policy"
            };
            return Err(format!(
                "`{field}` runs a program on this machine; allow that with `--allow-external`"
            ));
        }
        let mut program = candidate.policy.clone().unwrap_or_default();
        if let Some(source) = &candidate.source {
            let (command, ending) = source.language.command();
            let hash = blake3::hash(source.text.as_bytes()).to_hex();
            let name = format!("sources/{}.{ending}", &hash[..16]);
            let written = folder.write(&name, source.text.as_bytes());
            written.map_err(|error| error.to_string())?;
            let path = std::path::absolute(folder.file(&name)).unwrap_or(folder.file(&name));
            program.insert("command".to_owned(), json!([command, path]));
        }
        Ok(Some(program))
    }

    /// Hash over all that decides the result of a candidate on this ground.
    pub(super) fn key(&self, experiment: &Experiment) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.hash.as_bytes());
        let mut scenario = experiment.variants[0].scenario.clone();
        if let Some(external) = &mut scenario.system.scheduler.external {
            // Programs and libraries count by their content, wherever they are.
            if let Some(library) = &mut external.library
                && let Some(hash) = content(&experiment.base_dir.join(&library))
            {
                *library = hash.into();
            }
            for word in &mut external.command {
                if let Some(hash) = content(&experiment.base_dir.join(&word)) {
                    *word = hash;
                }
            }
        }
        hasher.update(document(&scenario).to_string().as_bytes());
        let is_new = |written: &String| !self.base.files.contains_key(written);
        for path in experiment.files.iter().filter(|own| is_new(own.0)) {
            hasher.update(content(path.1).unwrap_or_default().as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The first part but `system` in which a candidate differs from the base.
    pub(super) fn beside_system(&self, candidate: &Experiment) -> Option<String> {
        let [base, own] = [&self.base, candidate].map(|own| document(&own.variants[0].scenario));
        let all = differences(&base, &own, |_, value| value.clone());
        let mut paths = all.iter().map(Difference::path);
        paths.find(|path| path != "system" && !path.starts_with("system."))
    }

    /// This experiment under the system of a candidate.
    pub(super) fn under_system_of(&self, candidate: &Experiment) -> Experiment {
        let mut experiment = self.base.clone();
        let system = &candidate.variants[0].scenario.system;
        experiment.variants[0].scenario.system.clone_from(system);
        for (written, path) in &candidate.files {
            if !experiment.files.contains_key(written) {
                experiment.files.insert(written.clone(), path.clone());
            }
        }
        experiment
    }
}

/// Hash of the content of a file; none of what is no file.
fn content(path: &Path) -> Option<String> {
    path.is_file()
        .then(|| Input::path(path).blake3().ok())
        .flatten()
}
