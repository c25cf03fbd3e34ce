//! `Coscheduling`: pods of a group start together or not at all, by the least number of members
//! that the group states (spec: orchestrators-b.md 7.6). Not among the default plugins.

use std::sync::Arc;

use model::ClusterObjects;
use scheduler::kube::cacheable::CacheableFilter;
use scheduler::kube::{
    AttemptContext, ClusterEvent, EventKinds, FastPlugin, Group, KubePermit, KubePlugin,
    KubePoints, PodInfo, PreFilterResult, Rejection,
};
use units::Duration;

use crate::{Constructor, Entry, Kind, KubeConstructor, Parameter, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "Coscheduling",
    point: Point::KubePlugin,
    summary: "Lets members of a group be bound once enough of them have a place.",
    source: "orchestrators-b.md 7.6",
    parameters: &[Parameter {
        name: "permitWaitingTimeSeconds",
        kind: Kind::Integer {
            default: 60,
            min: 0,
            max: 900,
        },
        doc: "Seconds that placed members wait for the others of their group.",
    }],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["queueSort", "preFilter", "permit"],
        weight: None,
        build: |arguments, _| {
            let wait = Duration::checked_from_secs(arguments.permit_wait_secs);
            Arc::new(Coscheduling::new(wait.unwrap_or(DEFAULT_WAIT)))
        },
    }),
};

/// Time for which placed members wait for the others where neither group nor configuration says.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// Lets members of a group be bound once enough of them have a place.
pub struct Coscheduling {
    wait: Duration,
}

impl Coscheduling {
    /// Members wait this long where their group does not say.
    pub fn new(wait: Duration) -> Self {
        Self { wait }
    }
}

fn group_of(ctx: AttemptContext<'_>) -> Option<(&Group, usize)> {
    let group = ctx.cache.groups.get(ctx.pod.group()?)?;
    Some((group, group.least?))
}

impl KubePlugin for Coscheduling {
    fn name(&self) -> &'static str {
        "Coscheduling"
    }

    fn points(&self) -> KubePoints {
        KubePoints::QUEUE_SORT
            .and(KubePoints::PRE_FILTER)
            .and(KubePoints::PERMIT)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD
            .and(EventKinds::NODE_ALLOCATABLE)
            .and(EventKinds::NODE_LABEL)
            .and(EventKinds::POD_ADD)
            .and(EventKinds::POD_DELETE)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        // Places that its own group gives back help no member of the group.
        let other = event.pod().and_then(|(before, after)| before.or(after));
        other.is_none_or(|other| other.group() != pod.group())
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if let Some((group, least)) = group_of(ctx)
            && group.members.len() < least
        {
            let count = group.members.len();
            return PreFilterResult::Reject(Rejection::unresolvable(format!(
                "pre-filter pod {} cannot find enough sibling pods, current pods number: {count}, \
                 minMember of group: {least}",
                ctx.pod.name
            )));
        }
        if ctx
            .pod
            .group()
            .is_some_and(|group| ctx.cache.groups.is_given_up(group))
        {
            return PreFilterResult::Reject(Rejection::unresolvable(
                "the pods of the group did not fit together, and nothing has happened since",
            ));
        }
        PreFilterResult::Skip
    }

    fn permit(&self, ctx: AttemptContext<'_>) -> KubePermit {
        if ctx.pod.group().is_none() {
            return KubePermit::Allow;
        }
        match group_of(ctx) {
            None => KubePermit::Reject(Rejection::unschedulable("PodGroup not found")),
            Some((group, least)) if group.assigned >= least => KubePermit::AllowGroup,
            Some((group, _)) => KubePermit::Wait(group.timeout.unwrap_or(self.wait)),
        }
    }

    fn gives_up_group(&self, ctx: AttemptContext<'_>) -> bool {
        // With at most a tenth missing, later members may still find places.
        group_of(ctx).is_some_and(|(group, least)| {
            let missing = least.saturating_sub(group.assigned);
            missing * 10 > least
        })
    }
}

impl FastPlugin for Coscheduling {
    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if ctx.pod.group().is_none() {
            CacheableFilter::Open
        } else {
            CacheableFilter::Unknown
        }
    }
}
