//! Command line that repeats a comparison.

use std::path::Path;

use lab::compare::Study;
use lab::shell::{quoted, set_flags};

use super::super::Global;
use super::super::submission;
use super::CompareArguments;

/// Command line that repeats the comparison.
pub(super) fn rerun(arguments: &CompareArguments, path: Option<&Path>, study: &Study) -> String {
    let mut words = vec!["windtunnel compare".to_owned()];
    let name = |path: &Path| quoted(&path.display().to_string());
    words.extend(path.map(name));
    if let Some(file) = &arguments.variants {
        words.push(format!("--variants {}", name(file)));
    }
    if !arguments.systems.is_empty() {
        words.push(format!("--system {}", arguments.systems.join(",")));
    }
    words.extend(asked_of_metrics(arguments));
    let sets = set_flags(arguments.sets.iter().map(String::as_str));
    words.extend((!sets.is_empty()).then(|| sets.trim_start().to_owned()));
    let runs = study.candidates.iter().flat_map(|own| &own.runs);
    let seed = runs.map(|run| run.seed).next().unwrap_or(0);
    let settings = &study.settings;
    words.push(format!(
        "--baseline {} --seed {seed} --seeds {}",
        quoted(&study.baseline),
        settings.seeds
    ));
    words.extend(arguments.blocks.map(|block| format!("--blocks {block}")));
    if let Some(precision) = settings.precision {
        words.push(format!(
            "--precision {precision} --max-seeds {}",
            settings.seeds_max
        ));
    }
    words.join(" ")
}

/// Arguments of the program by which every shard makes its part of the runs, and a process behind them the comparison.
pub(super) fn shared(global: &Global, arguments: &CompareArguments) -> Vec<String> {
    let mut words = vec!["compare".to_owned()];
    let shown = |path: &Path| path.display().to_string();
    words.extend(arguments.what.iter().map(|path| shown(path)));
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    if let Some(file) = &arguments.variants {
        add("--variants", shown(file));
    }
    if !arguments.systems.is_empty() {
        add("--system", arguments.systems.join(","));
    }
    if let Some(name) = &arguments.baseline {
        add("--baseline", name.clone());
    }
    add("--seeds", arguments.seeds.to_string());
    if let Some(block) = arguments.blocks {
        add("--blocks", block.to_string());
    }
    for metric in &arguments.metrics {
        add("--metric", metric.clone());
    }
    if let Some((x, y)) = &arguments.pareto {
        add("--pareto", format!("{x},{y}"));
    }
    for set in &arguments.sets {
        add("--set", set.clone());
    }
    if let Some(seed) = arguments.seed {
        add("--seed", seed.to_string());
    }
    for folder in &arguments.records {
        add("--records", shown(folder));
    }
    words.extend((arguments.all_pairs).then(|| "--all-pairs".to_owned()));
    submission::add_global(global, &mut words);
    words
}

/// The command line for files that go elsewhere: an absolute path is the name of what it leads to.
pub(super) fn portable(rerun: &str, path: Option<&Path>) -> String {
    let absolute = path.filter(|path| path.is_absolute());
    let Some((path, name)) = absolute.and_then(|path| Some((path, path.file_name()?))) else {
        return rerun.to_owned();
    };
    rerun.replace(&*path.to_string_lossy(), &name.to_string_lossy())
}

/// Arguments of the command line that select metrics and pairs.
pub(super) fn asked_of_metrics(arguments: &CompareArguments) -> Vec<String> {
    let mut words = Vec::new();
    if !arguments.metrics.is_empty() {
        words.push(format!("--metric {}", arguments.metrics.join(" ")));
    }
    let pareto = arguments.pareto.as_ref();
    words.extend(pareto.map(|(x, y)| format!("--pareto {x},{y}")));
    words.extend((arguments.all_pairs).then(|| "--all-pairs".to_owned()));
    words
}
