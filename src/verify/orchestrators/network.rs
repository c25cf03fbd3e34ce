//! Cases of shared links and of images that are pulled over them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use control::node::{ImageEvent, PresentImages};
use model::{PodRef, Text};
use sim::images::{ImageModel, Images};
use sim::network::{LinkId, Network, Shape, WEIGHT_ONE};
use systems::kubelet::PullQueue;
use units::{Duration, Instant, NodeId, PodId, PodSlot, SortedMap, SortedSet};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "image-pull" => image_pull,
        "max-min" => rates,
        "max-min-finish" => ends,
        _ => return None,
    };
    Some(decide)
}

/// Amounts of these cases are in millionths, so that all are whole.
const MILLION: f64 = 1e6;

fn whole(amount: f64, scale: f64) -> i64 {
    libm::rint(amount * scale) as i64
}

fn instant(seconds: f64) -> Instant {
    Instant::from_nanos(whole(seconds, 1e9))
}

#[derive(Deserialize)]
struct FlowCase {
    links: Vec<String>,
    demand: Option<f64>,
    weight: Option<f64>,
    size: Option<f64>,
    start: Option<f64>,
}

/// A network of links by name, and its flows in the order of their names.
struct Named {
    network: Network,
    flows: Vec<(String, FlowCase, Shape)>,
}

fn named(case: &Case) -> Result<Named, Trouble> {
    let links: SortedMap<String, f64> = read(&case.nodes)?;
    let flows: SortedMap<String, FlowCase> = read(&case.request)?;
    let mut network = Network::new();
    let mut numbers: SortedMap<String, LinkId> = SortedMap::new();
    for (name, capacity) in links {
        numbers.insert(name, network.add_link(whole(capacity, MILLION)));
    }
    let mut shaped = Vec::new();
    for (name, flow) in flows {
        let own = flow.links.iter().map(|link| numbers.get(link).copied());
        let links: Option<Vec<LinkId>> = own.collect();
        let links = links.ok_or_else(|| Trouble::Malformed(format!("{name}: an unknown link")))?;
        let shape = Shape {
            links,
            weight: whole(flow.weight.unwrap_or(1.0), WEIGHT_ONE as f64),
            demand: flow.demand.map(|demand| whole(demand, MILLION)),
        };
        shaped.push((name, flow, shape));
    }
    Ok(Named {
        network,
        flows: shaped,
    })
}

fn rates(case: &Case) -> Result<Value, Trouble> {
    let Named { mut network, flows } = named(case)?;
    let now = Instant::ZERO;
    for (number, (_, _, shape)) in (0..).zip(&flows) {
        network.begin(now, number, shape.clone(), i64::MAX / 2);
    }
    let mut rates = Map::new();
    for (number, (name, ..)) in (0..).zip(flows) {
        let rate = network.rate(now, number).unwrap_or_default();
        rates.insert(name, json!(rate as f64 / 1e9 / MILLION));
    }
    Ok(json!({ "rate": rates }))
}

fn ends(case: &Case) -> Result<Value, Trouble> {
    let Named { mut network, flows } = named(case)?;
    let mut begins: SortedSet<(Instant, usize)> = SortedSet::new();
    for (number, (_, flow, _)) in flows.iter().enumerate() {
        begins.insert((instant(flow.start.unwrap_or_default()), number));
    }
    let (mut ends, mut now) = (Map::new(), Instant::ZERO);
    loop {
        while let Some(&(at, number)) = begins.first()
            && at <= now
        {
            begins.pop_first();
            let (_, flow, shape) = &flows[number];
            let size = whole(flow.size.unwrap_or_default(), MILLION);
            network.begin(now, number as u64, shape.clone(), size);
        }
        let begin = begins.first().map(|&(at, _)| at);
        let Some(next) = network.next_end(now).into_iter().chain(begin).min() else {
            return Ok(json!({ "finish": ends }));
        };
        now = next;
        for number in network.ended(now) {
            let name = flows[number as usize].0.clone();
            ends.insert(name, json!(now.as_secs_f64()));
        }
    }
}

#[derive(Deserialize)]
struct Links {
    uplink_gbps: f64,
    node_gbps: Value,
}

#[derive(Deserialize)]
struct PullCase {
    layers_mb: SortedMap<String, f64>,
    pulls: Vec<Asked>,
    max_parallel_layers: u32,
    rtt_s: f64,
    unpack_mb_s: Option<f64>,
}

#[derive(Deserialize)]
struct Asked {
    node: String,
    at: f64,
    layers: Vec<String>,
}

/// Bytes a second of a gigabit a second.
const GIGABIT: f64 = 125e6;

/// Nodes of a case with their states, by name and number.
struct Nodes {
    names: Vec<String>,
    images: Images,
}

fn nodes(case: &Case, given: &PullCase) -> Result<Nodes, Trouble> {
    let links: Links = read(&case.nodes)?;
    let existing: Option<SortedMap<String, Vec<String>>> = read(&case.existing)?;
    let asked: SortedSet<&String> = given.pulls.iter().map(|pull| &pull.node).collect();
    let names: Vec<String> = asked.into_iter().cloned().collect();
    let number_of = |name: &str| {
        let place = names.iter().position(|known| known == name);
        place.map(NodeId::from_index)
    };
    let numbers: SortedMap<&String, u32> = given.layers_mb.keys().zip(0..).collect();
    let layer = |name: &String| {
        let number = numbers.get(name).copied();
        number.ok_or_else(|| Trouble::Malformed(format!("an unknown layer `{name}`")))
    };
    let mut known: SortedMap<Text, Vec<u32>> = SortedMap::new();
    for pull in &given.pulls {
        let layers: Result<Vec<u32>, Trouble> = pull.layers.iter().map(layer).collect();
        known.insert(image_of(pull), layers?);
    }
    let mut present = PresentImages::default();
    for (name, layers) in existing.unwrap_or_default() {
        let Some(node) = number_of(&name) else {
            continue;
        };
        for own in layers {
            let image = Text::from(format!("only {own}"));
            known.insert(image.clone(), vec![layer(&own)?]);
            present.on.entry(node).or_default().push(image);
        }
    }
    let mut speeds = SortedMap::new();
    let mut speed = links.node_gbps.as_f64().unwrap_or_default();
    if let Value::Object(own) = &links.node_gbps {
        speed = 0.0;
        for (name, gbps) in own {
            let gbps: f64 = read(gbps)?;
            speeds.extend(number_of(name).map(|node| (node, whole(gbps, GIGABIT))));
        }
    }
    let images = Images::new(ImageModel {
        layers: given
            .layers_mb
            .values()
            .map(|&size| whole(size, 1e6))
            .collect(),
        images: known,
        default: 0,
        registry: whole(links.uplink_gbps, GIGABIT),
        node: whole(speed, GIGABIT),
        nodes: speeds,
        round_trip: Duration::from_nanos(whole(given.rtt_s, 1e9)),
        parallel_layers: given.max_parallel_layers,
        unpack: given.unpack_mb_s.map(|speed| whole(speed, 1e6)),
        disk: None,
        present,
    });
    Ok(Nodes { names, images })
}

/// The name of an image of these layers.
fn image_of(pull: &Asked) -> Text {
    pull.layers.join("+").into()
}

fn image_pull(case: &Case) -> Result<Value, Trouble> {
    let given: PullCase = read(&case.request)?;
    let Nodes { names, mut images } = nodes(case, &given)?;
    let mut queues = vec![PullQueue::new(Some(1)); names.len()];
    let mut due: SortedSet<(Instant, usize)> = SortedSet::new();
    for (number, pull) in given.pulls.iter().enumerate() {
        due.insert((instant(pull.at), number));
    }
    let mut finish: Vec<Option<f64>> = vec![None; given.pulls.len()];
    let mut now = Instant::ZERO;
    loop {
        let mut begun: Vec<(NodeId, Text)> = Vec::new();
        let mut over: Vec<(NodeId, Text)> = Vec::new();
        while let Some(&(at, number)) = due.first()
            && at <= now
        {
            due.pop_first();
            let pull = &given.pulls[number];
            let place = names.iter().position(|name| *name == pull.node);
            let node = place.unwrap_or_default();
            let pulled = queues[node].ask(image_of(pull), (numbered(number), 0));
            begun.extend(
                pulled
                    .into_iter()
                    .map(|image| (NodeId::from_index(node), image)),
            );
        }
        let arrived = images.happen(now).into_iter();
        over.extend(arrived.map(|(node, image, _)| (node, image)));
        while !begun.is_empty() || !over.is_empty() {
            for (node, image) in std::mem::take(&mut begun) {
                if let Some(ImageEvent::Pulled { .. }) = images.pull(now, node, &image) {
                    over.push((node, image));
                }
            }
            for (node, image) in std::mem::take(&mut over) {
                let (needing, next) = queues[node.index()].done(&image);
                for (who, _) in needing {
                    finish[who.slot.index()] = Some(now.as_secs_f64());
                }
                begun.extend(next.into_iter().map(|image| (node, image)));
            }
        }
        let asked = due.first().map(|&(at, _)| at);
        let Some(next) = images.due(now).into_iter().chain(asked).min() else {
            return Ok(json!({ "finish_s": finish }));
        };
        now = next;
    }
}

/// Pod that asks for the n-th pull.
fn numbered(number: usize) -> PodRef {
    PodRef {
        id: PodId(number as u32),
        slot: PodSlot(number as u32),
    }
}
