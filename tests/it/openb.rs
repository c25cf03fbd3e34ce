//! A small reader of the openb files, for tests that hold recorded placements.

use std::io::Read;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use windtunnel::cluster::Store;
use windtunnel::cluster::fragmentation::{Shape, TypicalPods};
use windtunnel::model::{GpuInventory, GpuRequest, Node, PodSpec, ResourceList};
use windtunnel::units::{ClassId, Instant, Quantity};

use crate::shared::reference;

/// A compressed file of the reference data; `None` if it is not there.
pub(crate) fn text(path: &str) -> Option<String> {
    let file = std::fs::File::open(reference(path)?).expect("a file that can be read");
    let mut text = String::new();
    MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("a gzip file of text");
    Some(text)
}

/// Fields of the rows after the header.
pub(crate) fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

fn number(text: &str) -> i64 {
    text.parse()
        .unwrap_or_else(|_| panic!("a number, not `{text}`"))
}

/// What the published runs are made of.
pub(crate) struct Openb {
    /// The cluster, with the nodes and all classes.
    pub(crate) store: Store,
    /// The class of every row of the pod list.
    pub(crate) pods: Vec<ClassId>,
    /// The target workload.
    pub(crate) typical: Arc<TypicalPods>,
}

/// The 1,213 nodes with GPU, and a pod list.
pub(crate) fn load(workload: &str) -> Option<Openb> {
    let nodes = text("traces/openb/openb_node_list_gpu_node.csv.gz")?;
    let list = text(&format!("traces/openb/{workload}.csv.gz"))?;
    let mut store = Store::new();
    for row in rows(&nodes) {
        let event = store.node_added(Arc::new(node(&row)));
        store.apply(Instant::default(), event).expect("a node");
    }
    let mut pods = Vec::new();
    for row in rows(&list) {
        let object = Arc::new(pod(&row));
        if let Some(event) = store.class_added(&object) {
            store.apply(Instant::default(), event).expect("a class");
        }
        pods.push(store.class_of(&object).expect("the class was added"));
    }
    let shapes = rows(&list).map(|row| Shape {
        cpu_milli: number(row[1]),
        gpu_milli: gpu_milli(&row),
        devices: number(row[3]),
        models: row.get(5).copied().unwrap_or_default().to_owned(),
    });
    let typical = TypicalPods::of_workload(shapes, 0.95, |shape| shape.columns(store.gpu_models()));
    Some(Openb {
        store,
        pods,
        typical: Arc::new(typical),
    })
}

fn node(row: &[&str]) -> Node {
    Node {
        name: row[0].into(),
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(number(row[1]))),
            ("memory", Quantity::from_units(number(row[2]) << 20)),
            ("pods", Quantity::from_units(1_001)),
        ]),
        gpu: Some(GpuInventory {
            devices: number(row[3]) as u8,
            model: row[4].into(),
        }),
        ..Node::default()
    }
}

fn gpu_milli(row: &[&str]) -> i64 {
    if number(row[3]) == 0 {
        0
    } else {
        number(row[4]).min(1_000)
    }
}

fn pod(row: &[&str]) -> PodSpec {
    let requests = ResourceList::from_pairs([
        ("cpu", Quantity::from_milli(number(row[1]))),
        ("memory", Quantity::from_units(number(row[2]) << 20)),
    ]);
    let devices = number(row[3]) as u8;
    let models = row.get(5).copied().unwrap_or_default();
    let mut models: Vec<Arc<str>> = models
        .split('|')
        .filter(|model| devices > 0 && !model.is_empty())
        .map(Into::into)
        .collect();
    models.sort();
    PodSpec {
        gpu: GpuRequest {
            devices,
            milli_per_device: gpu_milli(row) as u16,
            models,
        },
        ..PodSpec::with_requests(requests)
    }
}
