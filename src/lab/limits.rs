//! Limits of what scenarios may take of the machine that runs them, for those who run what others wrote.

use control::operation::Operation;
use model::Object;
use scenario::Scenario;
use scenario::schema::NodeSource;
use units::{SortedMap, plural};
use world::BuildError;

use super::run::{Prepared, RunError};

/// Watch over the time and the memory that scenarios take.
pub trait Watch: Sync {
    /// A scenario begins: what it takes counts from here.
    fn begin(&self, scenario: &str);

    /// A scenario has ended; why it was stopped, if it was.
    fn end(&self) -> Option<String>;
}

/// Limits of runs; none by default.
#[derive(Clone, Copy, Default)]
pub struct Limits<'a> {
    /// The most nodes, pods and other objects that a run may ask for at a time.
    pub objects: Option<u64>,
    /// The most runs of a suite.
    pub runs: Option<u64>,
    /// Watch over each scenario of a suite.
    pub watch: Option<&'a dyn Watch>,
}

impl Limits<'_> {
    /// Refuses a scenario with more nodes than objects are allowed, before any is made.
    pub(crate) fn check_nodes(&self, scenario: &Scenario) -> Result<(), RunError> {
        let sources = scenario.cluster.nodes.iter();
        let counts = sources.map(|source| match source {
            NodeSource::Template(own) => u64::from(own.count),
            NodeSource::Trace(_) | NodeSource::Manifests(_) => 0,
        });
        let nodes = counts.sum();
        let what = || format!("cluster.nodes: {}", plural::count(nodes, "node"));
        check(nodes, self.objects, "--objects-limit", what)
    }

    /// Refuses a run with more nodes, objects and pods of objects than are allowed, before it begins.
    pub(crate) fn check_objects(&self, prepared: &Prepared) -> Result<(), RunError> {
        let nodes = prepared.nodes.len() as u64;
        let mut wanted: SortedMap<String, u64> = SortedMap::new();
        let mut want = |name: String, pods: u64| {
            let own = wanted.entry(name).or_default();
            *own = pods.max(*own);
        };
        let of_object = |object: &Object| {
            let name = format!("{} {}/{}", object.kind(), object.namespace(), object.name());
            (name, pods_of(object, nodes))
        };
        let found = prepared.workload.found.objects.iter();
        for own in found.filter(|own| own.owner.is_none()) {
            let (name, pods) = of_object(&own.object);
            want(name, pods);
        }
        for (_, operation) in &prepared.operations {
            match operation {
                Operation::Create(object) | Operation::Apply(object) => {
                    let (name, pods) = of_object(object);
                    want(name, pods);
                }
                Operation::Scale(target, pods) => want(format!("scale {target}"), positive(*pods)),
                _ => {}
            }
        }
        let pods: u64 = wanted.values().sum();
        let all = nodes + wanted.len() as u64 + pods;
        let what = || {
            let largest = wanted.iter().max_by_key(|(_, pods)| **pods);
            let largest = largest.map(|(name, pods)| format!(", {pods} of them pods of {name}"));
            let largest = largest.unwrap_or_default();
            format!("{} in all{largest}", plural::count(all, "object"))
        };
        check(all, self.objects, "--objects-limit", what)
    }

    /// Refuses a suite of more runs than are allowed.
    pub(crate) fn check_runs(&self, runs: u64) -> Result<(), RunError> {
        let what = || {
            format!(
                "variants × seeds of the suite: {}",
                plural::count(runs, "run")
            )
        };
        check(runs, self.runs, "--runs-limit", what)
    }
}

fn check(
    all: u64,
    most: Option<u64>,
    option: &str,
    what: impl FnOnce() -> String,
) -> Result<(), RunError> {
    match most {
        Some(most) if all > most => {
            let words = format!(
                "{}, more than the {most} of `{option}`; ask for fewer, or raise the limit",
                what()
            );
            Err(RunError::Build(BuildError::Experiment(words)))
        }
        _ => Ok(()),
    }
}

/// The most pods that an object asks for at a time.
fn pods_of(object: &Object, nodes: u64) -> u64 {
    match object {
        Object::DaemonSet(_) => nodes,
        Object::Job(own) => {
            let together = own.completions.unwrap_or(own.parallelism);
            positive(together.min(own.parallelism))
        }
        Object::CronJob(own) => positive(own.template.parallelism),
        Object::HorizontalPodAutoscaler(own) => {
            let least = own.spec.min_replicas;
            least.map_or(0, positive)
        }
        other => other.replicas().map_or(0, |(count, _)| positive(count)),
    }
}

/// A count, which the API server has found to be none below zero.
fn positive(count: i32) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_beyond_a_limit_names_it() {
        let most = Limits {
            runs: Some(10),
            ..Limits::default()
        };
        assert!(most.check_runs(10).is_ok());
        let told = most.check_runs(11).map_err(|error| error.to_string());
        let expected = "variants × seeds of the suite: 11 runs, more than the 10 of `--runs-limit`; ask for \
                        fewer, or raise the limit";
        assert_eq!(told, Err(expected.to_owned()));
        assert!(Limits::default().check_runs(u64::MAX).is_ok());
    }
}
