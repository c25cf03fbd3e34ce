//! The nodes of a scenario.

use std::sync::Arc;

use arrivals::ReadOptions;
use arrivals::format::Constructor;
use formats::registry::find;
use model::node::{
    DO_NOT_DISRUPT, HOSTNAME_LABEL, SCALE_DOWN_DISABLED, ZONE_LABEL, label_platform,
};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{GpuInventory, Labels, Node, RemovalGuard, ResourceList, Taint, TaintEffect};
use scenario::Scenario;
use scenario::schema::{
    NodeAnnotations, NodeSource, NodeTemplate, OnBadRow, TaintEffect as SchemaEffect, Template,
};
use units::plural;

use super::workload::nothing_in;
use super::{BuildError, FileSource, ManifestFiles, Remarks, read_options, row_policy};

/// The nodes of a scenario, in order.
/// # Examples
///
/// ```
/// use scenario::{AnyName, LoadOptions, SearchPath, load};
/// use world::inputs::DiskAndEmbedded;
/// use world::{FileSource, ManifestFiles, Remarks};
///
/// let text = "\
/// windtunnel: v1
/// name: tiny
/// cluster: {nodes: [{count: 3, template: {allocatable: {cpu: 4, memory: 16Gi}}}]}
/// workload: [{generate: {model: lublin99, jobs: 10}}]
/// ";
/// let options = LoadOptions {
///     sets: &[],
///     search: &SearchPath::default(),
///     lookup: &DiskAndEmbedded,
///     names: &AnyName(&[]),
/// };
/// let experiment = load(text, "tiny.yaml", options).expect("an experiment");
/// let scenario = &experiment.variants[0].scenario;
/// let files = FileSource::of(&experiment.files);
/// let (mut manifests, mut remarks) = (ManifestFiles::new(false), Remarks::new(None));
/// let nodes = world::nodes(scenario, &files, &mut manifests, &mut remarks)?;
/// assert_eq!(nodes.len(), 3);
/// # Ok::<(), world::BuildError>(())
/// ```
pub fn nodes(
    scenario: &Scenario,
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Vec<Arc<Node>>, BuildError> {
    let mut nodes = Vec::new();
    for source in &scenario.cluster.nodes {
        match source {
            NodeSource::Trace(trace) => {
                let entry = find(&trace.format).map(|entry| entry.open);
                let Some(Constructor::Nodes(open)) = entry else {
                    let format = &trace.format;
                    return Err(BuildError::Experiment(format!("`{format}` has no nodes")));
                };
                let rows = row_policy(trace.on_bad_row);
                let mut options = ReadOptions {
                    rows,
                    ..ReadOptions::default()
                };
                read_options(&mut options, &trace.options)?;
                let read = open(&files.open(&trace.path), &options)?;
                remarks.ledger(&read.ledger);
                if read.nodes.is_empty()
                    && let Some(nothing) = nothing_in(&trace.path, &trace.format, files)
                {
                    return Err(nothing);
                }
                if read.nodes.is_empty() {
                    // A run without nodes would look like one in which nothing fits.
                    options.rows = row_policy(OnBadRow::Strict);
                    let first = open(&files.open(&trace.path), &options).err();
                    let why = first.map_or_else(
                        || "it has no row of one, or `onBadRow` leaves none".to_owned(),
                        |first| {
                            format!("no row is left, and the first that breaks a rule is {first}")
                        },
                    );
                    return Err(BuildError::Experiment(format!(
                        "cluster: `{}` gives no node: {why}; give a list of machines",
                        trace.path
                    )));
                }
                nodes.extend(read.nodes.into_iter().map(Arc::new));
            }
            NodeSource::Template(template) => {
                let mut first = None;
                for index in 0..template.count {
                    let mut node = from_template(template, u64::from(index));
                    let first = first.get_or_insert_with(|| node.clone());
                    share(&mut node, first);
                    nodes.push(Arc::new(node));
                }
            }
            NodeSource::Manifests(path) => {
                let read = manifests.read(path, files, remarks)?;
                nodes.extend(read.nodes.iter().cloned().map(Arc::new));
            }
        }
    }
    if let Some(line) = without_unit(&nodes) {
        remarks.note(line);
    }
    super::volume_places::label_all(&mut nodes, scenario);
    Ok(nodes)
}

/// The remark on nodes with an annotation of autoscalers as a label, which nothing reads.
pub fn mislabelled<'a>(nodes: impl IntoIterator<Item = &'a Arc<Node>>) -> Option<String> {
    let mut nodes = nodes.into_iter();
    let (node, key) = nodes.find_map(|node| {
        let keys = [SCALE_DOWN_DISABLED, DO_NOT_DISRUPT];
        let key = keys.into_iter().find(|key| node.labels.contains_key(key));
        Some((&node.name, key?))
    })?;
    let node = if node.is_empty() {
        String::new()
    } else {
        format!("node `{node}`: ")
    };
    Some(format!(
        "{node}`{key}` is an annotation, and as a label it has no effect; write it under \
         `annotations`"
    ))
}

/// Memory below this is a number without its unit.
const LEAST_MEMORY_BYTES: i64 = 1 << 20;

/// The remark on nodes whose memory is stated without a unit, so that they have nothing to offer.
fn without_unit(nodes: &[Arc<Node>]) -> Option<String> {
    let memory = |node: &Node| node.allocatable.get(MEMORY).units_ceil().unwrap_or(0);
    let is_tiny = |node: &&Arc<Node>| (1..LEAST_MEMORY_BYTES).contains(&memory(node));
    let first = nodes.iter().find(is_tiny)?;
    let (name, bytes) = (&first.name, memory(first));
    let offered = plural::count(bytes, "byte");
    let others = match nodes.iter().filter(is_tiny).count() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    Some(format!(
        "node `{name}`{others} offers {offered} of memory, which no pod can use; if a unit is \
         missing, write it, as in `{bytes}Gi`"
    ))
}

/// Lets what a node has in common with the others of its template lie in memory once.
fn share(node: &mut Node, first: &Node) {
    node.allocatable.clone_from(&first.allocatable);
    node.labels.share_with(&first.labels);
    if let (Some(gpu), Some(first)) = (&mut node.gpu, &first.gpu) {
        gpu.model.clone_from(&first.model);
    }
}

fn from_template(template: &Template, index: u64) -> Node {
    let name = template.name.render(index);
    let mut node = of_template(&template.template, index);
    node.name = name.as_str().into();
    let name = node.name.clone();
    node.labels.insert_if_absent(HOSTNAME_LABEL, || name);
    if let Some(zone) = &template.zone {
        let zone = || zone.render(index).into();
        node.labels.insert_if_absent(ZONE_LABEL, zone);
    }
    node
}

/// A node of a template, without a name.
pub(super) fn of_template(template: &NodeTemplate, index: u64) -> Node {
    let allocatable = &template.allocatable;
    let mut list = ResourceList::from_pairs([
        (CPU, allocatable.cpu),
        (MEMORY, allocatable.memory),
        (PODS, allocatable.pods),
        (EPHEMERAL_STORAGE, allocatable.ephemeral_storage),
    ]);
    for (resource, &amount) in &allocatable.extended {
        list.set(resource, amount);
    }
    let labels = template.labels.iter();
    let labels = labels.map(|(key, value)| (key.as_str().into(), value.render(index).into()));
    let mut labels: Labels = labels.collect();
    label_platform(&mut labels);
    let gpu = template.gpu.as_ref().map(|gpu| GpuInventory {
        devices: gpu.devices as u8,
        model: gpu.model.as_str().into(),
    });
    Node {
        allocatable: list,
        labels,
        taints: template.taints.iter().map(taint).collect(),
        gpu,
        guard: guard(&template.annotations),
        ..Node::default()
    }
}

/// What annotations say, as they are written.
pub(super) fn guard(annotations: &NodeAnnotations) -> RemovalGuard {
    RemovalGuard::of(|key| match key {
        SCALE_DOWN_DISABLED => annotations.scale_down_disabled.as_deref(),
        DO_NOT_DISRUPT => annotations.do_not_disrupt.as_deref(),
        _ => None,
    })
}

/// A taint as it is written.
pub(super) fn taint(taint: &scenario::schema::Taint) -> Taint {
    Taint {
        key: taint.key.as_str().into(),
        value: taint.value.as_str().into(),
        effect: match taint.effect {
            SchemaEffect::NoSchedule => TaintEffect::NoSchedule,
            SchemaEffect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
            SchemaEffect::NoExecute => TaintEffect::NoExecute,
        },
    }
}
