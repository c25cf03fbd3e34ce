//! `windtunnel check --base`: the suite as a commit or a folder has it, run beside the present one. Its
//! results stand for a stored baseline.

use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use lab::check::{
    Acknowledgement, BaseSide, Baseline, Bisection, BrokenBase, CheckReport, CheckSettings,
    Divergence, ErrorKind, FoundDivergence, SuiteResults, SuiteScenario, align, baseline_of,
    entry_name, gated, judge, name_lines, run as run_suite, system_changes, unchanged,
};
use lab::shell::{quoted, set_flags};
use scenario::schema::Objective;
use scenario::{Code, Experiment};
use units::{SortedMap, SortedSet, plural};

use super::baseline::acknowledgements;
use super::git::{Commit, Repository};
use super::inside::Inside;
use super::outputs::one_line;
use super::suite::{BrokenScenario, Suite};
use super::{CheckArguments, Exit, Failure, Global, Judged, limited, relative};
use crate::divergence::parting;
use crate::source::repository;
use crate::temporary::TemporaryFolder;

/// Objectives by the name of their entry.
type Gates = SortedMap<String, Vec<Objective>>;

/// Side that a suite is compared with.
struct Base {
    /// Its name, as the user gave it.
    name: String,
    /// Its scenarios; none where it does not have the suite.
    suite: Vec<SuiteScenario>,
    /// Files of the suite that can't be read, relative to its folder; empty for the suite's own.
    broken: SortedMap<PathBuf, BrokenBase>,
    /// Acknowledgements of its own baseline.
    acknowledgements: Vec<Acknowledgement>,
    /// Its commit, where it is one.
    commit: Option<Commit>,
}

/// Runs of both sides.
#[derive(Clone, Copy)]
struct Sides<'a> {
    suite: &'a [SuiteScenario],
    head: &'a SuiteResults,
    base: &'a SuiteResults,
    /// The base's runs as the baseline.
    baseline: &'a Baseline,
    settings: &'a CheckSettings,
}

/// Runs a suite and its base, and holds the one against the other.
pub(super) fn judged(
    global: &Global,
    arguments: &CheckArguments,
    Suite {
        scenarios: mut suite,
        broken: unread,
        ..
    }: Suite,
    name: &str,
    settings: CheckSettings,
) -> Result<Judged, Failure> {
    let mut base = Base::read(global, arguments, name)?;
    let (gates, of_base) = (gated(&suite), gated(&base.suite));
    let mut notes = align(&mut suite, &mut base.suite, settings.seeds);
    let held = notes.len();
    if let Some(commit) = &base.commit {
        notes.extend(commit.lag(name)?);
    }
    let same = unchanged(&mut suite, &mut base.suite);
    let (both, mut removed): (Vec<String>, Vec<String>) = of_base
        .keys()
        .cloned()
        .partition(|name| gates.contains_key(name));
    let of_unread = base.entries_in(arguments, &unread);
    removed.retain(|name| arguments.only.is_empty() && !of_unread.contains(name));
    let is_unchanged = removed.is_empty() && gates.keys().all(|name| same.contains(name));
    let settings = CheckSettings {
        baseline: name.to_owned(),
        has_baseline: true,
        ..settings
    };
    let mut side = BaseSide {
        name: name.to_owned(),
        removed,
        broken: base.unread(arguments, &suite),
        acknowledgements: base.acknowledgements.clone(),
    };
    let mut head = limited(global, arguments, |workers| {
        run_suite(&suite, None, &settings, workers)
    })?;
    let of_both = of_both(&settings, both, &same);
    let results = limited(global, arguments, |workers| {
        run_suite(&base.suite, None, &of_both, workers)
    })?;
    let not_run = base.not_run(&results, &of_base);
    let broken = base.broken.values().chain(not_run.values());
    notes.extend(broken.map(|broken| broken.why.clone()));
    side.broken.extend(not_run);
    notes.extend(base.new_entries(&gates, &of_base, &side, settings.only.as_ref()));
    let settings = CheckSettings {
        base: Some(side),
        ..settings
    };
    let mut baseline = baseline_of(&results, &head, &same, &of_base, &settings.suite);
    baseline.acknowledgements = acknowledgements(arguments, &Inside::of(global, arguments))?;
    restore(&mut head, &gates);
    let sides = Sides {
        suite: &suite,
        head: &head,
        base: &results,
        baseline: &baseline,
        settings: &settings,
    };
    let mut report = base.report(global, arguments, &sides)?;
    let has_run = { report.entries.iter() }.all(|entry| entry.error.is_none());
    if is_unchanged && has_run {
        let what = plural::either(report.loosened.len() + held + 1, "nothing", "nothing else");
        notes.push(format!(
            "{what} changed since `{name}`: both sides are the same, and ran once"
        ));
    }
    report.notes.splice(0..0, notes);
    Ok(Judged::Report(Box::new(report)))
}

/// Settings under which the base runs what both sides have, unless it is the same.
fn of_both(
    settings: &CheckSettings,
    mut both: Vec<String>,
    same: &SortedSet<String>,
) -> CheckSettings {
    let only = settings.only.as_ref();
    both.retain(|name| !same.contains(name) && only.is_none_or(|only| only.contains(name)));
    CheckSettings {
        only: Some(both),
        ..settings.clone()
    }
}

/// Gives entries their own objectives again, without those that only the base has.
fn restore(head: &mut SuiteResults, gates: &Gates) {
    for entry in &mut head.entries {
        if let Some(own) = gates.get(&entry.report.name) {
            entry.objectives.clone_from(own);
        }
    }
}

impl Base {
    fn read(global: &Global, arguments: &CheckArguments, name: &str) -> Result<Self, Failure> {
        let folder = arguments.file.parent().unwrap_or(Path::new(""));
        let folder = Path::new(".").join(folder).canonicalize();
        let folder = folder
            .map_err(|error| Failure::input(format!("{}: {error}", arguments.file.display())))?;
        let file = arguments.file.file_name().filter(|name| *name != "-");
        let file = file.map(|name| folder.join(name));
        let file = file.ok_or_else(|| {
            Failure::input("--base: a suite on standard input has no place in the base")
        })?;
        if Path::new(name).is_dir() {
            return Self::of_folder(global, arguments, name, &file);
        }
        let repository = Repository::of(&folder)?;
        let id = repository.commit(name, "--base")?;
        let place = file.strip_prefix(&repository.top).unwrap_or(&file);
        let place = place.to_path_buf();
        let tree = repository.tree(&id)?;
        let (file, root) = (
            tree.folder.path().join(&place),
            tree.folder.path().to_path_buf(),
        );
        let mut base = Self {
            name: name.to_owned(),
            suite: Vec::new(),
            broken: SortedMap::new(),
            acknowledgements: Vec::new(),
            commit: Some(Commit {
                id,
                repository,
                tree,
            }),
        };
        if file.exists() {
            base.load(global, arguments, file, root)?;
        }
        Ok(base)
    }

    fn of_folder(
        global: &Global,
        arguments: &CheckArguments,
        name: &str,
        file: &Path,
    ) -> Result<Self, Failure> {
        let own = file.parent().map(repository).unwrap_or_default();
        let places = [
            file.strip_prefix(own).ok(),
            Some(arguments.file.as_path()).filter(|path| path.is_relative()),
            file.file_name().map(Path::new),
        ];
        let places = places.into_iter().flatten();
        let mut places = places.map(|place| Path::new(name).join(place));
        let first = places.clone().next().unwrap_or_default();
        // The suite itself is no base, whatever folder is given.
        let is_base = |place: &PathBuf| {
            place.is_file() && place.canonicalize().is_ok_and(|place| place != file)
        };
        let found = places.find(is_base).ok_or_else(|| {
            Failure::input(format!(
                "--base {name}: {} is not there; give a folder that has the base's files at the same \
                 places, or a commit by a name that no folder has, such as `refs/heads/main`",
                first.display()
            ))
        })?;
        let folder = Path::new(name).canonicalize().map_err(Failure::input)?;
        let mut above = folder.ancestors();
        let root = above.find(|above| above.join(".git").exists());
        let root = root.unwrap_or(&folder).to_path_buf();
        let mut base = Self {
            name: name.to_owned(),
            suite: Vec::new(),
            broken: SortedMap::new(),
            acknowledgements: Vec::new(),
            commit: None,
        };
        base.load(global, arguments, found, root)?;
        Ok(base)
    }

    /// Reads the suite, which reads nothing outside of a folder.
    fn load(
        &mut self,
        global: &Global,
        arguments: &CheckArguments,
        file: PathBuf,
        root: PathBuf,
    ) -> Result<(), Failure> {
        let inside = Inside::below(global, arguments, Some(root));
        let arguments = CheckArguments {
            file,
            ..arguments.clone()
        };
        // What can't be read there acknowledges nothing.
        self.acknowledgements = acknowledgements(&arguments, &inside).unwrap_or_default();
        let folder = arguments.file.parent().unwrap_or(Path::new(""));
        match Suite::read(global, &arguments, &inside) {
            Ok(suite) => {
                for own in suite.broken {
                    let place = own.path.strip_prefix(folder).unwrap_or(&own.path);
                    let broken = self.broken(&own.why);
                    self.broken.insert(place.to_path_buf(), broken);
                }
                self.suite = suite.scenarios;
            }
            Err(why) => {
                let broken = self.broken(&why);
                self.broken.insert(PathBuf::new(), broken);
            }
        }
        let files = self
            .suite
            .iter()
            .flat_map(|own| own.experiment.files.values());
        let pointers = self.commit.iter().flat_map(|commit| &commit.tree.pointers);
        let missing = files
            .zip(std::iter::repeat(pointers))
            .find_map(|(file, mut all)| all.find(|pointer| pointer.starts_with(file)).cloned());
        match missing {
            None => Ok(()),
            Some(path) => Err(self.failure(&format!(
                "{}: Git LFS holds the file, and this clone does not have it; `git lfs fetch origin \
                 {}` fetches it",
                path.display(),
                self.name
            ))),
        }
    }

    /// Failure of a base that can't be read or run.
    fn failure(&self, message: &str) -> Failure {
        let name = &self.name;
        let mut message = message.to_owned();
        let mut hint = String::new();
        if let Some(Commit { tree, .. }) = &self.commit {
            // The files are where nobody looks for them.
            let folder = format!("{}/", tree.folder.path().display());
            message = message.replace(&folder, &format!("{name}:"));
            if let Some(submodule) = tree.submodules.first() {
                hint = format!(
                    "\nhelp: files of the submodule {} are not in the commit; check out both sides \
                     with their submodules, and give the base as a folder: `--base DIR`",
                    submodule.display()
                );
            }
        }
        let gap = if message.contains('\n') { "\n" } else { " " };
        let words = format!("base {name}:{gap}{message}{hint}");
        Failure::new(Exit::Incomparable, words)
    }

    /// Report of both sides, with the changes behind failed gates, and files of the base by its name.
    fn report(
        &self,
        global: &Global,
        arguments: &CheckArguments,
        sides: &Sides<'_>,
    ) -> Result<CheckReport, Failure> {
        let Sides {
            suite,
            head,
            base,
            baseline,
            settings,
        } = *sides;
        let file = relative(&arguments.file).display().to_string();
        let divergence =
            |question: Divergence<'_>| self.first_divergence(&question, base, &arguments.sets);
        let held = Some((baseline, self.name.as_str()));
        let mut report = judge(head, held, &file, settings, &divergence);
        let folder = TemporaryFolder::new()?;
        let experiments = suite.iter().map(|scenario| scenario.experiment.clone());
        let experiments: Vec<Experiment> = experiments.collect();
        limited(global, arguments, |workers| {
            let bisection = Bisection {
                experiments: &experiments,
                head,
                base,
                baseline,
                settings,
                folder: folder.path(),
                workers,
            };
            bisection.explain(&mut report);
        });
        name_lines(&mut report, baseline);
        if let Some(commit) = &self.commit {
            commit.name_files(&mut report, &self.name);
        }
        Ok(report)
    }

    /// Note on entries that the base does not have.
    fn new_entries(
        &self,
        gates: &Gates,
        of_base: &Gates,
        side: &BaseSide,
        only: Option<&Vec<String>>,
    ) -> Option<String> {
        if self.suite.is_empty() && self.broken.is_empty() {
            let name = &self.name;
            return Some(format!("`{name}` has no such suite: all of it is new"));
        }
        let is_new = |name: &&String| {
            let is_known = of_base.contains_key(*name) || side.broken.contains_key(*name);
            !is_known && only.is_none_or(|only| only.contains(name))
        };
        let new: Vec<&str> = gates.keys().filter(is_new).map(String::as_str).collect();
        let words = || format!("new, and held to absolute limits alone: {}", new.join(", "));
        (!new.is_empty()).then(words)
    }

    /// A part of the base that can't be read.
    fn broken(&self, why: &Failure) -> BrokenBase {
        BrokenBase {
            why: one_line(&strip_str(&self.failure(&why.message).message).to_string()),
            // A file that is missing may be one that only this base lacks, such as one of a submodule.
            is_wrong: why.exit == Exit::Input && !why.message.contains(&Code::MissingFile.id()),
        }
    }

    /// Entries of the suite whose scenario can't be read in the base.
    fn unread(
        &self,
        arguments: &CheckArguments,
        suite: &[SuiteScenario],
    ) -> SortedMap<String, BrokenBase> {
        let folder = arguments.file.parent().map(relative).unwrap_or_default();
        let whole = self.broken.get(Path::new(""));
        let single = self
            .broken
            .get(Path::new(arguments.file.file_name().unwrap_or_default()));
        let mut found = SortedMap::new();
        for own in suite {
            let file = Path::new(&own.file);
            let place = file.strip_prefix(&folder).unwrap_or(file);
            let Some(broken) = self.broken.get(place).or(whole).or(single) else {
                continue;
            };
            let plans = own.experiment.variants.iter();
            let names = plans.map(|plan| entry_name(&own.experiment, &plan.name));
            found.extend(names.map(|name| (name, broken.clone())));
        }
        let names = gated(&self.suite);
        found.retain(|name, _| !names.contains_key(name));
        found
    }

    /// Entries of the base in files that the suite has, and that can't be read there.
    fn entries_in(
        &self,
        arguments: &CheckArguments,
        unread: &[BrokenScenario],
    ) -> SortedSet<String> {
        let folder = arguments.file.parent().unwrap_or(Path::new(""));
        let places = unread
            .iter()
            .filter_map(|own| own.path.strip_prefix(folder).ok());
        let places: Vec<&Path> = places.collect();
        let is_there = |own: &&SuiteScenario| {
            let file = Path::new(&own.file);
            places.iter().any(|place| file.ends_with(place))
        };
        let own: Vec<SuiteScenario> = self.suite.iter().filter(is_there).cloned().collect();
        gated(&own).keys().cloned().collect()
    }

    /// Entries that could not be run.
    fn not_run(&self, results: &SuiteResults, of_base: &Gates) -> SortedMap<String, BrokenBase> {
        let broken = results.entries.iter().filter_map(|entry| {
            let report = &entry.report;
            let error = report.error.as_ref()?;
            let words = format!("{} could not be run: {error}", report.name);
            let broken = BrokenBase {
                why: self.failure(&words).message,
                // What the suite measures of it must not be what breaks it.
                is_wrong: report.error_kind == Some(ErrorKind::Input)
                    && of_base.get(&report.name) == Some(&entry.objectives),
            };
            Some((report.name.clone(), broken))
        });
        broken.collect()
    }

    /// First decision at which the base and the suite part: with the worst seed, or the first later one
    /// that differs.
    fn first_divergence(
        &self,
        question: &Divergence<'_>,
        results: &SuiteResults,
        sets: &[String],
    ) -> Option<FoundDivergence> {
        let entry = question.entry;
        let mut entries = results.entries.iter();
        let base = entries.find(|other| other.report.name == entry.report.name)?;
        let changes = system_changes(&base.system, &entry.system);
        let sides = [
            (&base.scenario, &base.locations),
            (&entry.scenario, &entry.locations),
        ];
        let (seed, words) = parting(sides, &question.seeds, &changes).ok()??;
        let of = |file: &str, variant: Option<&String>| {
            quoted(&variant.map_or_else(|| file.to_owned(), |name| format!("{file}:{name}")))
        };
        let (checkout, file) = self.place(&base.report.file);
        let seed = format!("seed={seed}");
        let sets = sets.iter().map(String::as_str).chain([seed.as_str()]);
        let look = format!(
            "{checkout}windtunnel diff {} {}{}",
            of(&file, base.variant.as_ref()),
            of(&entry.report.file, entry.variant.as_ref()),
            set_flags(sets)
        );
        Some(FoundDivergence {
            words,
            look: Some(look),
        })
    }

    /// A file of the base where a command finds it, and the command that puts it there.
    fn place(&self, file: &str) -> (String, String) {
        let Some(commit) = &self.commit else {
            return (String::new(), file.to_owned());
        };
        let id = &commit.id[..commit.id.len().min(12)];
        let folder = format!("/tmp/windtunnel-{id}");
        let inside = commit.inside(file);
        let inside = inside.unwrap_or_else(|| PathBuf::from(file));
        let top = relative(&commit.repository.top);
        let is_here = std::env::current_dir().is_ok_and(|here| here.starts_with(&top));
        let place = if is_here {
            String::new()
        } else {
            format!("-C {} ", quoted(&top.display().to_string()))
        };
        let checkout = format!("git {place}worktree add --detach {folder} {id} && ");
        (checkout, format!("{folder}/{}", inside.display()))
    }
}
