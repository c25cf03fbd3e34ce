//! Bad rows and irregularities of traces and failure logs: every command heeds the policy for them.

use crate::scratch::Scratch;

const EXPERIMENT: &str = "windtunnel: v1\nname: day\ncluster:\n  nodes: [{count: 1, template: {allocatable: {cpu: 8, memory: \
                          64Gi}}}]\nworkload:\n  - trace: {format: planetlab, path: vm}\n";

#[test]
fn every_command_heeds_bad_rows_and_irregularities_alike() {
    let day = "5\n101\n7\n";
    let files = [
        ("vm", day),
        ("a.yaml", EXPERIMENT),
        ("log.csv", "node,down,up\nn,5,9\nn,4,20\n"),
        ("empty.csv", "node,down,up\n"),
        ("jobs.csv", "submit,run_time,cpu\n0,1m,1\n"),
    ];
    let scratch = Scratch::new("row-policies", &files);
    let fault = "vm:2: column `use`: expected a whole percentage from 0 to 100, found `101`";
    let format = ["vm", "--trace-format", "planetlab"];
    for (command, more, code) in [
        ("inspect", &[][..], 0),
        ("validate", &[], 2),
        ("convert", &["--out", "b.csv"], 2),
    ] {
        let arguments = [&["trace", command][..], &format, more].concat();
        let told = scratch.printed(&arguments, code);
        assert!(told.contains("bad row: column `use`"), "{told}");
    }
    let told = scratch.run(&["run", "a.yaml", "--out", "r"], 2);
    assert!(told.contains(fault), "{told}");
    assert!(told.contains("`onBadRow: skip` beside the path"), "{told}");
    let skipping = ["run", "a.yaml", "--out", "r", "--on-bad-row", "skip"];
    let told = scratch.run(&skipping, 0);
    assert!(told.contains("drop 1 row: bad row: column `use`"), "{told}");
    // A day of three samples is repaired, which strict reading does not accept.
    std::fs::write(scratch.path("vm"), "5\n6\n7\n").expect("a file");
    for (arguments, code) in [
        (
            &["run", "a.yaml", "--out", "s", "--on-bad-row", "strict"][..],
            2,
        ),
        (&["trace", "inspect", "vm", "--strict"], 2),
        (&["trace", "validate", "vm", "--strict"], 2),
        (&["trace", "validate", "vm"], 0),
        (&["trace", "validate", "jobs.csv", "--strict"], 0),
        (&["trace", "validate", "log.csv"], 2),
        (&["trace", "validate", "empty.csv"], 4),
    ] {
        scratch.run(arguments, code);
    }
    let help = scratch.printed(&["trace", "generate", "--help"], 0);
    assert!(
        help.contains("lublin99          --seed --jobs --processors --typed"),
        "{help}"
    );
}

#[test]
fn a_trace_without_a_good_row_is_refused_with_the_first_bad_one() {
    let experiment = |kind: &str| {
        let text = "windtunnel: v1\nname: bad\nworkload: [{trace: {format: FORMAT, path: t, onBadRow: skip}}]\ncluster: \
                    {nodes: [{count: 1, template: {allocatable: {cpu: 8, memory: 64Gi}}}]}\nstop: {when: drained}\n";
        text.replace("FORMAT", kind)
    };
    for (format, text, first) in [
        (
            "csv",
            "submit,run_time,cpu\nx,1m,1\ny,1m,1\n",
            "t:2: column `submit`: must be seconds, or a time with unit such as `90s` or `2h30m`, found `x`",
        ),
        (
            "sacct",
            "JobID|Submit|Start|End|State|AllocCPUS\n1|2025-11-30T00:05:12|Unknown|Unknown|CANCELLED|4\n",
            "line 2: job never ran",
        ),
    ] {
        let experiment = experiment(format);
        let scratch = Scratch::new("no-good-row", &[("t", text), ("a.yaml", &experiment)]);
        let told = scratch.run(&["run", "a.yaml"], 2);
        let words =
            "workload: `t` gives no pod: no row is left, and the first that breaks a rule is ";
        assert!(told.contains(words) && told.contains(first), "{told}");
    }
}
