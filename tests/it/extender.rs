//! Extenders of kube-scheduler in a run: what they are asked, what their answers and failures do, who may ask
//! them, and a result that is reproduced without them.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::scratch::{Pods, Scratch};

/// The status and body of a server's answer to a verb.
type Answer = fn(&str, &Value) -> (u16, Value);

/// A server on a port of its own, for as long as the tests run.
fn server(answer: Answer) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A caller that gave up is no concern of the server's.
            let _ = serve(stream, answer);
        }
    });
    port
}

fn serve(stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).expect("a path");
    let verb = path.rsplit('/').next().expect("a verb");
    let (status, answer) = answer(verb, &serde_json::from_slice(&body).expect("JSON"));
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 {status} OK\r\nConnection: close\r\n\r\n{answer}"
    )
}

const EXPERIMENT: &str = "\
windtunnel: v1
name: own
seed: 3
cluster:
  nodes:
    - {count: 2, name: 'big-{}', template: {allocatable: {cpu: 16, memory: 64Gi, pods: 110}}}
    - {count: 3, name: 'small-{}', template: {allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}
workload:
  - trace: {format: csv, path: jobs.csv}
system: {name: kubernetes, scheduler: {config: scheduler.yaml}}
stop: {at: 1h}
objectives: [{metric: pending_time.p99, tolerance: 5%}]
";

fn folder(name: &str, extender: &str) -> Scratch {
    let config = format!(
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nextenders:\n  - {extender}\n"
    );
    let mut jobs = "submit,cpu,memory,run_time\n".to_owned();
    for job in 0..8 {
        let _ = writeln!(jobs, "{job},1,1Gi,600s");
    }
    let files = [
        ("own.yaml", EXPERIMENT),
        ("jobs.csv", &jobs),
        ("scheduler.yaml", &config),
    ];
    Scratch::new(name, &files)
}

/// The nodes of the pods after a run.
fn nodes(folder: &Scratch) -> Vec<String> {
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
    let pods: Pods<1> = folder.pods("out", ["node"]);
    pods.into_iter().map(|(_, [node])| node).collect()
}

/// Names of the nodes that a call is about.
fn names(body: &Value) -> Vec<&str> {
    let lists = [&body["NodeNames"], &body["Nodes"]["items"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.filter_map(|own| own.as_str().or_else(|| own["metadata"]["name"].as_str()))
        .collect()
}

/// Small nodes alone, of which the third is the best.
fn small(verb: &str, body: &Value) -> (u16, Value) {
    let names = names(body);
    let (small, big): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|own| own.starts_with("small"));
    match verb {
        "filter" if body["Nodes"].is_null() => {
            let failed: Value = big
                .iter()
                .map(|own| ((*own).to_owned(), json!("too big")))
                .collect();
            (200, json!({"NodeNames": small, "FailedNodes": failed}))
        }
        "filter" => {
            let items: Vec<Value> = small
                .iter()
                .map(|own| json!({"metadata": {"name": own}}))
                .collect();
            (200, json!({"nodes": {"items": items}}))
        }
        "prioritize" => {
            let points =
                |own: &&str| json!({"Host": own, "Score": if own.ends_with('2') { 10 } else { 0 }});
            (200, names.iter().map(points).collect())
        }
        _ => (200, json!({})),
    }
}

const VERBS: &str = "filterVerb: filter, prioritizeVerb: prioritize, bindVerb: bind, weight: 9";

#[test]
fn an_extender_filters_scores_and_binds_and_its_answers_are_kept() {
    let port = server(small);
    for capable in [true, false] {
        let extender = format!(
            "{{urlPrefix: 'http://127.0.0.1:{port}/x/', {VERBS}, nodeCacheCapable: {capable}}}"
        );
        let folder = folder("extender", &extender);
        let nodes = nodes(&folder);
        assert_eq!(nodes.len(), 8);
        assert!(
            nodes.iter().all(|own| own.starts_with("small")),
            "{nodes:?}"
        );
        let best = nodes.iter().filter(|own| own.ends_with('2')).count();
        assert_eq!(best, 4, "{nodes:?}");
        // Nobody is asked again.
        let config = folder
            .text("scheduler.yaml")
            .replace(&port.to_string(), "1");
        std::fs::write(folder.path("scheduler.yaml"), config).expect("it is there");
        let told = folder.run(&["reproduce", "out"], 3);
        assert!(
            told.contains("recorded but missing here: scheduler.yaml"),
            "{told}"
        );
        let config = folder
            .text("scheduler.yaml")
            .replace(":1/", &format!(":{port}/"));
        std::fs::write(folder.path("scheduler.yaml"), config).expect("it is there");
        folder.run(&["reproduce", "out"], 0);
    }
}

#[test]
fn an_extender_that_fails_ends_the_attempt_or_is_ignored() {
    let cases: [Answer; 4] = [
        |_, _| (500, json!({})),
        |_, _| (200, json!("NaN")),
        |_, _| (200, json!({"NodeNames": ["nowhere"]})),
        |_, _| (200, json!({"Error": "not today"})),
    ];
    for answer in cases {
        let port = server(answer);
        for ignorable in [true, false] {
            let extender = format!(
                "{{urlPrefix: 'http://127.0.0.1:{port}', filterVerb: filter, nodeCacheCapable: true, ignorable: {ignorable}}}"
            );
            let nodes = nodes(&folder("extender-fails", &extender));
            let placed = nodes.iter().filter(|own| !own.is_empty()).count();
            assert_eq!(placed, if ignorable { 8 } else { 0 }, "{nodes:?}");
        }
    }
}

#[test]
fn an_extender_looks_after_pods_that_ask_for_its_resources() {
    // Whoever were asked would get no node.
    let port = server(|_, _| (200, json!({"NodeNames": []})));
    let extender = format!(
        "{{urlPrefix: 'http://127.0.0.1:{port}', filterVerb: filter, nodeCacheCapable: true, \
         managedResources: [{{name: example.com/foo, ignoredByScheduler: true}}]}}"
    );
    let nodes = nodes(&folder("extender-managed", &extender));
    assert!(nodes.iter().all(|own| !own.is_empty()), "{nodes:?}");
}

#[test]
fn no_extender_is_asked_unless_the_user_says_so() {
    for (extender, flags, why) in [
        (
            "{urlPrefix: 'http://127.0.0.1:1', filterVerb: f}",
            &[][..],
            "`http://127.0.0.1:1` is asked over HTTP; allow that with `--allow-external`",
        ),
        (
            "{urlPrefix: 'http://10.0.0.1:1', filterVerb: f}",
            &["--allow-external"],
            "`http://10.0.0.1:1` is not on this machine",
        ),
        (
            "{urlPrefix: 'http://127.0.0.1:1', prioritizeVerb: p}",
            &["--allow-external"],
            "extenders[0].weight: expected a positive weight",
        ),
        (
            "{urlPrefix: 'https://127.0.0.1:1', enableHTTPS: true}",
            &["--allow-external"],
            "extenders[0].enableHTTPS",
        ),
    ] {
        let folder = folder("extender-refused", extender);
        for command in [
            &["run", "own.yaml", "--out", "out"][..],
            &["check", "own.yaml"],
        ] {
            let arguments = [command, flags].concat();
            let output = folder.command(&arguments).output().expect("it starts");
            let told = [&*output.stdout, &*output.stderr].concat();
            let told = String::from_utf8_lossy(&told);
            assert!(
                !output.status.success() && told.contains(why),
                "{arguments:?}: {told}"
            );
        }
    }
}

#[test]
fn systems_with_options_of_their_own_run_where_extenders_may_be_asked() {
    const OWN: &str = "\
windtunnel: v1
name: own
cluster: {nodes: [{count: 1, name: 'n-{}', template: {allocatable: {cpu: 4, memory: 8Gi, pods: 9}}}]}
workload: [{generate: {model: google-2011, jobs: 2, nodes: 1, load: 1, span: 1m}}]
system: {name: mesos}
stop: {at: 2m}
";
    let scratch = Scratch::new("extender-own-options", &[("own.yaml", OWN)]);
    scratch.run(&["run", "own.yaml", "--allow-external", "--out", "out"], 0);
}
