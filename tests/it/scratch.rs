//! A folder of its own for a test, and the program run in it as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use windtunnel::lab::summary::Summary;
use windtunnel::units::SortedMap;

/// Path of a folder that no other test has, even of the same name, and no other run of the tests at the
/// same time: none takes another's files away.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{name}-{}-{number}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Cells of the pods of a run, by their names.
pub(crate) type Pods<const COLUMNS: usize> = SortedMap<String, [String; COLUMNS]>;

/// The whole seconds of a cell in nanoseconds; `None` of an empty one.
pub(crate) fn seconds(cell: &str) -> Option<i64> {
    let nanos: Option<i64> = cell.parse().ok();
    nanos.map(|nanos| nanos / 1_000_000_000)
}

/// A folder of its own for one test, taken away at its end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// A folder with these files.
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = new_folder(name);
        fs::create_dir_all(&folder).expect("a folder for the test");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a file for the test");
        }
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("text")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        windtunnel(&self.0, arguments)
    }

    /// Runs the program, which has to end with this code; its results and what it said.
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> String {
        let (printed, told) = self.both(arguments, code);
        format!("{printed}{told}")
    }

    /// Runs the program, which has to end with this code; its results alone.
    pub(crate) fn printed(&self, arguments: &[&str], code: i32) -> String {
        self.both(arguments, code).0
    }

    fn both(&self, arguments: &[&str], code: i32) -> (String, String) {
        let output = output(&self.0, arguments);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), told)
    }

    /// What a result folder says it came to.
    pub(crate) fn summary(&self, folder: &str) -> Summary {
        let text = self.text(&format!("{folder}/summary.json"));
        serde_json::from_str(&text).expect("a summary of the schema")
    }

    /// The cells of columns of the pods of each variant, from the table that a run left in a folder.
    pub(crate) fn pods_of_variants<const COLUMNS: usize>(
        &self,
        folder: &str,
        columns: [&str; COLUMNS],
    ) -> SortedMap<String, Pods<COLUMNS>> {
        let table = self.bytes(&format!("{folder}/pods.csv.zst"));
        let table = zstd::decode_all(&table[..]).expect("a table");
        let mut rows = csv::Reader::from_reader(&table[..]);
        let header = rows.headers().expect("a header").clone();
        let place = |name: &str| header.iter().position(|own| own == name).expect(name);
        let (variant, pod, places) = (place("variant"), place("pod"), columns.map(place));
        let mut all: SortedMap<String, Pods<COLUMNS>> = SortedMap::new();
        for row in rows.records() {
            let row = row.expect("a row");
            let cells = places.map(|place| row[place].to_owned());
            let own = all.entry(row[variant].to_owned()).or_default();
            own.insert(row[pod].to_owned(), cells);
        }
        all
    }

    /// The cells of columns of the pods of a run of one variant.
    pub(crate) fn pods<const COLUMNS: usize>(
        &self,
        folder: &str,
        columns: [&str; COLUMNS],
    ) -> Pods<COLUMNS> {
        let all = self.pods_of_variants(folder, columns);
        assert_eq!(all.len(), 1, "variants");
        all.into_iter().map(|(_, pods)| pods).next().expect("one")
    }

    /// Every file of a folder with its content.
    pub(crate) fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        let mut open = vec![self.path(folder)];
        while let Some(path) = open.pop() {
            for entry in fs::read_dir(&path).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(self.path(folder)).expect("it is below");
                    let bytes = fs::read(&path).expect("a file");
                    found.push((name.display().to_string(), bytes));
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program, about to run in a folder. What the tester's own shell sets does not count.
pub(crate) fn windtunnel(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windtunnel"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("CI")
        .env_remove("WINDTUNNEL_TRACES")
        .stdin(Stdio::null());
    command
}

pub(crate) fn output(folder: &Path, arguments: &[&str]) -> Output {
    windtunnel(folder, arguments)
        .output()
        .expect("the program starts")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A small disk of the test's own, taken away at its end.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// `None` without the right to make one, which is said.
    pub(crate) fn mount(path: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&path).expect("a folder for the test");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let made = command.arg(&path).stderr(Stdio::null()).status();
        if made.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        println!("skipped: needs root, to mount a disk of its own");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
