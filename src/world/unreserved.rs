//! The note on machines that are bought and offer pods all that their type has.

use model::node::INSTANCE_TYPE_LABEL;
use model::resource_list::PODS;
use scenario::Scenario;
use scenario::schema::Reserved;

use units::plural;

use super::ProviderPlan;
use super::catalogue::matches;
use super::instance_labels::cloud_of;

/// The note where autoscalers buy instance types of a cloud and nothing says what their machines keep for the
/// system. Nodes of a cloud offer less than their type has, by formulas of each image: EKS keeps 255 MiB and 11
/// MiB for each pod that fits, 100 MiB before evictions and a part of each core (`awslabs/amazon-eks-ami`),
/// and takes as many pods as its network interfaces have addresses.
pub(super) fn unreserved(scenario: &Scenario, plan: Option<&ProviderPlan>) -> Option<String> {
    let autoscaling = scenario.system.autoscaling.as_ref()?;
    let provider = scenario.cluster.provider.as_ref()?;
    if provider.reserved != Reserved::default() {
        return None;
    }
    let plan = plan?;
    let patterns = autoscaling.provisioner.iter();
    let patterns: Vec<&String> = patterns.flat_map(|own| &own.instance_types).collect();
    let is_bought = |name: &&String| patterns.iter().any(|own| matches(own, name));
    let groups = plan.groups.iter().filter(|_| autoscaling.cluster.is_some());
    let of_groups = groups.filter_map(|own| {
        let name = own.node.labels.get(INSTANCE_TYPE_LABEL)?;
        let (name, listed) = plan.types.get_key_value(&**name)?;
        // What nodes of the group in a dump offer goes before the list.
        (own.node.allocatable == listed.node.allocatable).then_some(name)
    });
    let mut names = of_groups.chain(plan.types.keys().filter(is_bought));
    let name = names.find(|name| cloud_of(name).is_some())?;
    let pods = plan.types.get(name)?.node.allocatable.get(PODS);
    let pods = plural::count(pods.units_ceil().ok()?, "pod");
    Some(format!(
        "bought machines offer pods all that their instance type has, and take {pods} (such as `{name}`); \
         nodes of a cloud keep a part for the system and may take fewer pods: state that as \
         `cluster.provider.reserved`, and pods in a column `max_pods` of `types`"
    ))
}
