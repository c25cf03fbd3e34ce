//! Runs the tests one after the other and prints the table of faults: passed, failed, or skipped and
//! why.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};

use live::runtime::clock;
use live::runtime::doctor::{Finding, examine};

use crate::wait::seconds;
use crate::watch::Watch;
use crate::{
    crashes, docker, ends, fabric, isolation, kube, limits, load, machines, network, parties,
    probes, restarts, server, services, short_log, shortage, soak, sweep, thirty, torn, walk,
};

/// A test.
pub(crate) struct Test {
    /// Numbers of the faults in the plan of faults, or a word for what the plan needs.
    pub(crate) fault: &'static str,
    pub(crate) name: &'static str,
    /// Features that the host must have, as `live doctor` names them.
    pub(crate) needs: &'static [&'static str],
    pub(crate) run: fn(),
}

/// Longest time that a test may take, nanoseconds: several times that on a machine at rest, where none but
/// the long ones takes 10 s.
const MOST_NS: i64 = 60_000_000_000;

/// Time after which a test is taken to hang, unless a variable makes it as long as one likes.
const HANG: std::time::Duration = seconds(300);

/// Every group of tests.
const GROUPS: &[&[Test]] = &[
    restarts::TESTS,
    ends::TESTS,
    limits::TESTS,
    isolation::TESTS,
    torn::TESTS,
    soak::TESTS,
    crashes::TESTS,
    fabric::TESTS,
    network::TESTS,
    server::TESTS,
    parties::TESTS,
    probes::TESTS,
    shortage::TESTS,
    short_log::TESTS,
    walk::TESTS,
    load::TESTS,
    thirty::TESTS,
    machines::TESTS,
    services::TESTS,
    docker::TESTS,
    kube::TESTS,
];

enum Result {
    Passed,
    Failed,
    TooLong,
    Skipped(String),
}

pub(crate) fn run(words: &[&str]) -> ExitCode {
    let filters: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_wanted = |test: &&Test| {
        filters.is_empty()
            || filters
                .iter()
                .any(|filter| test.name.contains(filter) || is_fault(test, filter))
    };
    let tests = GROUPS
        .iter()
        .flat_map(|group| group.iter())
        .filter(is_wanted);
    if words.contains(&"--list") {
        for test in tests {
            println!("{}: test", test.name);
        }
        return ExitCode::SUCCESS;
    }
    sweep::earlier_runs();
    let findings = examine(None);
    let mut lines = Vec::new();
    let mut failures = 0;
    for test in tests {
        let start_ns = clock::boot_ns();
        let result = one(test, &findings);
        let taken_ns = clock::boot_ns() - start_ns;
        let result = match result {
            Result::Passed if taken_ns > MOST_NS && !is_long(test) => Result::TooLong,
            result => result,
        };
        let (words, is_failure) = match result {
            Result::Passed => ("passed".to_owned(), false),
            Result::Failed => ("FAILED".to_owned(), true),
            Result::TooLong => ("FAILED: over 60 s".to_owned(), true),
            Result::Skipped(why) => (format!("skipped: {why}"), is_required(test)),
        };
        failures += usize::from(is_failure);
        let millis = taken_ns / 1_000_000;
        let line = format!(
            "{:>10}  {:<58} {millis:>6} ms  {words}",
            test.fault, test.name
        );
        println!("{line}");
        lines.push(line);
    }
    let _ = std::fs::remove_dir_all(sweep::run_folder());
    println!("\n{} tests, {failures} failed", lines.len());
    if failures > 0 {
        println!("{}", lines.join("\n"));
        return ExitCode::from(101);
    }
    ExitCode::SUCCESS
}

fn one(test: &Test, findings: &[Finding]) -> Result {
    let is_there = |feature: &&str| {
        (*feature == "kubectl" && has_kubectl())
            || findings
                .iter()
                .any(|finding| finding.feature == *feature && finding.is_there)
    };
    let lacks: Vec<&str> = test
        .needs
        .iter()
        .copied()
        .filter(|feature| !is_there(feature))
        .collect();
    if !lacks.is_empty() {
        return Result::Skipped(format!("needs {}", lacks.join(", ")));
    }
    let is_any_length = std::env::var_os("WT_SOAK_SECONDS").is_some() && is_long(test);
    let _watch = (!is_any_length).then(|| Watch::over(test.name, HANG));
    match catch_unwind(AssertUnwindSafe(test.run)) {
        Ok(()) => Result::Passed,
        Err(_) => Result::Failed,
    }
}

/// Whether kubectl is installed.
fn has_kubectl() -> bool {
    let version = Command::new("kubectl")
        .args(["version", "--client"])
        .output();
    version.is_ok_and(|output| output.status.success())
}

/// Returns whether a test is of a fault.
fn is_fault(test: &Test, fault: &str) -> bool {
    test.fault.split(", ").any(|own| own == fault)
}

/// Returns whether the plan exempts the test: variables make it as long as one likes, or it is all at once.
fn is_long(test: &Test) -> bool {
    matches!(test.fault, "24" | "25" | "34" | "36" | "S" | "T")
}

/// Returns whether a feature that the test needs is mandatory.
fn is_required(test: &Test) -> bool {
    let required = std::env::var("WT_REQUIRE").unwrap_or_default();
    required
        .split(',')
        .any(|feature| test.needs.contains(&feature))
}
