//! Traces that are written in another format run as the originals do.

use crate::scratch::Scratch;

const JOBS: &str = "\
submit,name,run_time,cpu,memory,priority
0s,web-1,90s,1,1Gi,0
10s,web-2,30s,2,2Gi,5
15.5s,db,2m,1500m,512Mi,0
20s,big,40s,4,,0
";

fn run(scratch: &Scratch, name: &str, source: &str) -> Vec<Option<f64>> {
    let text = format!(
        "windtunnel: v1
name: writers
cluster: {{nodes: [{{name: 'n-{{}}', count: 2, template: {{allocatable: {{cpu: 4, memory: 16Gi, pods: 9}}}}}}]}}
workload: [{{{source}}}]
system: {{name: kubernetes, controllers: {{}}}}
stop: {{when: drained}}
"
    );
    std::fs::write(scratch.path(&format!("{name}.yaml")), text).expect("a file");
    scratch.run(
        &["run", &format!("{name}.yaml"), "--quiet", "--out", name],
        0,
    );
    let summary = scratch.summary(name);
    let metrics = &summary.variants[0].metrics;
    let ids = [
        "pending_time.mean",
        "pending_time.p99",
        "turnaround.mean",
        "makespan.total",
        "allocation.cpu.mean",
        "allocation.memory.mean",
        "bounded_slowdown.mean",
    ];
    let value = |id: &str| metrics.get(id).and_then(|own| own.value);
    ids.map(value).to_vec()
}

#[test]
fn written_pods_run_as_the_trace_does() {
    let scratch = Scratch::new("trace-writers", &[("jobs.csv", JOBS)]);
    let convert = [
        "trace",
        "convert",
        "jobs.csv",
        "--to",
        "manifests",
        "--out",
        "pods.yaml",
    ];
    scratch.run(&convert, 0);
    let direct = run(&scratch, "direct", "trace: {format: csv, path: jobs.csv}");
    assert!(direct.iter().all(Option::is_some), "{direct:?}");
    assert_eq!(run(&scratch, "written", "manifests: pods.yaml"), direct);
}

/// A log whose jobs say nothing that the stream of arrivals has no place for.
const LOG: &str = "\
; Version: 2.2
; Computer: a cluster
; MaxProcs: 8
; UnixStartTime: 1000
; Queue: 1 batch
1 0 5 90 4 -1 -1 4 100 1024 1 33 2 5 1 3 -1 -1
2 10 0 30 2 -1 -1 2 60 -1 0 7 2 -1 1 -1 -1 -1
4 20 0 40 8 -1 -1 8 50 2048 5 33 3 5 2 3 1 10
5 25 -1 20 1 -1 -1 1 30 -1 -1 -1 -1 -1 -1 -1 -1 -1
";

#[test]
fn a_log_is_written_as_it_was_read() {
    let scratch = Scratch::new("trace-writers-log", &[("a.swf", LOG)]);
    let convert = ["trace", "convert", "a.swf", "--to"];
    let said = scratch.run(&[&convert[..], &["swf", "--out", "b.swf"]].concat(), 0);
    assert_eq!(scratch.text("b.swf"), LOG);
    assert!(!said.contains("lost"), "{said}");
    // Through the project's own table, which has no header.
    for to in ["csv", "parquet"] {
        let (table, log) = (format!("c.{to}"), format!("{to}.swf"));
        let out = [to, "--memory", "--out", &table];
        let said = scratch.run(&[&convert[..], &out].concat(), 0);
        assert!(
            said.contains("left out          5  lines of the header"),
            "{said}"
        );
        scratch.run(
            &["trace", "convert", &table, "--to", "swf", "--out", &log],
            0,
        );
        let rows = |text: &str| -> Vec<String> {
            let rows = text.lines().filter(|line| !line.starts_with(';'));
            rows.map(str::to_owned).collect()
        };
        assert_eq!(rows(&scratch.text(&log)), rows(LOG), "{to}");
    }
    // An edit keeps what stays true of the header.
    let edit = [
        "trace", "edit", "a.swf", "--from", "10s", "--to", "swf", "--out", "e.swf",
    ];
    scratch.run(&edit, 0);
    let text = scratch.text("e.swf");
    let expected =
        "; UnixStartTime: 1010\n; Queue: 1 batch\n2 0 0 30 2 -1 -1 2 60 -1 0 7 2 -1 1 -1 -1 -1\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn what_a_format_cannot_say_is_listed_by_field() {
    let scratch = Scratch::new("trace-writers-lost", &[("jobs.csv", JOBS)]);
    let said = scratch.run(
        &[
            "trace", "convert", "jobs.csv", "--to", "swf", "--out", "a.swf",
        ],
        0,
    );
    for line in ["left out          1  priority", "changed           4  name"] {
        assert!(said.contains(line), "{said}");
    }
    let said = scratch.run(
        &[
            "trace",
            "convert",
            "jobs.csv",
            "--to",
            "csv",
            "--out",
            "again.csv",
            "--json",
        ],
        0,
    );
    let written: serde_json::Value =
        serde_json::from_str(said.split("exit 0").next().unwrap_or_default()).expect("JSON");
    assert_eq!(written["lost"], serde_json::json!([]));
}

/// The digest of a run of a workload on a batch system.
fn digest(scratch: &Scratch, source: &str) -> String {
    let text = format!(
        "windtunnel: v1
name: writers
cluster: {{nodes: [{{name: 'n-{{}}', count: 8, template: {{allocatable: {{cpu: 4, memory: 16Gi, pods: 9}}}}}}]}}
workload: [{{{source}}}]
system: {{name: kubernetes, controllers: {{}}}}
stop: {{when: drained}}
"
    );
    std::fs::write(scratch.path("digest.yaml"), text).expect("a file");
    scratch.run(
        &[
            "run",
            "digest.yaml",
            "--quiet",
            "--out",
            "digest",
            "--force",
        ],
        0,
    );
    scratch.summary("digest").variants[0].digest.clone()
}

#[test]
fn a_run_of_what_was_written_is_the_run_of_the_trace() {
    let files = [("jobs.csv", JOBS), ("log.swf", LOG)];
    let scratch = Scratch::new("trace-writers-digests", &files);
    for (file, from, options) in [
        ("jobs.csv", "csv", ""),
        ("log.swf", "swf", ", memory: true"),
    ] {
        let direct = digest(
            &scratch,
            &format!("trace: {{format: {from}, path: {file}{options}}}"),
        );
        for to in ["csv", "parquet", "swf"] {
            // A log of jobs of one processor a member says all of a log, and not of the other.
            if (from, to) == ("csv", "swf") {
                continue;
            }
            let out = format!("{from}-to.{to}");
            let mut convert = vec!["trace", "convert", file, "--to", to, "--out", &out];
            if from == "swf" {
                convert.push("--memory");
            }
            scratch.run(&convert, 0);
            let (format, options) = match to {
                "swf" => ("swf", options),
                _ => ("csv", ""),
            };
            let source = format!("trace: {{format: {format}, path: {out}{options}}}");
            assert_eq!(digest(&scratch, &source), direct, "{from} to {to}");
        }
    }
}

/// Machines of Google's trace: one is there from the beginning and goes for a while, one comes late, one shrinks.
const MACHINES: &str = "\
0,1,0,pA,0.5,0.2493
0,2,0,pB,1,1
30000000,1,1,pA,,
90000000,3,0,pA,0.25,0.2498
100000000,1,0,pA,0.5,0.2493
120000000,2,2,pB,0.5,0.5
";

#[test]
fn a_run_on_machines_that_were_written_is_the_run_on_those_of_the_trace() {
    let files = [("jobs.csv", JOBS), ("machines.csv", MACHINES)];
    let scratch = Scratch::new("trace-writers-machines", &files);
    let run = |format: &str, path: &str| {
        let text = format!(
            "windtunnel: v1
name: machines
cluster: {{nodes: [{{trace: {{format: {format}, path: {path}}}}}]}}
workload: [{{trace: {{format: csv, path: jobs.csv}}}}]
system: {{name: kubernetes, controllers: {{}}}}
stop: {{at: 10m}}
"
        );
        std::fs::write(scratch.path("machines.yaml"), text).expect("a file");
        let run = ["run", "machines.yaml", "--quiet", "--force", "--out", "out"];
        scratch.run(&run, 0);
        scratch.summary("out").variants[0].digest.clone()
    };
    let convert = ["trace", "convert", "machines.csv", "--out", "nodes.csv"];
    let said = scratch.run(&convert, 0);
    assert!(!said.contains("lost"), "{said}");
    let direct = run("google-2011-machines", "machines.csv");
    assert_eq!(run("openb-nodes", "nodes.csv"), direct);
    let table = scratch.text("nodes.csv");
    for said in ["30s goes | 1m40s comes", "google.com/platform=pA"] {
        assert!(table.contains(said), "{table}");
        std::fs::write(scratch.path("reduced.csv"), table.replace(said, "")).expect("a file");
        assert_ne!(run("openb-nodes", "reduced.csv"), direct, "{said}");
    }
}

#[test]
fn pods_with_gpus_and_rules_are_placed_alike() {
    let jobs = "\
submit,name,run_time,cpu,gpus,gpu_milli,gpu_models,pod
0s,share-1,90s,1,1,400,,
1s,share-2,90s,1,1,500,,
2s,whole,30s,1,2,,,
3s,chosen,30s,1,1,,T4,
4s,selected,30s,1,,,,\"{\"\"spec\"\": {\"\"nodeSelector\"\": {\"\"disk\"\": \"\"ssd\"\"}, \
\"\"tolerations\"\": [{\"\"key\"\": \"\"own\"\", \"\"operator\"\": \"\"Exists\"\"}]}}\"
";
    let nodes = "\
sn,cpu_milli,memory_mib,gpu,model,labels,taints
a,8000,16384,2,V100,,
b,8000,16384,2,T4,,
c,8000,16384,0,,disk=ssd,own=yes:NoSchedule
";
    let scratch = Scratch::new(
        "trace-writers-gpus",
        &[("jobs.csv", jobs), ("nodes.csv", nodes)],
    );
    let convert = [
        "trace",
        "convert",
        "jobs.csv",
        "--to",
        "manifests",
        "--out",
        "pods.yaml",
    ];
    scratch.run(&convert, 0);
    let places = |name: &str, source: &str| {
        let text = format!(
            "windtunnel: v1
name: writers
cluster: {{nodes: [{{trace: {{format: openb-nodes, path: nodes.csv}}}}]}}
workload: [{{{source}}}]
system: {{name: kubernetes, controllers: {{}}}}
stop: {{when: drained}}
"
        );
        std::fs::write(scratch.path(&format!("{name}.yaml")), text).expect("a file");
        let file = format!("{name}.yaml");
        let run = ["run", &file, "--quiet", "--tables", "csv", "--out", name];
        scratch.run(&run, 0);
        let table = scratch.bytes(&format!("{name}/pods.csv.zst"));
        let table = zstd::decode_all(&table[..]).expect("a table");
        let mut rows = csv::Reader::from_reader(&table[..]);
        let header = rows.headers().expect("a header").clone();
        let column = |name: &str| header.iter().position(|own| own == name).expect(name);
        let columns = ["pod", "node", "outcome"].map(column);
        let rows = rows.records().map(|row| {
            let row = row.expect("a row");
            columns.map(|column| row[column].to_owned())
        });
        rows.collect::<Vec<_>>()
    };
    let direct = places("direct", "trace: {format: csv, path: jobs.csv}");
    assert!(
        direct.iter().all(|[_, node, _]| !node.is_empty()),
        "{direct:?}"
    );
    assert_eq!(places("written", "manifests: pods.yaml"), direct);
}

#[test]
fn a_database_in_a_zip_archive_is_told_how_to_be_exported() {
    let database = "SQLite format 3\0 CREATE TABLE vmType (vmTypeId";
    let scratch = Scratch::new("trace-database", &[("p.sqlite", database)]);
    let mut sum = flate2::Crc::new();
    sum.update(database.as_bytes());
    let length = (database.len() as u32).to_le_bytes();
    // One stored file.
    let mut zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0".to_vec();
    zip.extend([sum.sum().to_le_bytes(), length, length].concat());
    zip.extend(b"\x08\0\0\0p.sqlite");
    zip.extend(database.as_bytes());
    zip.extend(b"PK\x01\x02");
    zip.extend([0; 42]);
    std::fs::write(scratch.path("p.zip"), zip).expect("a file");
    for (file, commands) in [
        (
            "p.sqlite",
            "`mkdir packing`, `sqlite3 -csv -header p.sqlite 'SELECT * FROM vm' > packing/vm.csv`",
        ),
        (
            "p.zip",
            "`unzip -p p.zip > packing.sqlite`, `mkdir packing`, `sqlite3 -csv -header packing.sqlite",
        ),
    ] {
        let said = scratch.run(&["trace", "inspect", file], 2);
        assert!(said.contains(commands), "{said}");
    }
}

#[test]
fn formats_are_refused_for_what_they_cannot_say() {
    let nodes = "sn,cpu_milli,memory_mib,gpu,model\na,1000,1024,0,\n";
    let scratch = Scratch::new("trace-writers", &[("jobs.csv", JOBS), ("nodes.csv", nodes)]);
    let refused = |arguments: &[&str], words: &str| {
        let said = scratch.run(arguments, 2);
        assert!(said.contains(words), "{said}");
    };
    let convert = ["trace", "convert", "jobs.csv", "--out", "out", "--to"];
    refused(
        &[&convert[..], &["swf", "--usage"]].concat(),
        "`swf` can't say what pods use over time",
    );
    refused(
        &[&convert[..], &["arrow"]].concat(),
        "expected one of `csv`",
    );
    refused(
        &[
            "trace",
            "convert",
            "nodes.csv",
            "--out",
            "out",
            "--to",
            "manifests",
        ],
        "`manifests` is for arrivals, and the file has nodes",
    );
}
