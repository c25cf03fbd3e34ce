//! The domains that nodes are in by the values of a label.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bits::{self, Chunk, Set, WORD};
use super::counter::Slots;
use model::Text;

/// Greatest number of domains with which sets of nodes are kept by domain.
pub(super) const NARROW: usize = 15;

/// No domain.
pub(super) const NONE: u32 = u32::MAX;

/// A label and its domains.
pub(super) struct Key {
    /// Number of each place's domain, or [`NONE`].
    pub(super) of_place: Vec<u32>,
    /// Number of domains.
    pub(super) domains: usize,
    /// Nodes with the label.
    pub(super) labelled: Set,
    /// Whether every node has it.
    pub(super) is_everywhere: bool,
    /// Whether every node is a domain of its own.
    pub(super) is_per_node: bool,
    /// The domain of the empty value.
    pub(super) empty_value: Option<usize>,
    pub(super) narrow: Option<SmallKey>,
    /// Places by domain, one after the other, and where each domain's begin.
    places: Vec<u32>,
    starts: Vec<u32>,
}

/// A key with few domains.
pub(super) struct SmallKey {
    /// The domain of each node; that of nodes without one is the number of domains.
    pub(super) column: Vec<Chunk>,
    /// Nodes by domain.
    pub(super) members: Vec<Set>,
}

impl Key {
    /// Key of the values of a label.
    pub(super) fn of_values(slots: Slots<'_>, label: &str) -> Self {
        let mut numbers: IndexMap<&Text, u32, FxBuildHasher> = IndexMap::default();
        let mut labelled = bits::empty(slots.sites.count());
        let nodes = slots.sites.declared(slots.cache);
        let of_place = nodes.enumerate().map(|(place, node)| {
            let Some(value) = node.label(label) else {
                return NONE;
            };
            bits::put(&mut labelled, place, true);
            let next = numbers.len() as u32;
            *numbers.entry(value).or_insert(next)
        });
        let of_place: Vec<u32> = of_place.collect();
        let empty_value = numbers.iter().position(|(value, _)| value.is_empty());
        let domains = numbers.len();
        let mut key = Self::new(of_place, domains, labelled);
        key.empty_value = empty_value;
        if domains <= NARROW {
            key.narrow = Some(key.narrowed());
        }
        key
    }

    /// Every node by itself, whatever the value of its label.
    pub(super) fn of_nodes(slots: Slots<'_>, label: &str) -> Self {
        let nodes = slots.sites.count();
        let mut labelled = bits::empty(nodes);
        for (place, node) in slots.sites.declared(slots.cache).enumerate() {
            bits::put(&mut labelled, place, node.label(label).is_some());
        }
        let mut key = Self::new((0..nodes as u32).collect(), nodes, labelled);
        key.is_per_node = true;
        key
    }

    fn new(of_place: Vec<u32>, domains: usize, labelled: Set) -> Self {
        let mut starts = vec![0; domains + 1];
        for &domain in of_place.iter().filter(|&&domain| domain != NONE) {
            starts[domain as usize + 1] += 1;
        }
        for domain in 0..domains {
            starts[domain + 1] += starts[domain];
        }
        let mut next = starts.clone();
        let mut places = vec![0; starts[domains] as usize];
        for (place, &domain) in of_place.iter().enumerate() {
            if domain != NONE {
                places[next[domain as usize] as usize] = place as u32;
                next[domain as usize] += 1;
            }
        }
        let count: usize = labelled.iter().map(|word| word.count_ones() as usize).sum();
        Self {
            is_everywhere: count == of_place.len(),
            of_place,
            domains,
            labelled,
            is_per_node: false,
            empty_value: None,
            narrow: None,
            places,
            starts,
        }
    }

    fn narrowed(&self) -> SmallKey {
        let nodes = self.of_place.len();
        let mut members = vec![bits::empty(nodes); self.domains];
        let mut column = vec![[self.domains as i16; WORD]; nodes.div_ceil(WORD)];
        for (place, &domain) in self.of_place.iter().enumerate() {
            if domain != NONE {
                bits::put(&mut members[domain as usize], place, true);
                column[place / WORD][place % WORD] = domain as i16;
            }
        }
        SmallKey { column, members }
    }

    /// The places of a domain's nodes.
    pub(super) fn places(&self, domain: usize) -> &[u32] {
        &self.places[self.starts[domain] as usize..self.starts[domain + 1] as usize]
    }
}
