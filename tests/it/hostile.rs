//! Hostile inputs, each a folder under `tests/hostile` with its files and `case.json`: what a pull request
//! may bring of them does no harm. The program is run as a user runs it, within bounds of time and memory.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::{Value, json};
use windtunnel::units::SortedMap;

use crate::scratch::Scratch;

/// `case.json` of an input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is right, in a sentence.
    #[serde(rename = "right")]
    _right: String,
    /// Files that are too large, or of a kind, to be kept.
    #[serde(default)]
    make: Vec<Made>,
    /// Commands that come before, and end well.
    #[serde(default)]
    steps: Vec<Vec<String>>,
    /// What is done to files after that.
    #[serde(default)]
    edits: Vec<Edit>,
    commands: Vec<Vec<String>>,
    exit: i32,
    /// Words that are among all that is said.
    #[serde(default)]
    words: Vec<String>,
    /// Words that are nowhere in what a command says.
    #[serde(default)]
    absent: Vec<String>,
    /// Files that may say something, too.
    #[serde(default)]
    read: Vec<String>,
    /// Files that are not there afterwards.
    #[serde(default)]
    missing: Vec<String>,
    /// Files with what they hold afterwards.
    #[serde(default)]
    kept: SortedMap<String, String>,
    /// Variables of the environment.
    #[serde(default)]
    env: SortedMap<String, String>,
    /// Kilobytes of the stack.
    stack: Option<u32>,
    /// Only what is printed on standard output counts.
    #[serde(default)]
    plain: bool,
}

/// A file that the test makes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    file: String,
    #[serde(default)]
    text: String,
    /// Text that follows so many times, with its number in the place of `#`.
    #[serde(default)]
    repeat: String,
    #[serde(default)]
    times: usize,
    #[serde(default)]
    gzip: bool,
    link: Option<String>,
    #[serde(default)]
    pipe: bool,
    /// Size of a file without content.
    sparse: Option<u64>,
}

/// A change of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// Pointer to a value of a file of JSON.
    at: Option<String>,
    #[serde(default)]
    value: Value,
    /// Length of a list of numbers, in the place of a value.
    range: Option<u64>,
}

/// The forms that every check writes, too.
const FORMS: [&str; 5] = ["json", "junit", "sarif", "markdown", "code-quality"];

fn make(repository: &Path, made: &Made) {
    let path = repository.join(&made.file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    if let Some(target) = &made.link {
        symlink(target, path).expect("a link");
        return;
    }
    if made.pipe {
        let status = Command::new("mkfifo").arg(path).status().expect("mkfifo");
        assert!(status.success());
        return;
    }
    let mut file = fs::File::create(path).expect("a file");
    if let Some(size) = made.sparse {
        file.set_len(size).expect("a size");
        return;
    }
    let mut text = made.text.clone();
    if made.repeat.contains('#') {
        for number in 0..made.times {
            text.push_str(&made.repeat.replace('#', &number.to_string()));
        }
    } else {
        text.push_str(&made.repeat.repeat(made.times));
    }
    if made.gzip {
        let mut packed = GzEncoder::new(file, Compression::fast());
        packed.write_all(text.as_bytes()).expect("a file");
        packed.finish().expect("a file");
    } else {
        file.write_all(text.as_bytes()).expect("a file");
    }
}

fn edit(repository: &Path, edit: &Edit) {
    let path = repository.join(&edit.file);
    let text = fs::read_to_string(&path).expect("text");
    let text = match &edit.at {
        None => {
            assert!(text.contains(&edit.from), "{}", edit.from);
            text.replacen(&edit.from, &edit.to, 1)
        }
        Some(at) => {
            let mut whole: Value = serde_json::from_str(&text).expect("JSON");
            let (above, field) = at.rsplit_once('/').expect("a pointer");
            let above = whole.pointer_mut(above).expect("what it points to");
            above[field] = match edit.range {
                Some(length) => json!((0..length).collect::<Vec<u64>>()),
                None => edit.value.clone(),
            };
            whole.to_string()
        }
    };
    fs::write(path, text).expect("a file");
}

/// Runs the program within 10 seconds of a processor and 4 GB of memory.
fn bounded(case: &Case, scratch: &Scratch, command: &[String]) -> Output {
    let stack = case.stack.map(|size| format!("ulimit -s {size}; "));
    let stack = stack.unwrap_or_default();
    let script = format!("ulimit -t 10; ulimit -v 4194304; {stack}exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_windtunnel")]);
    shell.args(command).current_dir(scratch.path("in/repo"));
    for variable in ["CI", "WINDTUNNEL_TRACES", "RUST_BACKTRACE"] {
        shell.env_remove(variable);
    }
    shell.env("XDG_CACHE_HOME", scratch.path("cache"));
    shell.envs(&case.env).stdin(Stdio::null());
    shell.output().expect("the program starts")
}

/// What stands in a file, unpacked.
fn text_of(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let bytes = match path.extension() {
        Some(ending) if ending == "zst" => zstd::decode_all(&bytes[..]).unwrap_or_default(),
        _ => bytes,
    };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is wrong with one stream of the program.
fn faults_of_stream(stream: &str, is_of_commands: bool) -> Option<&'static str> {
    let is_mark = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    let mut lines = stream.lines();
    if stream.contains(is_mark) {
        Some("a mark of a terminal")
    } else if !is_of_commands && lines.any(|line| line.trim_start().starts_with("::")) {
        Some("a command of a CI system")
    } else if stream.contains("panicked") || stream.contains("invariant broke") {
        Some("a fault of the program")
    } else {
        None
    }
}

/// Runs a command of a case; what it says, and what is wrong.
fn run(case: &Case, scratch: &Scratch, command: &[String], wrong: &mut Vec<String>) -> String {
    let repository = scratch.path("in/repo");
    let mut command = command.to_vec();
    let is_check = command[0] == "check" && !command.iter().any(|word| word == "--accept");
    let mut files: Vec<PathBuf> = case.read.iter().map(|file| repository.join(file)).collect();
    if is_check && !case.plain {
        for form in FORMS {
            let file = format!("out.{form}");
            command.extend(["--write".to_owned(), format!("{form}={file}")]);
            files.push(repository.join(file));
        }
    }
    let output = bounded(case, scratch, &command);
    let (printed, told) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let shown = command.join(" ");
    if output.status.code() != Some(case.exit) {
        let status = output.status;
        wrong.push(format!("{shown}: {status}, not {}: {told}", case.exit));
    }
    let is_of_commands = command.iter().any(|word| word == "github");
    for stream in [&printed, &told] {
        if let Some(fault) = faults_of_stream(stream, is_of_commands) {
            wrong.push(format!("{shown}: {fault}: {stream}"));
        }
    }
    let mut said = printed.into_owned();
    if !case.plain {
        said.push_str(&told);
    }
    said.extend(files.iter().map(|file| text_of(file)));
    for word in &case.absent {
        if said.contains(&**word) {
            wrong.push(format!("{shown}: says `{word}`"));
        }
    }
    said
}

/// What is wrong with a case.
fn judge(folder: &Path) -> Vec<String> {
    let name = folder.file_name().expect("a name").to_string_lossy();
    let scratch = Scratch::new(&format!("hostile-{name}"), &[]);
    let repository = scratch.path("in/repo");
    fs::create_dir_all(repository.join(".git")).expect("a folder");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let own = path.file_name().expect("a name");
        fs::copy(&path, repository.join(own)).expect("a file");
    }
    let case = fs::read(folder.join("case.json")).expect("a case");
    let case: Case =
        serde_json::from_slice(&case).unwrap_or_else(|error| panic!("{name}: {error}"));
    case.make.iter().for_each(|made| make(&repository, made));
    let mut wrong = Vec::new();
    for step in &case.steps {
        let output = bounded(&case, &scratch, step);
        assert!(output.status.success(), "{name}: {step:?}");
    }
    case.edits.iter().for_each(|own| edit(&repository, own));
    let commands = case.commands.iter();
    let said: String = commands
        .map(|command| run(&case, &scratch, command, &mut wrong))
        .collect();
    let unsaid = case.words.iter().filter(|words| !said.contains(&***words));
    wrong.extend(unsaid.map(|words| format!("does not say `{words}`: {said}")));
    let written = case
        .missing
        .iter()
        .filter(|file| repository.join(file).exists());
    wrong.extend(written.map(|file| format!("{file} was written")));
    for (file, text) in &case.kept {
        if text_of(&repository.join(file)) != *text {
            wrong.push(format!("{file} was changed"));
        }
    }
    wrong.iter().map(|why| format!("{name}: {why}")).collect()
}

#[test]
fn hostile_inputs_do_no_harm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let entries = fs::read_dir(root).expect("the inputs");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    assert!(folders.len() >= 65, "{}", folders.len());
    let wrong: Vec<String> = folders.iter().flat_map(|folder| judge(folder)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
