//! Repeated runs with the system of a baseline: for `check`, which names the first differing
//! decision, and for `diff --baseline`, which shows it in detail.

use std::path::Path;

use serde_json::Value as Json;

use lab::check::{Divergence, FoundDivergence, divergence_words, system_changes, with_system};
use lab::diff::{Side, first_difference};
use lab::shell::{quoted, set_flags};
use scenario::{Experiment, Scenario, load};

use super::source::Source;
use super::{Failure, Global, interrupt};

/// Scenario with the system that a baseline stores for it.
pub(super) fn with_baseline_system(
    global: &Global,
    scenario: &Scenario,
    file: &Path,
    baseline: &Path,
    system: &Json,
    seed: u64,
) -> Result<Experiment, Failure> {
    let source = Source::read(global, Some(file))?;
    let text = with_system(scenario, system, seed);
    load(&text, &source.name, source.options(&[])).map_err(|_| {
        Failure::input(format!(
            "{}: this program can't read the system it holds for `{}`; use the program that wrote \
             it, or accept a new baseline with `--accept`",
            baseline.display(),
            scenario.name
        ))
    })
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
    /// seed, or the first later seed that differs.
    pub(super) fn first_divergence(&self, question: &Divergence<'_>) -> Option<FoundDivergence> {
        let entry = question.entry;
        let unseen = |words: String| Some(FoundDivergence { words, look: None });
        let changes = system_changes(question.base_system, &entry.system);
        if changes.is_empty() {
            return unseen(format!(
                "the system is the same as in the baseline: this program decides differently from \
                 windtunnel {}, which wrote the baseline",
                question.base_program
            ));
        }
        let file = Path::new(&entry.report.file);
        for &seed in &question.seeds {
            let base = with_baseline_system(
                self.global,
                &entry.scenario,
                file,
                self.baseline,
                question.base_system,
                seed,
            );
            let base = match base {
                Ok(base) => base,
                Err(failure) => return unseen(failure.message),
            };
            let mut head = entry.scenario.clone();
            head.seed = seed;
            let sides =
                [("base", &base.variants[0].scenario), ("head", &head)].map(|(label, scenario)| {
                    Side {
                        label: label.to_owned(),
                        scenario,
                        files: &base.files,
                    }
                });
            let found = first_difference([&sides[0], &sides[1]], interrupt::flag()).ok()?;
            if let Some(words) = divergence_words(seed, &found, &changes) {
                let look = Some(self.look(question, seed));
                return Some(FoundDivergence { words, look });
            }
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
