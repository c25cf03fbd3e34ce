//! Limit ranges and quotas of a cluster's namespaces: what the API server makes of new pods, and how many of them it
//! takes. Pods that are there were taken once and stay as they are.

use std::sync::Arc;

use super::{Declared, Snapshot};
use cluster::Conflict;
use control::admission::bounds::{check_limits, check_stated, fill_limits, used_with};
use k8s::ManifestPod;
use model::workload::{LimitRange, ResourceQuota};
use model::{Changes, PodSpec, ResourceList};
use scheduler::kube::{PodClass, PodInfo};
use units::{Quantity, QuantityError};

/// Limit ranges and quotas, with what the pods of a cluster use of these.
#[derive(Clone, Debug, Default)]
pub struct NamespaceBounds {
    ranges: Vec<Arc<LimitRange>>,
    quotas: Vec<ChargedQuota>,
}

/// A quota with its usage.
#[derive(Clone, Debug)]
struct ChargedQuota {
    quota: Arc<ResourceQuota>,
    used: ResourceList,
}

/// Number of equal pods that a cluster takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmittedPods {
    /// Number of pods.
    pub count: u64,
    /// Refusal of the next one in the words of the API server; `None` if as many are taken as were asked for.
    pub refusal: Option<String>,
}

impl Declared {
    /// A new pod with what limit ranges fill in.
    fn filled(&self, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
        filled(&self.limit_ranges, spec)
    }
}

impl Snapshot {
    /// A new pod as the scheduler sees it, with what limit ranges fill in.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn new_pod_info(&mut self, pod: &ManifestPod) -> Result<PodInfo, QuantityError> {
        let spec = self.declared.filled(&pod.spec);
        self.pod_info(&ManifestPod {
            spec,
            ..pod.clone()
        })
    }
}

impl NamespaceBounds {
    /// The limit ranges and quotas of a cluster.
    pub fn of(snapshot: &Snapshot) -> Self {
        let declared = snapshot.declared.quotas.iter();
        let quotas = declared.map(|quota| {
            let mut own = ChargedQuota {
                quota: quota.clone(),
                used: ResourceList::default(),
            };
            for pod in snapshot.pods.iter().filter(|pod| !pod.phase.is_final()) {
                if own.covers(&pod.spec)
                    && let Ok(asked) = quota.usage(&pod.spec, false)
                {
                    own.charge(&asked);
                }
            }
            own
        });
        Self {
            quotas: quotas.collect(),
            ranges: snapshot.declared.limit_ranges.clone(),
        }
    }

    /// A new pod with what limit ranges fill in.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn filled(&self, pod: PodInfo, changes: Changes) -> Result<PodInfo, QuantityError> {
        let spec = &pod.class.spec;
        let new_spec = filled(&self.ranges, spec);
        if Arc::ptr_eq(&new_spec, spec) {
            return Ok(pod);
        }
        Ok(PodInfo {
            class: Arc::new(PodClass::derive(new_spec, changes)?),
            ..pod
        })
    }

    /// A template of new pods with what limit ranges fill in.
    pub fn filled_template(&self, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
        filled(&self.ranges, spec)
    }

    /// Admits a new pod, which is charged to the quotas.
    ///
    /// # Errors
    /// The API server refuses it; its words say why.
    pub fn admit(&mut self, spec: &PodSpec) -> Result<(), String> {
        let AdmittedPods { refusal, .. } = self.replicas(spec, 1);
        if let Some(words) = refusal {
            return Err(words);
        }
        for own in self.quotas.iter_mut().filter(|own| own.covers(spec)) {
            if let Ok(asked) = own.quota.usage(spec, false) {
                own.charge(&asked);
            }
        }
        Ok(())
    }

    /// Number of equal new pods that are admitted, `most` at most.
    pub fn replicas(&self, spec: &PodSpec, most: u64) -> AdmittedPods {
        let mut admitted = AdmittedPods {
            count: most,
            refusal: None,
        };
        let words = |why| Some(words(why));
        let ranges = self.ranges.iter().map(|range| &**range);
        let ranges = ranges.filter(|range| range.namespace == spec.namespace);
        if let Err(why) = check_limits(spec, ranges) {
            (admitted.count, admitted.refusal) = (0, words(why));
            return admitted;
        }
        for own in self.quotas.iter().filter(|own| own.covers(spec)) {
            if let Err(why) = check_stated(&own.quota, spec) {
                (admitted.count, admitted.refusal) = (0, words(why));
                return admitted;
            }
            let Ok(asked) = own.quota.usage(spec, false) else {
                continue;
            };
            let count = own.room(&asked);
            if count < admitted.count {
                let used = own.used_with(&asked, count);
                let refused = used_with(&own.quota, &asked, &used);
                (admitted.count, admitted.refusal) = (count, refused.err().and_then(words));
            }
        }
        admitted
    }
}

impl ChargedQuota {
    /// Whether the quota counts a pod.
    fn covers(&self, spec: &PodSpec) -> bool {
        self.quota.namespace == spec.namespace && self.quota.takes(spec)
    }

    /// Adds the usage of a pod; amounts beyond all bounds count for nothing.
    fn charge(&mut self, asked: &ResourceList) {
        let before = self.used.clone();
        if self.used.add(asked).is_err() {
            self.used = before;
        }
    }

    /// Number of pods for which enough is left.
    fn room(&self, asked: &ResourceList) -> u64 {
        let bounded = asked.iter().filter(|(_, one)| *one > Quantity::ZERO);
        let counts = bounded.map(|(name, one)| {
            let left = self.quota.hard.get(name).nanos() - self.used.get(name).nanos();
            u64::try_from(left.max(0) / one.nanos()).unwrap_or(u64::MAX)
        });
        counts.min().unwrap_or(u64::MAX)
    }

    /// Usage with a number of further pods.
    fn used_with(&self, asked: &ResourceList, count: u64) -> ResourceList {
        let mut used = self.used.clone();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        for (name, one) in asked.named() {
            let sum = one.checked_mul(count);
            let sum = sum.and_then(|more| used.get(name).checked_add(more));
            // What is left of a quota is no more than it has.
            used.insert(
                name.clone(),
                sum.unwrap_or_else(|_| self.quota.hard.get(name)),
            );
        }
        used
    }
}

/// The words of the API server, without their heading.
fn words(why: Conflict) -> String {
    match why {
        Conflict::Forbidden(words) | Conflict::Invalid(words) => words,
        other => other.to_string(),
    }
}

/// A pod with what limit ranges of its namespace fill in.
fn filled(ranges: &[Arc<LimitRange>], spec: &Arc<PodSpec>) -> Arc<PodSpec> {
    let own = ranges.iter().map(|range| &**range);
    let own = own.filter(|range| range.namespace == spec.namespace);
    fill_limits(spec, own).unwrap_or_else(|| Arc::clone(spec))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pod of some cpu in `shop`, with a limit if it states one.
    fn pod(cpu: &str, limit: Option<&str>) -> Arc<PodSpec> {
        let list =
            |text: &str| ResourceList::from_pairs([("cpu", text.parse().expect("an amount"))]);
        let mut spec = PodSpec::with_requests(list(cpu));
        spec.namespace = "shop".into();
        spec.containers[0].limits = limit.map(list).unwrap_or_default();
        Arc::new(spec)
    }

    fn bounds(namespace: &str, hard: &[(&str, &str)]) -> NamespaceBounds {
        let mut amounts = ResourceList::default();
        for (name, amount) in hard {
            amounts.set(name, amount.parse().expect("an amount"));
        }
        let quota = ChargedQuota {
            quota: Arc::new(ResourceQuota {
                namespace: namespace.into(),
                name: "q".into(),
                hard: amounts,
                ..ResourceQuota::default()
            }),
            used: ResourceList::default(),
        };
        NamespaceBounds {
            ranges: Vec::new(),
            quotas: vec![quota],
        }
    }

    /// The number of equal pods is that of pods which come one by one, and so are the words about the next one.
    #[test]
    fn as_many_are_admitted_at_once_as_one_by_one() {
        let plain = pod("300m", None);
        let limited = pod("300m", Some("500m"));
        for (spec, bounds, expected) in [
            (&plain, bounds("shop", &[("pods", "3")]), 3),
            (
                &plain,
                bounds("shop", &[("pods", "7"), ("requests.cpu", "2")]),
                6,
            ),
            (
                &plain,
                bounds("shop", &[("pods", "7"), ("cpu", "2100m")]),
                7,
            ),
            (&limited, bounds("shop", &[("limits.cpu", "2")]), 4),
            (&plain, bounds("shop", &[("limits.cpu", "2")]), 0),
            (&plain, bounds("shop", &[("services", "1")]), 9),
            (&plain, bounds("mail", &[("pods", "3")]), 9),
        ] {
            let at_once = bounds.replicas(spec, 9);
            let mut left = bounds.clone();
            let refused = (0..9).find_map(|number| Some((number, left.admit(spec).err()?)));
            let (count, refusal) = refused.map_or((9, None), |(count, why)| (count, Some(why)));
            assert_eq!(
                (count, expected),
                (at_once.count, at_once.count),
                "{bounds:?}"
            );
            assert_eq!(at_once.refusal, refusal);
        }
    }
}
