//! Limit ranges: what containers and pods of a namespace state if they state nothing, and between
//! what bounds they may.

use crate::{PodSpec, ResourceList, Text};
use serde::{Deserialize, Serialize};

/// A `LimitRange` (spec: kubernetes.md 2.10).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitRange {
    /// The limit range's namespace.
    pub namespace: Text,
    /// The limit range's name.
    pub name: Text,
    /// The limit range's rules, in order.
    pub limits: Vec<LimitItem>,
}

/// One rule of a limit range.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitItem {
    /// Kind of object that the rule limits.
    pub of: LimitedKind,
    /// Least requests and limits.
    pub min: ResourceList,
    /// Most limits and requests.
    pub max: ResourceList,
    /// Limits of containers that state none.
    pub default: ResourceList,
    /// Requests of containers that state none.
    pub default_request: ResourceList,
    /// Greatest ratio of a limit to its request.
    pub max_ratio: ResourceList,
}

/// Kind of object that a rule limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LimitedKind {
    /// Each container.
    Container,
    /// All containers of a pod together.
    Pod,
}

impl LimitRange {
    /// Fills in what containers of a pod leave out.
    pub fn fill_in(&self, spec: &mut PodSpec) {
        let rules = self.limits.iter();
        for item in rules.filter(|item| item.of == LimitedKind::Container) {
            let containers = spec.containers.iter_mut();
            for container in containers.chain(&mut spec.init_containers) {
                fill(&mut container.limits, &item.default);
                fill(&mut container.requests, &item.default_request);
            }
        }
    }
}

impl LimitItem {
    /// Fills in the API's defaults: of containers a limit is the largest unless stated, a request
    /// the limit, else the least.
    #[must_use]
    pub fn filled(mut self) -> Self {
        if self.of == LimitedKind::Container {
            fill(&mut self.default, &self.max);
            fill(&mut self.default_request, &self.default);
            fill(&mut self.default_request, &self.min);
        }
        self
    }
}

/// Sets what is not stated yet.
pub fn fill(list: &mut ResourceList, from: &ResourceList) {
    for (name, amount) in from.named() {
        list.insert_if_absent(name, amount);
    }
}
