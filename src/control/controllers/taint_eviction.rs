//! Taint eviction: deletes pods that don't tolerate the `NoExecute` taints of their node, at once or
//! once their toleration has run out (spec: kubernetes.md 2.8). A deletion once scheduled keeps its
//! time while the taints change, unless one comes that isn't tolerated at all or a toleration for
//! ever takes over.

use model::rules::taints::covering;
use model::{Taint, TaintEffect, Text, Toleration};
use units::{Duration, Instant, SortedMap};

/// Time for which default tolerations hold.
pub const DEFAULT_TOLERATION: Duration = Duration::from_secs(300);

/// The controller: what is scheduled, by pod (by its name or what else tells pods apart).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaintEviction<P = Text> {
    scheduled: SortedMap<P, DeletionTimer>,
}

impl<P> Default for TaintEviction<P> {
    fn default() -> Self {
        Self {
            scheduled: SortedMap::new(),
        }
    }
}

/// A scheduled deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DeletionTimer {
    since: Instant,
    /// `None` once it was ordered.
    at: Option<Instant>,
}

/// Verdict of the taints on a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes at once.
    Now,
    /// It goes after so long.
    After(Duration),
    /// It stays.
    Never,
}

fn verdict(taints: &[Taint], tolerations: &[Toleration]) -> Verdict {
    let mut least: Option<Duration> = None;
    for taint in taints
        .iter()
        .filter(|taint| taint.effect == TaintEffect::NoExecute)
    {
        // The first toleration that covers a taint counts.
        let Some(used) = covering(tolerations, taint) else {
            return Verdict::Now;
        };
        if let Some(span) = used.tolerates_for {
            let span = span.max(Duration::ZERO);
            least = Some(least.map_or(span, |known| known.min(span)));
        }
    }
    least.map_or(Verdict::Never, Verdict::After)
}

impl<P: Ord + Clone> TaintEviction<P> {
    /// A pod appeared on a node of these taints, or these taints of its node changed. Deletions
    /// that are due are ordered by [`TaintEviction::due`].
    pub fn observe(&mut self, now: Instant, pod: &P, tolerations: &[Toleration], taints: &[Taint]) {
        let known = self.scheduled.get(pod).copied();
        if known.is_some_and(|known| known.at.is_none()) {
            return;
        }
        let scheduled = match verdict(taints, tolerations) {
            Verdict::Never => {
                self.scheduled.remove(pod);
                return;
            }
            Verdict::Now => DeletionTimer {
                since: now,
                at: Some(now),
            },
            Verdict::After(_) if known.is_some_and(|known| known.since < now) => return,
            Verdict::After(span) => DeletionTimer {
                since: now,
                at: Some(now.saturating_add(span)),
            },
        };
        self.scheduled.insert(pod.clone(), scheduled);
    }

    /// A pod is gone.
    pub fn forget(&mut self, pod: &P) {
        self.scheduled.remove(pod);
    }

    /// Pods to be deleted now, in order; each is named once.
    pub fn due(&mut self, now: Instant) -> Vec<P> {
        let mut due = Vec::new();
        for (pod, scheduled) in &mut self.scheduled {
            if scheduled.at.is_some_and(|at| at <= now) {
                scheduled.at = None;
                due.push(pod.clone());
            }
        }
        due
    }

    /// Instant at which the next deletion is due.
    pub fn next(&self) -> Option<Instant> {
        self.scheduled.values().filter_map(|known| known.at).min()
    }
}

/// The tolerations that admission adds to pods that have none of their own for these taints.
pub fn default_tolerations(own: &[Toleration]) -> Vec<Toleration> {
    let keys = [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ];
    let missing = keys.into_iter().filter(|key| {
        !own.iter().any(|toleration| {
            let keyed = toleration.key.as_ref().is_none_or(|own| **own == **key);
            let acts = toleration
                .effect
                .is_none_or(|effect| effect == TaintEffect::NoExecute);
            keyed && acts
        })
    });
    missing
        .map(|key| Toleration {
            key: Some(key.into()),
            value: None,
            effect: Some(TaintEffect::NoExecute),
            tolerates_for: Some(DEFAULT_TOLERATION),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str) -> Taint {
        Taint {
            key: key.into(),
            value: "".into(),
            effect: TaintEffect::NoExecute,
        }
    }

    fn tolerate(key: &str, secs: Option<i64>) -> Toleration {
        Toleration {
            key: Some(key.into()),
            value: None,
            effect: None,
            tolerates_for: secs.map(Duration::from_secs),
        }
    }

    #[test]
    fn the_first_taint_sets_the_time() {
        let tolerations = [
            tolerate("foo", Some(60)),
            tolerate("unreachable", Some(300)),
        ];
        let mut eviction = TaintEviction::default();
        let pod: Text = "p".into();
        eviction.observe(Instant::ZERO, &pod, &tolerations, &[taint("foo")]);
        let both = [taint("foo"), taint("unreachable")];
        eviction.observe(Instant::from_secs(20), &pod, &tolerations, &both);
        assert_eq!(eviction.next(), Some(Instant::from_secs(60)));
        assert_eq!(
            eviction.due(Instant::from_secs(60)),
            std::slice::from_ref(&pod)
        );
        assert_eq!(eviction.due(Instant::from_secs(61)), []);
    }

    #[test]
    fn taints_that_go_cancel_and_unknown_ones_act_at_once() {
        let tolerations = [tolerate("foo", Some(60))];
        let mut eviction = TaintEviction::default();
        let pod: Text = "p".into();
        eviction.observe(Instant::ZERO, &pod, &tolerations, &[taint("foo")]);
        eviction.observe(Instant::from_secs(1), &pod, &tolerations, &[]);
        assert_eq!(eviction.next(), None);
        eviction.observe(Instant::from_secs(2), &pod, &tolerations, &[taint("bar")]);
        assert_eq!(eviction.due(Instant::from_secs(2)), [pod]);
    }

    #[test]
    fn default_tolerations_fill_what_is_missing() {
        assert_eq!(default_tolerations(&[]).len(), 2);
        let own = [tolerate("node.kubernetes.io/not-ready", None)];
        assert_eq!(default_tolerations(&own).len(), 1);
        let all = Toleration {
            key: None,
            ..own[0].clone()
        };
        assert_eq!(default_tolerations(&[all]), []);
    }
}
