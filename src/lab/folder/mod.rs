//! The folder that a run leaves: complete or absent.
//!
//! Everything is written into `OUT.partial/`, each file under a temporary name until it is whole,
//! and the folder gets its name `OUT/` by one rename at the end. Whoever sees `OUT/` sees a
//! finished run; an interrupted run leaves `OUT.partial/`, which the next run of that name
//! replaces. Two runs never write into one folder: the partial folder is locked while it is open.
//!
//! This is the only module beside `intake::input` and `cli` that touches files.

use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use intake::Input;

mod csv_writer;
mod error;
mod kept;
mod lock;
mod sealed;
mod together;
mod unfinished;

pub use csv_writer::CsvWriter;
pub use error::FolderError;
pub use kept::{KeptFolder, read_file};
use lock::Lock;
pub(crate) use sealed::{sealed, unsealed};
pub use together::{TextFile, refuse_files, remove_files, write_files};
use unfinished::Unfinished;
pub use unfinished::{locked, remove_unfinished};

/// By this ending of its name a file is known to be compressed.
const COMPRESSED_ENDING: &str = ".zst";

/// Level 3 is zstd's own default: a tenth of the size of the text at disk speed.
const ZSTD_LEVEL: i32 = 3;

/// Held open and locked while a run writes; removed before the folder gets its name.
const LOCK_NAME: &str = ".lock";

/// Name of the file by which a finished result folder is recognised before it is replaced.
pub(super) const SUMMARY_NAME: &str = "summary.json";
/// Name of the table of a comparison over several logs.
pub const LOGS_NAME: &str = "logs.json";
/// Name of the file of an archive that has the hashes of the others.
pub const SUMS_NAME: &str = "BLAKE3SUMS";

/// Policy for an output folder that already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Refuse to run.
    Refuse,
    /// Replace it once the new one is complete, if it is a result folder (`--force`).
    Replace,
}

impl Existing {
    /// The policy that `--force` asks for.
    pub const fn forced(force: bool) -> Self {
        if force { Self::Replace } else { Self::Refuse }
    }
}

/// Gives an I/O error its path.
trait At<T> {
    fn at(self, path: &Path) -> Result<T, FolderError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, FolderError> {
        self.map_err(|source| FolderError::from_io(path, source))
    }
}

/// Subfolder with the recorded answers of programs outside.
pub const EXTERNAL: &str = "external";

/// A result folder being written. Dropped without [`ResultFolder::finish`], it stays `OUT.partial/`
/// if anything was written, and is gone if nothing was.
#[derive(Debug)]
pub struct ResultFolder {
    out: PathBuf,
    partial: PathBuf,
    existing: Existing,
    /// Held until the folder has its name.
    lock: Option<Lock>,
}

impl Drop for ResultFolder {
    fn drop(&mut self) {
        if self.lock.is_none() {
            return;
        }
        // A run that was refused before it wrote anything leaves nothing to look at, and what a fault of
        // the program leaves is worth nothing.
        let is_empty = fs::read_dir(&self.partial).is_ok_and(|entries| {
            let mut names = entries.map(|entry| entry.map(|entry| entry.file_name()));
            names.all(|name| name.is_ok_and(|name| name == LOCK_NAME))
        });
        if is_empty || std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

impl ResultFolder {
    /// Opens `OUT.partial/`, replacing what an interrupted run left there. Parents are made.
    ///
    /// This is done before anything is simulated, so that a wrong `--out` costs no time.
    pub fn create(out: &Path, existing: Existing) -> Result<Self, FolderError> {
        let Some(Component::Normal(name)) = out.components().next_back() else {
            return Err(FolderError::NoName(out.to_path_buf()));
        };
        refuse_existing(out, existing)?;
        let mut partial_name = name.to_os_string();
        partial_name.push(".partial");
        let partial = out.with_file_name(partial_name);
        if let Some(parent) = partial
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            fs::create_dir_all(parent).at(parent)?;
        }
        match fs::symlink_metadata(&partial) {
            Ok(metadata) if metadata.is_dir() => remove_leftover(&partial)?,
            Ok(_) => return Err(FolderError::NotOurs(partial)),
            Err(_) => {}
        }
        fs::create_dir(&partial).at(&partial)?;
        let lock_path = partial.join(LOCK_NAME);
        let lock = File::create(&lock_path).at(&lock_path)?;
        let lock = Lock::alone(lock, &partial)?;
        Ok(Self {
            out: out.to_path_buf(),
            partial,
            existing,
            lock: Some(lock),
        })
    }

    /// The folder's name once it is complete.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The folder's name while it is written.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Starts a file. `name` is relative, with `/` between folders; those are made. What is called
    /// `.zst` is compressed by zstd: one thread and a fixed level, so that the same content gives
    /// the same bytes.
    pub fn file(&self, name: &str) -> Result<OutputFile, FolderError> {
        let is_compressed = name.ends_with(COMPRESSED_ENDING);
        self.open(name, |file| {
            if !is_compressed {
                return Ok(Sink::Plain(file));
            }
            let mut encoder = zstd::stream::write::Encoder::new(file, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            Ok(Sink::Zstd(Box::new(encoder)))
        })
    }

    /// Starts a CSV file with its header.
    pub fn csv(&self, name: &str, header: &[&str]) -> Result<CsvWriter, FolderError> {
        CsvWriter::start(self.file(name)?, header)
    }

    /// Joins parts that were written before into one file of text. Parts after the first lose as
    /// many lines at their beginning as `header_lines` says.
    pub fn join_text(
        &self,
        name: &str,
        header_lines: usize,
        parts: &[String],
    ) -> Result<(), FolderError> {
        let mut whole = self.file(name)?;
        for (position, part) in parts.iter().enumerate() {
            let path = self.partial.join(part);
            let mut text = Input::path(&path)
                .open()
                .map_err(|error| FolderError::Encode(path.clone(), error.to_string()))?;
            for _ in 0..header_lines * position.min(1) {
                text.skip_until(b'\n').at(&path)?;
            }
            io::copy(&mut text, &mut whole).at(&whole.path)?;
        }
        whole.finish()
    }

    /// Writes a whole file of text, such as `scenario.yaml`, `report.html` or a plot.
    pub fn text(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let mut file = self.file(name)?;
        file.write_all(text.as_bytes()).at(&file.path)?;
        file.finish()
    }

    /// Writes a whole JSON file, indented, ending in a line feed. Keys come in the order of the
    /// type's fields, those of maps sorted.
    pub fn json<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), FolderError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| FolderError::Encode(self.partial.join(name), error.to_string()))?;
        text.push('\n');
        self.text(name, &text)
    }

    /// Removes a folder below, with what is in it.
    pub fn discard(&self, name: &str) -> Result<(), FolderError> {
        let path = self.partial.join(name);
        fs::remove_dir_all(&path).at(&path)
    }

    /// Removes the folder with all that is in it: what was refused has no result, not even a part.
    pub fn withdraw(mut self) {
        // What can't be removed is replaced by the next run.
        let _ = fs::remove_dir_all(&self.partial);
        drop(self.lock.take());
    }

    /// Gives the folder its name. Returns it.
    pub fn finish(mut self) -> Result<PathBuf, FolderError> {
        let (out, partial) = (self.out.clone(), self.partial.clone());
        // Somebody may have made it while the run went on.
        let present = refuse_existing(&out, self.existing)?;
        let lock_path = partial.join(LOCK_NAME);
        fs::remove_file(&lock_path).at(&lock_path)?;
        drop(self.lock.take());
        if present {
            // The old one goes only when the new one stands, so no moment has neither complete.
            let mut name = partial.clone().into_os_string();
            name.push(".replaced");
            let replaced = PathBuf::from(name);
            fs::rename(&out, &replaced).at(&out)?;
            fs::rename(&partial, &out).at(&out)?;
            fs::remove_dir_all(&replaced).at(&replaced)?;
        } else {
            fs::rename(&partial, &out).at(&out)?;
        }
        Ok(out)
    }

    fn open(
        &self,
        name: &str,
        sink: impl FnOnce(BufWriter<File>) -> io::Result<Sink>,
    ) -> Result<OutputFile, FolderError> {
        let relative = Path::new(name);
        assert!(
            relative
                .components()
                .all(|part| matches!(part, Component::Normal(_))),
            "a file of a result folder is named by a relative path, not {name}"
        );
        let path = self.partial.join(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).at(parent)?;
        }
        let mut temporary = path.clone().into_os_string();
        temporary.push(".partial");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).at(&temporary)?;
        let sink = sink(BufWriter::new(file)).at(&temporary)?;
        Ok(OutputFile {
            sink,
            temporary,
            path,
        })
    }
}

/// Opens a file of a result folder for reading.
pub(super) fn open_for_reading(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Folder of a result whose place was not named. A link in the place of `results` may come from whoever wrote
/// the experiment, and is not followed.
///
/// # Errors
/// If there is such a link.
pub fn default_folder(name: &str) -> Result<PathBuf, String> {
    let results = Path::new("results");
    if results.is_symlink() {
        return Err(
            "results: is a link, which is not followed unasked; name a folder with `--out`"
                .to_owned(),
        );
    }
    Ok(results.join(name))
}

/// Writes one file of a user's choice under a temporary name and renames it.
pub fn write_file(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), FolderError> {
    write_file_with(path, existing, |out| out.write_all(bytes))
}

/// Writes one file of a user's choice, piece by piece, under a temporary name and renames it.
pub fn write_file_with(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FolderError> {
    let mut started = Started::begin(path, existing)?;
    write(&mut started.output).at(path)?;
    started.closed()?.name()
}

/// A single file being written, removed unless it gets its name.
struct Started {
    output: OutputFile,
    unfinished: Unfinished,
}

impl Started {
    /// Starts a file under its temporary name. Parents are made.
    fn begin(path: &Path, existing: Existing) -> Result<Self, FolderError> {
        refuse_existing_file(path, existing)?;
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            fs::create_dir_all(parent).at(parent)?;
        }
        refuse_other_than_file(path)?;
        let (unfinished, file) = Unfinished::begin(path)?;
        let temporary = unfinished.path().to_path_buf();
        let output = OutputFile {
            sink: Sink::Plain(BufWriter::new(file)),
            temporary,
            path: path.to_path_buf(),
        };
        Ok(Self { output, unfinished })
    }

    /// Completes the file, still under its temporary name.
    fn closed(self) -> Result<Closed, FolderError> {
        let Self { output, unfinished } = self;
        let (temporary, path) = (output.temporary.clone(), output.path.clone());
        output.close()?;
        Ok(Closed {
            temporary,
            path,
            unfinished,
        })
    }
}

/// A single file that is whole, removed unless it gets its name.
struct Closed {
    temporary: PathBuf,
    path: PathBuf,
    unfinished: Unfinished,
}

impl Closed {
    /// Gives the file its name.
    fn name(self) -> Result<(), FolderError> {
        fs::rename(&self.temporary, &self.path).at(&self.path)?;
        self.unfinished.end();
        Ok(())
    }
}

/// Refuses a file that is there, unless it may be replaced.
pub fn refuse_existing_file(path: &Path, existing: Existing) -> Result<(), FolderError> {
    if existing == Existing::Refuse && fs::symlink_metadata(path).is_ok() {
        return Err(FolderError::FileExists(path.to_path_buf()));
    }
    Ok(())
}

/// Refuses a path at which there is something else than a file: a rename would replace it.
fn refuse_other_than_file(path: &Path) -> Result<(), FolderError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(FolderError::NoFile(path.to_path_buf())),
        _ => Ok(()),
    }
}

/// Whether a folder holds a run, a comparison over several logs, or an archive.
fn is_own(folder: &Path) -> bool {
    let mut names = [SUMMARY_NAME, LOGS_NAME, SUMS_NAME].into_iter();
    names.any(|name| folder.join(name).is_file())
}

/// Whether `out` is there; an error where it may not be replaced.
fn refuse_existing(out: &Path, existing: Existing) -> Result<bool, FolderError> {
    match fs::symlink_metadata(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FolderError::from_io(out, error)),
        Ok(_) if existing == Existing::Refuse => Err(FolderError::Exists(out.to_path_buf())),
        Ok(metadata) if metadata.is_dir() && is_own(out) => Ok(true),
        Ok(_) => Err(FolderError::NotOurs(out.to_path_buf())),
    }
}

/// Removes what an interrupted run left, unless it is still running.
fn remove_leftover(partial: &Path) -> Result<(), FolderError> {
    let lock_path = partial.join(LOCK_NAME);
    match File::open(&lock_path) {
        Ok(lock) => drop(Lock::alone(lock, partial)?),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(FolderError::from_io(&lock_path, error)),
    }
    fs::remove_dir_all(partial).at(partial)
}

enum Sink {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::stream::write::Encoder<'static, BufWriter<File>>>),
}

/// A file being written under a temporary name.
pub struct OutputFile {
    sink: Sink,
    temporary: PathBuf,
    path: PathBuf,
}

impl OutputFile {
    /// The name it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Completes the file and gives it its name.
    pub fn finish(self) -> Result<(), FolderError> {
        let (temporary, path) = (self.temporary.clone(), self.path.clone());
        self.close()?;
        fs::rename(&temporary, &path).at(&path)
    }

    /// Completes the file under its temporary name.
    fn close(self) -> Result<(), FolderError> {
        let path = self.path;
        let buffered = match self.sink {
            Sink::Plain(buffered) => buffered,
            Sink::Zstd(encoder) => encoder.finish().at(&path)?,
        };
        let file = buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .at(&path)?;
        // Some systems tell only here that the disk is full.
        file.sync_all().at(&path)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Plain(sink) => sink.write(bytes),
            Sink::Zstd(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Plain(sink) => sink.flush(),
            Sink::Zstd(sink) => sink.flush(),
        }
    }
}

#[cfg(test)]
mod tests;
