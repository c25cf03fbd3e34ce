//! The page in a real browser, by the script beside those of reports: the walk of the manual, every view in light, dark and
//! narrow, with axe.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::site::{Folder, Site};

/// Whether a program is there.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|output| output.status.success())
}

#[test]
fn the_page_works_in_a_browser() {
    let server = PathBuf::from(env!("CARGO_BIN_EXE_windtunnel-serve"));
    let program = server.with_file_name("windtunnel");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scripts = sources.join("tests/a11y");
    let browser = std::env::var("CHROMIUM").unwrap_or("/usr/bin/chromium".to_owned());
    if !program.is_file()
        || !has("node")
        || !has(&browser)
        || !scripts.join("node_modules").is_dir()
    {
        println!(
            "skipped: needs the program beside the server, node, {browser} and `npm ci` in tests/a11y"
        );
        return;
    }
    let folder = Folder::new("browser");
    let traces =
        ["", "-2", "-bad", "-careful"].map(|own| format!("traces/rolling-update{own}.yaml"));
    let others = [
        "scenarios/kubernetes.yaml",
        "scenarios/rolling-update.yaml",
        "traces/kubernetes.yaml",
    ];
    for file in traces.iter().map(String::as_str).chain(others) {
        let text = std::fs::read_to_string(sources.join(file)).expect("it is there");
        folder.file(file, &text);
    }
    for (name, more) in [
        ("without-log", &[][..]),
        ("rolling-update", &["--events"]),
        ("kubernetes", &["--events"]),
    ] {
        let experiment = if name == "without-log" {
            "kubernetes"
        } else {
            name
        };
        let run = Command::new(&program)
            .arg("run")
            .arg(format!("scenarios/{experiment}.yaml"))
            .args(["--quiet", "--out", &format!("results/{name}")])
            .args(more)
            .current_dir(folder.root())
            .output()
            .expect("it runs");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
    let words = ["results", "scenarios/kubernetes.yaml"];
    let site = Site::start(&server, &folder.root(), &words);
    let output = Command::new("node")
        .arg(scripts.join("serve.mjs"))
        .arg(&site.address)
        .arg(sources.join("docs/manual/serve.md"))
        .env("CHROMIUM", browser)
        .output()
        .expect("node runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{text}");
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
