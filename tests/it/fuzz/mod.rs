//! Damaged inputs: bundled files of every kind, changed at random, are given to the reader of their
//! kind. A reader may refuse what it is given, and must not panic, hang or take memory without end.
//!
//! Every reader of the program has a kind here: text of Kubernetes, experiments and the files that they
//! name, traces, results, and vectors for `verify`.
//!
//! A few hundred executions belong to every run of the tests; `WINDTUNNEL_FUZZ_RUNS` asks for more,
//! `WINDTUNNEL_FUZZ_SEED` for others, `WINDTUNNEL_FUZZ_KIND` for kinds whose names contain a text. An
//! input that makes a reader panic is kept in the folder of the tests' temporary files, and its name
//! is told.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windtunnel::intake::Input;
use windtunnel::k8s::{SnapshotWriter, read_inputs, read_manifests, read_scheduler_config};
use windtunnel::lab::names::Registered;
use windtunnel::lab::snapshot::profile::read_profiles;
use windtunnel::lab::snapshot::{Snapshot, SnapshotOptions};
use windtunnel::model::Changes;
use windtunnel::rng::Stream;
use windtunnel::scenario::{Experiment, LoadOptions, SearchPath, load};
use windtunnel::systems::fleet::unit_file::UnitFile;
use windtunnel::world::inputs::{DiskAndEmbedded, embedded_folder};

use crate::scratch::new_folder;

mod answers;
mod experiments;
mod results;
mod samples;
mod traces;
mod vectors;

/// Executions of a plain run of the tests.
const USUAL_RUNS: u64 = 300;

/// The longest input: readers are tried, not the disk.
const LONGEST: usize = 1 << 18;

/// A reader of inputs; it may refuse them, but never panic.
type Reader = Box<dyn Fn(&Scene, &[u8])>;

/// A kind of input: what it looks like when it is whole, and who reads it.
struct Kind {
    name: String,
    samples: Vec<Vec<u8>>,
    read: Reader,
}

impl Kind {
    fn new(
        name: impl Into<String>,
        samples: Vec<Vec<u8>>,
        read: impl Fn(&Scene, &[u8]) + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            samples,
            read: Box::new(read),
        }
    }
}

/// Where readers that need a folder find one.
struct Scene {
    folder: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Scene {
    fn new() -> Self {
        Self::in_folder("fuzz")
    }

    /// A scene in a folder of this name.
    fn in_folder(name: &str) -> Self {
        let folder = new_folder(name);
        fs::create_dir_all(folder.join("result")).expect("a folder for the test");
        Self { folder }
    }

    /// Writes a file, and names it.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, bytes).expect("a file for the test");
        path
    }

    fn experiment(&self, text: &str) -> Option<Experiment> {
        let search = SearchPath {
            base_dir: self.folder.clone(),
            traces_dirs: Vec::new(),
            built_in: Some(embedded_folder()),
        };
        let options = LoadOptions {
            sets: &[],
            search: &search,
            lookup: &DiskAndEmbedded,
            names: &Registered,
        };
        load(text, "fuzz.yaml", options).ok()
    }
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Files of the project, cut to what a few executions a millisecond allow.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(project(folder))
        .expect("a folder of the project")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    paths.sort();
    let whole = paths.iter().map(|path| {
        let text = Input::path(path).read_to_string().expect("a bundled file");
        let mut bytes = text.into_bytes();
        bytes.truncate(LONGEST / 4);
        bytes
    });
    whole.collect()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Vec<u8>> {
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

const CONFIG: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n\
                      profiles:\n- schedulerName: default-scheduler\n  plugins:\n    score:\n      \
                      disabled: [{name: '*'}]\n      enabled: [{name: NodeResourcesFit, weight: 2}]\n  \
                      pluginConfig:\n  - name: NodeResourcesFit\n    args: {scoringStrategy: {type: \
                      MostAllocated, resources: [{name: cpu, weight: 1}]}}\n";
const UNIT: &str = "[Unit]\nDescription=web\nAfter=db.service\n\n[Service]\nExecStart=/bin/web %i\n\
                    \n[X-Fleet]\nConflicts=web@*.service\nMachineMetadata=disk=ssd \"zone=a\"\n";
const POD: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"allocatable":
     {"cpu": "4", "memory": "16Gi", "pods": "110"}}},
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "default"}, "spec":
     {"nodeName": "n1", "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
     "status": {"phase": "Running"}}]}"#;

/// A snapshot in which a pod is like another one.
const SHORT: &str = r#"[{"apiVersion": "windtunnel/v2", "kind": "Snapshot"},
    {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}},
    {"kind": "Pod", "like": "a", "metadata": {"name": "b", "uid": "u"}, "spec": {"nodeName": "n"},
     "status": {"startTime": "2026-01-01T00:00:00Z"}}]"#;

fn kinds() -> Vec<Kind> {
    let mut kinds = of_kubernetes();
    kinds.extend(answers::kinds());
    kinds.extend(traces::kinds());
    kinds.extend(experiments::kinds());
    kinds.extend(results::kinds());
    kinds.extend(vectors::kinds());
    kinds
}

/// Kinds of text that Kubernetes knows.
fn of_kubernetes() -> Vec<Kind> {
    let manifests = [files("traces", ".yaml"), texts([POD, SHORT])].concat();
    let mut configs = texts([CONFIG]);
    configs.extend(files("docs/manual/run.in", ".yaml"));
    let dumps = [manifests.clone(), files("tests/data/place", ".gz")].concat();
    vec![
        Kind::new("manifests", manifests.clone(), |_, bytes| {
            let _ = read_manifests("fuzz.yaml", &String::from_utf8_lossy(bytes));
        }),
        Kind::new("dump", dumps.clone(), |_, bytes| {
            let _ = read_inputs(&[Input::bytes("fuzz", bytes)]);
        }),
        Kind::new("import", dumps, |scene, bytes| {
            let file = scene.file("dump.json", bytes);
            let _ = Snapshot::read(&[file], &SnapshotOptions::default());
        }),
        Kind::new("snapshot", manifests, |_, bytes| {
            let input = Input::bytes("fuzz.json", bytes);
            let writers = [false, true].map(|is_short| {
                let writer = SnapshotWriter::new(Vec::new());
                if is_short { writer.short() } else { writer }
            });
            for mut writer in writers {
                if writer.read(&input).is_ok() {
                    let _ = writer.finish();
                }
            }
        }),
        Kind::new("scheduler configuration", configs, |_, bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = read_scheduler_config("fuzz.yaml", &text);
            let _ = read_profiles(Some(&Input::bytes("fuzz.yaml", bytes)), Changes::default());
        }),
        Kind::new("unit file", texts([UNIT]), |_, bytes| {
            let _ = UnitFile::parse("web@1.service", &String::from_utf8_lossy(bytes));
        }),
    ]
}

/// Texts that sit at the end of ranges, or mean something to a parser.
const WORDS: [&str; 32] = [
    "0",
    "-1",
    "1e308",
    "-1e308",
    "NaN",
    "inf",
    "1e-320",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "4294967296",
    "2147483648",
    "65536",
    "1n",
    "8Ei",
    "9007199254740993",
    "292y",
    "106752d",
    "9223372036s",
    "1h",
    "null",
    "true",
    "{}",
    "[]",
    "[[[[",
    "\"",
    "'",
    "\u{202e}",
    "\0",
    "&a *a",
    "---\n",
    ",,,,",
];

/// Changes an input at a few places.
fn mutate(sample: &[u8], other: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    let place = |stream: &mut Stream, length: usize| stream.below(length as u64 + 1) as usize;
    for _ in 0..=stream.below(6) {
        let at = place(stream, bytes.len());
        let end = (at + place(stream, 40)).min(bytes.len());
        match stream.below(8) {
            0 => {
                let byte = stream.below(256) as u8;
                bytes.splice(at..(at + 1).min(bytes.len()), [byte]);
            }
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                let to = place(stream, bytes.len());
                bytes.splice(to..to, part);
            }
            3 => bytes.truncate(at),
            4 => {
                let from = place(stream, other.len());
                let until = (from + place(stream, 200)).min(other.len());
                bytes.splice(at..at, other[from..until].iter().copied());
            }
            // A number or a word gives way to another one.
            _ => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
                let start = bytes[at..]
                    .iter()
                    .position(is_part)
                    .map_or(at, |skip| at + skip);
                let length = bytes[start..]
                    .iter()
                    .take_while(|byte| is_part(byte))
                    .count();
                let word = WORDS[stream.below(WORDS.len() as u64) as usize];
                bytes.splice(start..start + length, word.bytes());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn number(variable: &str, usual: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn readers_survive_damaged_inputs() {
    let runs = number("WINDTUNNEL_FUZZ_RUNS", USUAL_RUNS);
    let seed = number("WINDTUNNEL_FUZZ_SEED", 1);
    let part = std::env::var("WINDTUNNEL_FUZZ_KIND").unwrap_or_default();
    let (scene, mut kinds) = (Scene::new(), kinds());
    kinds.retain(|kind| kind.name.contains(&part));
    for kind in &kinds {
        assert!(!kind.samples.is_empty(), "{} has no sample", kind.name);
    }
    let mut found = Vec::new();
    for run in 0..runs {
        let mut stream = Stream::new(seed, "fuzz", run);
        let kind = &kinds[(run % kinds.len() as u64) as usize];
        let any = |stream: &mut Stream| {
            let index = stream.below(kind.samples.len() as u64) as usize;
            kind.samples[index].as_slice()
        };
        let (sample, other) = (any(&mut stream), any(&mut stream));
        let damaged = mutate(sample, other, &mut stream);
        let read = AssertUnwindSafe(|| (kind.read)(&scene, &damaged));
        if catch_unwind(read).is_err() {
            let name = kind.name.replace([' ', '/'], "-");
            let name = format!("panic-{name}-{seed}-{run}");
            let kept = scene.file(&name, &damaged);
            found.push(format!("{}: {}", kind.name, kept.display()));
        }
    }
    let found: Arc<str> = found.join("\n").into();
    assert!(found.is_empty(), "readers panicked on\n{found}");
}
