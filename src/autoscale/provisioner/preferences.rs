//! Wishes of a pod, as conditions that are given up one at a time: a provisioner buys a node
//! for a wish rather than leaving it unmet (Karpenter's `scheduling/preferences.go` with
//! `PreferencePolicy: Respect`, its default; spec: karpenter.md 1.6, 1.7, 1.9).

use std::sync::Arc;

use model::node::HOSTNAME_LABEL;
use model::{Changes, NodeSelector, NodeSelectorTerm, PodSpec, TopologySpread};
use scheduler::kube::{PodClass, PodInfo};
use units::SortedMap;

/// A pod with the conditions under which it is tried, one after the other.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// The pod as it is.
    pub info: Arc<PodInfo>,
    /// The pod under all of its conditions, and then under one fewer each time.
    pub(super) steps: Vec<Step>,
}

/// A pod under conditions.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The pod for nodes that are there.
    pub(super) pod: Arc<PodInfo>,
    /// The pod for a new node, which comes up in the domain that has the fewest of its kind; `None`
    /// is the same.
    pub(super) evenly: Option<Arc<PodInfo>>,
}

impl Applicant {
    /// A pod with its conditions, counted as in a release with these switches.
    pub fn of(info: Arc<PodInfo>, changes: Changes) -> Self {
        Preferences::default().of(info, changes)
    }
}

/// The conditions of classes of pods.
#[derive(Clone, Debug, Default)]
pub(super) struct Preferences {
    /// By where a class lies in memory; the class that is held there keeps the place taken.
    known: SortedMap<usize, (Arc<PodClass>, Vec<Classes>)>,
    /// Whether what pods prefer is left to the scheduler.
    are_ignored: bool,
}

/// A step's classes.
#[derive(Clone, Debug)]
struct Classes {
    pod: Arc<PodClass>,
    evenly: Option<Arc<PodClass>>,
}

impl Preferences {
    /// Nothing is known yet.
    pub(super) fn new(are_ignored: bool) -> Self {
        Self {
            are_ignored,
            ..Self::default()
        }
    }

    /// A pod with its conditions.
    pub(super) fn of(&mut self, info: Arc<PodInfo>, changes: Changes) -> Applicant {
        let key = Arc::as_ptr(&info.class).addr();
        let known = self.known.entry(key);
        let (_, classes) = known.or_insert_with(|| {
            (
                info.class.clone(),
                steps(&info.class, changes, self.are_ignored),
            )
        });
        let with = |class: &Arc<PodClass>| {
            if Arc::ptr_eq(class, &info.class) {
                return Arc::clone(&info);
            }
            let mut pod = PodInfo::clone(&info);
            pod.class = Arc::clone(class);
            Arc::new(pod)
        };
        let steps = classes.iter().map(|class| Step {
            pod: with(&class.pod),
            evenly: class.evenly.as_ref().map(with),
        });
        Applicant {
            steps: steps.collect(),
            info,
        }
    }
}

/// The classes of a pod's steps; a pod without wishes has one.
fn steps(class: &Arc<PodClass>, changes: Changes, are_ignored: bool) -> Vec<Classes> {
    let derived = |spec: PodSpec| PodClass::derive(Arc::new(spec), changes).ok().map(Arc::new);
    let mut left = PodSpec::clone(&class.spec);
    if are_ignored {
        forget_preferences(&mut left);
    }
    let affinity = &mut left.affinity;
    affinity.node.preferred.sort_by_key(|own| -own.0);
    affinity.preferred_pod_affinity.sort_by_key(|own| -own.0);
    affinity
        .preferred_pod_anti_affinity
        .sort_by_key(|own| -own.0);
    let mut steps = Vec::new();
    loop {
        let spec = required(&left);
        let evenly = even(&spec).and_then(derived);
        let pod = if spec == *class.spec {
            Some(Arc::clone(class))
        } else {
            derived(spec)
        };
        // Amounts fit as they did before.
        steps.extend(pod.map(|pod| Classes { pod, evenly }));
        if !relax(&mut left) {
            return steps;
        }
    }
}

/// Forgets what a pod prefers (`PreferencePolicy: Ignore`).
fn forget_preferences(left: &mut PodSpec) {
    left.affinity.node.preferred.clear();
    left.affinity.preferred_pod_affinity.clear();
    left.affinity.preferred_pod_anti_affinity.clear();
    left.topology_spread.retain(|own| own.hard);
}

/// A spec whose wishes are conditions: its first alternative of nodes with the heaviest wish about
/// nodes, all wishes about pods, all rules of spreading.
fn required(left: &PodSpec) -> PodSpec {
    let mut spec = left.clone();
    let affinity = &mut spec.affinity;
    let node = &mut affinity.node;
    let first = node
        .required
        .as_ref()
        .and_then(|required| required.terms.first().cloned());
    let wish = std::mem::take(&mut node.preferred).into_iter().next();
    node.required = match (first, wish) {
        // None of no alternatives matches.
        (None, None) => node.required.take(),
        (Some(term), None) => Some(one(term)),
        (None, Some((_, wish))) => Some(one(wish)),
        (Some(mut term), Some((_, wish))) => {
            term.match_expressions.extend(wish.match_expressions);
            term.match_fields.extend(wish.match_fields);
            Some(one(term))
        }
    };
    let wishes = std::mem::take(&mut affinity.preferred_pod_affinity).into_iter();
    (affinity.required_pod_affinity).extend(wishes.map(|own| own.1));
    let wishes = std::mem::take(&mut affinity.preferred_pod_anti_affinity).into_iter();
    (affinity.required_pod_anti_affinity).extend(wishes.map(|own| own.1));
    for rule in &mut spec.topology_spread {
        rule.hard = true;
    }
    spec
}

fn one(term: NodeSelectorTerm) -> NodeSelector {
    NodeSelector { terms: vec![term] }
}

/// A spec for a new node, which goes to the domains with the fewest pods that are counted; `None` if
/// it says so already.
fn even(spec: &PodSpec) -> Option<PodSpec> {
    let is_loose =
        |own: &&mut TopologySpread| own.max_skew > 1 && *own.topology_key != *HOSTNAME_LABEL;
    let mut even = spec.clone();
    let mut count = 0;
    for rule in even.topology_spread.iter_mut().filter(is_loose) {
        rule.max_skew = 1;
        count += 1;
    }
    (count > 0).then_some(even)
}

/// Gives a wish up, if one is left.
fn relax(left: &mut PodSpec) -> bool {
    let affinity = &mut left.affinity;
    if let Some(required) = &mut affinity.node.required
        && required.terms.len() > 1
    {
        required.terms.remove(0);
        return true;
    }
    for wishes in [
        &mut affinity.preferred_pod_affinity,
        &mut affinity.preferred_pod_anti_affinity,
    ] {
        if !wishes.is_empty() {
            wishes.remove(0);
            return true;
        }
    }
    if !affinity.node.preferred.is_empty() {
        affinity.node.preferred.remove(0);
        return true;
    }
    let soft = left.topology_spread.iter().position(|own| !own.hard);
    if let Some(place) = soft {
        left.topology_spread.swap_remove(place);
    }
    soft.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Operator, PodAffinityTerm, Requirement};

    fn term(value: &str) -> NodeSelectorTerm {
        NodeSelectorTerm {
            match_expressions: vec![Requirement {
                key: "pool".into(),
                operator: Operator::In,
                values: vec![value.into()],
            }],
            match_fields: Vec::new(),
        }
    }

    fn near(key: &str) -> PodAffinityTerm {
        PodAffinityTerm {
            selector: None,
            topology_key: key.into(),
            namespaces: Vec::new(),
            namespace_selector: None,
            match_label_keys: Vec::new(),
            mismatch_label_keys: Vec::new(),
        }
    }

    fn spread(key: &str, hard: bool) -> TopologySpread {
        TopologySpread {
            max_skew: 1,
            topology_key: key.into(),
            hard,
            selector: None,
            min_domains: None,
            honor_node_affinity: true,
            honor_node_taints: false,
            match_label_keys: Vec::new(),
        }
    }

    /// What is left of a step: values of the node terms, keys of terms about pods, keys of spreading.
    fn told(own: &Classes) -> String {
        let spec = &own.pod.spec;
        let terms = spec
            .affinity
            .node
            .required
            .iter()
            .flat_map(|own| &own.terms);
        let values = terms.flat_map(|term| {
            term.match_expressions
                .iter()
                .flat_map(|expression| expression.values.iter())
        });
        let pods = (spec.affinity.required_pod_affinity.iter())
            .chain(&spec.affinity.required_pod_anti_affinity)
            .map(|own| &own.topology_key);
        let spread = spec.topology_spread.iter().map(|own| &own.topology_key);
        let all: Vec<&str> = values.chain(pods).chain(spread).map(|own| &**own).collect();
        all.join(" ")
    }

    #[test]
    fn wishes_are_given_up_one_by_one_in_their_order() {
        let mut spec = PodSpec::default();
        spec.affinity.node.required = Some(NodeSelector {
            terms: vec![term("r1"), term("r2")],
        });
        spec.affinity.node.preferred = vec![(1, term("light")), (9, term("heavy"))];
        spec.affinity.preferred_pod_affinity = vec![(5, near("with"))];
        spec.affinity.preferred_pod_anti_affinity = vec![(1, near("far")), (2, near("farther"))];
        spec.topology_spread = vec![
            spread("soft", false),
            spread("hard", true),
            spread("last", false),
        ];
        let class = PodClass::derive(Arc::new(spec), Changes::default()).expect("amounts");
        let told: Vec<String> = steps(&Arc::new(class), Changes::default(), false)
            .iter()
            .map(told)
            .collect();
        assert_eq!(
            told,
            [
                "r1 heavy with farther far soft hard last",
                "r2 heavy with farther far soft hard last",
                "r2 heavy farther far soft hard last",
                "r2 heavy far soft hard last",
                "r2 heavy soft hard last",
                "r2 light soft hard last",
                "r2 soft hard last",
                "r2 last hard",
                "r2 hard",
            ]
        );
    }

    #[test]
    fn a_pod_without_wishes_is_tried_as_it_is() {
        let class = PodClass::derive(Arc::new(PodSpec::default()), Changes::default());
        let class = Arc::new(class.expect("amounts"));
        let steps = steps(&class, Changes::default(), false);
        assert_eq!(steps.len(), 1);
        assert!(Arc::ptr_eq(&steps[0].pod, &class));
    }
}
