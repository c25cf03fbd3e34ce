//! Parts of a suite that run alone: entries by name, and those that a change touches.

use std::path::{Path, PathBuf};

use lab::check::{SuiteScenario, entry_name, gated};
use scenario::files_of;
use scenario::schema::Objective;
use units::{SortedMap, SortedSet, plural};

use super::git::{Blob, Repository};
use super::suite::Suite;
use super::{CheckArguments, Failure};

/// Entries that are run alone; `None` for all of them.
pub(super) fn selected(
    arguments: &CheckArguments,
    suite: &Suite,
    names: &[String],
) -> Result<Option<Vec<String>>, Failure> {
    // What is accepted in part is run as a whole.
    let only = if arguments.accept {
        &[]
    } else {
        arguments.only.as_slice()
    };
    let gates = gated(&suite.scenarios);
    let entry_of = |text: &String| {
        let (entry, metric) = text.rsplit_once(':')?;
        let is_gated = |own: &Objective| metric == "digest" || own.id() == metric;
        gates
            .get(entry)?
            .iter()
            .any(is_gated)
            .then(|| entry.to_owned())
    };
    let entry_of = |text: &String| {
        let whole = Some(text).filter(|text| names.contains(text));
        whole.cloned().or_else(|| entry_of(text))
    };
    if let Some(unknown) = only.iter().find(|only| entry_of(only).is_none()) {
        if let Some((entry, metric)) = unknown.rsplit_once(':')
            && let Some(known) = gates.get(entry)
        {
            let known: Vec<String> = known.iter().map(|own| format!("`{}`", own.id())).collect();
            return Err(Failure::input(format!(
                "--only: `{entry}` has no objective on `{metric}`; it has {}",
                known.join(", ")
            )));
        }
        let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let unread = suite
            .broken
            .iter()
            .map(|own| own.path.display().to_string());
        let unread = match &*plural::first_of(unread, 3) {
            "" => String::new(),
            files => format!(", and those of {files}, which can't be read"),
        };
        return Err(Failure::input(format!(
            "--only: there is no entry `{unknown}`; entries are {}{unread}",
            known.join(", ")
        )));
    }
    let only = (!only.is_empty()).then(|| only.iter().filter_map(entry_of).collect::<Vec<_>>());
    let Some(commit) = &arguments.changed_since else {
        return Ok(only);
    };
    let mut changed = changed(arguments, &suite.scenarios, commit)?;
    changed.retain(|name| only.as_ref().is_none_or(|only| only.contains(name)));
    Ok(Some(changed))
}

/// Note on how much of a suite ran.
pub(super) fn note(arguments: &CheckArguments, run: usize, all: usize) -> Option<String> {
    let option = match (&arguments.changed_since, arguments.only.is_empty()) {
        (Some(commit), _) => format!("--changed-since {commit}"),
        (None, false) if !arguments.accept => "--only".to_owned(),
        _ => return None,
    };
    let all = plural::count(all, "entry");
    Some(format!("{run} of {all} ran (`{option}`)"))
}

/// Names of the entries of which a file is not that of a commit. A change of the suite's own file is one
/// of all.
fn changed(
    arguments: &CheckArguments,
    suite: &[SuiteScenario],
    commit: &str,
) -> Result<Vec<String>, Failure> {
    let folder = arguments.file.parent().unwrap_or(Path::new(""));
    let repository = Repository::of(&Path::new(".").join(folder))?;
    let commit = repository.commit(commit, "--changed-since")?;
    let mut read = vec![(None, SortedSet::from_iter([arguments.file.clone()]))];
    for scenario in suite {
        let experiment = &scenario.experiment;
        for plan in &experiment.variants {
            let found = files_of(&plan.scenario, &experiment.files);
            let files = found.into_values().chain([PathBuf::from(&scenario.file)]);
            // A program outside reads what nobody knows.
            let is_known = !plan.scenario.system.scheduler.asks_outside();
            let files = files.filter(|_| is_known).collect();
            read.push((Some(entry_name(experiment, &plan.name)), files));
        }
    }
    let others = Others::of(
        &repository,
        &commit,
        read.iter().flat_map(|(_, files)| files),
    )?;
    let is_other = |files: &SortedSet<PathBuf>| {
        files.is_empty() || files.iter().any(|file| others.holds(file))
    };
    let is_of_suite = is_other(&read[0].1);
    let entries = read.into_iter().filter_map(|(name, files)| {
        let name = name?;
        (is_of_suite || is_other(&files)).then_some(name)
    });
    Ok(entries.collect())
}

/// Files of the repository that are not those of a commit.
struct Others {
    top: PathBuf,
    files: SortedSet<PathBuf>,
    /// Links on the way to each file that is read.
    links: SortedMap<PathBuf, Vec<PathBuf>>,
}

impl Others {
    fn of<'a>(
        repository: &Repository,
        commit: &str,
        read: impl Iterator<Item = &'a PathBuf>,
    ) -> Result<Self, Failure> {
        let top = repository.top.clone();
        let blobs = repository.blobs(commit)?;
        let links: SortedMap<PathBuf, Vec<PathBuf>> =
            read.map(|path| (path.clone(), links(path))).collect();
        let own: SortedSet<PathBuf> = { links.iter() }
            .flat_map(|(path, links)| whole(path).into_iter().chain(links.iter().cloned()))
            .collect();
        let own = own.iter().filter_map(|path| path.strip_prefix(&top).ok());
        let known =
            |path: &&Path| blobs.contains_key(*path) && !path.to_string_lossy().contains('\n');
        let (known, mut new): (Vec<&Path>, Vec<&Path>) = own.partition(known);
        let is_link = |path: &&Path| top.join(path).is_symlink();
        let (of_links, known): (Vec<&Path>, Vec<&Path>) = known.into_iter().partition(is_link);
        for link in of_links {
            let id = repository.link_id(&top.join(link))?;
            let blob: Option<&Blob> = blobs.get(link);
            if !blob.zip(id).is_some_and(|(blob, id)| blob.is(&id)) {
                new.push(link);
            }
        }
        let places: Vec<PathBuf> = known.iter().map(|path| top.join(path)).collect();
        let ids = repository.ids(&places)?;
        let is_same = |place: usize| {
            let blob: Option<&Blob> = blobs.get(known[place]);
            blob.zip(ids.get(place))
                .is_some_and(|(blob, id)| blob.is(id))
        };
        new.extend(
            (0..known.len())
                .filter(|at| !is_same(*at))
                .map(|at| known[at]),
        );
        let gone = blobs.keys().filter(|path| !top.join(path).exists());
        let files = new.into_iter().chain(gone.map(PathBuf::as_path));
        Ok(Self {
            files: files.map(Path::to_path_buf).collect(),
            top,
            links,
        })
    }

    /// Whether a file is another one, or is in a folder that had more files, or has others.
    fn holds(&self, file: &Path) -> bool {
        let is_other = |link: &PathBuf| {
            let own = link.strip_prefix(&self.top);
            own.is_ok_and(|own| self.files.contains(own))
        };
        if self
            .links
            .get(file)
            .is_some_and(|links| links.iter().any(is_other))
        {
            return true;
        }
        let real = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        let Ok(own) = real.strip_prefix(&self.top) else {
            return false;
        };
        self.files.iter().any(|other| {
            let is_gone = !self.top.join(other).exists();
            let beside = own.parent().filter(|_| is_gone);
            other.starts_with(own) || beside.is_some_and(|folder| other.parent() == Some(folder))
        })
    }
}

/// Links on the way to a file, by the real paths of the folders that they are in: a link that leads
/// elsewhere than before is a change of what is read, though no file is another one.
fn links(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut way = PathBuf::new();
    for part in path.components() {
        let folder = if way.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &way
        };
        let real = folder.canonicalize();
        way.push(part);
        if let (true, Ok(real)) = (way.is_symlink(), real) {
            found.push(real.join(part));
        }
    }
    found
}

/// A file, or all files of a folder, where links lead.
fn whole(path: &Path) -> Vec<PathBuf> {
    let Ok(real) = path.canonicalize() else {
        return Vec::new();
    };
    let Ok(entries) = real.read_dir() else {
        return vec![real];
    };
    entries
        .flatten()
        .flat_map(|entry| whole(&entry.path()))
        .collect()
}
