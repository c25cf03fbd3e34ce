//! Snapshots and forks of `windtunnel run`.

use std::path::{Path, PathBuf};

use intake::Input;
use lab::experiment::scenario_text;
use lab::folder::{Existing, ResultFolder, write_file};
use lab::journey::Journey;
use lab::travel::{FORK_FILE, Fork, Snapshot, may_follow};
use scenario::{Experiment, as_run};
use units::{Duration, Instant};

use super::run_arguments::RunArguments;
use super::source::Source;
use super::{Exit, Failure, Global, output};

/// Snapshots that a run writes or starts from.
#[derive(Default)]
pub(super) struct Trip {
    /// Time and file of the snapshot to write.
    snapshot_at: Option<(Instant, PathBuf)>,
    /// Snapshot that the run starts from.
    from: Option<(PathBuf, Snapshot)>,
    /// Experiment until the snapshot.
    before: Option<Experiment>,
    /// Experiment after the snapshot.
    pub(super) after: Option<Experiment>,
    existing: Option<Existing>,
}

impl Trip {
    pub(super) fn new(global: &Global, arguments: &RunArguments) -> Result<Self, Failure> {
        if let [at, file] = arguments.snapshot_at.as_slice() {
            return Self::taking(arguments, at, Path::new(file));
        }
        match &arguments.from {
            Some(file) => Self::starting(global, arguments, file),
            None => Ok(Self::default()),
        }
    }

    fn taking(arguments: &RunArguments, at: &str, file: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::input(format!(
                "--snapshot-at `{at}`: {why}; write a time and a file, such as \
                 `--snapshot-at 3d at-3d.json`"
            ))
        };
        let time: Duration = at.parse().map_err(|error| wrong(format!("{error}")))?;
        if time < Duration::ZERO {
            return Err(wrong("the time is negative".to_owned()));
        }
        if !arguments.force && file.exists() {
            return Err(Failure::input(format!(
                "{}: exists; choose another file, or replace it with `--force`",
                file.display()
            )));
        }
        Ok(Self {
            snapshot_at: Some((Instant::ZERO + time, file.to_path_buf())),
            existing: Some(Existing::forced(arguments.force)),
            ..Self::default()
        })
    }

    fn starting(global: &Global, arguments: &RunArguments, file: &Path) -> Result<Self, Failure> {
        let text = Input::path(file).read_to_string()?;
        let wrong = |why: String| Failure::input(format!("{}: {why}", file.display()));
        let snapshot = Snapshot::parse(&text).map_err(wrong)?;
        let name = format!("{} (its scenario)", file.display());
        let source = Source::of(
            global,
            name,
            snapshot.scenario.clone(),
            snapshot.base_dir(file),
        );
        let before = source.experiment(&[])?;
        let after = variant_sets(&source, &before, &arguments.sets)?;
        may_follow(&before, &after).map_err(|why| Failure::input(format!("--set: {why}")))?;
        snapshot.same_inputs(&before)?.map_err(|why| {
            Failure::new(Exit::Incomparable, format!("{}: {why}", file.display()))
        })?;
        Ok(Self {
            from: Some((file.to_path_buf(), snapshot)),
            before: Some(before),
            after: Some(after),
            ..Self::default()
        })
    }

    /// Journey of the run, if it stops on the way.
    pub(super) fn journey(&self) -> Option<Journey<'_>> {
        if let Some((at, _)) = &self.snapshot_at {
            return Some(Journey::to(*at));
        }
        let ((_, snapshot), before) = self.from.as_ref().zip(self.before.as_ref())?;
        Some(Journey::from(snapshot, before))
    }

    fn is_changed(&self) -> bool {
        self.before != self.after
    }

    /// Default result folder: a changed continuation never replaces its original.
    pub(super) fn default_folder(&self, name: &str) -> Result<PathBuf, Failure> {
        if self.is_changed() {
            output::default_folder(&format!("{name}-fork"))
        } else {
            output::default_folder(name)
        }
    }

    /// Failure, with the exit code of a snapshot that does not fit.
    pub(super) fn failure(failure: Failure, journey: Option<&Journey<'_>>) -> Failure {
        if journey.is_some_and(Journey::has_strayed) {
            return Failure {
                exit: Exit::Incomparable,
                ..failure
            };
        }
        failure
    }

    /// Writes the snapshot, once the run is over: one that was interrupted leaves none in the way of the
    /// next try.
    pub(super) fn keep_snapshot(
        &self,
        experiment: &Experiment,
        journey: Option<&Journey<'_>>,
    ) -> Result<(), Failure> {
        if let (Some((_, file)), Some(journey)) = (&self.snapshot_at, journey) {
            let snapshot = journey.take_snapshot(experiment, file)?;
            let existing = self.existing.unwrap_or(Existing::Refuse);
            write_file(file, snapshot.to_json().as_bytes(), existing)?;
        }
        Ok(())
    }

    /// Writes the description of the fork, if it is one, and returns it.
    pub(super) fn keep_fork(
        &self,
        folder: &ResultFolder,
        sets: &[String],
    ) -> Result<Option<Fork>, Failure> {
        let fork = self.fork(folder, sets);
        if let Some(fork) = &fork {
            folder.json(FORK_FILE, fork)?;
        }
        Ok(fork)
    }

    fn fork(&self, folder: &ResultFolder, sets: &[String]) -> Option<Fork> {
        let (file, snapshot) = self.from.as_ref().filter(|_| self.is_changed())?;
        Some(Fork {
            snapshot: file.display().to_string(),
            at_ns: snapshot.at_ns,
            sets: sets.to_vec(),
            scenario: scenario_text(self.before.as_ref()?, folder),
        })
    }
}

/// Experiment with `--set` applied to every variant, above the overrides of variants: the field has
/// the new value from here on.
fn variant_sets(
    source: &Source,
    before: &Experiment,
    sets: &[String],
) -> Result<Experiment, Failure> {
    let mut after = before.clone();
    if sets.is_empty() {
        return Ok(after);
    }
    for variant in &mut after.variants {
        let alone = Experiment {
            name: variant.name.clone(),
            variants: vec![variant.clone()],
            ..before.clone()
        };
        let alone = Source {
            name: source.name.clone(),
            text: as_run::to_yaml(&alone),
            search: source.search.clone(),
            ..source.clone()
        };
        if let Some(changed) = alone.experiment(sets)?.variants.pop() {
            variant.scenario = changed.scenario;
        }
    }
    Ok(after)
}
