//! The folder is complete or absent, and says what is wrong.

use super::*;
use crate::fixture::Scratch;
use units::SortedMap;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn write_all(folder: &ResultFolder) {
    folder
        .json("summary.json", &SortedMap::from([("b", 2), ("a", 1)]))
        .unwrap();
    folder.text("plots/one.svg", "<svg/>").unwrap();
    let mut table = folder.csv("timeseries.csv", &["at_ns", "note"]).unwrap();
    table.row(["0", "a, b"]).unwrap();
    table.finish().unwrap();
    let mut pods = folder.csv("pods.csv.zst", &["pod"]).unwrap();
    for pod in 0..1000 {
        pods.row([pod.to_string()]).unwrap();
    }
    pods.finish().unwrap();
}

#[test]
fn appears_complete_and_only_then() {
    let scratch = Scratch::new();
    let out = scratch.0.join("results/run");
    let folder = ResultFolder::create(&out, Existing::Refuse).unwrap();
    write_all(&folder);
    assert!(!out.exists());
    assert_eq!(folder.finish().unwrap(), out);
    assert_eq!(names(&scratch.0.join("results")), ["run"]);
    assert_eq!(
        names(&out),
        ["plots", "pods.csv.zst", "summary.json", "timeseries.csv"]
    );
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(read("summary.json"), "{\n  \"a\": 1,\n  \"b\": 2\n}\n");
    assert_eq!(read("timeseries.csv"), "at_ns,note\n0,\"a, b\"\n");
    let pods = fs::read(out.join("pods.csv.zst")).unwrap();
    let text = String::from_utf8(zstd::stream::decode_all(&pods[..]).unwrap()).unwrap();
    assert!(text.starts_with("pod\n0\n1\n") && text.ends_with("\n999\n"));
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let scratch = Scratch::new();
    for name in ["one", "two"] {
        let folder = ResultFolder::create(&scratch.0.join(name), Existing::Refuse).unwrap();
        write_all(&folder);
        folder.finish().unwrap();
    }
    for file in ["pods.csv.zst", "summary.json", "timeseries.csv"] {
        let bytes = |run: &str| fs::read(scratch.0.join(run).join(file)).unwrap();
        assert_eq!(bytes("one"), bytes("two"), "{file}");
    }
}

#[test]
fn an_existing_folder_is_refused_with_the_way_out() {
    let scratch = Scratch::new();
    let out = scratch.0.join("run");
    fs::create_dir(&out).unwrap();
    let error = ResultFolder::create(&out, Existing::Refuse).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(
        error.to_string(),
        format!(
            "{}: the output folder exists; choose another with `--out`, remove it, \
             or replace it with `--force`",
            out.display()
        )
    );
    assert_eq!(names(&scratch.0), ["run"]);
}

#[test]
fn only_a_result_folder_is_replaced() {
    let scratch = Scratch::new();
    let out = scratch.0.join("run");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.tex"), "dear").unwrap();
    let error = ResultFolder::create(&out, Existing::Replace).unwrap_err();
    assert!(matches!(error, FolderError::NotOurs(..)), "{error}");
    assert_eq!(names(&out), ["thesis.tex"]);

    fs::write(out.join("summary.json"), "{}").unwrap();
    let folder = ResultFolder::create(&out, Existing::Replace).unwrap();
    assert_eq!(
        names(&out),
        ["summary.json", "thesis.tex"],
        "the old one stands until the end"
    );
    folder.text("summary.json", "{\"new\": 1}").unwrap();
    folder.finish().unwrap();
    assert_eq!(names(&out), ["summary.json"]);
    assert_eq!(names(&scratch.0), ["run"]);
}

#[test]
fn an_interrupted_run_leaves_the_partial_folder_which_the_next_replaces() {
    let scratch = Scratch::new();
    let out = scratch.0.join("run");
    let folder = ResultFolder::create(&out, Existing::Refuse).unwrap();
    folder.text("old.txt", "old").unwrap();
    let unfinished = folder.csv("timeseries.csv", &["at_ns"]).unwrap();
    drop(unfinished);
    drop(folder);
    assert_eq!(names(&scratch.0), ["run.partial"]);
    assert_eq!(
        names(&scratch.0.join("run.partial")),
        [".lock", "old.txt", "timeseries.csv.partial"]
    );
    let folder = ResultFolder::create(&out, Existing::Refuse).unwrap();
    folder.text("summary.json", "{}").unwrap();
    folder.finish().unwrap();
    assert_eq!(names(&out), ["summary.json"]);
}

#[test]
fn a_run_that_wrote_nothing_leaves_nothing() {
    let scratch = Scratch::new();
    let folder = ResultFolder::create(&scratch.0.join("run"), Existing::Refuse).unwrap();
    assert_eq!(names(&scratch.0), ["run.partial"]);
    drop(folder);
    assert!(names(&scratch.0).is_empty());
}

#[test]
fn a_run_that_is_withdrawn_leaves_nothing_whatever_it_wrote() {
    let scratch = Scratch::new();
    let out = scratch.0.join("run");
    let folder = ResultFolder::create(&out, Existing::Refuse).unwrap();
    folder.text("plots/summary.json", "{}").unwrap();
    folder.withdraw();
    assert!(names(&scratch.0).is_empty());
}

#[test]
fn two_runs_never_share_a_folder() {
    let scratch = Scratch::new();
    let out = scratch.0.join("run");
    let first = ResultFolder::create(&out, Existing::Refuse).unwrap();
    let error = ResultFolder::create(&out, Existing::Refuse).unwrap_err();
    assert!(matches!(error, FolderError::Busy(..)), "{error}");
    assert_eq!(error.exit_code(), 2);
    first.text("summary.json", "{}").unwrap();
    first.finish().unwrap();
}

#[test]
fn a_folder_made_meanwhile_is_not_overwritten() {
    let scratch = Scratch::new();
    let out = scratch.0.join("run");
    let folder = ResultFolder::create(&out, Existing::Refuse).unwrap();
    folder.text("summary.json", "{}").unwrap();
    fs::create_dir(&out).unwrap();
    assert!(matches!(folder.finish(), Err(FolderError::Exists(..))));
    assert_eq!(names(&scratch.0), ["run", "run.partial"]);
}

#[test]
fn a_parent_that_is_a_file_is_an_error_of_the_user() {
    let scratch = Scratch::new();
    fs::write(scratch.0.join("file"), "").unwrap();
    let error = ResultFolder::create(&scratch.0.join("file/run"), Existing::Refuse).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    for path in ["", "/", "..", "results/.."] {
        let error = ResultFolder::create(Path::new(path), Existing::Refuse).unwrap_err();
        assert!(matches!(error, FolderError::NoName(..)), "{path}: {error}");
    }
}

#[test]
fn every_cause_has_its_exit_code_and_its_advice() {
    let check = |kind: ErrorKind, exit_code: u8, advice: &str| {
        let error = FolderError::from_io(Path::new("out/pods.csv.zst"), io::Error::from(kind));
        assert_eq!(error.exit_code(), exit_code, "{kind:?}");
        let message = error.to_string();
        assert!(message.starts_with("out/pods.csv.zst: "), "{message}");
        assert!(message.contains(advice), "{message}");
    };
    check(ErrorKind::StorageFull, 101, "free some space");
    check(ErrorKind::QuotaExceeded, 101, "free some space");
    check(ErrorKind::PermissionDenied, 2, "that you may write to");
    check(ErrorKind::ReadOnlyFilesystem, 2, "that you may write to");
    check(ErrorKind::BrokenPipe, 101, "could not be written");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_the_file_and_the_way_out() {
    let full = Path::new("/dev/full");
    let path = PathBuf::from("results/run.partial/pods.csv.zst");
    let sink = Sink::Plain(BufWriter::new(File::create(full).unwrap()));
    let mut file = OutputFile {
        sink,
        temporary: full.to_path_buf(),
        path,
    };
    file.write_all(b"pod").unwrap();
    let error = file.finish().unwrap_err();
    assert_eq!(error.exit_code(), 101);
    assert_eq!(
        error.to_string(),
        "results/run.partial/pods.csv.zst: the disk is full (No space left on device (os error \
         28)); free some space or choose another disk with `--out`, then run it again: finished \
         results are kept, unfinished ones are replaced"
    );
}

#[test]
fn files_written_together_are_all_there_or_none() {
    let scratch = Scratch::new();
    let out = scratch.0.join("plots");
    let files = ["a.csv", "b.csv"].map(|name| TextFile {
        name: name.to_owned(),
        text: format!("text of {name}"),
    });
    // What stands in the way of the second is a folder.
    fs::create_dir_all(out.join("b.csv")).expect("writable");
    for existing in [Existing::Refuse, Existing::Replace] {
        write_files(&out, &files, existing).expect_err("a folder");
        assert_eq!(names(&out), ["b.csv"]);
    }
    fs::remove_dir_all(&out).expect("writable");
    write_files(&out, &files, Existing::Refuse).expect("new files");
    assert_eq!(names(&out), ["a.csv", "b.csv"]);
    fs::remove_file(out.join("a.csv")).expect("writable");
    let error = write_files(&out, &files, Existing::Refuse).expect_err("the second exists");
    assert!(matches!(error, FolderError::FileExists(..)), "{error}");
    assert_eq!(names(&out), ["b.csv"]);
    write_files(&out, &files, Existing::Replace).expect("replaced");
    assert_eq!(names(&out), ["a.csv", "b.csv"]);
    // A name that no file can have: a folder that is made for the files goes again.
    let unwritable = [TextFile {
        name: "n".repeat(300),
        text: String::new(),
    }];
    let new = scratch.0.join("new");
    write_files(&new, &unwritable, Existing::Refuse).expect_err("too long");
    assert!(!new.exists());
}

#[test]
fn two_writers_of_a_file_take_no_temporary_file_from_each_other() {
    let scratch = Scratch::new();
    fs::create_dir_all(&scratch.0).expect("writable");
    let path = scratch.0.join("report");
    write_file_with(&path, Existing::Replace, |out| {
        write_file(&path, b"other", Existing::Replace).map_err(io::Error::other)?;
        assert_eq!(fs::read(&path).expect("the other"), b"other");
        out.write_all(b"own")
    })
    .expect("both are written");
    assert_eq!(fs::read(&path).expect("one's own"), b"own");
    assert_eq!(names(&scratch.0), ["report"]);
}
