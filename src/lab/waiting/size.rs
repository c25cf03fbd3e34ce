//! Pods that are larger than any node, which systems do not say that answer without amounts.

use cluster::Store;
use units::{ClassId, Quantity, SuffixFamily};

/// Words of a system for a node, cores, memory and GPUs.
pub(super) type Terms = [&'static str; 4];

/// Systems whose answers say no amounts and whose nodes have what they offer, with their words for a node, cores,
/// memory and GPUs.
const TERSE: [(&str, Terms); 4] = [
    (systems::mesos::ENTRY.name, ["agent", "cpus", "mem", "gpus"]),
    (
        systems::mesos::dcos::ENTRY.name,
        ["agent", "cpus", "mem", "gpus"],
    ),
    (
        systems::batch::ENTRY.name,
        ["node", "cpu", "memory", "GPUs"],
    ),
    (
        systems::gpu_sharing::ENTRY.name,
        ["node", "cpu", "memory", "GPUs"],
    ),
];

/// The words of a system whose answers say no amounts.
pub(super) fn terms(system: &str) -> Option<Terms> {
    let mut terse = TERSE.iter();
    let found = terse.find(|(own, _)| *own == system);
    found.map(|(_, terms)| *terms)
}

/// What pods of a class ask for and no node has in all, in the words of a system.
pub(super) fn too_large(store: &Store, class: ClassId, terms: Terms) -> Option<String> {
    let asks = &store.class(class).requests;
    let nodes = store.nodes();
    let rows = || nodes.present().map(|node| nodes.allocatable().row(node));
    let [noun, cpus, mem, gpus] = terms;
    let cpu = (asks.cpu_milli, rows().map(|row| row.cpu_milli).max()?);
    let memory = (asks.memory_bytes, rows().map(|row| row.memory_bytes).max()?);
    let gpu = (asks.gpu_milli, rows().map(|row| row.gpu_milli).max()?);
    let in_bytes = |bytes| Quantity::from_units(bytes).with_family(SuffixFamily::Binary);
    let amounts = [
        (cpus, cpu, Quantity::from_milli as fn(i64) -> Quantity),
        (mem, memory, in_bytes),
        (gpus, gpu, Quantity::from_milli),
    ];
    let large = amounts
        .into_iter()
        .filter(|(_, (asked, most), _)| asked > most);
    let large = large.map(|(name, (asked, most), quantity)| {
        format!("{name} {} of at most {}", quantity(asked), quantity(most))
    });
    let large = large.collect::<Vec<_>>().join(", ");
    (!large.is_empty()).then(|| format!("no {noun} is that large: {large}"))
}
