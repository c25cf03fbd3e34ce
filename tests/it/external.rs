//! Programs of the user's own in a run: the Python example against the policy that it rewrites, who may
//! start a program, and programs that misbehave.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::scratch::Scratch;

/// Twelve nodes of three sizes and forty pods of four, which come in two waves.
fn experiment(variants: &str) -> String {
    let mut nodes = String::new();
    for (size, cores) in [(0, 4), (1, 8), (2, 16)] {
        let _ = writeln!(
            nodes,
            "    - {{count: 4, name: \"n{size}-{{}}\", template: {{allocatable: {{cpu: {cores}, memory: {}Gi, pods: 110}}}}}}",
            4 * cores
        );
    }
    format!(
        "windtunnel: v1\nname: own\nseed: 3\ncluster:\n  nodes:\n{nodes}workload:\n  - trace: {{format: csv, path: jobs.csv}}\nsystem: {{name: pipeline, scheduler: {{profile: best-fit}}}}\n\
         stop: {{when: drained}}\nvariants:\n{variants}"
    )
}

fn jobs() -> String {
    let mut text = "submit,cpu,memory,run_time\n".to_owned();
    for job in 0..40 {
        let (cores, wave) = (1 + job * 7 % 4, job / 20 * 50);
        let (submit, run) = (wave + job % 3, 60 + job);
        let _ = writeln!(text, "{submit},{cores},{}Gi,{run}s", 2 * cores);
    }
    text
}

fn folder(name: &str, variants: &str) -> Scratch {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/examples/best_fit.py");
    let example = fs::read_to_string(example).expect("the example");
    let files = [
        ("own.yaml", experiment(variants)),
        ("jobs.csv", jobs()),
        ("best_fit.py", example),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    Scratch::new(name, &files)
}

const BOTH: &str = "  builtin: {}\n  mine:\n    system.scheduler.plugins: {best-fit: null}\n    \
                    system.scheduler.external: {command: [python3, best_fit.py]}\n";

#[test]
fn the_example_in_python_decides_as_the_policy_that_it_rewrites() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: needs python3");
        return;
    }
    let folder = folder("external-python", BOTH);
    folder.run(&["run", "own.yaml", "--out", "out", "--allow-external"], 0);
    let summary = folder.summary("out");
    let digests: Vec<&str> = summary
        .variants
        .iter()
        .map(|own| own.digest.as_str())
        .collect();
    assert_eq!(digests[0], digests[1]);
    // The result has the answers, and is reproduced without the program.
    fs::rename(folder.path("best_fit.py"), folder.path("moved.py")).expect("it is there");
    folder.run(&["reproduce", "out"], 0);
    folder.run(&["explain", "out:mine", "job-1"], 0);
    let told = folder.run(&["reproduce", "out", "--allow-external"], 101);
    assert!(
        told.contains("ended (exit status: 2) before its first answer"),
        "{told}"
    );
    fs::rename(folder.path("moved.py"), folder.path("best_fit.py")).expect("it is there");
    folder.run(&["reproduce", "out", "--allow-external"], 0);
    let answers = folder.path("out/external/mine.0.jsonl.zst");
    fs::write(
        answers,
        zstd::encode_all(&b"0123456789abcdef {}"[..], 1).unwrap(),
    )
    .unwrap();
    let told = folder.run(&["reproduce", "out"], 101);
    assert!(
        told.contains("has another question after 0 exchanges"),
        "{told}"
    );
    let command = "python3 best_fit.py";
    let all = [
        "run",
        "own.yaml",
        "--out",
        "three",
        "--policy-command",
        command,
        "--allow-external",
    ];
    folder.run(&all, 0);
    assert_eq!(folder.summary("three").variants[2].name, "external");
}

#[test]
fn a_file_runs_no_program_unless_the_user_says_so() {
    let variants = "  mine:\n    system.scheduler.external: {command: [touch, ran]}\n";
    let folder = folder("external-refused", variants);
    for command in [
        &["run", "own.yaml", "--out", "out"][..],
        &["compare", "own.yaml", "--seeds", "2", "--out", "out"],
        &["check", "own.yaml"],
        &["sweep", "own.yaml", "--param", "seed=1..2", "--out", "out"],
        &[
            "run",
            "own.yaml",
            "--out",
            "out",
            "--policy-command",
            "true",
        ],
    ] {
        let output = folder.command(command).output().expect("it starts");
        assert!(!output.status.success(), "{command:?}");
        assert!(!folder.path("ran").exists(), "{command:?}");
    }
    let told = folder.run(&["run", "own.yaml", "--out", "out"], 2);
    assert!(
        told.contains("it runs `touch ran` on this machine"),
        "{told}"
    );
}

#[test]
fn a_program_that_misbehaves_ends_the_run_with_words() {
    for (script, code, why) in [
        (
            "exit 1",
            101,
            "ended (exit status: 1) before its first answer",
        ),
        (
            "echo '{\"protocol\": 2}'",
            101,
            "speaks protocol 2, expected 1",
        ),
        (
            "echo '{\"protocol\":1}'; echo '{\"points\":[1]}'",
            101,
            "answered 1 `points` about 12",
        ),
        (
            "echo '{\"protocol\":1}'; echo '{\"points\":[NaN]}'",
            101,
            "answer to `score` can't be read",
        ),
        (
            "echo '{\"protocol\":1}'; echo hello",
            101,
            "it begins `hello`",
        ),
    ] {
        let script = script.replace('\'', "''");
        let variants =
            format!("  mine:\n    system.scheduler.external: {{command: [sh, -c, '{script}']}}\n");
        let folder = folder("external-wrong", &variants);
        let arguments = ["run", "own.yaml", "--out", "out", "--allow-external"];
        let told = folder.run(&arguments, code);
        assert!(told.contains(why), "{script}: {told}");
        assert!(!folder.path("out").exists(), "{script}");
    }
}

#[test]
fn a_filter_of_ones_own_keeps_pods_off_nodes() {
    // Every answer accepts the first four of twelve nodes.
    let accept =
        "{\"accept\":[true,true,true,true,false,false,false,false,false,false,false,false]}";
    let script = format!(
        "read -r hello; echo ''{{\"protocol\":1}}''; while read -r ask; do echo ''{accept}''; done"
    );
    let variants = format!(
        "  mine:\n    system.scheduler.external: {{command: [sh, -c, '{script}'], points: [filter]}}\n"
    );
    let folder = folder("external-filter", &variants);
    let arguments = [
        "run",
        "own.yaml",
        "--out",
        "out",
        "--tables",
        "csv",
        "--allow-external",
    ];
    folder.run(&arguments, 0);
    let pods: crate::scratch::Pods<1> = folder.pods("out", ["node"]);
    assert_eq!(pods.len(), 40);
    assert!(
        pods.values().all(|[node]| node.starts_with("n0-")),
        "{pods:?}"
    );
}
