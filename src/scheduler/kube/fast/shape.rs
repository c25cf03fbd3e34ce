//! Kept answers about single nodes. Classes that these answers can't tell apart, most often because
//! they differ in labels alone, share them.

use std::sync::Arc;

use super::bits::{self, Chunk, Set, Stamps, WORD};
use super::declaration_answers::DeclarationAnswers;
use super::fail::ReasonCache;
use super::plan::{Draft, FastProfile};
use super::sites::Sites;
use crate::kube::cacheable::{
    AnswerScope, KindPoints, NodeImages, NodePoints, NodeRow, NodeTest, RowPoints, RowTest,
};
use crate::kube::fast_plugin::{node_points, node_test};
use crate::kube::{Cache, NodeInfo, Normalization, PodInfo};
use model::{Affinity, Container, PodSpec};

/// Part of the nodes, as one in this number, whose changes make the form ask nodes again as they
/// are needed.
const STALE: usize = 16;

/// Points of single nodes between the least and the most among the feasible ones.
pub(super) struct RangePoints {
    pub(super) weight: i64,
    /// Points by place, before normalisation; those of open nodes are up to date.
    pub(super) raw: Vec<i64>,
    points: NodePoints,
}

/// Points that nodes of one kind share.
struct SharedPoints {
    weight: i64,
    /// The kind of each place's node.
    kinds: Vec<u16>,
    /// Points by kind.
    points: Vec<i64>,
    source: KindPoints,
}

/// The nodes as they are.
#[derive(Clone, Copy)]
pub(super) struct Nodes<'a> {
    pub(super) cache: &'a Cache,
    /// Places of the nodes.
    pub(super) sites: &'a Sites,
    /// Position up to which the log of nodes is taken in.
    pub(super) node_version: u64,
    /// Rows by place.
    pub(super) rows: &'a [NodeRow],
    /// Position up to which something changed in the log, by word.
    pub(super) changed: &'a [u64],
    /// Stamps of the same changes by place, in words, counted from `base`.
    pub(super) stamps: &'a [Stamps],
    /// Beginning of the stamps.
    pub(super) base: u64,
}

impl<'a> Nodes<'a> {
    /// What each node declares or declared, by place.
    pub(super) fn declared(self) -> impl Iterator<Item = &'a NodeInfo> {
        self.sites.declared(self.cache)
    }

    /// The place of a slot's node.
    pub(super) fn place_of(self, slot: u32) -> Option<usize> {
        self.sites.place_of(slot as usize)
    }
}

/// Answers by place.
pub(super) struct Shape {
    /// Nodes that can take the pod as far as single nodes go.
    pub(super) open: Set,
    /// One more than the points of single nodes; 0 is not open.
    pub(super) rank: Vec<Chunk>,
    /// Answers that depend on declarations of nodes.
    pub(super) declared: Arc<DeclarationAnswers>,
    /// Time of the last use.
    pub(super) used: u64,
    /// Points were not on the scale.
    pub(super) is_broken: bool,
    /// The most of each word, or that it is to be looked for.
    pub(super) tops: Vec<i16>,
    /// Reasons nodes are not open, once they were asked for.
    pub(super) whys: ReasonCache,
    /// Number of open nodes, as far as they were asked.
    open_count: usize,
    tests: Vec<NodeTest>,
    row_tests: Vec<RowTest>,
    points: Vec<(i64, NodePoints)>,
    /// Points that are put on the scale over the nodes of a search.
    pub(super) spanned: Vec<RangePoints>,
    row_points: Vec<(i64, RowPoints)>,
    shared: Vec<SharedPoints>,
    /// Position in the log of nodes as of which the shared points are.
    node_version: u64,
    /// Position up to which the log is taken in, and by word where that is further.
    position: u64,
    word_position: Vec<u64>,
    /// Whether all words are as of the position and none is open.
    is_whole: bool,
}

/// Bytes that are kept beside a shape: the key by which it is found, its tests, and the plan of a class. Where each pod asks for
/// amounts of its own, they are as many as the answers of a few hundred nodes.
const BESIDE: usize = 2 << 10;

/// The most of a word is to be looked for.
const UNKNOWN: i16 = -1;
/// A word that was never asked.
const NEVER: u64 = u64::MAX;

/// Part of the spec that answers about single nodes may use.
pub(super) fn bare(spec: &PodSpec) -> PodSpec {
    let bare = |own: &Container| Container {
        image: own.image.clone(),
        requests: own.requests.clone(),
        host_ports: own.host_ports.clone(),
        restartable: own.restartable,
        ..Container::default()
    };
    PodSpec {
        containers: spec.containers.iter().map(bare).collect(),
        init_containers: spec.init_containers.iter().map(bare).collect(),
        overhead: spec.overhead.clone(),
        pod_requests: spec.pod_requests.clone(),
        node_selector: spec.node_selector.clone(),
        affinity: Affinity {
            node: spec.affinity.node.clone(),
            ..Affinity::default()
        },
        tolerations: spec.tolerations.clone(),
        gpu: spec.gpu.clone(),
        ..PodSpec::default()
    }
}

impl Shape {
    /// Asks no node yet.
    pub(super) fn new(
        profile: &FastProfile,
        kept: Nodes<'_>,
        pod: &Arc<PodInfo>,
        draft: &Draft,
        declared: Arc<DeclarationAnswers>,
        images: Option<&NodeImages>,
    ) -> Self {
        let cache = kept.cache;
        let nodes = kept.sites.count();
        let mut shape = Self {
            open: bits::empty(nodes),
            rank: vec![[0; WORD]; nodes.div_ceil(WORD)],
            used: 0,
            is_broken: declared.is_broken,
            declared,
            tops: vec![UNKNOWN; nodes.div_ceil(WORD)],
            whys: ReasonCache::default(),
            open_count: 0,
            tests: Vec::new(),
            row_tests: Vec::new(),
            points: Vec::new(),
            spanned: Vec::new(),
            row_points: Vec::new(),
            shared: Vec::new(),
            node_version: kept.node_version,
            position: kept.base,
            word_position: vec![NEVER; nodes.div_ceil(WORD)],
            is_whole: false,
        };
        for &(index, rests) in &draft.tests {
            let Some(plugin) = profile
                .plugin(index)
                .filter(|_| rests == AnswerScope::OnNode)
            else {
                continue;
            };
            match plugin.row_test(pod) {
                Some(test) => shape.row_tests.push(test),
                None => shape.tests.push(node_test(plugin, pod)),
            }
        }
        for own in &draft.points {
            let plugin = profile.plugin(own.plugin);
            if own.rests == AnswerScope::OnNodes {
                let kinds = plugin.and_then(|plugin| plugin.node_kinds(pod, images?));
                shape.is_broken |= kinds.is_none();
                shape.shared.extend(kinds.map(|kinds| SharedPoints {
                    weight: own.weight,
                    kinds: kinds.kinds,
                    points: (kinds.points)(cache),
                    source: kinds.points,
                }));
                continue;
            }
            let Some(plugin) = plugin.filter(|_| own.rests == AnswerScope::OnNode) else {
                continue;
            };
            if own.normalization == Normalization::WholeSpan {
                shape.spanned.push(RangePoints {
                    weight: own.weight,
                    raw: vec![0; nodes],
                    points: node_points(plugin, pod),
                });
            } else if let Some(points) = plugin.row_points(pod) {
                shape.row_points.push((own.weight, points));
            } else {
                let points = node_points(plugin, pod);
                shape.points.push((own.weight, points));
            }
        }
        shape
    }

    /// Takes in what happened since while no node is open and that is little.
    pub(super) fn refresh(&mut self, nodes: Nodes<'_>) {
        if self.node_version != nodes.node_version {
            self.node_version = nodes.node_version;
            self.share_again(nodes);
        }
        if !self.is_whole {
            return;
        }
        let log = nodes.cache.log();
        self.is_whole = match log.since(self.position) {
            Some(changes) if changes.len() * STALE <= nodes.rows.len() => {
                for change in changes {
                    if let Some(place) = nodes.place_of(change.slot) {
                        self.ask(place, nodes);
                    }
                }
                self.position = log.end();
                self.open_count == 0
            }
            _ => false,
        };
    }

    /// Works the shared points out for the nodes as they are, and asks those again whose points are
    /// others now.
    fn share_again(&mut self, nodes: Nodes<'_>) {
        for number in 0..self.shared.len() {
            let shared = &mut self.shared[number];
            let fresh = (shared.source)(nodes.cache);
            let before = std::mem::replace(&mut shared.points, fresh);
            if before == shared.points {
                continue;
            }
            for place in 0..nodes.sites.count() {
                let shared = &self.shared[number];
                let kind = usize::from(shared.kinds[place]);
                if before[kind] != shared.points[kind] && self.word_position[place / WORD] != NEVER
                {
                    self.ask(place, nodes);
                }
            }
        }
    }

    /// A search that went over all nodes found none: it is worth to look at changes alone.
    pub(super) fn shut(&mut self, nodes: Nodes<'_>) {
        if self.open_count == 0 {
            self.position = nodes.cache.log().end();
            self.is_whole = true;
        }
    }

    /// `true` if it is known without a search that no node is open.
    pub(super) fn is_shut(&self) -> bool {
        self.is_whole
    }

    fn is_stale(&self, word: usize, nodes: Nodes<'_>) -> bool {
        let own = self.word_position[word];
        own == NEVER || self.position.max(own) < nodes.changed[word]
    }

    /// The open nodes of a word, which are asked again if anything changed.
    pub(super) fn open_in(&mut self, word: usize, nodes: Nodes<'_>) -> u64 {
        self.refresh_word(word, nodes);
        self.open[word]
    }

    fn refresh_word(&mut self, word: usize, nodes: Nodes<'_>) {
        if !self.is_stale(word, nodes) {
            return;
        }
        let own = self.word_position[word];
        if own == NEVER {
            let end = nodes.rows.len().min((word + 1) * WORD);
            for place in word * WORD..end {
                self.ask(place, nodes);
            }
        } else {
            let since = (self.position.max(own) - nodes.base) as i32;
            let newer = bits::newer(&nodes.stamps[word], since);
            bits::each(newer, word * WORD, |place| self.ask(place, nodes));
        }
        self.word_position[word] = nodes.cache.log().end();
    }

    fn ask(&mut self, place: usize, nodes: Nodes<'_>) {
        let (fixed, row) = (self.declared.fixed[place], &nodes.rows[place]);
        let node = || nodes.sites.node(nodes.cache, place);
        let is_open = !nodes.sites.is_absent(place)
            && fixed >= 0
            && self.row_tests.iter().all(|test| test(row))
            && { self.tests.iter() }.all(|test| node().is_some_and(|node| test(node)));
        let mut rank = 0;
        if is_open {
            // Weights are small, so that sums fit.
            let mut sum = i64::from(fixed) + 1;
            for (weight, points) in &self.row_points {
                let points = points(row);
                self.is_broken |= !(0..=100).contains(&points);
                sum = sum.wrapping_add(weight.wrapping_mul(points.clamp(0, 100)));
            }
            for shared in &self.shared {
                let points = shared.points[usize::from(shared.kinds[place])];
                self.is_broken |= !(0..=100).contains(&points);
                sum = sum.wrapping_add(shared.weight.wrapping_mul(points.clamp(0, 100)));
            }
            for (weight, points) in &self.points {
                let points = node().map_or(0, |node| points(node));
                self.is_broken |= !(0..=100).contains(&points);
                sum = sum.wrapping_add(weight.wrapping_mul(points.clamp(0, 100)));
            }
            for spanned in &mut self.spanned {
                spanned.raw[place] = node().map_or(0, |node| (spanned.points)(node));
            }
            rank = sum as i16;
        }
        let (word, bit) = (place / WORD, place % WORD);
        let (open, own) = (&mut self.open[word], 1 << bit);
        if (*open & own != 0) != is_open {
            *open ^= own;
            self.open_count = if is_open {
                self.open_count + 1
            } else {
                self.open_count - 1
            };
        }
        self.rank[word][bit] = rank;
        self.tops[word] = UNKNOWN;
    }

    /// The most of a word's nodes.
    pub(super) fn top(&mut self, word: usize) -> i16 {
        if self.tops[word] == UNKNOWN {
            self.tops[word] = bits::most(&self.rank[word]);
        }
        self.tops[word]
    }

    /// Memory in bytes with what is kept beside it, without shared data.
    pub(super) fn bytes(&self) -> usize {
        let by_word = size_of::<Chunk>() + size_of::<i16>() + 2 * size_of::<u64>();
        let spanned = self.spanned.iter().map(|own| size_of_val(&*own.raw));
        let spanned: usize = spanned.sum();
        let shared = self.shared.iter().map(|own| size_of_val(&*own.kinds));
        let spanned = spanned + shared.sum::<usize>();
        self.rank.len() * by_word + spanned + self.whys.bytes() + size_of::<Self>() + BESIDE
    }
}
