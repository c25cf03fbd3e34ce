//! Releases of the originals that the parts of a system follow.

use scenario::schema::{NodeSource, Release};
use scenario::{Files, Scenario};
use systems::kubernetes;
use units::SortedMap;
use world::FileSource;

/// Releases that the parts of a scenario's system follow, with the switches that are turned.
pub(crate) fn releases(scenario: &Scenario, files: &Files) -> Vec<String> {
    ClusterReleases::default().releases(scenario, files)
}

/// Releases of clusters that scenarios of the same files follow; each cluster is read once.
#[derive(Default)]
pub(crate) struct ClusterReleases(SortedMap<Cluster, Option<Release>>);

/// Files of a cluster's nodes, and the kinds that are left out of them.
type Cluster = (Vec<String>, Vec<String>);

impl ClusterReleases {
    /// Releases that the parts of a scenario's system follow, with the switches that are turned.
    pub(crate) fn releases(&mut self, scenario: &Scenario, files: &Files) -> Vec<String> {
        if !world::follows_kubelets(scenario) {
            return releases_of(scenario);
        }
        let nodes = scenario.cluster.nodes.iter();
        let nodes = nodes.filter_map(|own| match own {
            NodeSource::Manifests(file) => Some(file.clone()),
            _ => None,
        });
        let cluster = (nodes.collect(), scenario.cluster.ignore.clone());
        let release = self.0.entry(cluster).or_insert_with(|| {
            // What is wrong with a file is said where the run is prepared.
            let followed = world::followed(scenario, &FileSource::of(files)).ok()?;
            followed.system.release
        });
        let mut scenario = scenario.clone();
        scenario.system.release.clone_from(release);
        releases_of(&scenario)
    }
}

/// Releases of a scenario that states its own or follows the default.
pub(crate) fn releases_of(scenario: &Scenario) -> Vec<String> {
    let system = &scenario.system;
    if system.name != kubernetes::ENTRY.name {
        return Vec::new();
    }
    let (scheduler, controllers) = (system.scheduler_release(), system.controllers_release());
    let mut told = vec![
        format!("kube-scheduler {scheduler}"),
        format!("controllers and kubelet {controllers}"),
    ];
    told.extend(system.scheduler_changes().told(scheduler));
    // Where the releases are mixed, a switch may be turned for the controllers alone.
    for words in system.controllers_changes().told(controllers) {
        if !told.contains(&words) {
            told.push(words);
        }
    }
    told
}
