//! Runs of traces that were converted: each has the digest of a run of the original.

use crate::scratch::Scratch;
use crate::trace_runs::{experiment, run, times, variants};

#[test]
fn a_converted_trace_runs_as_its_original() {
    let log = "; MaxProcs: 8\n1 0 0 60 2 -1 -1 2 90 -1 1 1 1 -1 -1 -1 -1 -1\n\
               2 10 0 30 1 -1 -1 1 40 -1 1 2 1 -1 -1 -1 1 15\n\
               3 10 0 30 4 -1 -1 4 40 -1 1 1 1 -1 -1 -1 1&2 0\n";
    let swf = experiment("{format: swf, path: jobs.swf}");
    let files = [("swf.yaml", &*swf), ("jobs.swf", log)];
    let scratch = Scratch::new("trace-converted", &files);
    run(&scratch, "swf.yaml", &[]);
    let direct = scratch.summary("ran").variants[0].digest.clone();
    let times = times(&scratch);
    assert_eq!(
        (times["job-2"].0, times["job-3-0"].0),
        (75, 105),
        "{times:?}"
    );
    for (to, format) in [("csv", "csv"), ("parquet", "csv"), ("swf", "swf")] {
        let out = format!("jobs-again.{to}");
        scratch.run(
            &["trace", "convert", "jobs.swf", "--to", to, "--out", &out],
            0,
        );
        let set = format!("workload=[{{trace: {{format: {format}, path: {out}}}}}]");
        run(&scratch, "swf.yaml", &["--set", &set]);
        assert_eq!(scratch.summary("ran").variants[0].digest, direct, "{to}");
    }
}

#[test]
fn settings_of_pods_and_resizes_are_converted() {
    // A container with limits, which is resized while it runs.
    let containers = "c_1,m_2,0,app_5,started,400,800,1.5\nc_1,m_2,60,app_5,started,600,800,1.5\n";
    let changes = r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
        {"ts": 100, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 2, "template":
        {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a:1",
        "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}}, {"name": "b"}]}}}}],
        "deleted_objs": []}]}"#;
    let of = |format: &str, path: &str| {
        let trace = format!("{{format: {format}, path: {path}}}");
        experiment(&trace) + "stop: {at: 10m}\n" + &variants(["kubernetes", "batch"])
    };
    let (alibaba, simkube) = (
        of("alibaba-2018-containers", "container_meta.csv"),
        of("simkube", "web.sktrace"),
    );
    let files = [
        ("alibaba.yaml", &*alibaba),
        ("simkube.yaml", &*simkube),
        ("container_meta.csv", containers),
        ("web.sktrace", changes),
    ];
    let scratch = Scratch::new("trace-settings", &files);
    let digests = || -> Vec<String> {
        let summary = scratch.summary("ran");
        { summary.variants.iter() }
            .map(|variant| variant.digest.clone())
            .collect()
    };
    for (file, trace) in [
        ("alibaba.yaml", "container_meta.csv"),
        ("simkube.yaml", "web.sktrace"),
    ] {
        run(&scratch, file, &[]);
        let direct = digests();
        for to in ["csv", "parquet"] {
            let out = format!("{trace}.{to}");
            let told = scratch.run(&["trace", "convert", trace, "--to", to, "--out", &out], 0);
            assert!(!told.contains("lost"), "{told}");
            let set = format!("workload=[{{trace: {{format: csv, path: {out}}}}}]");
            run(&scratch, file, &["--set", &set]);
            assert_eq!(digests(), direct, "{out}");
        }
    }
}

#[test]
fn a_trace_read_with_options_is_converted_with_them() {
    let machines = "v1,s,d,0,600,9,5,8,Interactive,>24,>64\nv2,s,d,300,900,9,5,8,Unknown,2,4\n";
    let workload = r#"{"nb_res": 4, "jobs": [{"id": 1, "subtime": 0, "res": 1, "profile": "d", "walltime": 9},
        {"id": 2, "subtime": 1, "res": 2, "profile": "f"}],
        "profiles": {"d": {"type": "delay", "delay": 20}, "f": {"type": "delay", "delay": 5, "ret": 3}}}"#;
    let azure = "{format: azure-vm, path: vmtable.csv, openCores: 6, openMemoryGib: 40}";
    let batsim = "{format: batsim, path: jobs.json, killAtWalltime: true}";
    let (azure, batsim) = (experiment(azure), experiment(batsim));
    let files = [
        ("azure.yaml", &*azure),
        ("batsim.yaml", &*batsim),
        ("vmtable.csv", machines),
        ("jobs.json", workload),
    ];
    let scratch = Scratch::new("trace-options", &files);
    let cases: [(&str, &str, &[&str]); 2] = [
        (
            "azure.yaml",
            "vmtable.csv",
            &["--open-cores", "6", "--open-memory-gib", "40"],
        ),
        ("batsim.yaml", "jobs.json", &["--kill-at-walltime"]),
    ];
    for (file, trace, options) in cases {
        run(&scratch, file, &[]);
        let direct = scratch.summary("ran").variants[0].digest.clone();
        let out = format!("{trace}.again.csv");
        let convert = ["trace", "convert", trace, "--out", &out];
        scratch.run(&[&convert[..], options].concat(), 0);
        // The rows state limits, not that they kill.
        let kills = options.contains(&"--kill-at-walltime");
        let set =
            format!("workload=[{{trace: {{format: csv, path: {out}, killAtWalltime: {kills}}}}}]");
        run(&scratch, file, &["--set", &set]);
        let converted = scratch.summary("ran").variants[0].digest.clone();
        assert_eq!(converted, direct, "{trace}");
    }
    let refused = scratch.run(
        &["trace", "inspect", "vmtable.csv", "--core-mhz", "2000"],
        2,
    );
    let expected = "--core-mhz: the format `azure-vm` has no such choice; leave it out";
    assert!(refused.contains(expected), "{refused}");
}

#[test]
fn a_trace_with_rows_in_no_order_runs_as_the_converted_one() {
    let rows = "M1,2,j_2,2,Terminated,500,560,100,0.5\nR2_1,1,j_2,2,Terminated,560,570,400,0.5\n\
                M1,1,j_1,1,Terminated,100,160,50,0.5\ntask_x,1,j_3,3,Failed,90,95,100,0.1\n";
    let table = experiment("{format: alibaba-2018-tasks, path: batch_task.csv}");
    let files = [("run.yaml", &*table), ("batch_task.csv", rows)];
    let scratch = Scratch::new("trace-unsorted", &files);
    run(&scratch, "run.yaml", &[]);
    let direct = scratch.summary("ran").variants[0].digest.clone();
    let convert = ["trace", "convert", "batch_task.csv", "--out", "jobs.csv"];
    scratch.run(&convert, 0);
    let set = "workload=[{trace: {format: csv, path: jobs.csv}}]";
    run(&scratch, "run.yaml", &["--set", set]);
    assert_eq!(scratch.summary("ran").variants[0].digest, direct);
}

#[test]
fn late_rows_run_as_the_converted_ones() {
    let table = "submit,name,run_time,cpu,tenant\n5,b,60,2,bob\n0,a,60,1,ann\n9,c,60,3,cid\n";
    let log = "1 5 0 60 1 -1 -1 1 60 9 1 7 -1 -1 -1 -1 -1 -1\n2 0 0 60 1 -1 -1 1 60 8 1 6 -1 -1 -1 -1 -1 -1\n";
    let of = |format: &str| experiment(&format!("{{format: {format}, path: late.{format}}}"));
    let (own, swf) = (of("csv"), of("swf"));
    let files = [
        ("csv.yaml", &*own),
        ("swf.yaml", &*swf),
        ("late.csv", table),
        ("late.swf", log),
    ];
    let scratch = Scratch::new("trace-late", &files);
    for format in ["csv", "swf"] {
        let file = format!("{format}.yaml");
        run(&scratch, &file, &[]);
        let direct = scratch.summary("ran").variants[0].digest.clone();
        let late = format!("late.{format}");
        let convert = ["trace", "convert", &late, "--out", "sorted.csv", "--force"];
        scratch.run(&convert, 0);
        let set = "workload=[{trace: {format: csv, path: sorted.csv}}]";
        run(&scratch, &file, &["--set", set]);
        assert_eq!(
            scratch.summary("ran").variants[0].digest,
            direct,
            "{format}"
        );
    }
}
