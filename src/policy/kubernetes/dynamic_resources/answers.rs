//! Answers of nodes about claims, kept as long as all that they depend on stays: the fast form of the question.
//!
//! Whether claims can have their devices on a node depends on their requests and constraints, on the offers of
//! the drivers, on the node's name and labels, and on the use of the devices that the node may see. The allocator
//! searches anew where one of them has changed.

use std::sync::{Arc, Mutex, PoisonError};

use dra::{AllocationError, Allocator, Offers};
use model::dra::{ClaimRequest, MatchAttribute, ResourceClaim};
use model::{Node, Text};
use scheduler::kube::NodeInfo;
use units::SortedMap;

use super::question::place_of;

/// Most kinds of claims whose answers are kept.
const MOST_KINDS: usize = 32;

/// Most nodes whose answers are kept for a kind.
const MOST_NODES: usize = 1 << 17;

/// Requests and constraints of a claim.
type ClaimSpec = (Vec<ClaimRequest>, Vec<MatchAttribute>);

/// Answers by kind of claims and node.
#[derive(Default)]
pub(super) struct Answers {
    /// Offers that the answers are about.
    offers: Option<Arc<Offers>>,
    kinds: Vec<Kind>,
    /// Number of the next kind; numbers never stand for other kinds.
    next: usize,
}

/// Claims that ask alike.
struct Kind {
    number: usize,
    wishes: Vec<ClaimSpec>,
    of_nodes: SortedMap<Text, Answer>,
}

/// The last answer of a node, with what it depends on.
struct Answer {
    node: Arc<Node>,
    used: Vec<bool>,
    fit: bool,
}

impl Answers {
    /// The number of the kind of claims under these offers.
    fn kind(&mut self, offers: &Arc<Offers>, claims: &[ResourceClaim]) -> usize {
        let known = self.offers.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, offers)) {
            self.kinds.clear();
            self.offers = Some(Arc::clone(offers));
        }
        let is_it = |kind: &&Kind| {
            let mut pairs = kind.wishes.iter().zip(claims);
            kind.wishes.len() == claims.len()
                && pairs.all(|((requests, constraints), claim)| {
                    *requests == claim.requests && *constraints == claim.constraints
                })
        };
        if let Some(known) = self.kinds.iter().find(is_it) {
            return known.number;
        }
        if self.kinds.len() >= MOST_KINDS {
            self.kinds.remove(0);
        }
        let number = self.next;
        self.next += 1;
        let wishes = claims.iter();
        let wishes = wishes.map(|own| (own.requests.clone(), own.constraints.clone()));
        self.kinds.push(Kind {
            number,
            wishes: wishes.collect(),
            of_nodes: SortedMap::new(),
        });
        number
    }

    fn kind_mut(&mut self, number: usize) -> Option<&mut Kind> {
        self.kinds.iter_mut().find(|kind| kind.number == number)
    }
}

/// Answers that an attempt may use.
pub(super) struct AnswerCache<'a> {
    answers: &'a Mutex<Answers>,
    kind: usize,
}

impl<'a> AnswerCache<'a> {
    pub(super) fn new(
        answers: &'a Mutex<Answers>,
        offers: &Arc<Offers>,
        claims: &[ResourceClaim],
    ) -> Self {
        // A panic elsewhere leaves whole answers: each is replaced in one step.
        let mut known = answers.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = known.kind(offers, claims);
        drop(known);
        Self { answers, kind }
    }

    /// Whether claims can have their devices on a node: as it was, or as the allocator finds.
    pub(super) fn fit(
        &self,
        allocator: &Allocator,
        claims: &[ResourceClaim],
        node: &NodeInfo,
    ) -> Result<bool, AllocationError> {
        let place = place_of(node);
        let used = allocator.used(&place);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = answers.kind_mut(self.kind)
            && let Some(known) = kind.of_nodes.get(&node.object.name)
            && Arc::ptr_eq(&known.node, &node.object)
            && known.used == used
        {
            return Ok(known.fit);
        }
        let fit = allocator.allocate(&place, claims)?.is_some();
        if let Some(kind) = answers.kind_mut(self.kind) {
            if kind.of_nodes.len() >= MOST_NODES {
                kind.of_nodes.clear();
            }
            let answer = Answer {
                node: Arc::clone(&node.object),
                used,
                fit,
            };
            kind.of_nodes.insert(node.object.name.clone(), answer);
        }
        Ok(fit)
    }
}
