//! Failure domains: the domains that a scenario declares, with their nodes.

use std::sync::Arc;

use super::{BuildError, ProviderPlan};
use model::Node;
use model::node::ZONE_LABEL;
use scenario::{Scenario, schema};
use sim::failures::{Domain, Domains, Layout, Target};
use systems::ecs::section::Ecs;
use units::SortedMap;

/// The domains of a scenario with their nodes, and the machines that may join them later.
#[derive(Clone, Debug, Default)]
pub struct FailureDomains {
    domains: Domains,
    /// Machines that may join, one for each kind.
    later: Vec<Arc<Node>>,
    /// Whether machines may join whose labels follow from what pods ask for, or from objects.
    is_open: bool,
}

impl FailureDomains {
    /// The domains of a scenario, whose machines come from a plan.
    ///
    /// # Errors
    /// A node is, or will be, in a domain that there is not.
    pub fn new(
        scenario: &Scenario,
        nodes: &[Arc<Node>],
        plan: Option<&ProviderPlan>,
    ) -> Result<Self, BuildError> {
        let wrong = |why| BuildError::Experiment(format!("cluster.domains: {why}"));
        let declared = declared(&scenario.cluster.domains);
        let domains = Domains::new(declared, nodes).map_err(wrong)?;
        let later = later(scenario, plan);
        for node in &later {
            domains.of(node).map_err(wrong)?;
        }
        let autoscaling = &scenario.system.autoscaling;
        let buys = autoscaling
            .as_ref()
            .is_some_and(|own| own.provisioner.is_some());
        let applies = scenario.operations.iter().any(|own| own.apply.is_some());
        Ok(Self {
            domains,
            later,
            is_open: buys || applies,
        })
    }

    /// The layout of the nodes of the start.
    pub(super) fn layout<'a>(&'a self, scenario: &Scenario, nodes: &'a [Arc<Node>]) -> Layout<'a> {
        Layout {
            nodes,
            domains: &self.domains,
            seed: scenario.seed,
            later: &self.later,
            is_open: self.is_open,
        }
    }

    /// The label of a target, if no node of the start has it and nobody knows whether one will.
    pub(super) fn unseen(
        &self,
        scenario: &Scenario,
        nodes: &[Arc<Node>],
        target: &Target,
    ) -> Option<String> {
        let (key, value) = match target {
            Target::Zone(zone) => (ZONE_LABEL, zone.as_str()),
            Target::Label(key, value) => (key.as_str(), value.as_str()),
            _ => return None,
        };
        let found = self.layout(scenario, nodes).find(target).ok()?;
        let is_it = |node: &Arc<Node>| node.labels.get(key).is_some_and(|own| **own == *value);
        let is_known = !found.is_empty() || self.later.iter().any(is_it);
        (!is_known).then(|| format!("`{key}: {value}`"))
    }

    /// Notes of declarations none of whose domains has, or will have, a node.
    pub(super) fn without_nodes(&self, scenario: &Scenario) -> Vec<String> {
        let mut have_nodes = self.domains.have_nodes();
        let mut notes = Vec::new();
        for (number, entry) in scenario.cluster.domains.iter().enumerate() {
            let count = have_nodes.by_ref().take(entry.count as usize);
            let is_empty = count.filter(|has| *has).count() == 0;
            let label = entry.label.as_str();
            let is_of = |node: &Arc<Node>| node.labels.contains_key(label);
            if is_empty && !self.is_open && !self.later.iter().any(is_of) {
                let field = if label == ZONE_LABEL {
                    "`zone`, or the label"
                } else {
                    "the label"
                };
                notes.push(format!(
                    "cluster.domains[{number}]: no node has the label `{label}`, so that none is in the domain \
                     `{}`{}; a domain has the nodes whose label names it: write {field} at the nodes",
                    entry.name.render(0),
                    match entry.count {
                        1 => String::new(),
                        count => format!(" or the {} after it", count - 1),
                    },
                ));
            }
        }
        notes
    }
}

/// Machines that may join later, one for each kind: those of groups and of Fargate's zones.
fn later(scenario: &Scenario, plan: Option<&ProviderPlan>) -> Vec<Arc<Node>> {
    let groups = plan.into_iter().flat_map(|plan| &plan.groups).map(|group| {
        Arc::new(Node {
            name: group.name.clone(),
            ..Node::clone(&group.node)
        })
    });
    let providers = scenario.system.own::<Ecs>().capacity_providers;
    let fargate = providers.iter().filter(|own| own.is_fargate());
    let fargate = fargate.flat_map(|own| {
        own.zones.iter().map(|zone| {
            let mut node = Node {
                name: own.name.as_str().into(),
                ..Node::default()
            };
            node.labels.insert(ZONE_LABEL.into(), zone.as_str().into());
            Arc::new(node)
        })
    });
    groups.chain(fargate).collect()
}

/// The domains one by one.
fn declared(written: &[schema::Domain]) -> Vec<Domain> {
    let all = written.iter().flat_map(|entry| {
        (0..u64::from(entry.count)).map(move |index| {
            let parent = entry.parent.as_ref().map(|parent| parent.render(index));
            (&entry.label, entry.name.render(index), parent)
        })
    });
    let all: Vec<_> = all.collect();
    let places: SortedMap<&str, usize> = { all.iter().enumerate() }
        .map(|(place, (_, name, _))| (name.as_str(), place))
        .collect();
    let domains = all.iter().map(|(label, name, parent)| Domain {
        label: label.as_str().into(),
        name: name.as_str().into(),
        parent: parent
            .as_ref()
            .and_then(|parent| places.get(parent.as_str()).copied()),
    });
    domains.collect()
}
