//! Logs in memory: those that were looked at last, read in the background and again where they grow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use serde::Deserialize;

use super::log::{Line, Log};
use super::refusal::Refusal;
use super::tail::Tail;

/// Name of the log in a result folder.
pub(crate) const EVENTS: &str = "events.jsonl.zst";
/// Folder in which each variant of a run writes its part until all are done.
const PARTS: &str = ".parts";
/// Logs that are kept; the one that was asked for longest ago goes first.
const MOST_LOGS: usize = 3;
/// Most bytes of a summary or a report that is read.
const MOST_BYTES: u64 = 256 << 20;

/// Time that a reader is given to take its turn, and how often.
const TURN: Duration = Duration::from_micros(100);
const MOST_TURNS: usize = 100;

/// A log that is shown, or being read.
pub(crate) struct Entry {
    log: RwLock<Log>,
    sources: Mutex<Vec<Tail>>,
    /// End of each variant, where the summary tells it.
    ends: RwLock<BTreeMap<String, i64>>,
    read: AtomicU64,
    whole: AtomicU64,
    is_reading: AtomicBool,
    /// Readers that wait for their turn.
    waiting: AtomicUsize,
    error: Mutex<Option<String>>,
}

impl Entry {
    /// An entry without a log yet.
    pub(crate) fn new() -> Self {
        Self {
            log: RwLock::new(Log::default()),
            sources: Mutex::new(Vec::new()),
            ends: RwLock::new(BTreeMap::new()),
            read: AtomicU64::new(0),
            whole: AtomicU64::new(1),
            is_reading: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            error: Mutex::new(None),
        }
    }

    /// The log as far as it is read.
    pub(crate) fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        log
    }

    /// Lets those go first who wait for the log: a lock that is taken again at once would keep them out.
    fn let_readers_in(&self) {
        for _ in 0..MOST_TURNS {
            if self.waiting.load(Ordering::SeqCst) == 0 {
                break;
            }
            std::thread::sleep(TURN);
        }
    }

    /// Changes the log.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Share of the file that is read.
    pub(crate) fn share(&self) -> f64 {
        let whole = self.whole.load(Ordering::Relaxed).max(1);
        (self.read.load(Ordering::Relaxed) as f64 / whole as f64).min(1.0)
    }

    /// Whether it is still being read.
    pub(crate) fn is_reading(&self) -> bool {
        self.is_reading.load(Ordering::Relaxed)
    }

    /// Reason why it can't be read further.
    pub(crate) fn error(&self) -> Option<String> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tells the end of a variant that goes on.
    pub(crate) fn reach(&self, variant: &str, end_ns: i64) {
        let mut ends = self.ends.write().unwrap_or_else(PoisonError::into_inner);
        ends.insert(variant.to_owned(), end_ns);
    }

    /// Tells why it can't be read further, or that it can.
    pub(crate) fn fail(&self, told: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// End of a variant: that of its run, else its last event.
    pub(crate) fn end(&self, variant: &str) -> i64 {
        let log = self.log();
        let last = log
            .variant(variant)
            .and_then(|own| own.times.last().copied());
        let ends = self.ends.read().unwrap_or_else(PoisonError::into_inner);
        let told = ends.get(variant).copied().unwrap_or(0);
        told.max(last.unwrap_or(0))
    }

    /// Reads what there is, in the calling thread.
    fn read(&self, folder: &Path) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.read_sources(folder, &mut sources);
        self.fail(read.err().map(|error| format!("{EVENTS}: {error}")));
    }

    fn read_sources(&self, folder: &Path, sources: &mut Vec<Tail>) -> std::io::Result<()> {
        let paths = files(folder);
        if !continues(sources, &paths) {
            sources.clear();
            let mut fresh = Log::default();
            for (variant, alarms) in alarms(folder) {
                fresh.expect(&variant, alarms);
            }
            self.change(|log| *log = fresh);
            self.read_ends(folder);
        }
        for path in &paths[sources.len()..] {
            sources.push(Tail::open(path)?);
        }
        let lengths = paths
            .iter()
            .map(|path| path.metadata().map_or(0, |own| own.len()));
        self.whole.store(lengths.sum(), Ordering::Relaxed);
        for at in 0..sources.len() {
            self.read_source(at, sources)?;
        }
        if folder.join("summary.json").is_file() {
            self.change(Log::finish);
            self.read_ends(folder);
        }
        Ok(())
    }

    fn read_source(&self, at: usize, sources: &mut [Tail]) -> std::io::Result<()> {
        loop {
            let mut goes_on = true;
            let mut failed = None;
            let tail = &mut sources[at];
            self.change(|log| match tail.piece(&mut |line| log.read(line)) {
                Ok(more) => goes_on = more,
                Err(error) => failed = Some(error),
            });
            let read = sources.iter().map(Tail::bytes).sum();
            self.read.store(read, Ordering::Relaxed);
            self.let_readers_in();
            match failed {
                Some(error) => return Err(error),
                None if !goes_on => return Ok(()),
                None => {}
            }
        }
    }

    fn read_ends(&self, folder: &Path) {
        *self.ends.write().unwrap_or_else(PoisonError::into_inner) = ends(folder);
    }

    fn is_stale(&self, folder: &Path) -> bool {
        let sources = self.sources.try_lock();
        sources.is_ok_and(|sources| {
            let paths = files(folder);
            sources.len() != paths.len()
                || !continues(&sources, &paths)
                || sources.iter().any(Tail::has_more)
        })
    }
}

/// Whether files are those that were read so far, and perhaps further ones.
fn continues(sources: &[Tail], paths: &[PathBuf]) -> bool {
    !sources.is_empty()
        && sources.len() <= paths.len()
        && sources.iter().zip(paths).all(|(own, path)| own.is_of(path))
}

/// Files of the log of a result folder: the log, or, while its run goes on, what the variants have written of it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let unfinished = format!("{EVENTS}.partial");
    for name in [EVENTS, &unfinished] {
        let path = folder.join(name);
        if path.is_file() {
            return vec![path];
        }
    }
    let entries = folder
        .join(PARTS)
        .read_dir()
        .into_iter()
        .flatten()
        .flatten();
    let numbered = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        let (number, rest) = name.split_once('-')?;
        let is_part = rest == EVENTS || rest == unfinished;
        Some((number.parse::<u32>().ok().filter(|_| is_part)?, path))
    };
    let mut parts: Vec<(u32, PathBuf)> = entries.filter_map(|own| numbered(own.path())).collect();
    parts.sort();
    parts.into_iter().map(|(_, path)| path).collect()
}

/// Logs that are kept.
#[derive(Default)]
pub(crate) struct Logs {
    entries: Mutex<Vec<(PathBuf, Arc<Entry>)>>,
}

impl Logs {
    /// The log of a result folder; it is read in the background where it is new or has grown.
    ///
    /// # Errors
    /// If the run left no log.
    pub(crate) fn of(&self, folder: &Path) -> Result<Arc<Entry>, Refusal> {
        if files(folder).is_empty() {
            return Err(Refusal::missing(format!(
                "the run has no {EVENTS}: run it again with `--events` to see the cluster at any instant"
            )));
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.iter().position(|(path, _)| path == folder);
        let own = match found {
            Some(at) => entries.remove(at),
            None => (folder.to_path_buf(), Arc::new(Entry::new())),
        };
        let entry = Arc::clone(&own.1);
        entries.push(own);
        if entries.len() > MOST_LOGS {
            entries.remove(0);
        }
        drop(entries);
        if entry.is_stale(folder) && !entry.is_reading.swap(true, Ordering::Relaxed) {
            let (entry, folder) = (Arc::clone(&entry), folder.to_path_buf());
            tokio::task::spawn_blocking(move || {
                entry.read(&folder);
                entry.is_reading.store(false, Ordering::Relaxed);
            });
        }
        Ok(entry)
    }
}

/// Part of a summary: when each variant ended.
#[derive(Deserialize)]
struct Summary {
    variants: Vec<SummaryVariant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SummaryVariant {
    name: String,
    end_ns: i64,
}

fn ends(folder: &Path) -> BTreeMap<String, i64> {
    let summary = read_json::<Summary>(&folder.join("summary.json"));
    let variants = summary.map(|own| own.variants).unwrap_or_default();
    variants
        .into_iter()
        .map(|own| (own.name, own.end_ns))
        .collect()
}

/// Part of a report: alerts and faults.
#[derive(Deserialize)]
struct Report {
    variants: Vec<ReportVariant>,
}

#[derive(Deserialize)]
struct ReportVariant {
    name: String,
    #[serde(default)]
    alarms: Option<Alarms>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Alarms {
    alerts: Vec<Alert>,
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    at_ns: i64,
    #[serde(rename = "alert")]
    rule: String,
    #[serde(default)]
    service: String,
    turn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fault {
    since_ns: i64,
    object: String,
    cause: String,
    #[serde(default)]
    healed_ns: Option<i64>,
}

fn alarms(folder: &Path) -> Vec<(String, Vec<Line<'static>>)> {
    let Some(report) = read_json::<Report>(&folder.join("report.json")) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for variant in report.variants {
        let own = variant.alarms.unwrap_or_default();
        let name = variant.name;
        let line = |time_ns, kind: &'static str, object: String, what: String| Line {
            time_ns,
            variant: name.clone().into(),
            kind: kind.into(),
            object: object.into(),
            what: what.into(),
            ..Line::default()
        };
        let mut lines = Vec::new();
        for alert in own.alerts {
            let about = [alert.turn, alert.service].join(" ");
            let object = format!("Alert/{}", alert.rule);
            lines.push(line(
                alert.at_ns,
                "alert",
                object,
                about.trim_end().to_owned(),
            ));
        }
        for fault in own.faults {
            if let Some(healed) = fault.healed_ns {
                lines.push(line(
                    healed,
                    "healed",
                    fault.object.clone(),
                    fault.cause.clone(),
                ));
            }
            lines.push(line(fault.since_ns, "fault", fault.object, fault.cause));
        }
        all.push((name, lines));
    }
    all
}

/// A file of JSON, if it is there and is what is expected.
pub(crate) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let is_small = path.metadata().is_ok_and(|own| own.len() <= MOST_BYTES);
    let bytes = is_small.then(|| fs::read(path).ok()).flatten()?;
    serde_json::from_slice(&bytes).ok()
}
