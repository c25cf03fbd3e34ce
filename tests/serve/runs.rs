//! Runs that the page starts: progress, stop, and the end of the server; questions as words of the program.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::site::{Folder, LOG, SUMMARY, Site};

/// A program that tells its words and goes on until it is interrupted.
const ENDLESS: &str = r#"#!/bin/sh
here="$(dirname "$0")"
for word in "$@"; do echo "$word" >> "$here/words"; done
if [ "$1" = run ]; then
    echo $$ >> "$here/ids"
    trap 'echo interrupted >> "$here/ends"; exit 130' INT
    echo '{"progress":0.25,"simulatedNs":7000000000,"events":12}' >&2
    while [ ! -e "$here/done" ]; do sleep 0.05; done
    echo 'note: it is done' >&2
    exit 0
fi
echo '{"said": "yes"}'
"#;

fn words(folder: &Folder) -> Vec<String> {
    let text = fs::read_to_string(folder.0.join("bin/words")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn wait_for(path: &Path, part: &str) {
    let begun = Instant::now();
    while !fs::read_to_string(path).is_ok_and(|text| text.contains(part)) {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "{}: {part}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_run_shows_its_progress_and_is_stopped() {
    let folder = Folder::new("stop");
    folder.file("mine.yaml", "windtunnel: v1\n");
    let site = Site::start(&folder.server(ENDLESS), &folder.root(), &["--runs", "1"]);
    let body = json!({"path": "mine.yaml", "sets": ["seed=7", "--allow-external"]});
    let told = site.post("/api/run", &body).json();
    assert_eq!(told["result"], "mine", "{told}");
    let state = site.until("/api/state", |own| own["jobs"][0]["progress"] == 0.25);
    assert_eq!(state["jobs"][0]["simulatedNs"], 7_000_000_000_i64);
    let words = words(&folder);
    let after = |word: &str| {
        words
            .iter()
            .position(|own| own == word)
            .map(|at| words[at + 1].clone())
    };
    assert!(
        words.contains(&"--set=--allow-external".to_owned()),
        "{words:?}"
    );
    assert!(!words.contains(&"--allow-external".to_owned()), "{words:?}");
    let root = folder.root().canonicalize().expect("it is there");
    assert_eq!(
        after("--within"),
        Some(root.display().to_string()),
        "{words:?}"
    );
    assert!(words.contains(&"--events".to_owned()), "{words:?}");
    let full = site.post("/api/run", &json!({"path": "mine.yaml"}));
    assert!(
        full.status == 429 && full.body.contains("--runs"),
        "{full:?}"
    );
    assert_eq!(site.post("/api/stop", &json!({"id": 99})).status, 404);
    assert_eq!(
        site.post("/api/stop", &json!({"id": told["id"]})).status,
        200
    );
    site.until("/api/state", |own| own["jobs"][0]["state"] == "stopped");
    assert_eq!(
        site.post("/api/stop", &json!({"id": told["id"]})).status,
        404
    );
    wait_for(&folder.0.join("bin/ends"), "interrupted");
    // There is room again, and a run may end by itself.
    fs::write(folder.0.join("bin/done"), "").expect("a file");
    site.post("/api/run", &json!({"path": "mine.yaml"}));
    let state = site.until("/api/state", |own| own["jobs"][0]["state"] == "done");
    assert_eq!(state["jobs"][0]["progress"], 1.0);
    assert_eq!(state["jobs"][0]["lines"], json!(["note: it is done"]));
}

#[test]
fn interrupting_the_server_interrupts_its_runs() {
    let folder = Folder::new("interrupt");
    folder.file("mine.yaml", "windtunnel: v1\n");
    let mut site = Site::start(&folder.server(ENDLESS), &folder.root(), &[]);
    site.post("/api/run", &json!({"path": "mine.yaml"}));
    site.until("/api/state", |own| own["jobs"][0]["progress"] == 0.25);
    site.interrupt();
    site.ended();
    wait_for(&folder.0.join("bin/ends"), "interrupted");
    let ids = fs::read_to_string(folder.0.join("bin/ids")).expect("a run");
    for id in ids.lines() {
        let begun = Instant::now();
        while Path::new("/proc").join(id).exists() {
            assert!(begun.elapsed() < Duration::from_mins(1), "run {id} ends");
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

#[test]
fn questions_become_words() {
    let folder = Folder::new("questions");
    folder.log("good", LOG);
    folder.file("results/good/summary.json", SUMMARY);
    folder.file("results/good/scenario.yaml", "windtunnel: v1\n");
    let site = Site::start(&folder.server(ENDLESS), &folder.root(), &[]);
    let good = folder
        .root()
        .canonicalize()
        .expect("it is there")
        .join("results/good");
    let body = json!({"run": "good", "variant": "v", "pod": "d/web-1-x", "t": 5});
    let told = site.post("/api/explain", &body);
    assert_eq!(told.json()["said"], "yes", "{told:?}");
    let said = words(&folder);
    let wanted = [
        "explain".to_owned(),
        format!("{}:v", good.display()),
        "d/web-1-x".to_owned(),
    ];
    assert_eq!(said[..3], wanted, "{said:?}");
    assert!(said.contains(&"--at=5999ns".to_owned()), "{said:?}");
    for (pod, variant) in [
        ("--config=/etc/passwd", "v"),
        ("p", "-x"),
        ("", "v"),
        ("a\nb", "v"),
    ] {
        let body = json!({"run": "good", "variant": variant, "pod": pod});
        let told = site.post("/api/explain", &body);
        let is_refused = told.status == 400 || variant == "-x";
        assert!(is_refused, "{pod}: {told:?}");
    }
    let sides = json!({"sides": [{"run": "good", "variant": "v"}, {"run": "../x"}]});
    assert_eq!(site.post("/api/diff", &sides).status, 404);
    // A copy of a result's experiment reads the files that it read.
    fs::create_dir_all(folder.root().join("scenarios")).expect("a folder");
    folder.file(
        "results/good/scenario.yaml",
        "# The paths below start at ../../scenarios\nwindtunnel: v1\n",
    );
    let text = site.get("/api/experiment?run=good").json();
    let wanted = "# The paths below start at scenarios\nwindtunnel: v1\n";
    assert_eq!(text["text"], wanted, "{text}");
    let told = site.post("/api/reproduce", &json!({"run": "good"})).json();
    assert_eq!(told["result"], "good-events", "{told}");
}
