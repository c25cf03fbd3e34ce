//! Finds the commit and the compiler that the program is built from. Without Git, or outside of the project's repository,
//! there is none, and the build goes on.

use std::process::Command;

fn main() {
    // What is changed and not committed tells in the commit, too.
    println!("cargo::rerun-if-changed=..");
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!(
        "cargo::rustc-env=WINDTUNNEL_COMMIT={}",
        commit().unwrap_or_default()
    );
    println!(
        "cargo::rustc-env=WINDTUNNEL_RUSTC={}",
        compiler().unwrap_or_default()
    );
}

/// Name and version of the compiler, such as `rustc 1.93.0`.
#[expect(clippy::disallowed_methods, reason = "Cargo names the compiler so")]
fn compiler() -> Option<String> {
    let output = Command::new(std::env::var_os("RUSTC")?)
        .arg("-V")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    output.status.success().then(|| words.join(" "))
}

fn commit() -> Option<String> {
    // A copy of the sources may lie in another repository.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let mark = if changed.is_empty() { "" } else { "-dirty" };
    Some(format!("{commit}{mark}"))
}

fn git(arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["--no-optional-locks", "-c", "core.fsmonitor="]);
    let output = git.args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
