//! The pools of a provisioner: those that manifests declare (`NodePool`), or the one of the experiment.
//! What the experiment states otherwise than by default holds for all of them.

use std::sync::Arc;

use autoscale::provisioner::{BudgetWindow, ConsolidationPolicy, DisruptionBudget, Pool, Reason};
use model::node::{CAPACITY_LABEL, GROUP_LABEL, ON_DEMAND, SPOT, ZONE_LABEL};
use model::node_pools::{NODE_POOL_LABEL, NodePool, NodePoolBudget, NodePoolObjects};
use model::workload::CronSchedule;
use model::{Node, Operator, Requirement, Text};
use scenario::schema::{self, DisruptionReason, Provisioning};
use units::{Duration, Instant, SortedSet};

use super::BuildError;
use super::instance_labels::{is_of_provider, value};
use super::pool_states::{PoolState, states};

/// Field of the provisioner.
pub(super) const PROVISIONER: &str = "system.autoscaling.provisioner";

/// The pool of an experiment whose manifests declare none: prefix of the names of its nodes.
const POOL: &str = "provisioned";

/// A pool, and its declaration if manifests have one.
pub(super) struct PlannedPool<'o> {
    pub(super) pool: Pool,
    pub(super) declared: Option<&'o NodePool>,
    /// Zones of the nodes that it has at the start.
    pub(super) present_zones: SortedSet<Text>,
}

/// The pools of a provisioner, those of more weight first. Pools of a fixed number of nodes make none
/// for pods that wait.
pub(super) fn pools<'o>(
    own: &Provisioning,
    operations: &[schema::Operation],
    objects: &'o NodePoolObjects,
    nodes: &[Arc<Node>],
) -> Result<Vec<PlannedPool<'o>>, BuildError> {
    let states = states(operations, objects)?;
    let makes_nodes = |own: &&PoolState<'_>| own.pool.replicas.is_none();
    let mut declared: Vec<PoolState<'_>> = states.iter().filter(makes_nodes).copied().collect();
    declared.sort_by(|one, other| {
        let weight = other.pool.weight.cmp(&one.pool.weight);
        let name = weight.then_with(|| other.pool.name.cmp(&one.pool.name));
        name.then_with(|| one.since.cmp(&other.since))
    });
    if states.is_empty() {
        let pool = Pool {
            name: POOL.into(),
            consolidation: policy(own),
            consolidate_after: Some(own.consolidate_after.max(Duration::ZERO)),
            budgets: budgets(own)?,
            expire_after: own.expire_after,
            ..Pool::default()
        };
        return Ok(vec![PlannedPool {
            pool,
            declared: None,
            present_zones: present_zones(nodes, None),
        }]);
    }
    let pools = declared.iter().map(|state| {
        let is_same = |other: &PoolState<'_>| other.pool.name == state.pool.name;
        let later = states.iter().filter(|own| own.since > state.since);
        let next = later.filter(|own| is_same(own));
        let mut alike = declared.iter();
        let pool = Pool {
            since: state.since,
            until: next.map(|own| own.since).min(),
            is_deleted: state.is_deleted,
            make: alike
                .position(|own| is_same(own) && own.pool.makes_same_nodes(state.pool))
                .unwrap_or_default(),
            ..of_declared(own, state.pool)?
        };
        Ok(PlannedPool {
            present_zones: present_zones(nodes, Some(&pool.name)),
            pool,
            declared: Some(state.pool),
        })
    });
    pools.collect()
}

/// Zones of the nodes of a pool, or of any.
fn present_zones(nodes: &[Arc<Node>], pool: Option<&Text>) -> SortedSet<Text> {
    let of_pool = nodes.iter().filter(|node| {
        let name = node.labels.get(NODE_POOL_LABEL);
        name.is_some_and(|name| pool.is_none_or(|pool| pool == name))
    });
    of_pool
        .filter_map(|node| node.labels.get(ZONE_LABEL).cloned())
        .collect()
}

fn policy(own: &Provisioning) -> ConsolidationPolicy {
    match own.consolidation {
        schema::ConsolidationPolicy::WhenEmpty => ConsolidationPolicy::WhenEmpty,
        schema::ConsolidationPolicy::WhenEmptyOrUnderutilized => {
            ConsolidationPolicy::WhenEmptyOrUnderutilized
        }
    }
}

/// Settings that an experiment states otherwise than by default, by the names of their fields.
pub(super) fn stated(own: &Provisioning) -> Vec<&'static str> {
    let states = [
        (
            "consolidation",
            own.consolidation != schema::ConsolidationPolicy::default(),
        ),
        ("consolidateAfter", own.consolidate_after != Duration::ZERO),
        ("budget", own.budget != "10%" || !own.budgets.is_empty()),
        ("expireAfter", own.expire_after.is_some()),
        (
            "terminationGracePeriod",
            own.termination_grace_period.is_some(),
        ),
    ];
    let states = states.into_iter().filter(|(_, is_stated)| *is_stated);
    states.map(|(field, _)| field).collect()
}

fn of_declared(own: &Provisioning, declared: &NodePool) -> Result<Pool, BuildError> {
    let stated = stated(own);
    let states = |field: &str| stated.contains(&field);
    Ok(Pool {
        name: declared.name.clone(),
        consolidation: if declared.is_consolidated {
            policy(own)
        } else {
            ConsolidationPolicy::WhenEmpty
        },
        consolidate_after: if states("consolidateAfter") {
            Some(own.consolidate_after.max(Duration::ZERO))
        } else {
            declared.consolidate_after
        },
        budgets: if states("budget") {
            budgets(own)?
        } else {
            declared.budgets.iter().map(budget_of).collect()
        },
        expire_after: own.expire_after.or(declared.expire_after),
        limits: declared.limits.clone(),
        ..Pool::default()
    })
}

/// The longest time that nodes on their way out keep pods: that of the experiment, or of the first
/// pool.
pub(super) fn termination_grace(own: &Provisioning, pools: &[PlannedPool<'_>]) -> Option<Duration> {
    let first = pools.iter().find_map(|own| own.declared);
    let first = first.and_then(|own| own.termination_grace);
    own.termination_grace_period.or(first)
}

/// The budgets of an experiment.
fn budgets(own: &Provisioning) -> Result<Vec<BudgetWindow>, BuildError> {
    let always = BudgetWindow {
        limit: budget(&format!("{PROVISIONER}.budget"), &own.budget)?,
        times: None,
        reasons: Vec::new(),
    };
    let windows = own.budgets.iter().enumerate();
    let windows = windows.map(|(number, own)| {
        let field = format!("{PROVISIONER}.budgets[{number}]");
        window(&field, own)
    });
    std::iter::once(Ok(always)).chain(windows).collect()
}

/// A number of nodes, or a share of them.
fn limit(text: &str) -> Option<DisruptionBudget> {
    match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse().ok().map(DisruptionBudget::Percent),
        None => text.trim().parse().ok().map(DisruptionBudget::Nodes),
    }
}

fn budget(field: &str, text: &str) -> Result<DisruptionBudget, BuildError> {
    limit(text).ok_or_else(|| {
        BuildError::Experiment(format!(
            "{field}: expected a number of nodes or a share such as `10%`, found `{text}`"
        ))
    })
}

fn window(field: &str, own: &schema::DisruptionWindow) -> Result<BudgetWindow, BuildError> {
    let schedule = own.schedule.as_deref().map(|text| {
        let parsed = CronSchedule::parse(text, None);
        parsed.map_err(|why| BuildError::Experiment(format!("{field}.schedule: {why}")))
    });
    let reasons = own.reasons.iter().map(|reason| match reason {
        DisruptionReason::Empty => Reason::Empty,
        DisruptionReason::Drifted => Reason::Drifted,
        DisruptionReason::Underutilized => Reason::Underutilized,
    });
    Ok(BudgetWindow {
        limit: budget(&format!("{field}.nodes"), &own.nodes)?,
        times: schedule.transpose()?.zip(own.lasts),
        reasons: reasons.collect(),
    })
}

/// A budget of a declared pool; as in the original, one that can't be read lets no node go.
fn budget_of(own: &NodePoolBudget) -> BudgetWindow {
    let none = BudgetWindow {
        limit: DisruptionBudget::Nodes(0),
        times: None,
        reasons: Vec::new(),
    };
    let times = own.times.as_ref().map(|(schedule, lasts)| {
        let schedule = CronSchedule::parse(schedule, None).ok();
        schedule.map(|schedule| (schedule, *lasts))
    });
    let (Some(limit), None | Some(Some(_))) = (limit(&own.nodes), &times) else {
        return none;
    };
    let reasons = own.reasons.iter().filter_map(|reason| match &**reason {
        "Empty" => Some(Reason::Empty),
        "Drifted" => Some(Reason::Drifted),
        "Underutilized" => Some(Reason::Underutilized),
        _ => None,
    });
    BudgetWindow {
        limit,
        times: times.flatten(),
        reasons: reasons.collect(),
    }
}

impl PlannedPool<'_> {
    /// Lines about budgets that can't be read, by which no node goes.
    pub(super) fn unread_budgets(&self) -> impl Iterator<Item = String> {
        let budgets = self.declared.into_iter().flat_map(|own| &own.budgets);
        budgets.filter_map(|own| {
            let why = match &own.times {
                _ if limit(&own.nodes).is_none() => format!("nodes: `{}`", own.nodes),
                Some((schedule, _)) => {
                    let why = CronSchedule::parse(schedule, None).err()?;
                    format!("schedule: `{schedule}`: {why}")
                }
                None => return None,
            };
            Some(format!(
                "NodePool `{}`: spec.disruption.budgets: {why}; as under Karpenter, no node of the pool goes while a \
                 budget can't be read",
                self.pool.name
            ))
        })
    }

    /// Its name, and from when on it is there.
    pub(super) fn told(&self) -> String {
        let Pool { name, since, .. } = &self.pool;
        match *since {
            since if self.pool.is_deleted => format!("{name} until {since}"),
            Instant::ZERO => name.to_string(),
            since => format!("{name} from {since} on"),
        }
    }

    /// Whether nodes are bought in the zones of those that the pool has, as nothing states any.
    pub(super) fn follows_present(&self, own: &Provisioning) -> bool {
        !self.present_zones.is_empty()
            && own.zones.is_empty()
            && own.zone.is_none()
            && self.named_zones().is_none()
    }

    /// The requirement by which a pool names its zones.
    fn named_zones(&self) -> Option<&Requirement> {
        let mut requirements = self.declared.into_iter().flat_map(|own| &own.requirements);
        requirements.find(|rule| *rule.key == *ZONE_LABEL && rule.operator == Operator::In)
    }

    /// Zones in which a pool's nodes may be bought: those of the experiment, or else those that the
    /// pool names itself, or else those of its nodes; `None` is no zone.
    pub(super) fn zones(&self, own: &Provisioning) -> Vec<Option<String>> {
        if !own.zones.is_empty() {
            return own.zones.iter().cloned().map(Some).collect();
        }
        let all = |zones: &mut dyn Iterator<Item = &Text>| -> Vec<Option<String>> {
            zones.map(|zone| Some(zone.to_string())).collect()
        };
        match (&own.zone, self.named_zones()) {
            (None, Some(rule)) => all(&mut rule.values.iter()),
            (None, None) if !self.present_zones.is_empty() => all(&mut self.present_zones.iter()),
            (zone, _) => vec![zone.clone()],
        }
    }

    /// Whether a pool's nodes may be bought in a way: a pool that names spot capacity gets it, whatever
    /// the experiment's default is.
    pub(super) fn buys(&self, bought: &str, own: &Provisioning, has_spot: bool) -> bool {
        let requirements = self.declared.into_iter().flat_map(|own| &own.requirements);
        let mut rules = requirements.filter(|rule| *rule.key == *CAPACITY_LABEL);
        let names = |rule: &Requirement| {
            rule.operator == Operator::In && rule.values.iter().any(|own| **own == *SPOT)
        };
        if bought == ON_DEMAND {
            return own.on_demand;
        }
        own.spot || (has_spot && rules.any(names))
    }

    /// Gives a node of an offering what the pool says of its nodes; `None` if the pool does not take
    /// it.
    pub(super) fn complete(&self, instance_type: &str, mut node: Node) -> Option<Node> {
        node.labels
            .insert(GROUP_LABEL.into(), self.pool.name.clone());
        let Some(declared) = self.declared else {
            return Some(node);
        };
        for rule in &declared.requirements {
            let known = value(&rule.key, instance_type, &node);
            let given = declared.labels.get(&rule.key).cloned();
            let value = match known.or(given) {
                Some(value) => rule.matches_value(Some(&value)).then_some(Some(value))?,
                // Nothing is known of it: the node gets it.
                None if rule.operator == Operator::In => Some(rule.values.first()?.clone()),
                None => None,
            };
            if let Some(value) = value {
                node.labels.insert_if_absent(&rule.key, || value);
            }
        }
        for (key, value) in &declared.labels {
            node.labels.insert(key.clone(), value.clone());
        }
        let name = self.pool.name.clone();
        node.labels.insert(NODE_POOL_LABEL.into(), name);
        node.taints.extend(declared.taints.iter().cloned());
        node.guard.do_not_disrupt |= declared.do_not_disrupt;
        Some(node)
    }

    /// Keys of requirements that nobody can judge for an instance type.
    pub(super) fn unjudged<'p>(
        &'p self,
        instance_type: &'p str,
        node: &'p Node,
    ) -> impl Iterator<Item = &'p Text> {
        let requirements = self.declared.into_iter().flat_map(|own| &own.requirements);
        requirements
            .map(|rule| &rule.key)
            .filter(move |key| is_of_provider(key) && value(key, instance_type, node).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::node::{ARCH_LABEL, OS_LABEL};
    use model::{Labels, ResourceList};
    use units::Quantity;

    fn rule(key: &str, operator: Operator, values: &[&str]) -> Requirement {
        Requirement {
            key: key.into(),
            operator,
            values: values.iter().map(|own| (*own).into()).collect(),
        }
    }

    fn planned(declared: &NodePool) -> PlannedPool<'_> {
        PlannedPool {
            pool: Pool {
                name: declared.name.clone(),
                ..Pool::default()
            },
            declared: Some(declared),
            present_zones: SortedSet::new(),
        }
    }

    fn machine() -> Node {
        Node {
            allocatable: ResourceList::from_pairs([("cpu", Quantity::from_units(8))]),
            ..Node::default()
        }
    }

    #[test]
    fn requirements_choose_among_types_by_what_their_names_say() {
        let taken = |rule: Requirement, name: &str| {
            let declared = NodePool {
                requirements: vec![rule],
                ..NodePool::default()
            };
            planned(&declared).complete(name, machine()).is_some()
        };
        let aws = |end: &str| format!("karpenter.k8s.aws/instance-{end}");
        for (rule, name, expected) in [
            (
                rule(&aws("category"), Operator::In, &["c", "m"]),
                "c7g.large",
                true,
            ),
            (
                rule(&aws("category"), Operator::In, &["c", "m"]),
                "r7g.large",
                false,
            ),
            (
                rule(&aws("generation"), Operator::Gt, &["5"]),
                "c7gn.large",
                true,
            ),
            (
                rule(&aws("generation"), Operator::Gt, &["5"]),
                "c5.large",
                false,
            ),
            (
                rule(&aws("family"), Operator::In, &["m6gd"]),
                "m6gd.large",
                true,
            ),
            (
                rule(&aws("size"), Operator::NotIn, &["metal"]),
                "m6gd.metal",
                false,
            ),
            (rule(&aws("cpu"), Operator::Lt, &["9"]), "m5.2xlarge", true),
            (
                rule(ARCH_LABEL, Operator::In, &["arm64"]),
                "c7g.large",
                true,
            ),
            (
                rule(ARCH_LABEL, Operator::In, &["arm64"]),
                "g4dn.large",
                false,
            ),
            (
                rule(OS_LABEL, Operator::In, &["windows"]),
                "c5.large",
                false,
            ),
            // Nothing is known of it.
            (
                rule(&aws("network-bandwidth"), Operator::Gt, &["5"]),
                "c5.large",
                true,
            ),
        ] {
            assert_eq!(taken(rule.clone(), name), expected, "{rule:?} {name}");
        }
    }

    #[test]
    fn nodes_have_the_labels_and_taints_of_their_pool() {
        let labels: Labels = [("team".into(), "a".into())].into_iter().collect();
        let declared = NodePool {
            name: "web".into(),
            requirements: vec![rule("disk", Operator::In, &["ssd", "hdd"])],
            labels,
            ..NodePool::default()
        };
        let node = planned(&declared).complete("c5.large", machine());
        let node = node.expect("a type that it takes");
        for (key, value) in [
            ("team", "a"),
            ("disk", "ssd"),
            (NODE_POOL_LABEL, "web"),
            (GROUP_LABEL, "web"),
        ] {
            assert_eq!(node.labels.get(key).map(|own| &**own), Some(value), "{key}");
        }
    }

    #[test]
    fn pools_of_more_weight_come_first_and_of_equal_ones_the_later_name() {
        let mut objects = NodePoolObjects::default();
        for (name, weight) in [("a", 1), ("b", 0), ("c", 1), ("d", 100)] {
            let pool = NodePool {
                name: name.into(),
                weight,
                ..NodePool::default()
            };
            objects.pools.insert(name.into(), pool);
        }
        let own = serde_json::json!({"instanceTypes": ["*"]});
        let own: Provisioning = serde_json::from_value(own).expect("a provisioner");
        let pools = pools(&own, &[], &objects, &[]).expect("pools");
        let names: Vec<&str> = pools.iter().map(|own| &*own.pool.name).collect();
        assert_eq!(names, ["d", "c", "a", "b"]);
    }

    #[test]
    fn a_budget_that_cannot_be_read_lets_no_node_go() {
        let budget = |nodes: &str, schedule: Option<&str>| {
            let lasts = Duration::from_secs(3600);
            let own = NodePoolBudget {
                nodes: nodes.into(),
                times: schedule.map(|text| (text.into(), lasts)),
                reasons: Vec::new(),
            };
            budget_of(&own).limit
        };
        assert_eq!(budget("5", None), DisruptionBudget::Nodes(5));
        assert_eq!(
            budget("20%", Some("0 9 * * *")),
            DisruptionBudget::Percent(20)
        );
        assert_eq!(budget("few", None), DisruptionBudget::Nodes(0));
        assert_eq!(budget("5", Some("at nine")), DisruptionBudget::Nodes(0));
    }
}
