//! Graphene from an experiment file to where and when its tasks start.

use crate::story::{Story, refusal, story};

/// A job whose short task a long one waits for, beside tasks that pack better.
const JOBS: &str = "\
submit,name,run_time,time_limit,cpu,memory,members
0,q-scan,100,100,1,4Gi,6
0,q-index,50,50,500m,1Gi,1
0,q-train,400,400,500m,4Gi,1
0,q-report,10,10,1,1Gi,1
0,alone,20,20,500m,1Gi,1
";

const STAGES: &str = "stages: [{stage: scan}, {stage: index}, {stage: train, after: [index]}, {stage: report, after: [scan, train]}]";

fn experiment(options: &str) -> String {
    format!(
        "windtunnel: v1\nname: graphene\nseed: 42\ncluster: {{nodes: [{{name: node, count: 1, template: {{allocatable: \
         {{cpu: 2, memory: 16Gi, pods: 110}}}}}}]}}\nworkload: [{{trace: {{format: csv, path: jobs.csv}}}}]\n\
         system: {{name: graphene, graphene: {{{options}}}}}\nstop: {{when: drained}}\n"
    )
}

fn play(name: &str, options: &str) -> Story {
    let own = experiment(&format!("{options}, {STAGES}"));
    story(name, &[("own.yaml", &own), ("jobs.csv", JOBS)])
}

#[test]
fn a_task_that_a_long_one_waits_for_goes_first() {
    let packed = play(
        "graphene-packed",
        "order: tetris, remainingWork: 0, fairness: 0",
    );
    let ordered = play(
        "graphene-ordered",
        "order: graphene, remainingWork: 0, unfairness: 1000",
    );
    let starts = |told: &Story, name: &str| told.times(&format!("{name} on node"));
    // Two scans fill the node, whoever waits.
    assert_eq!(starts(&packed, "q-scan-0"), [0.0]);
    assert!(starts(&packed, "q-index")[0] >= 100.0);
    assert_eq!(starts(&ordered, "q-index"), [0.0]);
    assert_eq!(starts(&ordered, "q-train"), [50.0]);
    // The last stage waits for both before it.
    for told in [&packed, &ordered] {
        let before = ["q-train done", "q-scan-0 done", "q-scan-5 done"];
        let ends = before.map(|text| told.times(text)[0]);
        let last = ends.into_iter().fold(0.0, f64::max);
        assert_eq!(starts(told, "q-report"), [last]);
        assert_eq!(told.times("alone done").len(), 1);
    }
    let end = |told: &Story| told.times("q-report done")[0];
    assert!(
        end(&ordered) < end(&packed),
        "{} {}",
        end(&ordered),
        end(&packed)
    );
}

#[test]
fn tasks_that_a_trace_connects_are_a_job_with_an_order() {
    let jobs = "\
submit,name,run_time,time_limit,cpu,memory,members,after
0,scan,100,100,1,4Gi,6,
0,index,50,50,500m,1Gi,1,
0,train,400,400,500m,4Gi,1,index
0,report,10,10,1,1Gi,1,scan|train
0,alone,20,20,500m,1Gi,1,
";
    let play = |name: &str, options: &str| {
        let own = experiment(options);
        story(name, &[("own.yaml", &own), ("jobs.csv", jobs)])
    };
    let packed = play(
        "graphene-linked-packed",
        "order: tetris, remainingWork: 0, fairness: 0",
    );
    let ordered = play(
        "graphene-linked-ordered",
        "order: graphene, remainingWork: 0, unfairness: 1000",
    );
    let starts = |told: &Story, name: &str| told.times(&format!("{name} on node"));
    assert!(starts(&packed, "index")[0] >= 100.0);
    assert_eq!(starts(&ordered, "index"), [0.0]);
    assert_eq!(starts(&ordered, "train"), [50.0]);
    for told in [&packed, &ordered] {
        let before = ["train done", "scan-0 done", "scan-5 done"];
        let ends = before.map(|text| told.times(text)[0]);
        let last = ends.into_iter().fold(0.0, f64::max);
        assert_eq!(starts(told, "report"), [last]);
        assert_eq!(told.times("alone done").len(), 1);
    }
}

#[test]
fn stages_that_can_t_be_are_refused_with_their_place() {
    for (number, (stages, expected)) in [
        (
            "stages: [{stage: a, after: [b]}, {stage: b, after: [a]}]",
            "system.graphene.stages[0].after: the stage `a` waits for itself, or for stages that do",
        ),
        (
            "stages: [{stage: a, after: [x]}]",
            "system.graphene.stages[0].after: the stage `a` waits for `x`, which is not declared",
        ),
        (
            "stages: [{stage: a}, {stage: a}]",
            "system.graphene.stages[1].stage: there is a stage `a` already",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let own = experiment(stages);
        let files = [("own.yaml", own.as_str()), ("jobs.csv", JOBS)];
        let why = refusal(&format!("graphene-flaw-{number}"), &files);
        assert!(why.contains(expected), "{why}");
    }
}
