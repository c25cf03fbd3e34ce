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
