//! Cases of GPU packing: fragmentation, scores of single nodes, and means over published fill-ups
//! (spec: orchestrators-b.md section 8.1).

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::VerifyOptions;
use super::super::published::{PublishedRun, RANDOM, Unmade};
use super::bench::{Bench, plugin, setup};
use super::{Case, Decide, Trouble, read};
use cluster::fragmentation::{Fragments, Shape, TypicalPod, TypicalPods};
use indexmap::IndexMap;
use metrics::ArrivedTables;
use model::{GpuRequest, PodSpec, ResourceList, Text};
use policy::{Arguments, Setup};
use units::{ClassId, NodeId, Quantity};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "fgd-F" => fragmented,
        "fgd" => scores,
        "gpu-packing-score" => packing,
        "fgd-replay" => replay,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct GpuNode {
    cpu: i64,
    gpus: Vec<u16>,
    #[serde(rename = "type")]
    model: String,
}

#[derive(Deserialize)]
struct Task {
    cpu: i64,
    milli_gpu: u16,
    gpu_num: u8,
    #[serde(rename = "type")]
    models: String,
    #[serde(default)]
    freq: f64,
}

impl Task {
    fn typical(&self, bench: &Bench) -> TypicalPod {
        let shape = Shape {
            cpu_milli: self.cpu,
            gpu_milli: i64::from(self.milli_gpu),
            devices: i64::from(self.gpu_num),
            models: self.models.clone(),
        };
        TypicalPod {
            cpu_milli: self.cpu,
            gpu: shape.columns(bench.models()),
            weight: self.freq,
        }
    }

    fn spec(&self) -> PodSpec {
        let cpu = [("cpu", Quantity::from_milli(self.cpu))];
        let models = self.models.split('|').filter(|model| !model.is_empty());
        PodSpec {
            gpu: GpuRequest {
                devices: self.gpu_num,
                milli_per_device: if self.gpu_num == 0 { 0 } else { self.milli_gpu },
                models: models.map(Text::from).collect(),
            },
            ..PodSpec::with_requests(ResourceList::from_pairs(cpu))
        }
    }
}

#[derive(Deserialize)]
struct Typical {
    typical: Vec<Task>,
    task: Option<Task>,
}

impl Typical {
    fn pods(&self, bench: &Bench) -> TypicalPods {
        let pods = self.typical.iter().map(|task| task.typical(bench));
        TypicalPods {
            pods: pods.collect(),
        }
    }
}

/// A class placed on some devices of a node.
struct Placed<'a> {
    class: ClassId,
    devices: &'a [usize],
}

/// The fragments of a node as it stands, or with a class placed on some of its devices.
fn fragments(
    bench: &Bench,
    typical: &TypicalPods,
    node: NodeId,
    placed: Option<&Placed<'_>>,
) -> Fragments {
    let nodes = bench.store.nodes();
    let mut rooms = nodes.gpu_room(node).to_vec();
    let mut cpu_milli = nodes.free().cpu_milli[node.index()];
    if let Some(placed) = placed {
        let class = bench.store.class(placed.class);
        cpu_milli -= class.requests.cpu_milli;
        for &device in placed.devices {
            rooms[device] -= class.gpu.milli_per_device;
        }
    }
    typical.fragments(cpu_milli, nodes.gpu_model(node), &rooms)
}

fn fragmented(case: &Case) -> Result<Value, Trouble> {
    let given: GpuNode = read(&case.nodes)?;
    let typical: Typical = read(&case.request)?;
    let mut bench = Bench::default();
    let node = bench.gpu_node("node", given.cpu, &given.gpus, &given.model)?;
    let typical = typical.pods(&bench);
    let found = fragments(&bench, &typical, node, None).fragmented();
    Ok(json!({ "F": found }))
}

/// Scores of one policy on the feasible nodes.
struct Scored {
    nodes: Vec<(String, NodeId)>,
    class: ClassId,
}

impl Scored {
    fn by(&self, bench: &Bench, policy: &str, setup: &Setup) -> Result<Vec<i64>, Trouble> {
        let plugin = plugin(policy, setup, &Arguments::new())?;
        let ctx = bench.ctx(self.class);
        let nodes = self.nodes.iter();
        Ok(nodes.map(|&(_, node)| plugin.score(&ctx, node)).collect())
    }

    /// The first of the best nodes in the order of names.
    fn best(&self, scores: &[i64]) -> Option<&str> {
        let named = self.nodes.iter().zip(scores);
        let best = named.max_by(|((one, _), a), ((other, _), b)| {
            a.cmp(b).then_with(|| other.as_bytes().cmp(one.as_bytes()))
        });
        best.map(|((name, _), _)| name.as_str())
    }
}

fn parts(fragments: &Fragments) -> Value {
    json!({
        "q1": fragments.lack_both,
        "q2": fragments.lack_gpu,
        "q3": fragments.satisfied,
        "q4": fragments.lack_cpu,
        "xl": fragments.no_gpu_fits,
        "xr": fragments.no_gpu_lack_cpu,
        "na": fragments.not_admissible,
    })
}

fn scores(case: &Case) -> Result<Value, Trouble> {
    let given: IndexMap<String, GpuNode> = read(&case.nodes)?;
    let request: Typical = read(&case.request)?;
    let Some(task) = &request.task else {
        return Err(Trouble::Malformed("no task".to_owned()));
    };
    let mut bench = Bench::default();
    let mut nodes = Vec::new();
    for (name, node) in &given {
        let id = bench.gpu_node(name, node.cpu, &node.gpus, &node.model)?;
        nodes.push((name.clone(), id));
    }
    let class = bench.class(task.spec())?;
    let mut feasible = Vec::new();
    for (name, node) in nodes {
        if bench.admits(class, node)? {
            feasible.push((name, node));
        }
    }
    let typical = request.pods(&bench);
    let setup = setup(typical.clone());
    let scored = Scored {
        nodes: feasible,
        class,
    };
    let fgd = scored.by(&bench, "fgd", &setup)?;
    let raw = scored.by(&bench, "gpu-best-fit", &setup)?;
    let mut stretched = raw.clone();
    let best_fit = plugin("gpu-best-fit", &setup, &Arguments::new())?;
    best_fit.normalize(&bench.ctx(class), &mut stretched);
    let dot = scored.by(&bench, "dot-product", &setup)?;
    let packed = scored.by(&bench, "gpu-packing", &setup)?;
    let mut chooser = plugin("fgd", &setup, &Arguments::new())?;
    let mut per_node = Map::new();
    for (index, (name, node)) in scored.nodes.iter().enumerate() {
        let devices = chooser
            .devices(&bench.ctx(class), *node)
            .unwrap_or_default();
        let devices: Vec<usize> = devices.iter().collect();
        let before = fragments(&bench, &typical, *node, None);
        let placed = Placed {
            class,
            devices: &devices,
        };
        let after = fragments(&bench, &typical, *node, Some(&placed));
        let named: Vec<String> = devices.iter().map(usize::to_string).collect();
        let figures = json!({
            "F_before": before.fragmented(),
            "F_after": after.fragmented(),
            "fgd": fgd[index],
            "device": named.join("-"),
            "bestfit_raw": raw[index],
            "bestfit_norm": stretched[index],
            "dot": dot[index],
            "packing": packed[index],
            "frag": parts(&before),
        });
        per_node.insert(name.clone(), figures);
    }
    Ok(json!({
        "per_node": per_node,
        "choose": {
            "fgd": scored.best(&fgd),
            "bestfit_norm": scored.best(&stretched),
            "dot": scored.best(&dot),
            "packing": scored.best(&packed),
        },
        "tie": "smallest node name",
    }))
}

#[derive(Deserialize)]
struct Devices {
    gpus: Vec<u16>,
}

#[derive(Deserialize)]
struct Wanted {
    milli_gpu: u16,
    gpu_num: u8,
}

fn packing(case: &Case) -> Result<Value, Trouble> {
    let Devices { gpus } = read(&case.nodes)?;
    let wanted: Wanted = read(&case.request)?;
    let rooms: &[u16] = &gpus;
    let gpu = cluster::GpuColumns {
        devices: wanted.gpu_num,
        milli_per_device: wanted.milli_gpu,
        models: u64::MAX,
    };
    let score = policy::score::gpu_packing::points(rooms, gpu);
    Ok(json!({ "score": score }))
}

#[derive(Deserialize)]
struct Replay {
    trace: String,
    policy: String,
    seeds: Vec<u64>,
}

/// Names of the policies as replays and as published tables write them.
const POLICIES: [(&str, &str); 6] = [
    ("Random", RANDOM),
    ("DotProd", "02-DotProd"),
    ("GpuClustering", "03-GpuClustering"),
    ("GpuPacking", "04-GpuPacking"),
    ("BestFit", "05-BestFit"),
    ("FGD", "06-FGD"),
];

fn replay(case: &Case) -> Result<Value, Trouble> {
    let given: Replay = read(&case.request)?;
    let known = POLICIES.iter().find(|(name, _)| *name == given.policy);
    let Some(&(_, policy)) = known else {
        let names: Vec<&str> = POLICIES.iter().map(|(name, _)| *name).collect();
        let why = format!("policy `{}` is none of {}", given.policy, names.join(", "));
        return Err(Trouble::Unsupported(why));
    };
    let options = VerifyOptions {
        traces: case.traces.clone(),
        ..VerifyOptions::default()
    };
    let made: Result<Vec<ArrivedTables>, Trouble> = given
        .seeds
        .par_iter()
        .map(|&seed| {
            let run = PublishedRun {
                workload: given.trace.clone(),
                policy: policy.to_owned(),
                seed,
            };
            let outcome = run.make(&options, 0, None).map_err(|unmade| match unmade {
                Unmade::Unsupported(why) => Trouble::Unsupported(why),
                Unmade::Failed(why) => Trouble::Malformed(why),
            })?;
            let tables = outcome.metrics.arrived;
            tables.ok_or_else(|| Trouble::Malformed("no fill-up".to_owned()))
        })
        .collect();
    let made = made?;
    let at = |column: usize, table: fn(&ArrivedTables) -> &[Option<f64>]| -> Vec<f64> {
        let cells = made.iter().map(|tables| table(tables).get(column).copied());
        cells.flatten().flatten().collect()
    };
    let end = at(130, |tables| &tables.allocation);
    Ok(json!({
        "gpu_alloc_pct_at_100": mean(&at(100, |tables| &tables.allocation)),
        "gpu_alloc_pct_at_130": mean(&end),
        "frag_pct_at_50": mean(&at(50, |tables| &tables.fragmented)),
        "frag_pct_at_100": mean(&at(100, |tables| &tables.fragmented)),
        "sd": deviation(&end),
        "min": end.iter().copied().reduce(f64::min),
        "max": end.iter().copied().reduce(f64::max),
    }))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of exactly these values.
fn deviation(values: &[f64]) -> f64 {
    let mean_of_all = mean(values);
    let squares = values
        .iter()
        .map(|value| (value - mean_of_all) * (value - mean_of_all));
    mean(&squares.collect::<Vec<f64>>()).sqrt()
}
