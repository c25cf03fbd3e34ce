//! Images and how they get to nodes: a registry, links that transfers share max-min, and the disks
//! of nodes, where images share layers. A pull takes a round trip, then the missing layers in the
//! image's order, a few at a time, each a flow of its own, then unpacking; a layer is on the node
//! once its image is (spec: orchestrators-b.md 10.4, 10.5).

use control::node::{DiskUse, ImageEvent, PresentImages};
use model::{PullError, Text};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

use super::network::{FlowId, LinkId, Network, Shape, WEIGHT_ONE};

/// Model of images and their transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageModel {
    /// Sizes of layers as they are transferred, in bytes.
    pub layers: Vec<i64>,
    /// The layers of images that are named, in order.
    pub images: SortedMap<Text, Vec<u32>>,
    /// The size of the one layer of any other image, in bytes.
    pub default: i64,
    /// Bandwidth of the registry, in bytes per second.
    pub registry: i64,
    /// Bandwidth of a node, in bytes per second.
    pub node: i64,
    /// Bandwidth of nodes that differ from the default.
    pub nodes: SortedMap<NodeId, i64>,
    /// Least time of a pull that transfers anything.
    pub round_trip: Duration,
    /// Number of layers of an image that are transferred at once.
    pub parallel_layers: u32,
    /// Speed of unpacking, in bytes a second; `None` takes no time.
    pub unpack: Option<i64>,
    /// Disk space of nodes for images, in bytes; `None` means unlimited.
    pub disk: Option<i64>,
    /// Images present at the start.
    pub present: PresentImages,
}

/// An image on its way to a node.
#[derive(Clone, Debug)]
struct Pull {
    node: NodeId,
    image: Text,
    /// The layers that the node lacks, in order.
    missing: Vec<u32>,
    /// Number of layers begun.
    begun: usize,
    /// Flows of layers on their way.
    flows: SortedSet<FlowId>,
    bytes: i64,
    /// Instant at which the round trip or the unpacking ends, while there is one.
    timer: Option<Instant>,
    /// Whether all layers are there.
    is_whole: bool,
}

/// Greatest number of images that a node reports.
const MOST_REPORTED: usize = 50;

/// A node's disk.
#[derive(Clone, Debug, Default)]
struct Disk {
    /// Layers, and how many images have each.
    layers: SortedMap<u32, u32>,
    images: SortedSet<Text>,
    /// Bytes of layers that are there or on their way.
    used: i64,
}

/// The images of a cell.
#[derive(Clone, Debug)]
pub struct Images {
    model: ImageModel,
    network: Network,
    registry: LinkId,
    links: SortedMap<NodeId, LinkId>,
    disks: SortedMap<NodeId, Disk>,
    pulls: SortedMap<u32, Pull>,
    /// Pulls by node and image.
    by_image: SortedMap<(NodeId, Text), u32>,
    /// Steps that end by themselves.
    timers: SortedSet<(Instant, u32)>,
    next: u32,
    /// Number of the registry's present outages.
    outages: u32,
    /// Images that come corrupted, and by how many causes.
    corrupted: SortedMap<Text, u32>,
    /// Images that were on their way to nodes that went down.
    broken: SortedMap<NodeId, Vec<Text>>,
}

/// Result of an image order, with its node.
pub type ImageResult = (NodeId, Text, ImageEvent);

impl Images {
    /// Nodes with what they have at the start.
    pub fn new(model: ImageModel) -> Self {
        let mut network = Network::new();
        let registry = network.add_link(model.registry);
        Self {
            model,
            network,
            registry,
            links: SortedMap::new(),
            disks: SortedMap::new(),
            pulls: SortedMap::new(),
            by_image: SortedMap::new(),
            timers: SortedSet::new(),
            next: 0,
            outages: 0,
            corrupted: SortedMap::new(),
            broken: SortedMap::new(),
        }
    }

    /// The layers of an image; an unnamed image has one layer of its own.
    fn layers(&mut self, image: &Text) -> Vec<u32> {
        if let Some(layers) = self.model.images.get(image) {
            return layers.clone();
        }
        let layer = self.model.layers.len() as u32;
        self.model.layers.push(self.model.default);
        self.model.images.insert(image.clone(), vec![layer]);
        vec![layer]
    }

    fn disk(&mut self, node: NodeId) -> &mut Disk {
        if let units::sorted::Entry::Vacant(e) = self.disks.entry(node) {
            e.insert(Disk::default());
            let present: Vec<Text> = self.model.present.of(node).cloned().collect();
            for image in present {
                self.put(node, &image);
            }
        }
        self.disks.entry(node).or_default()
    }

    /// Puts an image on a disk; layers that were not there take room.
    fn put(&mut self, node: NodeId, image: &Text) {
        let layers = self.layers(image);
        let disk = self.disks.entry(node).or_default();
        if !disk.images.insert(image.clone()) {
            return;
        }
        for layer in layers {
            let users = disk.layers.entry(layer).or_default();
            if *users == 0 {
                disk.used += self.model.layers[layer as usize];
            }
            *users += 1;
        }
    }

    /// The images that a node says it has, with their sizes: the largest first, fifty at most, as
    /// kubelets report them.
    pub fn reported(&mut self, node: NodeId) -> Vec<(Text, i64)> {
        let names: Vec<Text> = self.disk(node).images.iter().cloned().collect();
        let mut images: Vec<(Text, i64)> = { names.into_iter() }
            .map(|name| {
                let layers = self.layers(&name);
                let sizes = layers
                    .iter()
                    .map(|&layer| self.model.layers[layer as usize]);
                let size = sizes.fold(0_i64, i64::saturating_add);
                (name, size)
            })
            .collect();
        images.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        images.truncate(MOST_REPORTED);
        images
    }

    fn disk_use(&mut self, node: NodeId) -> DiskUse {
        let capacity = self.model.disk;
        let used = self.disk(node).used;
        DiskUse { used, capacity }
    }

    /// A node asks for an image; what comes of it at once.
    pub fn pull(&mut self, now: Instant, node: NodeId, image: &Text) -> Option<ImageEvent> {
        if self.outages > 0 {
            return Some(ImageEvent::Failed(PullError::RegistryUnavailable));
        }
        let layers = self.layers(image);
        let mut missing: Vec<u32> = Vec::new();
        let disk = self.disk(node);
        for layer in layers {
            if !disk.layers.contains_key(&layer) && !missing.contains(&layer) {
                missing.push(layer);
            }
        }
        let sizes = missing
            .iter()
            .map(|&layer| self.model.layers[layer as usize]);
        let bytes = sizes.fold(0_i64, i64::saturating_add);
        let capacity = self.model.disk.unwrap_or(i64::MAX);
        let used = self.disk(node).used;
        if used.saturating_add(bytes) > capacity {
            return Some(ImageEvent::Failed(PullError::NoSpace));
        }
        if missing.is_empty() {
            return Some(self.arrive(node, image, 0));
        }
        self.disk(node).used += bytes;
        let number = self.next;
        self.next += 1;
        let timer = now.saturating_add(self.model.round_trip);
        self.timers.insert((timer, number));
        self.by_image.insert((node, image.clone()), number);
        let pull = Pull {
            node,
            image: image.clone(),
            missing,
            begun: 0,
            flows: SortedSet::new(),
            bytes,
            timer: Some(timer),
            is_whole: false,
        };
        self.pulls.insert(number, pull);
        None
    }

    /// An image is whole: it is on the disk, unless it is not what it should be.
    fn arrive(&mut self, node: NodeId, image: &Text, bytes: i64) -> ImageEvent {
        // What was reserved for it is taken by its layers, or free again.
        self.disk(node).used -= bytes;
        if self.corrupted.contains_key(image) && bytes > 0 {
            return ImageEvent::Failed(PullError::Corrupted);
        }
        self.put(node, image);
        let disk = self.disk_use(node);
        ImageEvent::Pulled { bytes, disk }
    }

    /// A node stops getting an image.
    pub fn cancel(&mut self, now: Instant, node: NodeId, image: &Text) {
        if let Some(number) = self.by_image.get(&(node, image.clone())).copied() {
            self.give_up(now, number);
        }
    }

    fn give_up(&mut self, now: Instant, number: u32) -> Option<Pull> {
        let pull = self.pulls.remove(&number)?;
        for &flow in &pull.flows {
            self.network.end(now, flow);
        }
        if let Some(timer) = pull.timer {
            self.timers.remove(&(timer, number));
        }
        self.by_image.remove(&(pull.node, pull.image.clone()));
        self.disk(pull.node).used -= pull.bytes;
        Some(pull)
    }

    /// A node deletes an image; layers that no other has are gone.
    pub fn remove(&mut self, node: NodeId, image: &Text) -> ImageEvent {
        let layers = self.layers(image);
        let disk = self.disk(node);
        let mut freed = Vec::new();
        if disk.images.remove(image) {
            for layer in layers {
                if let Some(users) = disk.layers.get_mut(&layer) {
                    *users -= 1;
                    if *users == 0 {
                        disk.layers.remove(&layer);
                        freed.push(layer);
                    }
                }
            }
        }
        let sizes = freed
            .into_iter()
            .map(|layer| self.model.layers[layer as usize]);
        let bytes: i64 = sizes.sum();
        self.disk(node).used -= bytes;
        let disk = self.disk_use(node);
        ImageEvent::Removed { disk }
    }

    /// A node went down: what was on its way to it is lost.
    pub fn host_lost(&mut self, now: Instant, node: NodeId) {
        let of_node = self.pulls.iter().filter(|(_, pull)| pull.node == node);
        let numbers: Vec<u32> = of_node.map(|(&number, _)| number).collect();
        for number in numbers {
            let pull = self.give_up(now, number);
            let lost = pull.into_iter().map(|pull| pull.image);
            self.broken.entry(node).or_default().extend(lost);
        }
    }

    /// A node is up again: what it was getting when it went down.
    pub fn host_back(&mut self, node: NodeId) -> Vec<Text> {
        self.broken.remove(&node).unwrap_or_default()
    }

    /// The registry stops answering: what is on its way breaks off. In order of the requests.
    pub fn registry_down(&mut self, now: Instant) -> Vec<ImageResult> {
        self.outages += 1;
        let numbers: Vec<u32> = self.pulls.keys().copied().collect();
        let mut failed = Vec::new();
        for number in numbers {
            // What is being unpacked was transferred already.
            if self.pulls.get(&number).is_some_and(|pull| pull.is_whole) {
                continue;
            }
            if let Some(pull) = self.give_up(now, number) {
                let event = ImageEvent::Failed(PullError::RegistryUnavailable);
                failed.push((pull.node, pull.image, event));
            }
        }
        failed
    }

    /// The registry answers again, as far as this cause goes.
    pub fn registry_up(&mut self) {
        self.outages = self.outages.saturating_sub(1);
    }

    /// An image comes corrupted from now on, or no longer.
    pub fn set_corrupted(&mut self, image: &Text, is_corrupted: bool) {
        let causes = self.corrupted.entry(image.clone()).or_default();
        if is_corrupted {
            *causes += 1;
        } else {
            *causes = causes.saturating_sub(1);
        }
        self.corrupted.retain(|_, causes| *causes > 0);
    }

    /// Instant at which an image is due next.
    pub fn due(&mut self, now: Instant) -> Option<Instant> {
        let timer = self.timers.first().map(|&(at, _)| at);
        timer.into_iter().chain(self.network.next_end(now)).min()
    }

    /// Carries out due transfers; returns the images that arrived or failed, in order of the
    /// requests.
    pub fn happen(&mut self, now: Instant) -> Vec<ImageResult> {
        let mut touched = SortedSet::new();
        while let Some(&(at, number)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(pull) = self.pulls.get_mut(&number) {
                pull.timer = None;
                touched.insert(number);
            }
        }
        for flow in self.network.ended(now) {
            let number = (flow >> 32) as u32;
            if let Some(pull) = self.pulls.get_mut(&number) {
                pull.flows.remove(&flow);
                touched.insert(number);
            }
        }
        let arrived = touched
            .into_iter()
            .filter_map(|number| self.go_on(now, number));
        arrived.collect()
    }

    /// Goes on with a pull whose round trip, layer or unpacking is over.
    fn go_on(&mut self, now: Instant, number: u32) -> Option<ImageResult> {
        let node = self.pulls.get(&number)?.node;
        let link = self.link(node);
        let shape = Shape {
            links: vec![self.registry, link],
            weight: WEIGHT_ONE,
            demand: None,
        };
        let pull = self.pulls.get_mut(&number)?;
        while pull.flows.len() < self.model.parallel_layers.max(1) as usize
            && let Some(&layer) = pull.missing.get(pull.begun)
        {
            let flow = u64::from(number) << 32 | pull.begun as u64;
            pull.begun += 1;
            let size = self.model.layers[layer as usize];
            if size > 0 {
                pull.flows.insert(flow);
                self.network.begin(now, flow, shape.clone(), size);
            }
        }
        if !pull.flows.is_empty() {
            return None;
        }
        if !std::mem::replace(&mut pull.is_whole, true)
            && let Some(speed) = self.model.unpack
        {
            let at = now.saturating_add(time_of(pull.bytes, speed));
            pull.timer = Some(at);
            self.timers.insert((at, number));
            return None;
        }
        let pull = self.pulls.remove(&number)?;
        self.by_image.remove(&(pull.node, pull.image.clone()));
        let event = self.arrive(pull.node, &pull.image, pull.bytes);
        Some((pull.node, pull.image, event))
    }

    fn link(&mut self, node: NodeId) -> LinkId {
        if let Some(&link) = self.links.get(&node) {
            return link;
        }
        let capacity = self.model.nodes.get(&node).unwrap_or(&self.model.node);
        let link = self.network.add_link(*capacity);
        self.links.insert(node, link);
        link
    }
}

/// Time that a number of bytes takes at a speed, to the nearest nanosecond.
fn time_of(bytes: i64, speed: i64) -> Duration {
    let (bytes, speed) = (i128::from(bytes), i128::from(speed.max(1)));
    let nanos = (bytes * 1_000_000_000 + speed / 2) / speed;
    Duration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
