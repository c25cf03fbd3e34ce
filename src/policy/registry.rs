//! Every policy, in written order. To add one: write its file with an `ENTRY`, and add one line
//! here.

use super::entry::{Entry, Point};
use super::{devices, filter, kubernetes, order, preemption, sample, score, select};
use units::nearest::hint;

/// The policies.
pub const POLICIES: &[Entry] = &[
    filter::node_schedulable::ENTRY,
    filter::taint_toleration::ENTRY,
    filter::node_affinity::ENTRY,
    filter::node_resources_fit::ENTRY,
    filter::gpu_fit::ENTRY,
    filter::host_ports::ENTRY,
    filter::whole_devices::ENTRY,
    sample::tarcil::ENTRY,
    score::best_fit::ENTRY,
    score::worst_fit::ENTRY,
    score::worst_fit_open::ENTRY,
    score::least_allocated::ENTRY,
    score::most_allocated::ENTRY,
    score::dot_product::ENTRY,
    score::gpu_clustering::ENTRY,
    score::gpu_packing::ENTRY,
    score::gpu_best_fit::ENTRY,
    score::fgd::ENTRY,
    score::borg_epvm::ENTRY,
    score::borg_best_fit::ENTRY,
    score::borg_stranded::ENTRY,
    score::borg_worst_fit::ENTRY,
    score::tetris::ENTRY,
    score::vector_distance::ENTRY,
    score::volcano_binpack::ENTRY,
    preemption::borg_preemption::ENTRY,
    devices::tightest::ENTRY,
    devices::random_device::ENTRY,
    select::first::ENTRY,
    select::random::ENTRY,
    select::rank::ENTRY,
    select::round_robin::ENTRY,
    select::next_fit::ENTRY,
    order::fifo::ENTRY,
    order::priority::ENTRY,
    order::decreasing::ENTRY,
    order::decreasing_product::ENTRY,
    // Plugins of kube-scheduler, in the order of its default profile; those that act only where a
    // configuration enables them are last.
    kubernetes::scheduling_gates::ENTRY,
    kubernetes::queue_and_bind::PRIORITY_SORT,
    kubernetes::node_unschedulable::ENTRY,
    kubernetes::node_name::ENTRY,
    kubernetes::taint_toleration::ENTRY,
    kubernetes::node_affinity::ENTRY,
    kubernetes::node_ports::ENTRY,
    kubernetes::node_resources_fit::ENTRY,
    kubernetes::volume_restrictions::ENTRY,
    kubernetes::node_volume_limits::ENTRY,
    kubernetes::volume_binding::ENTRY,
    kubernetes::volume_zone::ENTRY,
    kubernetes::pod_topology_spread::ENTRY,
    kubernetes::inter_pod_affinity::ENTRY,
    kubernetes::dynamic_resources::ENTRY,
    kubernetes::default_preemption::ENTRY,
    kubernetes::balanced_allocation::ENTRY,
    kubernetes::image_locality::ENTRY,
    kubernetes::queue_and_bind::DEFAULT_BINDER,
    kubernetes::coscheduling::ENTRY,
];

/// The policies listed under a point, in order.
pub fn at(point: Point) -> impl Iterator<Item = &'static Entry> + Clone {
    POLICIES.iter().filter(move |entry| entry.point == point)
}

/// The policy of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    POLICIES.iter().find(|entry| entry.name == name)
}

/// The end of a message about a name that none of the policies at these points has.
pub(super) fn hint_at(points: &[Point], name: &str) -> String {
    let listed = POLICIES
        .iter()
        .filter(|entry| points.contains(&entry.point));
    hint(name, listed.map(|entry| entry.name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::kube_profiles::POINTS;
    use crate::{Arguments, PolicyInstance, Setup};
    use model::Changes;
    use model::scheduler_config::PluginArguments;

    #[test]
    fn every_file_is_listed_and_every_name_is_its_file() {
        let folders = [
            ("filter", Point::Filter),
            ("sample", Point::Sample),
            ("score", Point::Score),
            ("devices", Point::Devices),
            ("preemption", Point::Preemption),
            ("select", Point::Select),
            ("order", Point::QueueOrder),
        ];
        for (folder, point) in folders {
            let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../policy")).join(folder);
            let mut files: Vec<String> = std::fs::read_dir(&path)
                .expect("the folder is there")
                .map(|file| {
                    file.expect("a file")
                        .file_name()
                        .to_string_lossy()
                        .into_owned()
                })
                .filter(|file| file != "mod.rs")
                .map(|file| file.trim_end_matches(".rs").replace('_', "-"))
                .collect();
            files.sort();
            let mut names: Vec<&str> = at(point).map(|entry| entry.name).collect();
            names.sort_unstable();
            assert_eq!(names, files, "{folder}");
        }
    }

    #[test]
    fn every_plugin_of_kube_scheduler_is_what_its_entry_says() {
        let arguments = PluginArguments::default();
        for entry in at(Point::KubePlugin) {
            let constructor = entry.kube().expect("a plugin of kube-scheduler");
            let plugin = (constructor.build)(&arguments, Changes::default());
            assert_eq!(plugin.name(), entry.name);
            for &(name, point) in POINTS {
                let (stated, acts) = (constructor.points.contains(&name), plugin.points());
                assert_eq!(stated, acts.contains(point), "{} at {name}", entry.name);
            }
            let scores = constructor.points.contains(&"score");
            let weighs = constructor.weight.is_some_and(|weight| weight > 0);
            assert_eq!(scores, weighs, "{}", entry.name);
        }
        let others = POLICIES.iter().filter(|entry| entry.kube().is_some());
        assert!(others.clone().all(|entry| entry.point == Point::KubePlugin));
        assert_eq!(others.count(), at(Point::KubePlugin).count());
    }

    #[test]
    fn every_entry_is_documented_and_can_be_made() {
        for (index, entry) in POLICIES.iter().enumerate() {
            assert!(
                POLICIES[..index]
                    .iter()
                    .all(|other| other.name != entry.name)
            );
            assert!(
                entry.summary.ends_with('.') && entry.summary.len() < 100,
                "{}",
                entry.name
            );
            assert!(!entry.source.is_empty(), "{}", entry.name);
            let defaults: Arguments = entry
                .parameters
                .iter()
                .map(|parameter| (parameter.name.to_owned(), parameter.default_value()))
                .collect();
            if entry.kube().is_some() {
                continue;
            }
            for arguments in [Arguments::new(), defaults] {
                let built = entry
                    .build(&Setup::default(), &arguments)
                    .expect("defaults are valid");
                let (name, fits) = match &built {
                    PolicyInstance::Plugin(plugin) => (
                        plugin.name(),
                        matches!(
                            entry.point,
                            Point::Filter
                                | Point::Sample
                                | Point::Score
                                | Point::Devices
                                | Point::Preemption
                        ),
                    ),
                    PolicyInstance::Select(select) => (select.name(), entry.point == Point::Select),
                    PolicyInstance::Order(order) => {
                        (order.name(), entry.point == Point::QueueOrder)
                    }
                };
                assert_eq!(name, entry.name);
                assert!(fits, "{name} is listed under {}", entry.point.name());
            }
        }
    }

    #[test]
    fn unknown_arguments_are_named_with_the_nearest() {
        let mut arguments = Arguments::new();
        arguments.insert("cpuscale".to_owned(), 1.into());
        let error = find("dot-product").map(|entry| entry.build(&Setup::default(), &arguments));
        let error = error.and_then(Result::err).expect("an unknown argument");
        let expected = "unknown argument `cpuscale`; did you mean `cpuScale`, `gpuScale`?";
        assert_eq!(error.to_string(), expected);
        assert_eq!(hint_at(&[Point::Score], "fdg"), "did you mean `fgd`?");
    }
}
