//! `windtunnel tune`: the exchange with mistakes in it, the same answers on any threads and after a kill, racing,
//! programs as candidates, and the held-out runs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::scratch::Scratch;

/// Folder with the experiment of the manual, which fills a small cluster, and one that has another order of pods.
fn folder(name: &str) -> Scratch {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/tune.in");
    let text = |name: &str| fs::read_to_string(page.join(name)).expect("a file of the manual");
    let (nodes, pods, own) = (text("nodes.csv"), text("pods.csv"), text("fill-up.yaml"));
    // Pods that share devices come twice.
    let shared = pods
        .lines()
        .filter(|line| line.contains(",1,") && !line.contains(",1000,"));
    let shared: Vec<String> = shared.map(|line| format!("second-{line}\n")).collect();
    let shared = shared.concat();
    let other = own.replace("pods.csv", "more.csv");
    let files = [
        ("nodes.csv", nodes),
        ("pods.csv", pods.clone()),
        ("more.csv", format!("{pods}{shared}")),
        ("fill-up.yaml", own),
        ("other.yaml", other),
        (
            "log.csv",
            "submit,name,run_time,cpu\n0,a,60,1\n1,b,30,1\n2,c,600,2\n40,d,5,1\n".into(),
        ),
        ("log.yaml", LOG.to_owned()),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    Scratch::new(&format!("tune-{name}"), &files)
}

const LOG: &str = "\
windtunnel: v1
name: log
cluster: {nodes: [{count: 1, template: {allocatable: {cpu: 2, memory: 1Gi, pods: 9}}}]}
workload: [{trace: {format: csv, path: log.csv}}]
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
";

const FILL_UP: [&str; 5] = [
    "tune",
    "fill-up.yaml",
    "--metric",
    "allocation.gpu.end",
    "--quiet",
];

fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let usual = [["--seeds", "6"], ["--held-out", "2"]];
    let usual = usual.iter().filter(|own| !more.contains(&own[0]));
    let usual: Vec<&str> = usual.flatten().copied().collect();
    [&FILL_UP[..], &usual, more].concat()
}

fn set(id: u64, profile: &str) -> Value {
    json!({"id": id, "set": {"system.scheduler.profile": profile}})
}

/// Lines of the program as JSON, without the times that it took.
fn read(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
        for own in [&mut line["cpu_seconds"], &mut Value::Null] {
            own.take();
        }
        if let Some(own) = line["final"].get_mut("cpu_seconds") {
            own.take();
        }
        line
    });
    lines.collect()
}

/// Answers to lines, the first and the last line of the program among them.
fn told(scratch: &Scratch, arguments: &[&str], lines: &[u8]) -> Vec<Value> {
    fs::write(scratch.path("lines.jsonl"), lines).expect("a file");
    let arguments = [arguments, &["--candidates", "lines.jsonl"]].concat();
    read(&scratch.printed(&arguments, 0))
}

fn joined(lines: &[Value]) -> Vec<u8> {
    let lines = lines.iter().map(|line| format!("{line}\n"));
    lines.collect::<String>().into_bytes()
}

#[test]
fn answers_are_the_same_on_any_threads_and_after_a_kill() {
    let scratch = folder("same");
    let mixed = json!({"id": 4, "set": {"system.scheduler.plugins.fgd.weight": 100}});
    let lines = [
        set(1, "least-allocated"),
        json!({"batch": [set(2, "gpu-packing"), set(3, "fgd"), set(5, "random")]}),
        mixed,
        set(6, "gpu-packing"),
    ];
    let ask = |more: &[&str]| {
        let arguments = words(&[&["--seeds", "3"], more].concat());
        told(&scratch, &arguments, &joined(&lines))
    };
    let whole = ask(&["--threads", "1"]);
    assert_eq!(whole.len(), 8, "{whole:#?}");
    assert_eq!(whole[2]["id"], 2);
    assert_eq!(whole[2]["best"], true, "{:#}", whole[2]);
    assert!(whole[2]["divergence"]["here"]["node"].is_string());
    // A copy of the best has its decisions.
    assert!(whole[6].get("divergence").is_none(), "{:#}", whole[6]);
    assert_eq!(whole[6]["against_best"]["verdict"], "equivalent");
    assert_eq!(ask(&["--threads", "2"]), whole);
    // Killed after an answer, with a part of a line left behind.
    let mut child = scratch
        .command(&words(&["--seeds", "3", "--out", "log"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("its input");
    let mut output = BufReader::new(child.stdout.take().expect("its output")).lines();
    output.next().expect("the first line").expect("text");
    for line in &lines[..2] {
        writeln!(input, "{line}").expect("a line");
    }
    for expected in &whole[1..=4] {
        let line = output.next().expect("an answer").expect("text");
        assert_eq!(read(&line)[0], *expected);
    }
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    let log = scratch.path("log/trials.jsonl");
    let mut kept = fs::read(&log).expect("the log");
    kept.extend_from_slice(b"{\"key\":\"ab");
    fs::write(&log, &kept).expect("the log");
    assert_eq!(ask(&["--out", "log"]), whole);
    // By now the log has all, times included.
    let arguments = words(&[
        "--seeds",
        "3",
        "--out",
        "log",
        "--candidates",
        "lines.jsonl",
    ]);
    let [one, two] = [0, 1].map(|_| scratch.printed(&arguments, 0));
    assert_eq!(one, two);
    let other = [
        "tune",
        "fill-up.yaml",
        "--metric",
        "pending_time.mean",
        "--out",
        "log",
    ];
    assert!(scratch.run(&other, 2).contains("another metric"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn mistakes_are_answers_and_the_loop_goes_on() {
    let scratch = folder("mistakes");
    let deep = format!(
        "{{\"id\": 20, \"set\": {}1{}}}",
        "[".repeat(500),
        "]".repeat(500)
    );
    let long = format!("{{\"id\": 21, \"source\": \"{}\"}}", "x".repeat(17 << 20));
    let cases: [(&[u8], &str); 22] = [
        (b"", "EOF"),
        (b"NaN", "line 2: expected value"),
        (b"[1]", "found a list"),
        (b"{\"finish\": 1}", "`finish` is `true`"),
        (b"{\"finish\": true, \"id\": 1}", "each stands alone"),
        (b"{\"batch\": []}", "a list of candidates"),
        (b"{\"batch\": [3]}", "batch: found a number"),
        (b"{\"set\": {}}", "`id` is missing"),
        (b"{\"id\": true}", "`id` is a truth value"),
        (b"{\"id\": \"base\"}", "is the id of the base"),
        (
            b"{\"id\": 1, \"set\": 3}",
            "`set` is a number; expected an object",
        ),
        (b"{\"id\": 2, \"sets\": {}}", "did you mean `set`?"),
        (b"{\"id\": 3, \"source\": \"x\"}", "`lang` is missing"),
        (
            b"{\"id\": 4, \"source\": \"x\", \"lang\": \"perl\"}",
            "expected `python` or `sh`",
        ),
        (
            b"{\"id\": 5, \"source\": \"x\", \"lang\": \"sh\"}",
            "`--allow-external`",
        ),
        (
            b"{\"id\": 6, \"policy\": {\"command\": [\"true\"]}}",
            "`--allow-external`",
        ),
        (b"{\"id\": 7, \"set\": {\"seed\": 7}}", "the same seeds"),
        (
            b"{\"id\": 8, \"set\": {\"stop.at\": \"1m\"}}",
            "`stop.at` is part of the input",
        ),
        (
            b"{\"id\": 9, \"set\": {\"system.scheduler.profle\": 1}}",
            "has no field `profle`",
        ),
        (b"\xff\xfe", "not UTF-8"),
        (deep.as_bytes(), "recursion limit"),
        (long.as_bytes(), "longer than 16 MiB"),
    ];
    let mut lines: Vec<u8> = Vec::new();
    // An empty line is none.
    for (line, _) in &cases[1..] {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\n\n");
    }
    lines.extend(joined(&[set(10, "fgd"), set(10, "fgd")]));
    let arguments = words(&["--held-out", "0", "--seeds", "2"]);
    let answers = told(&scratch, &arguments, &lines);
    assert_eq!(answers.len(), cases.len() + 3);
    for ((_, expected), answer) in cases[1..].iter().zip(&answers[1..]) {
        let error = answer["error"].as_str().expect("an error");
        assert!(
            error.contains(expected.trim_start_matches("line 2: ")),
            "{error}"
        );
        assert_eq!(answer["status"], "failed");
    }
    let [.., good, twice, last] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(good["status"], "done");
    assert!(twice["error"].to_string().contains("was given before"));
    assert_eq!(last["final"]["failed"], 14);
}

#[test]
fn a_candidate_that_cannot_win_gets_no_more_seeds() {
    let scratch = folder("racing");
    let lines = joined(&[set(1, "gpu-packing"), set(2, "worst-fit")]);
    let raced = told(&scratch, &words(&["--first-seeds", "3"]), &lines);
    assert_eq!(raced[1]["seeds"], 6);
    assert_eq!(raced[2]["status"], "dropped");
    assert_eq!(raced[2]["seeds"], 3);
    let high = raced[2]["against_best"]["interval"][1].as_f64();
    assert!(high < Some(0.0), "{:#}", raced[2]);
    assert_eq!(raced[3]["final"]["dropped"], 1);
    // With as many first seeds as seeds none is dropped, and the other direction turns the race.
    let unraced = told(&scratch, &words(&["--first-seeds", "6"]), &lines);
    assert_eq!(unraced[2]["status"], "done");
    let least = told(&scratch, &words(&["--goal", "minimize"]), &lines);
    assert_eq!(least[1]["status"], "dropped");
    assert_eq!(least[2]["best"], false, "it is the base");
    assert_eq!(least[3]["final"]["winner"], "base");
}

#[test]
fn held_out_workloads_decide() {
    let scratch = folder("held-out");
    let lines = joined(&[set(1, "fgd"), set(2, "gpu-packing"), set(3, "worst-fit")]);
    let files = [
        "--held-out-workload",
        "fill-up.yaml",
        "--held-out-workload",
        "other.yaml",
    ];
    let answers = told(
        &scratch,
        &words(&[&files[..], &["--held-out", "8", "--finalists", "2"]].concat()),
        &lines,
    );
    let last = &answers[4]["final"];
    assert_eq!(
        last["finalists"].as_array().map(Vec::len),
        Some(2),
        "{last:#}"
    );
    assert!([json!(1), json!(2)].contains(&last["winner"]), "{last:#}");
    assert_eq!(last["against_base"]["verdict"], "improved");
    assert_eq!(last["against_base"]["pairs"], 16);
    let finalist = &last["finalists"][0];
    assert_eq!(finalist["workloads"][1]["name"], "other.yaml");
    // The mean over both files is that of all pairs.
    let part = |at: usize| {
        finalist["workloads"][at]["difference"]
            .as_f64()
            .expect("a number")
    };
    let all = finalist["against_base"]["difference"]
        .as_f64()
        .expect("a number");
    assert!((all - f64::midpoint(part(0), part(1))).abs() < 1e-12);
    let beside = json!({"id": 1, "set": {"models.startup.containerStart": "1s"}});
    let refused = told(&scratch, &words(&files), &joined(&[beside]));
    assert!(
        refused[1]["error"]
            .to_string()
            .contains("not part of `system`"),
        "{:#}",
        refused[1]
    );
}

#[test]
fn budgets_bases_and_inputs_that_no_seed_changes() {
    let scratch = folder("budgets");
    let spent = told(
        &scratch,
        &words(&["--budget", "0s"]),
        &joined(&[set(1, "fgd"), set(2, "fgd")]),
    );
    assert_eq!(spent.len(), 3);
    assert_eq!(spent[1]["status"], "unmeasured");
    assert_eq!(spent[2]["final"]["budget_spent"], true);
    assert_eq!(spent[2]["final"]["winner"], "base");
    let sjf = json!({"id": 1, "set": {"system.scheduler.queue": "sjf"}});
    let arguments = [
        "tune",
        "log.yaml",
        "--metric",
        "pending_time.mean",
        "--seeds",
        "4",
        "--held-out",
        "2",
        "--quiet",
    ];
    let perturbed = told(&scratch, &arguments, &joined(&[sjf]));
    assert_eq!(perturbed[0]["ready"]["perturbed"], true);
    assert_eq!(perturbed[1]["seeds"], 4, "{:#}", perturbed[1]);
    let variants = "variants: {spread: {}, pack: {system.scheduler.profile: fgd}}\n";
    let text = format!("{}{variants}", scratch.text("fill-up.yaml"));
    fs::write(scratch.path("both.yaml"), text).expect("a file");
    let base = |more: &[&str]| {
        let words = [
            "tune",
            "both.yaml",
            "--metric",
            "allocation.gpu.end",
            "--seeds",
            "3",
            "--held-out",
            "2",
            "--quiet",
        ];
        told(
            &scratch,
            &[&words, more].concat(),
            &joined(&[json!({"id": 1}), set(2, "fgd")]),
        )
    };
    let [first, packed] = [base(&[]), base(&["--base", "pack"])];
    for answers in [&first, &packed] {
        assert_eq!(answers[1]["against_base"]["difference"], 0.0);
    }
    assert_eq!(first[2]["score"], packed[0]["ready"]["score"]);
    assert_eq!(packed[2]["against_base"]["difference"], 0.0);
    let unknown = [
        "tune",
        "both.yaml",
        "--metric",
        "allocation.gpu.end",
        "--base",
        "pak",
    ];
    assert!(scratch.run(&unknown, 2).contains("did you mean `pack`?"));
    let auto = [
        "tune",
        "log.yaml",
        "--metric",
        "pending_time.mean",
        "--set",
        "metrics.window=auto",
    ];
    assert!(scratch.run(&auto, 2).contains("`metrics.window: auto`"));
}

#[test]
fn programs_are_candidates_and_may_crash() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: needs python3");
        return;
    }
    let scratch = folder("programs");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/examples/best_fit.py");
    let source = fs::read_to_string(example).expect("the example");
    fs::write(scratch.path("mine.py"), &source).expect("a file");
    let first_fit = json!({"system.scheduler.profile": "first-fit"});
    let lines = [
        json!({"id": 1, "source": source, "lang": "python", "set": first_fit}),
        json!({"id": 2, "source": "raise ValueError('no')", "lang": "python"}),
        json!({"id": 3, "policy": {"command": ["python3", "mine.py"]}, "set": first_fit}),
        json!({"id": 4, "source": "", "lang": "sh", "policy": {"points": ["scroe"]}}),
    ];
    let arguments = words(&[
        "--allow-external",
        "--held-out",
        "0",
        "--seeds",
        "2",
        "--out",
        "log",
    ]);
    let answers = told(&scratch, &arguments, &joined(&lines));
    assert_eq!(answers[1]["status"], "done", "{:#}", answers[1]);
    assert!(
        answers[2]["error"]
            .to_string()
            .contains("before its first answer"),
        "{:#}",
        answers[2]
    );
    assert_eq!(answers[3]["score"], answers[1]["score"]);
    assert!(
        answers[4]["error"].to_string().contains("scroe"),
        "{:#}",
        answers[4]
    );
    assert_eq!(scratch.files("log/sources").len(), 3);
    // Another text of the same name is another candidate.
    fs::write(scratch.path("mine.py"), "raise ValueError('now')").expect("a file");
    let again = told(&scratch, &arguments, &joined(&lines));
    assert_eq!(again[1], answers[1]);
    assert_eq!(again[3]["status"], "failed");
}
