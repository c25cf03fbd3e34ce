//! Systems by a clock that never shows a whole second: what is recorded is what the simulator predicts, whatever
//! the instants at which the control server looks at its clock.

#![expect(clippy::disallowed_methods, reason = "experiments of tests are files")]

use clap::Parser as _;
use cli::Global;
use lab::folder::{Existing, ResultFolder};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use units::{Duration, Instant};

use super::bench::Bench;
use super::systems::CASES;
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::simulated::chosen::{Chosen, chosen};
use crate::simulated::story::Told;
use crate::story::compare::{Pair, pairs};
use crate::story::{Fitted, Story};
use crate::wire::request::Request;

/// Greatest distance of an event from its prediction.
const LATE_NS: i64 = 30_000_000_000;

/// Options of all commands, as without any.
#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    global: Global,
}

/// A pod by itself, or the only pod of a workload, that wants a number of milli-cores.
fn manifest(name: &str, cpu: u32, is_workload: bool) -> String {
    let spec = format!(
        "{{terminationGracePeriodSeconds: 1, containers: [{{name: main, image: none, command: [sleep, '9999'], \
         resources: {{requests: {{cpu: {cpu}m, memory: 16Mi}}, limits: {{memory: 16Mi}}}}}}]}}"
    );
    if is_workload {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}}}, spec: {{replicas: 1, selector: \
             {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, spec: {spec}}}}}}}"
        )
    } else {
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {spec}}}")
    }
}

/// The experiment of a system on two nodes.
fn experiment(folder: &std::path::Path, system: &str) -> Chosen {
    let system = match system {
        "kubernetes" => "{name: kubernetes, controllers: {}}",
        "batch" => "{name: batch, scheduler: {queue: fcfs, backfill: slurm}}",
        "pipeline" => "{name: pipeline, scheduler: {profile: best-fit}}",
        other => &format!("{{name: {other}}}"),
    };
    let nothing = "{apiVersion: v1, kind: Namespace, metadata: {name: default}}\n";
    std::fs::write(folder.join("none.yaml"), nothing).expect("a file");
    let text = format!(
        "windtunnel: v1\nname: clock\ncluster: {{nodes: [{{count: 1, template: {{allocatable: {{cpu: 4, memory: \
         8Gi, pods: 110}}}}}}]}}\nworkload: [{{manifests: none.yaml}}]\nsystem: {system}\nmodels: {{nodeLife: \
         observed}}\n"
    );
    let path = folder.join("experiment.yaml");
    std::fs::write(&path, text).expect("a file");
    let global = Options::parse_from(["windtunnel"]).global;
    chosen(&global, &path, None, &[])
        .unwrap_or_else(|failure| panic!("{system}: {}", failure.message))
}

/// A quarter of an hour under a system: one pod runs and another waits for its place, which comes free; what
/// runs is declared anew and deleted. `gaps` are the times between two looks at the clock.
fn recorded(chosen: &Chosen, is_workload: bool, gaps: &[i64]) -> (Log, Story) {
    let header = chosen.header(0);
    let journal = MemoryJournal::default();
    let plane = || {
        chosen
            .plane(&header)
            .unwrap_or_else(|why| panic!("{}", why.message))
    };
    let mut bench = Bench::with_header(1, &journal, header.clone(), plane());
    let kind = if is_workload { "Deployment" } else { "Pod" };
    let delete = |name: &str| Request::Delete {
        object: format!("{kind}/default/{name}"),
    };
    let apply = |name: &str, cpu: u32| Request::Apply {
        file: "file.yaml".to_owned(),
        text: manifest(name, cpu, is_workload),
    };
    let mut asked = vec![
        (5, apply("x", 2500)),
        (20, apply("y", 2500)),
        (40, apply("small", 500)),
        (60, delete("x")),
        (400, apply("x", 1000)),
        (500, delete("y")),
        (600, apply("z", 1500)),
    ];
    if is_workload {
        asked.push((700, apply("z", 800)));
    }
    asked.reverse();
    let mut gaps = gaps.iter().cycle();
    while bench.now < Instant::ZERO.saturating_add(Duration::from_secs(900)) {
        let gap = gaps.next().copied().unwrap_or(1);
        bench.turn_after(Duration::from_nanos(gap));
        while let Some((at, request)) = asked.pop() {
            if bench.now.as_nanos() < at * 1_000_000_000 {
                asked.push((at, request));
                break;
            }
            drop(bench.ask(request));
        }
    }
    let control = bench.control.take().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    let replayed = log.replay(plane()).expect("the same run");
    assert_eq!(replayed.digest(), control.driver().digest());
    let story = Story::of(&log, plane()).expect("a story");
    (log, story)
}

/// Events of the record and of its prediction, side by side.
fn compared(folder: &std::path::Path, system: &str, is_workload: bool, gaps: &[i64]) -> Vec<Pair> {
    let chosen = experiment(folder, system);
    let (_, story) = recorded(&chosen, is_workload, gaps);
    let told = Told {
        story,
        document: chosen.document.clone(),
    };
    let global = Options::parse_from(["windtunnel"]).global;
    let out = ResultFolder::create(&folder.join("predicted"), Existing::Refuse).expect("a folder");
    let simulated = told.simulate(&global, &out, &Fitted::default());
    let simulated = simulated.unwrap_or_else(|why| panic!("{system}: {}", why.message));
    out.withdraw();
    pairs(&told.story.events, &simulated.events)
}

#[test]
fn what_is_recorded_by_any_clock_is_what_the_simulator_predicts() {
    let folder = std::env::temp_dir().join(format!("wt-clock-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    // Looks at the clock come early and late; some seconds may pass between two.
    let gap = prop_oneof![
        6 => 1_000_000..1_500_000_000_i64,
        1 => 1_500_000_000..4_000_000_000_i64,
    ];
    let gaps = proptest::collection::vec(gap, 40..80);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for case in CASES {
        let gaps = gaps.new_tree(&mut runner).expect("times").current();
        let pairs = compared(&folder, case.system, case.runs_workloads, &gaps);
        let alone = |pair: &&Pair| pair.recorded.is_none() || pair.predicted.is_none();
        let alone: Vec<&Pair> = pairs.iter().filter(alone).collect();
        let scheduled = pairs
            .iter()
            .filter(|pair| pair.reason == "Scheduled")
            .count();
        assert!(alone.is_empty(), "{}: {alone:#?}", case.system);
        // A machine hears of its orders at the next look, and is heard at the one after; some systems look
        // again after ten seconds or twenty.
        let distance = |pair: &Pair| pair.late().map_or(0, |late| late.as_nanos().abs());
        let far = pairs.iter().find(|pair| distance(pair) > LATE_NS);
        assert!(far.is_none(), "{}: {far:#?}", case.system);
        assert!(scheduled >= 5, "{}: {scheduled} scheduled", case.system);
    }
    std::fs::remove_dir_all(&folder).expect("a folder to remove");
}
