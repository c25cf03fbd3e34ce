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

pub(crate) fn folder(name: &str, variants: &str) -> Scratch {
    let example = |name: &str| {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/examples");
        fs::read_to_string(example.join(name)).expect("the example")
    };
    let files = [
        ("own.yaml", experiment(variants)),
        ("jobs.csv", jobs()),
        ("best_fit.py", example("best_fit.py")),
        ("shortest_first.py", example("shortest_first.py")),
        ("first_fit.py", example("first_fit.py")),
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
    let answers = folder.path("out/external/mine.0.answers.zst");
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

/// Digests of the variants of an experiment, which decide with a program or as it.
pub(crate) fn digests(folder: &Scratch) -> Vec<String> {
    folder.run(&["run", "own.yaml", "--out", "out", "--allow-external"], 0);
    let summary = folder.summary("out");
    (summary.variants.iter())
        .map(|own| own.digest.clone())
        .collect()
}

#[test]
fn a_program_scores_and_filters_in_kube_scheduler_as_a_policy_does() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: needs python3");
        return;
    }
    let kube = "system.name: kubernetes, system.scheduler.profile: default";
    let variants = format!(
        "  builtin: {{{kube}, system.scheduler.plugins: {{best-fit: {{weight: 1000}}}}}}\n  \
         mine: {{{kube}, system.scheduler.external: {{command: [python3, best_fit.py], weight: 1000}}}}\n  \
         plain: {{{kube}}}\n"
    );
    let folder = folder("external-kube", &variants);
    let digests = digests(&folder);
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    fs::rename(folder.path("best_fit.py"), folder.path("moved.py")).expect("it is there");
    folder.run(&["reproduce", "out"], 0);
    // What is explained is what the program answered; nothing is asked again.
    let told = folder.run(&["explain", "out:mine", "job-1"], 0);
    assert!(told.contains("external"), "{told}");
}

#[test]
fn a_program_orders_jobs_as_the_rule_that_it_rewrites() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: needs python3");
        return;
    }
    let batch = "system.name: batch, system.scheduler.profile: default";
    let mine = "external: {command: [python3, shortest_first.py], points: [order]}";
    for backfill in ["none", "easy"] {
        let variants = format!(
            "  builtin: {{{batch}, system.scheduler: {{queue: sjf, backfill: {backfill}}}}}\n  \
             mine: {{{batch}, system.scheduler: {{{mine}, backfill: {backfill}}}}}\n  \
             plain: {{{batch}, system.scheduler: {{backfill: {backfill}}}}}\n"
        );
        let folder = folder("external-order", &variants);
        // Three nodes, for which jobs wait.
        let text = folder.text("own.yaml").replace("count: 4", "count: 1");
        fs::write(folder.path("own.yaml"), text).expect("it is there");
        let digests = digests(&folder);
        assert_eq!(digests[0], digests[1], "{backfill}");
        assert_ne!(digests[0], digests[2], "{backfill}");
        fs::remove_file(folder.path("shortest_first.py")).expect("it is there");
        folder.run(&["reproduce", "out"], 0);
    }
}

const WHOLE: &str =
    "system.scheduler.profile: first-fit, system.scheduler.external: {points: [schedule], command";

#[test]
fn a_whole_scheduler_places_pods_as_the_policy_that_it_rewrites() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: needs python3");
        return;
    }
    let variants = format!(
        "  builtin: {{system.scheduler.profile: first-fit}}\n  mine: {{{WHOLE}: [python3, first_fit.py]}}}}\n  \
         late: {{{WHOLE}: [python3, first_fit.py], watchDelay: 3s}}}}\n"
    );
    let folder = folder("external-whole", &variants);
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
    let all = folder.pods_of_variants("out", ["node", "bound_ns"]);
    let places = |variant: &str| all[variant].clone();
    let builtin = places("builtin");
    assert_eq!(builtin.len(), 40);
    assert_eq!(builtin, places("mine"));
    let late = places("late");
    assert!(late.values().all(|[node, _]| !node.is_empty()), "{late:?}");
    assert_ne!(builtin, late);
    fs::remove_file(folder.path("first_fit.py")).expect("it is there");
    folder.run(&["reproduce", "out"], 0);
}

/// A whole scheduler in the shell that gives one answer to every question after the greeting.
fn always(answer: &str) -> String {
    let script = format!(
        "read -r hello; echo '{{\"protocol\":1}}'; while read -r ask; do echo '{answer}'; done"
    );
    let script = script.replace('\'', "''");
    format!("  mine: {{{WHOLE}: [sh, -c, '{script}']}}}}\n")
}

#[test]
fn a_whole_scheduler_that_errs_ends_the_run_or_is_refused() {
    for (answer, why) in [
        (
            "{\"binds\":[{\"pod\":99999,\"node\":0}]}",
            "binds pod 99999, which isn't there",
        ),
        (
            "{\"binds\":[{\"pod\":0,\"node\":77}]}",
            "binds pod 0 to node 77, which isn't there",
        ),
        (
            "{\"evicts\":[88888]}",
            "evicts pod 88888, which isn't there",
        ),
        (
            "{\"releases\":[0]}",
            "releases pod 0, which it doesn't hold",
        ),
        (
            "{\"holds\":[{\"pod\":0,\"node\":0},{\"pod\":0,\"node\":1}]}",
            "holds pod 0 twice",
        ),
        (
            "{\"wake\":0}",
            "wants to be asked again at 0, which isn't later than now",
        ),
        ("{\"bind\":[]}", "unknown field `bind`"),
        ("[NaN]", "answer to `step` that can't be read"),
    ] {
        let folder = folder("external-errs", &always(answer));
        let told = folder.run(
            &["run", "own.yaml", "--out", "out", "--allow-external"],
            101,
        );
        assert!(told.contains(why), "{answer}: {told}");
        assert!(!folder.path("out").exists(), "{answer}");
    }
    // Twice in one answer: the store refuses the second, the program is told, and it insists.
    let twice = "{\"binds\":[{\"pod\":0,\"node\":0},{\"pod\":0,\"node\":0}]}";
    let folder = folder("external-twice", &always(twice));
    let told = folder.run(
        &["run", "own.yaml", "--out", "out", "--allow-external"],
        101,
    );
    assert!(
        told.contains("again, which was refused while nothing has changed since"),
        "{told}"
    );
}

#[test]
fn a_new_policy_runs_in_every_language_that_is_here() {
    for (language, file, build, command) in [
        (
            "python",
            "policy.py",
            "python3 --version",
            "python3 policy.py",
        ),
        ("sh", "policy.sh", "true", "sh policy.sh"),
        ("c", "policy.c", "cc -o policy policy.c", "./policy"),
        (
            "go",
            "policy.go",
            "go build -o policy policy.go",
            "./policy",
        ),
        ("rust", "policy.rs", "rustc policy.rs", "./policy"),
    ] {
        let folder = folder("external-new", "  builtin: {}\n");
        let text = folder.printed(&["new", "policy", "--lang", language], 0);
        fs::write(folder.path(file), text).expect("a file");
        let built = Command::new("sh")
            .args(["-c", build])
            .current_dir(&folder.0)
            .env("GOCACHE", folder.path("cache"))
            .output()
            .expect("sh");
        if !built.status.success() {
            println!("skipped: {language} is not here");
            continue;
        }
        let arguments = [
            "run",
            "own.yaml",
            "--out",
            "out",
            "--policy-command",
            command,
        ];
        folder.run(&arguments, 0);
        assert_eq!(
            folder.summary("out").variants[1].name,
            "external",
            "{language}"
        );
        if command == "./policy" {
            folder.run(&["conformance", "--points", "score", "--", command], 0);
        }
    }
}

#[test]
fn points_that_a_system_does_not_ask_at_are_told() {
    let own = "system.scheduler.external: {command: [echo], points:";
    for (variant, why) in [
        (
            format!("{{system.name: batch, system.scheduler.profile: default, {own} [score]}}}}"),
            "expected `points: [order]`",
        ),
        (
            format!(
                "{{system.name: kubernetes, system.scheduler.profile: default, {own} [order]}}}}"
            ),
            "expected `filter` and `score`",
        ),
        (format!("{{{own} [schedule, score]}}}}"), "decides alone"),
        (
            format!("{{system.scheduler.queue: fifo, {own} [order]}}}}"),
            "both order the queue",
        ),
        (
            format!("{{{own} [score], watchDelay: 1s}}}}"),
            "watchDelay: only a program",
        ),
    ] {
        let folder = folder("external-points", &format!("  mine: {variant}\n"));
        let told = folder.run(&["run", "own.yaml", "--out", "out", "--allow-external"], 2);
        assert!(told.contains(why), "{variant}: {told}");
    }
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
            "the external program `sh -c",
        ),
        (
            "echo '{\"protocol\":1}'; echo '{\"points\":[1]}'",
            101,
            "answered 1 `points` about 12 candidates: one each is expected",
        ),
        (
            "echo '{\"protocol\":1}'; echo '{\"points\":[NaN]}'",
            101,
            "gave an answer to `score` that can't be read",
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
