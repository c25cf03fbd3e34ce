//! `windtunnel report` as a user runs it: every form of finished runs, and ten bad inputs with
//! their messages and exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::scratch::new_folder;

/// A folder that is gone with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = new_folder(&format!("report-{name}"));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn windtunnel(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_windtunnel"))
            .args(arguments)
            .current_dir(&self.0)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a small experiment into a folder of this name.
    fn run(&self, out: &str, more: &[&str]) {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/small-cluster.yaml");
        let scenario = scenario.to_string_lossy();
        let mut arguments = vec!["run", &*scenario, "--quiet", "--out", out];
        arguments.extend(more);
        let output = self.windtunnel(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// A copy of a result folder, with one file changed.
    fn damaged(&self, from: &str, to: &str, file: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        let (from, to) = (self.0.join(from), self.0.join(to));
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        let path = to.join(file);
        let bytes = change(fs::read(&path).unwrap());
        fs::write(&path, bytes).unwrap();
    }

    /// What a command says on stderr, which has to end with this exit code.
    fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.windtunnel(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(&format!("exit {code}: ")), "{said}");
        said
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.windtunnel(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_finished_run_in_every_form() {
    let scratch = Scratch::new("forms");
    scratch.run("a", &[]);
    // What `run` wrote and what is rendered from the folder is the same.
    assert_eq!(scratch.succeeds(&["report", "a"]).trim(), "report.html");
    let again = fs::read(scratch.0.join("report.html")).unwrap();
    assert_eq!(again, fs::read(scratch.0.join("a/report.html")).unwrap());
    let printed = |format: &str| scratch.succeeds(&["report", "a", "--format", format]);
    assert!(printed("markdown").contains("| digest |"));
    assert!(printed("table").contains("spread"));
    assert!(printed("csv").starts_with("metric,unit,better,variant,value,best\n"));
    let json: serde_json::Value = serde_json::from_str(&printed("json")).unwrap();
    assert_eq!(json["name"], "small-cluster");

    let ids = ["pods.created", "pending_time.mean"];
    let csv = scratch.succeeds(&[
        "report", "a", "--format", "csv", "--metric", ids[0], "--metric", ids[1],
    ]);
    let metrics: Vec<&str> = (csv.lines().skip(1))
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(metrics, [ids[0], ids[0], ids[1], ids[1]]);

    let written = scratch.succeeds(&["report", "a", "--format", "markdown", "--out", "sub/"]);
    assert_eq!(written.trim(), "sub/report.md");
}

#[test]
fn every_plot_alone_in_every_form_and_twice_the_same() {
    let scratch = Scratch::new("plots");
    scratch.run("a", &[]);
    for style in ["screen", "paper"] {
        for format in ["svg", "png", "csv"] {
            let all = |out: &str| {
                let arguments = [
                    "report", "a", "--plot", "all", "--style", style, "--format", format, "--out",
                    out,
                ];
                let files = scratch.succeeds(&arguments);
                let files = files
                    .lines()
                    .map(|file| fs::read(scratch.0.join(file)).unwrap());
                files.collect::<Vec<_>>()
            };
            let first = all(&format!("{style}-{format}-1/"));
            assert!(first.len() >= 5, "{style} {format}: {}", first.len());
            assert_eq!(first, all(&format!("{style}-{format}-2/")));
        }
    }
    let svg = scratch.succeeds(&["report", "a", "--plot", "pending-time"]);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    let written = fs::read_to_string(scratch.0.join("a/plots/pending-time.svg")).unwrap();
    assert_eq!(svg.trim_end(), written.trim_end());
    let csv = scratch.succeeds(&["report", "a", "--plot", "pending-time", "--format", "csv"]);
    let written = fs::read_to_string(scratch.0.join("a/plots/pending-time.csv")).unwrap();
    assert_eq!(csv, written);
}

#[test]
fn runs_of_one_experiment_are_compared() {
    let scratch = Scratch::new("compared");
    scratch.run("first", &[]);
    scratch.run("second", &["--seed", "43"]);
    let table = scratch.succeeds(&["report", "first", "second", "--format", "markdown"]);
    assert!(table.contains("first/spread"), "{table}");
    assert!(table.contains("second/pack"), "{table}");
    assert!(table.contains("seed: 42"), "{table}");
    assert!(table.contains("◀"), "{table}");
    assert!(!table.contains("NOT COMPARED"), "{table}");
}

#[test]
fn runs_of_different_scenarios_stand_side_by_side_and_say_so() {
    let scratch = Scratch::new("apart");
    scratch.run("a", &[]);
    scratch.damaged("a", "b", "summary.json", |bytes| {
        text(&bytes).replace("small-cluster", "other").into_bytes()
    });
    for format in ["table", "markdown"] {
        let out = scratch.succeeds(&["report", "a", "b", "--format", format]);
        assert!(out.contains("NOT COMPARED"), "{out}");
        assert!(out.contains("other, small-cluster"), "{out}");
        assert!(!out.contains('◀'), "{out}");
    }
    scratch.succeeds(&["report", "a", "b"]);
    let html = fs::read_to_string(scratch.0.join("report.html")).unwrap();
    assert!(html.contains("NOT COMPARED: they come from different scenarios"));
    assert!(!html.contains("class=\"number good\""));
}

#[test]
fn folders_that_are_no_finished_runs() {
    let scratch = Scratch::new("folders");
    scratch.run("a", &[]);
    scratch.damaged("a", "version", "summary.json", |bytes| {
        let text = text(&bytes);
        let (_, rest) = text.split_once(',').unwrap();
        format!("{{\"schemaVersion\": \"one\",{rest}").into_bytes()
    });
    let said = scratch.fails(&["report", "version"], 2);
    assert!(
        said.contains("version/summary.json: `schemaVersion` is \"one\""),
        "{said}"
    );

    scratch.damaged("a", "future", "summary.json", |bytes| {
        let text = text(&bytes);
        let (_, rest) = text.split_once(',').unwrap();
        format!("{{\"schemaVersion\": 99,{rest}").into_bytes()
    });
    let said = scratch.fails(&["report", "future"], 2);
    assert!(said.contains("`schemaVersion` 99"), "{said}");
    assert!(said.contains("use the newer program"), "{said}");

    fs::rename(scratch.0.join("future"), scratch.0.join("b.partial")).unwrap();
    for name in ["b.partial", "b"] {
        let said = scratch.fails(&["report", name], 2);
        assert!(said.contains("an unfinished run"), "{said}");
    }

    scratch.damaged("a", "none", "summary.json", |bytes| {
        let mut json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        json["variants"] = serde_json::json!([]);
        json.to_string().into_bytes()
    });
    let said = scratch.fails(&["report", "none"], 4);
    assert!(said.contains("nothing was measured"), "{said}");
    let said = scratch.fails(&["report"], 2);
    assert!(said.contains("<RUN>"), "{said}");

    let said = scratch.fails(&["report", "nowhere"], 2);
    assert!(said.contains("nowhere: no such folder"), "{said}");
}

#[test]
fn files_that_are_cut_off() {
    let scratch = Scratch::new("cut-off");
    scratch.run("a", &[]);
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let mut tables = vec!["report.json", "summary.json"];
    let parquet = ["timeseries.parquet", "pods.parquet"];
    tables.extend(
        parquet
            .iter()
            .filter(|file| scratch.0.join("a").join(file).exists()),
    );
    for file in tables {
        let folder = format!("cut-{file}");
        scratch.damaged("a", &folder, file, half);
        let said = scratch.fails(&["report", &folder], 2);
        assert!(said.contains(&format!("{folder}/{file}")), "{said}");
        assert!(said.contains("run the experiment again"), "{said}");
    }
    scratch.damaged("a", "lists", "report.json", |bytes| {
        text(&bytes)
            .replacen("\"pending\":[", "\"pending\":[1,", 1)
            .into_bytes()
    });
    let said = scratch.fails(&["report", "lists"], 2);
    assert!(said.contains("do not belong together"), "{said}");
}

#[test]
fn unknown_names() {
    let scratch = Scratch::new("unknown");
    scratch.run("a", &[]);
    let said = scratch.fails(
        &[
            "report",
            "a",
            "--format",
            "csv",
            "--metric",
            "pending_time.p98",
        ],
        2,
    );
    assert!(said.contains("no metric `pending_time.p98`"), "{said}");
    assert!(said.contains("did you mean `pending_time.p9"), "{said}");
    let said = scratch.fails(&["report", "a", "--plot", "heat"], 2);
    assert!(
        said.contains("there is no plot `heat`; known are"),
        "{said}"
    );
    assert!(said.contains("node-heat"), "{said}");
    let said = scratch.fails(&["report", "a", "--plot", "gpu-over-demand"], 4);
    assert!(
        said.contains("only a fill-up with GPUs has this plot"),
        "{said}"
    );
    let said = scratch.fails(&["report", "a", "--format", "png"], 2);
    assert!(said.contains("--plot NAME"), "{said}");
    let said = scratch.fails(&["report", "a", "--plot", "all"], 2);
    assert!(said.contains("--out DIR/"), "{said}");
}

#[test]
fn what_is_there_is_not_replaced_unasked() {
    let scratch = Scratch::new("existing");
    scratch.run("a", &[]);
    fs::write(scratch.0.join("mine.html"), "mine").unwrap();
    let said = scratch.fails(&["report", "a", "--out", "mine.html"], 2);
    assert!(said.contains("mine.html"), "{said}");
    assert_eq!(fs::read(scratch.0.join("mine.html")).unwrap(), b"mine");
    scratch.succeeds(&["report", "a", "--out", "mine.html", "--force"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let scratch = Scratch::new("full");
    scratch.run("a", &[]);
    // Standard output on a full device.
    let output = Command::new(env!("CARGO_BIN_EXE_windtunnel"))
        .args(["report", "a", "--format", "csv"])
        .current_dir(&scratch.0)
        .stdout(
            fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        )
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(101), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("can't write to stdout"));
    // A file that may not grow: what the system says is that it is too large.
    let program = env!("CARGO_BIN_EXE_windtunnel");
    let limited = format!("trap '' XFSZ; ulimit -f 4; exec {program} report a");
    let output = Command::new("sh")
        .args(["-c", &limited])
        .current_dir(&scratch.0)
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{said}");
    assert!(said.contains("report.html"), "{said}");
    assert!(!scratch.0.join("report.html").exists());
}

#[test]
fn names_with_html_in_them_stay_text() {
    let scratch = Scratch::new("names");
    scratch.run("a", &[]);
    let attack = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    for file in ["summary.json", "report.json"] {
        let to = format!("to-{file}");
        let from = if file == "summary.json" {
            "a"
        } else {
            "to-summary.json"
        };
        scratch.damaged(from, &to, file, |bytes| {
            text(&bytes)
                .replace("\"spread\"", &format!("\"{attack}\""))
                .into_bytes()
        });
    }
    // The tables still have the old name; without them the folder is whole again.
    for file in [
        "timeseries.parquet",
        "pods.parquet",
        "timeseries.csv",
        "pods.csv.zst",
    ] {
        let _ = fs::remove_file(scratch.0.join("to-report.json").join(file));
    }
    scratch.succeeds(&["report", "to-report.json"]);
    let html = fs::read_to_string(scratch.0.join("report.html")).unwrap();
    assert_eq!(html.matches("<script").count(), 4);
    assert!(!html.contains("<img"));
    let markdown = scratch.succeeds(&["report", "to-report.json", "--format", "markdown"]);
    assert!(
        !markdown.contains("<script") && !markdown.contains("<img"),
        "{markdown}"
    );
    let svg = scratch.succeeds(&["report", "to-report.json", "--plot", "allocation"]);
    assert!(!svg.contains("<script"));
}

#[test]
fn completions_and_manual_pages() {
    let scratch = Scratch::new("man");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let completions = scratch.succeeds(&["completions", shell]);
        assert!(completions.contains("report"), "{shell}");
    }
    assert!(scratch.succeeds(&["man"]).contains(".TH windtunnel 1"));
    let pages = scratch.succeeds(&["man", "--out", "pages"]);
    for page in [
        "windtunnel.1",
        "windtunnel-report.1",
        "windtunnel-trace-generate.1",
    ] {
        assert!(pages.contains(&format!("pages/{page}\n")), "{pages}");
        assert!(scratch.0.join("pages").join(page).exists(), "{page}");
    }
    scratch.fails(&["completions", "tcsh"], 2);
}

/// axe in a headless browser, where node, its packages and a browser are there.
#[test]
fn reports_are_accessible() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/a11y");
    let has = |program: &str| {
        let found = Command::new(program).arg("--version").output();
        found.is_ok_and(|output| output.status.success())
    };
    if !has("node") || !has("/usr/bin/chromium") || !folder.join("node_modules").is_dir() {
        println!("skipped: needs node, /usr/bin/chromium and `npm ci` in tests/a11y");
        return;
    }
    let scratch = Scratch::new("accessible");
    scratch.run("a", &[]);
    scratch.run("b", &["--seed", "43"]);
    scratch.succeeds(&["report", "a", "b", "--out", "side-by-side.html"]);
    let output = Command::new("node")
        .arg(folder.join("check.mjs"))
        .args(["a/report.html", "side-by-side.html"])
        .current_dir(&scratch.0)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}
