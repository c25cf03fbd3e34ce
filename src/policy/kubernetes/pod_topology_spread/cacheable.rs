//! Spread rules for the fast form: what counts, on which nodes, by which label (spec: kubernetes.md
//! 1.9). Counts and tests of equal identities are equal, so that plans share them.

use std::sync::Arc;

use super::{Rule, has_keys, score};
use model::Text;
use model::node::HOSTNAME_LABEL;
use scheduler::kube::cacheable::{CacheableRule, CacheableSpread, ClassScope, NamedTest, PodCount};
use scheduler::kube::{PodClass, PodInfo};

/// The keys of rules.
fn keys(rules: &[Rule]) -> Vec<Text> {
    rules.iter().map(|rule| rule.key.clone()).collect()
}

/// The nodes whose pods a rule counts in the fast form; `None` are all. Pods of nodes without one of the
/// keys in `needs` don't count.
fn counted_nodes(rule: &Rule, pod: &Arc<PodInfo>, needs: &[Text]) -> Option<NamedTest> {
    // Nodes without the rule's own key are of no domain.
    let others = needs.iter().filter(|key| **key != rule.key);
    let others: Vec<Text> = others.cloned().collect();
    let spec = pod.spec();
    let wishes = (&spec.node_selector, &spec.affinity.node.required);
    let has_wishes = !wishes.0.is_empty() || wishes.1.is_some();
    let wishes = Some(wishes).filter(|_| rule.honors_affinity && has_wishes);
    let tolerated = Some(&spec.tolerations).filter(|_| rule.honors_taints);
    if others.is_empty() && wishes.is_none() && tolerated.is_none() {
        return None;
    }
    let name = format!("PodTopologySpread {others:?} {wishes:?} {tolerated:?}");
    let (own, pod) = (rule.clone(), pod.clone());
    Some(NamedTest {
        test: Arc::new(move |node| has_keys(&others, node) && own.includes(&pod, node)),
        name: name.into(),
    })
}

/// Pods that a rule counts in the fast form, on some nodes.
fn count(rule: &Rule, pod: &PodInfo, on_node: Option<NamedTest>) -> PodCount {
    let (own, namespace) = (rule.clone(), pod.spec().namespace.clone());
    let counts_none = own.selector.is_none() || own.is_empty();
    let name = format!("PodTopologySpread {namespace} {:?}", own.selector);
    let among = if counts_none {
        ClassScope::none()
    } else {
        ClassScope::selected(&namespace, own.selector.as_ref())
    };
    PodCount {
        among,
        key: rule.key.clone(),
        is_per_node: false,
        of_class: Arc::new(move |class: &PodClass| {
            let other = &class.spec;
            let counts = other.namespace == namespace && own.matches(&other.labels);
            i64::from(!counts_none && counts)
        }),
        on_node,
        only_staying: true,
        name: Some(name.into()),
    }
}

/// The rules that must hold, for the fast form.
pub(super) fn rules(rules: &[Rule], pod: &PodInfo) -> Vec<CacheableRule> {
    let (keys, bare) = (keys(rules), Arc::new(pod.clone()));
    let kept = rules.iter().map(|rule| CacheableRule::Skew {
        pods: count(rule, pod, counted_nodes(rule, &bare, &keys)),
        max_skew: rule.max_skew,
        own: i64::from(rule.matches(&pod.spec().labels)),
        min_domains: rule.min_domains,
    });
    kept.collect()
}

/// The rules that cost points, for the fast form.
pub(super) fn spread(rules: &[Rule], pod: &PodInfo, needs_all_keys: bool) -> CacheableSpread {
    let needs = if needs_all_keys {
        keys(rules)
    } else {
        Vec::new()
    };
    let bare = Arc::new(pod.clone());
    let kept = rules.iter().map(|rule| {
        let is_per_node = *rule.key == *HOSTNAME_LABEL;
        let on_node = if is_per_node {
            None
        } else {
            counted_nodes(rule, &bare, &needs)
        };
        let mut pods = count(rule, pod, on_node);
        pods.is_per_node = is_per_node;
        (pods, rule.max_skew - 1)
    });
    let rules = kept.collect();
    let is_ignored = needs_all_keys.then(|| NamedTest {
        name: format!("PodTopologySpread without {needs:?}").into(),
        test: Arc::new(move |node| !has_keys(&needs, node)),
    });
    CacheableSpread {
        rules,
        is_ignored,
        weight: score::weight,
        scale: score::scaled,
    }
}
