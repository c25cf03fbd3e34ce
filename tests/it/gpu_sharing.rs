//! Sharing of GPUs of unlike speed over time, and wrong throughputs, which are refused with their place.

use crate::scratch::Scratch;

/// A V100 and a K80, and a round of 100 s.
fn unlike(types: &str, sharing: &str) -> String {
    format!(
        "windtunnel: v1
name: gpu-sharing
cluster:
  nodes:
    - {{name: v100, count: 1, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: 9}}, gpu: {{devices: 1, model: V100}}}}}}
    - {{name: k80, count: 1, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: 9}}, gpu: {{devices: 1, model: K80}}}}}}
workload:
  - trace: {{format: csv, path: jobs.csv}}
system:
  name: gpu-sharing
  gpuSharing: {{round: 100s, {sharing}}}
models:
  throughputs:
    reference: V100
    types: {types}
stop: {{when: drained}}
"
    )
}

const TYPES: &str = "{image: {V100: 40, K80: 10}, speech: {V100: 12, K80: 10}}";

/// Two jobs, of which the first is as fast on both models, nearly.
const JOBS: &str = "\
submit,name,run_time,gpus,job_type,time_limit
0,a,400,1,speech,400
0,b,400,1,image,400
";

fn makespan(experiment: &str, jobs: &str) -> f64 {
    let files = [("a.yaml", experiment), ("jobs.csv", jobs)];
    let scratch = Scratch::new("gpu-sharing", &files);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let summary = scratch.summary("out");
    let value = summary.variants[0].metrics.get("makespan.total");
    value.and_then(|own| own.value).expect("jobs that ended")
}

#[test]
fn jobs_on_unlike_gpus_take_turns_by_their_throughputs() {
    // The image stays where it began, four times as slow.
    let stays = makespan(&unlike(TYPES, "rule: tiresias"), JOBS);
    assert!((stays - 1_600.0).abs() < 1.0, "{stays}");
    // Half of the time each: 400 s of speech take 436 s, and the image has the V100 from then on.
    for rule in ["max-min", "finish-time"] {
        let moves = makespan(&unlike(TYPES, &format!("rule: {rule}")), JOBS);
        assert!(moves < 700.0, "{rule}: {moves}");
    }
}

#[test]
fn turns_may_be_many() {
    // Two jobs change places every ten seconds for a day and a half, long after the last arrival.
    let text = unlike(TYPES, "rule: time-slice").replace("round: 100s", "round: 10s");
    let jobs = "submit,name,run_time,gpus,job_type\n0,a,65000,2,image\n0,b,65000,2,image\n";
    let text = text.replace("devices: 1, model: V100", "devices: 2, model: V100");
    let span = makespan(&text, jobs);
    assert!((130_000.0..131_000.0).contains(&span), "{span}");
}

/// An experiment on nodes with this many V100s each, in rounds of 100 s, with options of the sharing and of
/// the throughputs.
pub(crate) fn equal(nodes: u32, gpus: u32, sharing: &str, throughputs: &str) -> String {
    format!(
        "windtunnel: v1
name: gpu-sharing
cluster:
  nodes:
    - {{name: 'v100-{{}}', count: {nodes}, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: 9}}, gpu: {{devices: {gpus}, model: V100}}}}}}
workload:
  - trace: {{format: csv, path: jobs.csv}}
system:
  name: gpu-sharing
  gpuSharing: {{round: 100s, {sharing}}}
models:
  throughputs:
    reference: V100
    types: {{image: {{V100: 40}}, speech: {{V100: 12}}}}
{throughputs}
stop: {{when: drained}}
"
    )
}

pub(crate) fn variant(experiment: &str, jobs: &str) -> windtunnel::lab::summary::VariantSummary {
    let files = [("a.yaml", experiment), ("jobs.csv", jobs)];
    let scratch = Scratch::new("gpu-sharing", &files);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let mut summary = scratch.summary("out");
    summary.variants.remove(0)
}

#[test]
fn a_promoted_job_is_demoted_by_its_service_since_then() {
    // a has 200 s at 200 s, is in the second queue and makes way for b, and at 400 s for c. At 500 s it has
    // waited 300 s, longer than its last run of 200 s.
    let jobs = "\
submit,name,run_time,gpus
0,a,500,1
150,b,200,1
150,c,250,1
550,d,200,1
";
    let mean_wait = |promote: &str| {
        let sharing = format!("rule: tiresias, thresholds: [150s]{promote}");
        let run = variant(&equal(1, 1, &sharing, ""), jobs);
        let wait = run.metrics.get("pending_time.mean");
        wait.and_then(|own| own.value).expect("jobs that started")
    };
    // Without promotion c is in the second queue behind a at 600 s, and d goes first; a follows at 800 s, c at 1,100 s.
    // A job's pending time is that of all its waits.
    let never = mean_wait("");
    let waits = [800 - 200, 200 - 150, 400 - 150, 1_100 - 600, 600 - 550];
    let mean = |waits: &[i32]| f64::from(waits.iter().sum::<i32>()) / 4.0;
    assert!((never - mean(&waits)).abs() < 1e-6, "{never}");
    // In the first queue again, a stands before d, until it has another 150 s at the round of 800 s; c is promoted at
    // 900 s and follows d at 1,000 s.
    let promoted = mean_wait(", promote: 1");
    let waits = [
        600 - 200,
        1_050 - 800,
        200 - 150,
        400 - 150,
        1_000 - 600,
        800 - 550,
    ];
    assert!((promoted - mean(&waits)).abs() < 1e-6, "{promoted}");
}

#[test]
fn a_job_moves_for_one_that_needs_a_whole_node_and_loses_no_work() {
    // On the first node, b ends at once; a and c hold two of four GPUs of a node each, until d comes.
    let jobs = "\
submit,name,run_time,gpus,job_type
0,a,1000,2,image
0,b,90,2,image
0,c,1000,2,image
50,d,500,4,image
";
    let stays = makespan(&equal(2, 4, "rule: tiresias", ""), jobs);
    assert!((stays - 1_500.0).abs() < 1e-6, "{stays}");
    let moves = variant(&equal(2, 4, "rule: tiresias, migrate: true", ""), jobs);
    let value = |id: &str| moves.metrics.get(id).and_then(|own| own.value);
    assert_eq!(value("migrations.started"), Some(1.0));
    // From 100 s on, d runs on the node that one of the others left; these end as if they had stayed.
    let span = value("makespan.total").expect("jobs that ended");
    assert!((span - 1_000.0).abs() < 1e-6, "{span}");
}

#[test]
fn two_jobs_share_a_gpu_where_both_together_are_faster() {
    let jobs = "\
submit,name,run_time,gpus,job_type
0,a,1000,1,image
0,b,1000,1,speech
";
    let pairs = "    packed: {image: {speech: 0.8}, speech: {image: 0.7}}";
    let alone = makespan(&equal(1, 1, "rule: tiresias", pairs), jobs);
    assert!((alone - 2_000.0).abs() < 1e-6, "{alone}");
    // They share it from the beginning: a needs 1,250 s; b has done 875 s by then, and the rest alone.
    let packed = makespan(&equal(1, 1, "rule: tiresias, pack: true", pairs), jobs);
    assert!((packed - 1_375.0).abs() < 1e-3, "{packed}");
    // Together they would be slower than one.
    let pairs = "    packed: {image: {speech: 0.5}, speech: {image: 0.4}}";
    let slow = makespan(&equal(1, 1, "rule: tiresias, pack: true", pairs), jobs);
    assert!((slow - 2_000.0).abs() < 1e-6, "{slow}");
}

#[test]
fn two_jobs_share_a_gpu_under_every_rule() {
    let jobs = "\
submit,name,run_time,gpus,job_type,time_limit
0,a,1000,1,image,1000
50,b,1000,1,image,1000
";
    let pairs = "    packed: {image: {image: 0.8}}";
    for rule in ["tiresias", "time-slice", "max-min", "finish-time"] {
        let span = |pack| {
            makespan(
                &equal(1, 1, &format!("rule: {rule}, pack: {pack}"), pairs),
                jobs,
            )
        };
        let apart = span(false);
        assert!((2_000.0..2_100.0).contains(&apart), "{rule}: {apart}");
        // After the first round a has 900 s left and needs 1,125 s for them; b has the last 100 s alone.
        let packed = span(true);
        assert!((packed - 1_325.0).abs() < 1e-3, "{rule}: {packed}");
    }
}

#[test]
fn a_job_without_gpus_keeps_none_from_parting() {
    // c waits for processors all the time; b moves to the GPU that d leaves.
    let jobs = "\
submit,name,run_time,gpus,job_type,cpu
0,d,150,1,image,1
0,a,1000,1,image,1
0,b,1000,1,image,1
0,c,10,0,image,7
";
    let pairs = "    packed: {image: {image: 0.8}}";
    let text = equal(1, 2, "rule: tiresias, pack: true", pairs);
    let span = makespan(&text.replace("cpu: 8", "cpu: 8.5"), jobs);
    assert!(span < 1_200.0, "{span}");
}

#[test]
fn a_displaced_job_of_several_gpus_takes_those_of_jobs_behind_it() {
    // Only the second node has processors for new, where wide runs. Of those that run, wide began last and
    // goes first: it takes the GPUs of c and d, which go on once new has ended, at 200 s.
    let jobs = "\
submit,name,run_time,gpus,job_type,cpu
0,hold,900,0,image,5
0,c,1000,1,image,1
1,d,1000,1,image,1
2,wide,1000,2,image,1
50,new,100,1,image,7.5
";
    let seen = variant(&equal(2, 2, "rule: time-slice", ""), jobs);
    let mean = seen.metrics.get("turnaround.mean");
    let mean = mean.and_then(|own| own.value).expect("jobs that ended");
    let expected = (900.0 + 1_100.0 + 1_100.0 + 1_000.0 + 150.0) / 5.0;
    assert!((mean - expected).abs() < 1e-6, "{mean}");
}

#[test]
fn a_job_is_displaced_that_leaves_enough_processors() {
    // At 100 s, small is the last in the order, and does not have the processors that new asks for.
    let jobs = "\
submit,name,run_time,gpus,job_type,cpu
0,large,1000,1,image,5
1,small,1000,1,image,1
50,new,100,1,image,4
";
    let sharing = "rule: tiresias, thresholds: [50s]";
    let seen = variant(&equal(1, 2, sharing, ""), jobs);
    let mean = seen.metrics.get("turnaround.mean");
    let mean = mean.and_then(|own| own.value).expect("jobs that ended");
    // large waits from 100 s to 200 s, and small never.
    let expected = (1_100.0 + 1_000.0 + 150.0) / 3.0;
    assert!((mean - expected).abs() < 1e-6, "{mean}");
}

#[test]
fn two_jobs_share_several_gpus_if_they_are_alike() {
    let pairs = "    packed: {image: {speech: 0.8}, speech: {image: 0.7}}";
    for columns in ["2,1", "1,2"] {
        let jobs = format!(
            "submit,name,run_time,gpus,members,job_type
0,a,1000,{columns},image
0,b,1000,{columns},speech
"
        );
        // The same course as with one GPU each.
        let packed = makespan(&equal(1, 2, "rule: tiresias, pack: true", pairs), &jobs);
        assert!((packed - 1_375.0).abs() < 1e-3, "{packed}");
    }
    // A job of one GPU does not share those of a job of two.
    let jobs = "submit,name,run_time,gpus,job_type\n0,a,1000,2,image\n0,b,1000,1,speech\n";
    let alone = makespan(&equal(1, 2, "rule: tiresias, pack: true", pairs), jobs);
    assert!((alone - 2_000.0).abs() < 1e-6, "{alone}");
}

/// Throughputs of the type `image` by the number of its GPUs.
const SCALED: &str = "    scaled: {image: {2: {V100: 60}, 4: {V100: 80}}}";

#[test]
fn a_job_grows_while_gpus_are_idle() {
    let one = "submit,name,run_time,gpus,job_type\n0,a,1000,1,image\n";
    let grow = "rule: time-slice, grow: true";
    let alone = makespan(&equal(1, 4, "rule: time-slice", SCALED), one);
    assert!((alone - 1_000.0).abs() < 1e-6, "{alone}");
    // 100 s on one GPU, and the other 900 s twice as fast.
    let grown = makespan(&equal(1, 4, grow, SCALED), one);
    assert!((grown - 550.0).abs() < 1e-3, "{grown}");
    // Nothing is idle, or more GPUs are slower.
    let grown = makespan(&equal(1, 1, grow, SCALED), one);
    assert!((grown - 1_000.0).abs() < 1e-6, "{grown}");
    let slower = "    scaled: {image: {2: {V100: 30}, 4: {V100: 40}}}";
    let grown = makespan(&equal(1, 4, grow, slower), one);
    assert!((grown - 1_000.0).abs() < 1e-6, "{grown}");
}

#[test]
fn a_job_gives_back_what_others_want() {
    // Of 1,000 s a has 700 s left when it shrinks for b, which runs from 200 s on for 100 s. At 300 s, after
    // a round on one GPU, a grows again.
    let jobs = "\
submit,name,run_time,gpus,job_type
0,a,1000,1,image
150,b,100,3,speech
";
    let seen = variant(&equal(1, 4, "rule: time-slice, grow: true", SCALED), jobs);
    let value = |id: &str| seen.metrics.get(id).and_then(|own| own.value);
    // It does 100 s of work, 200 s, 100 s and then 600 s twice as fast.
    let span = value("makespan.total").expect("jobs that ended");
    assert!((span - 600.0).abs() < 1e-3, "{span}");
    // A gang grows as a whole: two members with two GPUs each.
    let gang = "submit,name,run_time,gpus,members,job_type\n0,a,1000,1,2,image\n";
    let span = makespan(&equal(1, 4, "rule: time-slice, grow: true", SCALED), gang);
    assert!(
        (span - (100.0 + 900.0 * 60.0 / 80.0)).abs() < 1e-3,
        "{span}"
    );
}

#[test]
fn throughputs_depend_on_the_number_of_gpus() {
    let types = "{image: {V100: 40, K80: 10}}\n    scaled: {image: {2: {V100: 44, K80: 20}}}";
    let text = unlike(types, "rule: max-min").replace("devices: 1", "devices: 2");
    let jobs =
        "submit,name,run_time,gpus,gpu_models,job_type,time_limit\n0,a,100,2,K80,image,100\n";
    let span = makespan(&text, jobs);
    assert!((span - 220.0).abs() < 1e-3, "{span}");
    // On two nodes: as stated, or the part of `apart`.
    let jobs = "submit,name,run_time,gpus,members,job_type\n0,a,100,1,2,image\n";
    let apart = |more: &str| {
        let text = format!("    apart: {{image: 0.5}}\n{SCALED}\n{more}");
        makespan(&equal(2, 1, "rule: tiresias", &text), jobs)
    };
    let part = apart("");
    assert!((part - 200.0).abs() < 1e-6, "{part}");
    let stated = apart("    scaledApart: {image: {2: {V100: 15}}}");
    assert!((stated - 400.0).abs() < 1e-6, "{stated}");
}

#[test]
fn a_job_on_several_nodes_keeps_a_part_of_its_speed() {
    let jobs = "submit,name,run_time,gpus,members,job_type\n0,a,100,1,2,image\n";
    let apart = "    apart: {image: 0.5}";
    for (nodes, gpus, expected) in [(2, 1, 200.0), (1, 2, 100.0)] {
        let span = makespan(&equal(nodes, gpus, "rule: tiresias", apart), jobs);
        assert!((span - expected).abs() < 1e-6, "{nodes}: {span}");
    }
}

#[test]
fn wrong_parts_of_speed_are_refused_with_their_place() {
    for (sharing, throughputs, expected) in [
        (
            "pack: true",
            "",
            "system.gpuSharing.pack: expected speeds of jobs on one GPU; state `models.throughputs.packed`",
        ),
        (
            "pack: true",
            "    packed: {image: {speech: 0.7}}",
            "`packed.image.speech` is stated and `packed.speech.image` is not; state both",
        ),
        (
            "pack: true",
            "    packed: {image: {image: 1.7}}",
            "`packed.image.image`: expected a part of the speed above 0 and up to 1, such as 0.7",
        ),
        (
            "grow: true",
            "",
            "system.gpuSharing.grow: expected speeds of jobs by the number of their GPUs; state",
        ),
        (
            "grow: true",
            "    scaled: {image: {1: {V100: 75}}}",
            "`scaled.image.1`: expected a number of GPUs from 2 to 4096",
        ),
        (
            "grow: true",
            "    scaled: {image: {4: {V100: 75}}}",
            "jobs.csv:2: column `gpus`: must be a number of GPUs that `models.throughputs.scaled` states",
        ),
        (
            "migrate: true",
            "    apart: {video: 0.7}",
            "`apart`: type `video` has no throughputs",
        ),
    ] {
        let experiment = equal(1, 1, sharing, throughputs);
        let files = [
            ("a.yaml", experiment.as_str()),
            ("jobs.csv", "submit,run_time,gpus,job_type\n0,400,2,image\n"),
        ];
        let scratch = Scratch::new("gpu-sharing", &files);
        let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{throughputs}: {said}");
    }
}

#[test]
fn wrong_throughputs_are_refused_with_their_place() {
    let hole = "{image: {V100: 40, K80: 10}, speech: {V100: 12}}";
    let zero = "{image: {V100: 40, K80: 0}}";
    let other = "{image: {V100: 40, T4: 20}}";
    let cases = [
        (hole, JOBS, "type `speech` has no throughput on `K80`"),
        (hole, JOBS, "a.yaml:15:"),
        (
            zero,
            JOBS,
            "type `image` on `K80`: expected steps per second from 0.001",
        ),
        (
            other,
            "submit,run_time,gpus,job_type\n0,400,1,image\n",
            "no type has a throughput on `K80`, the GPU model of node `k80`; known are `T4`, `V100`",
        ),
        (
            "{speech: {V100: 12, K80: 10}}",
            JOBS,
            "jobs.csv:3: column `job_type`: must be a type of `models.throughputs`, found `image`",
        ),
    ];
    for (types, jobs, expected) in cases {
        let experiment = unlike(types, "rule: max-min");
        let files = [("a.yaml", experiment.as_str()), ("jobs.csv", jobs)];
        let scratch = Scratch::new("gpu-sharing", &files);
        let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{types}: {said}");
    }
}

#[test]
fn the_rules_share_devices_among_more_jobs_than_there_are() {
    // Nine jobs on eight GPUs: each has its turn in eight rounds of nine.
    let rows = (0..9).map(|job| format!("0,j{job},8000,1,image"));
    let rows: Vec<String> = rows.collect();
    let jobs = format!("submit,name,run_time,gpus,job_type\n{}\n", rows.join("\n"));
    for rule in ["time-slice", "max-min", "finish-time"] {
        let text = equal(1, 8, &format!("rule: {rule}"), "");
        for text in [text.replace("models:", "other:"), text] {
            let text = match text.split_once("other:") {
                Some((head, _)) => format!("{head}stop: {{when: drained}}\n"),
                None => text,
            };
            let summary = variant(&text, &jobs);
            let [mean, last] = ["turnaround.mean", "makespan.total"].map(|id| {
                let value = summary.metrics.get(id).and_then(|own| own.value);
                value.expect("jobs that ended")
            });
            assert!((9_000.0..9_300.0).contains(&last), "{rule}: {last}");
            assert!(mean > 8_700.0, "{rule}: {mean}");
        }
    }
}

#[test]
fn a_job_that_finds_no_room_keeps_none_from_the_others() {
    // The first job is wider than any node, or than what is free: the others run meanwhile.
    let jobs = "submit,name,run_time,gpus,job_type\n0,wide,100,8,image\n0,a,100,1,image\n0,b,100,1,image\n";
    for rule in ["tiresias", "time-slice", "max-min", "finish-time"] {
        let text = equal(1, 4, &format!("rule: {rule}"), "");
        let text = text.replace("stop: {when: drained}", "stop: {at: 1h}");
        let summary = variant(&text, jobs);
        let value = |id: &str| summary.metrics.get(id).and_then(|own| own.value);
        assert_eq!(value("jobs.succeeded"), Some(2.0), "{rule}");
        // What they were taken off for a while is no lost work.
        assert_eq!(value("disruptions.lost.gpu"), Some(0.0), "{rule}");
    }
}
