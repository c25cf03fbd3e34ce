//! Use that a trace recorded counts from the start of a task: however late the task is submitted, and
//! however long it waits, it uses the same.

use crate::scratch::Scratch;

/// Two tasks of four cores and ten minutes, the second half an hour after the first: each uses all of
/// them for five minutes and then nothing.
const TASKS: &str = "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n\
                     1,0,600000,4,8400,1024\n2,1800000,600000,4,8400,1024\n";
const FRAGMENTS: &str =
    "id,duration,cpu_usage\n1,300000,8400\n1,300000,0\n2,300000,8400\n2,300000,0\n";

/// What pods used, in core-minutes, in a run of two hours on a node with so many cores.
fn core_minutes(scratch: &Scratch, cores: u32, set: &[&str]) -> f64 {
    let template = format!(
        "cluster.nodes=[{{count: 1, template: {{allocatable: {{cpu: {cores}, memory: 8Gi}}}}}}]"
    );
    let run = [
        "run", "a.yaml", "--out", "ran", "--force", "--set", &template,
    ];
    scratch.run(&[&run[..], set].concat(), 0);
    let summary = scratch.summary("ran");
    let metrics = &summary.variants[0].metrics;
    let share = metrics["usage.cpu.utilization"].value.expect("known");
    share * f64::from(cores) * 120.0
}

fn scratch(name: &str) -> Scratch {
    let text = "windtunnel: v1\nname: recorded\ncluster: {nodes: []}\nworkload: [{trace: {format: opendc, \
                path: tasks}}]\nmodels: {usage: trace, contention: {}}\nstop: {at: 2h}\n";
    let scratch = Scratch::new(name, &[("a.yaml", text)]);
    std::fs::create_dir_all(scratch.path("tasks")).expect("a folder for the test");
    for (file, content) in [("tasks.csv", TASKS), ("fragments.csv", FRAGMENTS)] {
        let path = scratch.path("tasks").join(file);
        std::fs::write(path, content).expect("a file for the test");
    }
    scratch
}

#[test]
fn edits_of_submissions_leave_the_use_of_tasks_as_it_is() {
    let scratch = scratch("recorded-edits");
    let workload =
        |more: &str| format!("workload=[{{trace: {{format: opendc, path: tasks, {more}}}}}]");
    for more in [
        "edit: []",
        "edit: [{shift: 1h}]",
        "edit: [{rate: 3}]",
        "edit: [{set: [submit = submit + 7m]}]",
        "arrivals: {scale: 2}",
        "arrivals: {scale: 0.5}",
        "repeat: 1",
    ] {
        let found = core_minutes(&scratch, 8, &["--set", &workload(more)]);
        assert!((found - 40.0).abs() < 0.1, "{more}: {found}");
    }
    // The first task is cut off; the second counts from its own start.
    let found = core_minutes(&scratch, 8, &["--set", &workload("edit: [{from: 10m}]")]);
    assert!((found - 20.0).abs() < 0.1, "{found}");
}

#[test]
fn a_task_that_waits_uses_the_same_later() {
    let scratch = scratch("recorded-waits");
    let workload = "workload=[{trace: {format: opendc, path: tasks, edit: [{rate: 1000}]}}]";
    for cores in [8, 4] {
        let found = core_minutes(&scratch, cores, &["--set", workload]);
        assert!((found - 40.0).abs() < 0.1, "{cores}: {found}");
    }
    // Its own table says the same, and in Parquet as well.
    for file in ["out.csv", "out.parquet"] {
        let format = file.rsplit('.').next().expect("a suffix");
        let edit = [
            "trace", "convert", "tasks", "--usage", "--out", file, "--to", format,
        ];
        scratch.run(&edit, 0);
        let workload =
            format!("workload=[{{trace: {{format: csv, path: {file}, edit: [{{shift: 20m}}]}}}}]");
        let found = core_minutes(&scratch, 4, &["--set", &workload]);
        assert!((found - 40.0).abs() < 0.1, "{file}: {found}");
    }
    let table = scratch.text("out.csv");
    assert!(
        table.contains("\"recorded(0s: 100.00%, 300s: 0.00%)\""),
        "{table}"
    );
}

#[test]
fn a_circle_of_tasks_is_told_with_its_first_line() {
    let table = "submit,name,run_time,cpu,after\n0,a,60,1,\n0,b,60,1,a|c\n0,c,60,1,b\n0,d,60,1,c\n0,e,60,1,x\n";
    let text = "windtunnel: v1\nname: circle\ncluster: {nodes: [{count: 1, template: {allocatable: {cpu: 8, memory: 8Gi}}}]}\n\
                workload: [{trace: {format: csv, path: jobs.csv}}]\nstop: {at: 1h}\n";
    let scratch = Scratch::new("recorded-circle", &[("a.yaml", text), ("jobs.csv", table)]);
    let circle =
        "waits for tasks that wait for it, a circle; never submitted, nor what waits for it";
    let unknown = "waits for a task that is not in the workload; not held back for that";
    let told = scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
    for expected in [
        format!("drop 2 rows: {circle} (first jobs.csv:3)"),
        "drop 1 row: never submitted, as what it waits for did not end (first jobs.csv:5)"
            .to_owned(),
        format!("repair 1 row: {unknown} (first jobs.csv:6)"),
    ] {
        assert!(told.contains(&expected), "{expected}: {told}");
    }
    let told = scratch.run(&["trace", "validate", "jobs.csv"], 0);
    assert!(
        told.contains(circle) && told.contains("jobs.csv:3"),
        "{told}"
    );
    assert!(
        told.contains(unknown) && told.contains("jobs.csv:6"),
        "{told}"
    );
}

#[test]
fn use_that_changes_while_nothing_happens_is_measured() {
    let text = "windtunnel: v1\nname: quiet\ncluster: {nodes: [{count: 1, template: {allocatable: {cpu: 10, \
                memory: 10Gi}}}]}\nworkload: [{trace: {format: csv, path: a.csv}}]\nmodels: {usage: trace}\nstop: \
                {at: 2h}\n";
    // 2 GiB for an hour and 8 GiB for another one, of 10 GiB, of which 8 GiB are requested.
    let table = "submit,cpu,memory,cpu_usage,memory_usage\n0,8,8Gi,2,\"steps(0s: 2Gi, 1h: 8Gi)\"\n";
    let scratch = Scratch::new("quiet", &[("a.yaml", text), ("a.csv", table)]);
    for system in ["batch", "borg", "kubernetes"] {
        let system = format!("system.name={system}");
        let run = ["run", "a.yaml", "--out", "ran", "--force", "--set", &system];
        scratch.run(&run, 0);
        let summary = scratch.summary("ran");
        let metrics = &summary.variants[0].metrics;
        for (name, expected) in [
            ("usage.memory.utilization", 0.5),
            ("usage.memory.slack", 0.375),
            ("usage.cpu.utilization", 0.2),
        ] {
            let found = metrics[name].value.expect("known");
            assert!((found - expected).abs() < 1e-9, "{system}: {name}: {found}");
        }
    }
}

#[test]
fn a_consolidation_of_machines_of_unknown_use_is_noted() {
    let text = "windtunnel: v1\nname: unknown\ncluster: {nodes: [{count: 2, template: {allocatable: {cpu: 1, \
                memory: 4Gi}}}]}\nworkload: [{trace: {format: csv, path: a.csv}}]\nsystem: {name: \
                consolidation}\nstop: {at: 1h}\n";
    let table = "submit,cpu,memory\n0,500m,1Gi\n";
    let scratch = Scratch::new("unknown-use", &[("a.yaml", text), ("a.csv", table)]);
    let note = "the use of the machines is not stated";
    let said = scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
    assert!(said.contains(note), "{said}");
    let known = [
        "run",
        "a.yaml",
        "--out",
        "known",
        "--set",
        "models.usage={cpu: 300m}",
    ];
    let said = scratch.run(&known, 0);
    assert!(!said.contains(note), "{said}");
}

#[test]
fn use_is_shown_with_the_first_results_and_asked_for_beside_the_other_models() {
    let scratch = scratch("recorded-shown");
    let room = "cluster.nodes=[{count: 1, template: {allocatable: {cpu: 8, memory: 8Gi}}}]";
    let run = ["run", "a.yaml", "--out", "shown", "--set", room];
    let told = scratch.run(&run, 0);
    assert!(told.contains("CPU usage, utilization"), "{told}");
    let trace = "workload=[{trace: {format: opendc, path: tasks, usage: true}}]";
    let wrong = ["run", "a.yaml", "--set", room, "--set", trace];
    let told = scratch.run(&wrong, 2);
    let help = "help: write `models: {usage: trace}` for what the tasks of traces used";
    assert!(told.contains(help), "{told}");
}
