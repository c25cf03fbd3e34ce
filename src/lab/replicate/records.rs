//! Records of runs: what was run once is taken, by a process that goes on after another, and by one that puts
//! together what several have run.
//!
//! A record is packed JSON in a file that knows whether it is whole. Its name is its key, a hash of all that decides the
//! run's result, the program included.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::{Replicate, Work};
use crate::experiment::ExperimentError;
use crate::folder::{FolderError, KeptFolder, read_file, sealed, unsealed};
use crate::hashes::{ground, input_hashes};
use crate::program;
use crate::summary::VariantSummary;
use crate::sweep::Shard;
use history::VariantData;
use scenario::schema::MeasuredWindow;
use scenario::{Experiment, as_run, files_of};
use units::SortedMap;

/// Version of the form of records.
const VERSION: u32 = 1;

/// Records of the runs of experiments, in folders.
#[derive(Debug)]
pub struct RunRecords {
    folder: KeptFolder,
    /// Folders that are read beside it.
    others: Vec<PathBuf>,
    shard: Shard,
    found: AtomicUsize,
    made: AtomicUsize,
}

/// Keys of the runs of an experiment.
pub(crate) struct RunKeys {
    /// Hashes of what the variants are, without their seeds, in written order.
    grounds: Vec<blake3::Hash>,
    /// Hash of all variants, where their measured windows depend on each other.
    together: Option<blake3::Hash>,
    /// Number of variants, which share the pods that a report draws.
    variants: usize,
}

/// Content of a record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    key: String,
    has_chance: bool,
    placements: String,
    summary: VariantSummary,
    drawn: Option<VariantData>,
}

impl RunRecords {
    /// Opens the first folder, which is made where it is missing, for a process that makes a part of the runs;
    /// the other folders are read. None where no folder is named.
    ///
    /// # Errors
    /// If another process writes that part there, or the place can't be written.
    pub fn open(folders: &[PathBuf], shard: Shard) -> Result<Option<Self>, FolderError> {
        Self::open_as(folders, shard, &shard.writer())
    }

    /// Opens the folders as [`RunRecords::open`] does, for a process that waits for others which make parts there.
    ///
    /// # Errors
    /// If another process waits there, or the place can't be written.
    pub fn beside(folders: &[PathBuf]) -> Result<Option<Self>, FolderError> {
        Self::open_as(folders, Shard::WHOLE, "waiting")
    }

    fn open_as(
        folders: &[PathBuf],
        shard: Shard,
        writer: &str,
    ) -> Result<Option<Self>, FolderError> {
        let Some((first, others)) = folders.split_first() else {
            return Ok(None);
        };
        Ok(Some(Self {
            folder: KeptFolder::open(first, writer)?,
            others: others.to_vec(),
            shard,
            found: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
        }))
    }

    /// The part of the runs that this process makes.
    pub const fn shard(&self) -> Shard {
        self.shard
    }

    /// Number of runs whose records were found.
    pub fn found(&self) -> usize {
        self.found.load(Ordering::Relaxed)
    }

    /// Number of runs that were made, and have records now.
    pub fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// The run of a key, where a whole record of it is there; a damaged one is made again.
    pub(super) fn find(&self, key: &str) -> Result<Option<Replicate>, FolderError> {
        let found = self.read(key)?;
        self.found
            .fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
        Ok(found)
    }

    /// Whether a whole record of a key is there.
    pub(crate) fn has(&self, key: &str) -> Result<bool, ExperimentError> {
        Ok(self.read(key)?.is_some())
    }

    fn read(&self, key: &str) -> Result<Option<Replicate>, FolderError> {
        let folders = std::iter::once(self.folder.path());
        for folder in folders.chain(self.others.iter().map(PathBuf::as_path)) {
            let bytes = read_file(&folder.join(file_name(key)))?;
            if let Some(run) = bytes.and_then(|bytes| unpacked(&bytes, key)) {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// Keeps the record of a run that was made anywhere; false if it isn't the whole record of the key.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn keep_made(&self, key: &str, record: &[u8]) -> Result<bool, FolderError> {
        if unpacked(record, key).is_none() {
            return Ok(false);
        }
        self.folder.write(&file_name(key), record)?;
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// Keeps a run.
    pub(super) fn keep(&self, key: &str, run: &Replicate) -> Result<(), ExperimentError> {
        self.folder.write(&file_name(key), &packed(key, run))?;
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Replicate {
    /// The bytes of its record.
    pub(crate) fn record(&self, key: &str) -> Vec<u8> {
        packed(key, self)
    }
}

impl RunKeys {
    /// Keys of the runs of an experiment, whose inputs are read for their hashes; `programs` are the files of the programs
    /// of each variant, with theirs.
    ///
    /// # Errors
    /// If an input can't be read.
    pub(crate) fn of(
        experiment: &Experiment,
        programs: &[Vec<(String, String)>],
    ) -> Result<Self, ExperimentError> {
        let hashes = input_hashes(experiment)?.into_iter();
        let hashes: SortedMap<String, String> =
            hashes.map(|file| (file.path, file.blake3)).collect();
        let identity = program::identity();
        let of_variant = |(plan, programs): (&scenario::VariantPlan, &Vec<_>)| {
            let mut scenario = plan.scenario.clone();
            scenario.seed = 0;
            let head = format!("windtunnel run {VERSION}\n{identity}\n{}", plan.name);
            let files = files_of(&scenario, &experiment.files).into_iter();
            let files = files.map(|(written, _)| {
                let hash = hashes.get(&written).cloned().unwrap_or_default();
                (written, hash)
            });
            let files = files.chain(programs.iter().cloned());
            ground(&head, &as_run::document(&scenario), files)
        };
        let grounds: Vec<blake3::Hash> = { experiment.variants.iter().zip(programs) }
            .map(of_variant)
            .collect();
        let mut plans = experiment.variants.iter();
        let is_together = plans.any(|plan| plan.scenario.metrics.window == MeasuredWindow::Auto);
        let together = is_together.then(|| {
            let mut hasher = blake3::Hasher::new();
            for ground in &grounds {
                hasher.update(ground.as_bytes());
            }
            hasher.finalize()
        });
        Ok(Self {
            variants: grounds.len(),
            grounds,
            together,
        })
    }

    /// Key of a run.
    pub(crate) fn key(&self, work: Work) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.grounds[work.variant].as_bytes());
        if let Some(together) = &self.together {
            hasher.update(together.as_bytes());
        }
        let shake = work.shake.map(|shake| (shake.number, shake.block));
        let drawn = work.is_drawn.then_some(self.variants);
        hasher.update(format!("{} {shake:?} {drawn:?}", work.seed).as_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

fn file_name(key: &str) -> String {
    format!("{}/{key}.run", &key[..2])
}

fn packed(key: &str, run: &Replicate) -> Vec<u8> {
    let record = Record {
        key: key.to_owned(),
        has_chance: run.summary.has_chance,
        placements: run.placements.clone(),
        summary: run.summary.clone(),
        drawn: run.drawn.clone(),
    };
    let json = serde_json::to_vec(&record).expect("invariant: a record is plain data");
    sealed(&zstd::encode_all(json.as_slice(), 0).expect("invariant: memory can be written"))
}

/// The run in the bytes of a record; none where they are damaged or of another key.
fn unpacked(bytes: &[u8], key: &str) -> Option<Replicate> {
    let json = zstd::decode_all(unsealed(bytes).ok()?).ok()?;
    let record: Record = serde_json::from_slice(&json).ok()?;
    let Record {
        has_chance,
        placements,
        summary,
        drawn,
        ..
    } = record;
    (record.key == key).then_some(Replicate {
        summary: VariantSummary {
            has_chance,
            ..summary
        },
        placements,
        drawn,
    })
}
