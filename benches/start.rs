//! Start-up: the program alone, and from its start to the first event of a small scenario, as the
//! program tells it with `--profile`. Prints a Markdown table of the least and the median of many
//! starts.

use std::io::Write as _;
use std::process::Command;

/// Starts.
const STARTS: usize = 40;

/// Milliseconds of each start, in order of size.
fn sorted(mut of_one: impl FnMut() -> f64) -> Vec<f64> {
    let mut all: Vec<f64> = (0..STARTS).map(|_| of_one()).collect();
    all.sort_by(f64::total_cmp);
    all
}

#[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
fn alone() -> f64 {
    let begun = std::time::Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_windtunnel"))
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("the program").success());
    begun.elapsed().as_secs_f64() * 1e3
}

/// From the command line read to the first event, in milliseconds.
fn to_first_event(out: &std::path::Path) -> f64 {
    let project = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(env!("CARGO_BIN_EXE_windtunnel"))
        .args([
            "run",
            "scenarios/small-cluster.yaml",
            "--profile",
            "--force",
        ])
        .args(["--tables", "none", "--threads", "1", "--out"])
        .arg(out)
        .current_dir(project)
        .output()
        .expect("the program");
    let told = String::from_utf8_lossy(&output.stderr);
    let (_, rest) = told.split_once("first event after ").expect("a profile");
    let (number, _) = rest.split_once(" ms").expect("milliseconds");
    number.parse().expect("a number")
}

fn main() {
    let out = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("start");
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "| what | least, ms | median, ms |\n|---|---:|---:|");
    for (what, all) in [
        ("start and end of the program", sorted(alone)),
        (
            "command line to first event, small-cluster.yaml",
            sorted(|| to_first_event(&out)),
        ),
    ] {
        let _ = writeln!(
            stdout,
            "| {what} | {:.2} | {:.2} |",
            all[0],
            all[STARTS / 2]
        );
    }
}
