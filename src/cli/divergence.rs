//! Repeated runs with the system of a baseline: for `check`, which names the first differing
//! decision, and for `diff --baseline`, which shows it in detail.

use std::path::Path;

use lab::check::{
    BaselineEntry, Divergence, FoundDivergence, divergence_words, system_changes, with_system,
};
use lab::diff::{DiffError, Side, first_difference};
use lab::objects::SYSTEM_FILE;
use lab::program;
use lab::shell::{quoted, set_flags};
use scenario::{Experiment, Files, Scenario, load};

use super::source::Source;
use super::temporary::TemporaryFolder;
use super::{Failure, Global, interrupt};

/// Experiment with the system that a baseline stores, and the files that hold what the baseline stores
/// of its files.
pub(super) struct OfBaseline {
    /// The experiment.
    pub(super) experiment: Experiment,
    /// Removed once the experiment is not run any more.
    _configs: Option<TemporaryFolder>,
}

/// Scenario with the system that a baseline stores for it.
pub(super) fn with_baseline_system(
    global: &Global,
    scenario: &Scenario,
    file: &Path,
    baseline: &Path,
    base: &BaselineEntry,
) -> Result<OfBaseline, Failure> {
    let source = Source::read(global, Some(file))?;
    let mut system = base.system.clone();
    let mut configs = None;
    if let Some(path) = system.pointer_mut("/scheduler/config")
        && let Some(text) = path.as_str().and_then(|written| base.configs.get(written))
    {
        let folder = TemporaryFolder::new()?;
        let file = folder.path().join("scheduler.yaml");
        std::fs::write(&file, text).map_err(Failure::incomplete)?;
        *path = file.display().to_string().into();
        configs = Some(folder);
    }
    let text = with_system(scenario, &system, scenario.seed);
    let experiment = load(&text, &source.name, source.options(&[])).map_err(|_| {
        Failure::input(format!(
            "{}: this program can't read the system it holds for `{}`; use the program that wrote \
             it, or accept a new baseline with `--accept`",
            baseline.display(),
            scenario.name
        ))
    })?;
    Ok(OfBaseline {
        experiment,
        _configs: configs,
    })
}

/// Number of seeds that are looked at for one with which a decision differs, where anything does.
const SEEDS_LOOKED_AT: usize = 6;

/// The first of some seeds with which a base and a head decide differently, and the decision in words. Where none of the
/// first few is one, the first with which anything differs.
pub(super) fn parting(
    sides: [(&Scenario, &Files); 2],
    seeds: &[u64],
    changes: &[String],
) -> Result<Option<(u64, String)>, DiffError> {
    let mut other = None;
    for (place, &seed) in seeds.iter().enumerate() {
        if other.is_some() && place >= SEEDS_LOOKED_AT {
            break;
        }
        let [then, now] = sides.map(|(scenario, _)| Scenario {
            seed,
            ..scenario.clone()
        });
        let side = |label: &str, place: usize, scenario| Side {
            label: label.to_owned(),
            scenario,
            files: sides[place].1,
            before: None,
        };
        let (base, head) = (side("base", 0, &then), side("head", 1, &now));
        let found = first_difference([&base, &head], interrupt::flag())?;
        if let Some(words) = divergence_words(seed, &found, changes) {
            if found.parting.is_some() || !found.is_in_names {
                return Ok(Some((seed, words)));
            }
            other.get_or_insert((seed, words));
        }
    }
    Ok(other)
}

/// Arguments of `check` that matter for the closer look.
pub(super) struct Asked<'a> {
    /// Flags of every command.
    pub(super) global: &'a Global,
    /// Path of the baseline file.
    pub(super) baseline: &'a Path,
    /// Overrides of fields (`--set`).
    pub(super) sets: &'a [String],
}

impl Asked<'_> {
    /// First decision at which the baseline's system differs from the current one: with the worst
    /// seed, or the first later seed that differs. `None` where other inputs than the system differ:
    /// the baseline's are not kept.
    pub(super) fn first_divergence(&self, question: &Divergence<'_>) -> Option<FoundDivergence> {
        if question.has_other_inputs {
            return None;
        }
        let entry = question.entry;
        let unseen = |words: String| Some(FoundDivergence { words, look: None });
        let mut changes = system_changes(&question.base.system, &entry.system);
        changes.extend(entry.configs.iter().filter_map(|(path, text)| {
            let base = question.base.configs.get(path)?;
            (base != text).then(|| format!("{SYSTEM_FILE}: the content of {path}"))
        }));
        if changes.is_empty() && question.base_program == program::identity() {
            let words = "system, program and inputs are those of the baseline, but for the order of objects";
            return unseen(words.to_owned());
        }
        if changes.is_empty() {
            return unseen(format!(
                "the system is the same as in the baseline: this program decides differently from \
                 windtunnel {}, which wrote the baseline",
                question.base_program
            ));
        }
        let file = Path::new(&entry.report.file);
        let base = with_baseline_system(
            self.global,
            &entry.scenario,
            file,
            self.baseline,
            question.base,
        );
        let held = match base {
            Ok(held) => held,
            Err(failure) => return unseen(failure.message),
        };
        let base = &held.experiment;
        let sides = [
            (&base.variants[0].scenario, &base.files),
            (&entry.scenario, &entry.locations),
        ];
        if let Some((seed, words)) = parting(sides, &question.seeds, &changes).ok()? {
            let look = Some(self.look(question, seed));
            return Some(FoundDivergence { words, look });
        }
        unseen("the baseline's system makes the same decisions with every seed".to_owned())
    }

    fn look(&self, question: &Divergence<'_>, seed: u64) -> String {
        let entry = question.entry;
        let variant = (entry.variant.as_deref()).map_or(String::new(), |name| format!(":{name}"));
        let seed = format!("seed={seed}");
        let sets = self.sets.iter().map(String::as_str).chain([seed.as_str()]);
        format!(
            "windtunnel diff {} --baseline {}{}",
            quoted(&format!("{}{variant}", entry.report.file)),
            quoted(&self.baseline.display().to_string()),
            set_flags(sets)
        )
    }
}
