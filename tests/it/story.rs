//! What happens in an experiment, in words: for tests of systems from an experiment file to what they
//! do.

use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Pod, PodChange, PodRef};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::watch;

/// What happened: second, what, pod, node.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) lines: Vec<String>,
    /// Ready pods after every change, where it changed.
    pub(crate) ready: Vec<(f64, usize)>,
    /// Holds that were placed.
    pub(crate) holds: usize,
    /// How long pods waited for their node, in sum, and how many there were.
    waited: (f64, usize),
    checker: Checker,
}

impl Story {
    /// Lines that begin with a second in a span, without it.
    pub(crate) fn between(&self, from: f64, to: f64) -> Vec<&str> {
        let lines = self.lines.iter().map(|line| line.split_once(' ').unwrap());
        let inside = lines.filter(|(at, _)| (from..to).contains(&at.parse::<f64>().unwrap()));
        inside.map(|(_, what)| what).collect()
    }

    /// The seconds of the lines that contain a text.
    pub(crate) fn times(&self, text: &str) -> Vec<f64> {
        let lines = self.lines.iter().filter(|line| line.contains(text));
        lines
            .map(|line| line.split_once(' ').unwrap().0.parse().unwrap())
            .collect()
    }

    /// How long a pod waited for its node in the mean.
    pub(crate) fn mean_wait(&self) -> f64 {
        self.waited.0 / self.waited.1 as f64
    }

    /// How many pods were bound to a node at the first instant at which any was.
    pub(crate) fn on_at_first(&self, node: &str) -> usize {
        let bound = self.lines.iter().filter(|line| line.contains(" on "));
        let first = bound.clone().next().and_then(|line| line.split_once(' '));
        let first = first.map(|(at, _)| at.to_owned()).unwrap_or_default();
        let own = bound.filter(|line| line.ends_with(&format!(" on {node}")));
        own.filter(|line| line.starts_with(&format!("{first} ")))
            .count()
    }

    fn tell(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let name = |pod: PodRef| {
            let pod = store.pods().get(pod).map(|pod| pod.name.to_string());
            pod.unwrap_or_default()
        };
        let what = match event {
            Event::PodBound { pod, node, .. } => {
                if let Some(record) = store.pods().get(*pod) {
                    self.waited.0 += at.since(record.created).as_secs_f64();
                    self.waited.1 += 1;
                }
                format!("{} on {}", name(*pod), store.nodes().name(*node))
            }
            Event::PodRunning { pod } => format!("{} runs", name(*pod)),
            Event::PodEnded { reason, .. } => {
                let name = &ended.unwrap().name;
                match reason {
                    EndReason::Completed => format!("{name} done"),
                    reason => format!("{name} ended {reason:?}"),
                }
            }
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } => format!("{} told to end", name(*pod)),
            Event::NodeReadiness { node, ready } => {
                let word = if *ready { "up" } else { "lost" };
                format!("{} {word}", store.nodes().name(*node))
            }
            Event::HoldPlaced(_) => {
                self.holds += 1;
                return;
            }
            _ => return,
        };
        self.lines.push(format!("{} {what}", at.as_secs_f64()));
    }
}

impl Observer for Story {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        self.tell(at, event, ended, store);
        if matches!(event, Event::PodChanged { .. } | Event::PodEnded { .. }) {
            let states = store.pods().iter();
            let states = states.filter_map(|pod| store.pod_states().get(pod.pod));
            let ready = states
                .filter(|state| state.is_ready && state.terminating.is_none())
                .count();
            if self.ready.last().is_none_or(|&(_, last)| last != ready) {
                self.ready.push((at.as_secs_f64(), ready));
            }
        }
    }
}

/// Runs the experiment `own.yaml` among these files; what happened.
pub(crate) fn story(name: &str, files: &[(&str, &str)]) -> Story {
    let scratch = Scratch::new(name, files);
    let loaded = scratch.load("own.yaml");
    let scenario = &loaded.0.variants[0].scenario;
    let mut told = Story::default();
    watch(scenario, &loaded.0.files, &mut told).unwrap();
    assert_eq!(told.checker.failure(), None);
    told
}

/// What happened in every variant of an experiment of the project.
pub(crate) fn of_scenario(name: &str) -> SortedMap<String, Story> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = load_file(&folder.join(name));
    let variants = experiment.variants.iter();
    let stories = variants.map(|variant| {
        let mut told = Story::default();
        watch(&variant.scenario, &experiment.files, &mut told).unwrap();
        assert_eq!(told.checker.failure(), None, "{}", variant.name);
        (variant.name.clone(), told)
    });
    stories.collect()
}

/// What keeps an experiment from running.
pub(crate) fn refusal(name: &str, files: &[(&str, &str)]) -> String {
    let scratch = Scratch::new(name, files);
    let loaded = scratch.load("own.yaml");
    match loaded.prepared() {
        Err(why) => why,
        Ok(_) => panic!("it can be run"),
    }
}
