//! Runs of the flow scheduler (spec: orchestrators-b.md section 6.4): the plain form solves every round
//! from nothing, and finds no cheaper flow.

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::rng::Stream;
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::units::Instant;

use crate::kube_scenario::{Scratch, load_file};
use crate::omega::job_line;
use crate::watch::watch_in;

/// Nobody looks on.
struct Nobody;

impl Observer for Nobody {
    fn observe(&mut self, _: Instant, _: &Event, _: Option<&Pod>, _: &Store) {}
}

#[test]
fn both_forms_place_tasks_alike_and_at_equal_cost() {
    let models = [
        "quincy",
        "octopus",
        "shortest-job-first",
        "trivial",
        "random",
    ];
    for model in models {
        let stream = &mut Stream::new(26, "flow", 0);
        let jobs: String = (1..=60)
            .map(|job| job_line(job, stream.below(100), 1 + stream.below(60), 1))
            .collect();
        let text = format!(
            "windtunnel: v1\nname: flow\ncluster: {{nodes: [{{count: 6, template: {{allocatable: {{cpu: 4, \
             memory: 4Gi, pods: 3}}}}}}]}}\nworkload: [{{trace: {{format: swf, path: jobs.swf}}}}]\nsystem: \
             {{name: flow, flow: {{costModel: {model}}}}}\nfailures: [{{kind: node-crash, mtbf: 100s, \
             repair: 20s}}]\nstop: {{when: drained}}\n"
        );
        let files = [("jobs.swf", jobs.as_str()), ("run.yaml", &text)];
        let scratch = Scratch::new(&format!("flow-{model}"), &files);
        let experiment = load_file(&scratch.path("run.yaml"));
        let scenario = &experiment.variants[0].scenario;
        let digests = [Form::Incremental, Form::Plain].map(|form| {
            watch_in(form, scenario, &experiment.files, &mut Nobody)
                .unwrap_or_else(|error| panic!("{error}\n{text}"))
                .digest
        });
        assert_eq!(digests[0], digests[1], "{text}{jobs}");
    }
}
