//! Latency against what clients expect, and how fast the budget for errors burns (metrics.md 5.4).

use model::traffic::{Flow, LatencyObjective, TrafficNames, TrafficStretch};

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::values::{Direction, Reading, Statistic, Values};
use units::SortedMap;

const WITHIN: Statistic = Statistic::ratio("within", Direction::Higher);
const BURN: Statistic = Statistic::times("burn", Direction::Lower);
const WORST_BURN: Statistic = Statistic::times("worst_burn", Direction::Lower);
const MISSED: Statistic = Statistic::amount("missed", "groups", Direction::Lower);

/// `latency_objective.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "latency_objective",
    title: Title::new("latency objective"),
    group: Group::Requests.at(30),
    short_lists: &[ShortList::Headline.at(250, &["worst_burn"])],
    series: &[],
    summary: "Requests served within their latency objective, and the burn of the error budget.",
    statistics: &[WITHIN, BURN, WORST_BURN, MISSED],
    formula: "within: requests served within the objective's latency over those served or failed; \
              burn of a group: (1 - within) over (1 - its share); burn: the mean over groups by \
              requests; worst_burn: the largest; missed: groups of clients with a burn above 1",
    denominators: "requests that were served or failed, of groups with an objective",
    census: "requests of groups of clients with an objective, in the measured window",
    censoring: "requests under way at the end are neither within nor missed",
    source: "metrics.md 5.4, SLO violation and error-budget burn",
    construct: |_| Box::new(Objectives::default()),
};

#[derive(Clone, Debug, Default)]
struct Objectives {
    flows: Vec<Flow>,
    /// By flow: requests within and requests that ended.
    counts: Vec<(u64, u64)>,
}

impl Objectives {
    /// By group: its objective, requests within and requests that ended.
    fn groups(&self) -> SortedMap<&str, (LatencyObjective, u64, u64)> {
        let mut groups = SortedMap::new();
        for (flow, &(within, ended)) in self.flows.iter().zip(&self.counts) {
            if let Some(objective) = flow.objective {
                let own = groups.entry(&*flow.group).or_insert((objective, 0, 0));
                own.1 += within;
                own.2 += ended;
            }
        }
        groups
    }
}

impl Collector for Objectives {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Traffic]
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        if self.flows.len() != names.flows.len() {
            self.flows.clone_from(&names.flows);
            self.counts.resize(names.flows.len(), (0, 0));
        }
        for counts in &stretch.flows {
            let own = &mut self.counts[counts.flow as usize];
            own.0 += counts.within;
            own.1 += counts.succeeded + counts.failures();
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        let none = || "no client group with an objective made a request".to_owned();
        let groups = self.groups().into_values();
        let groups = groups.filter(|(_, _, ended)| *ended > 0);
        let (mut within, mut ended, mut burn, mut worst, mut missed) = (0, 0, 0.0, 0.0_f64, 0);
        for (objective, own_within, own_ended) in groups {
            let bad = 1.0 - own_within as f64 / own_ended as f64;
            let budget = 1.0 - objective.share;
            let own = bad / budget;
            within += own_within;
            ended += own_ended;
            burn += own * own_ended as f64;
            worst = worst.max(own);
            missed += u64::from(own > 1.0);
        }
        let of = |value: f64| if ended > 0 { Ok(value) } else { Err(none()) };
        let all = ended as f64;
        values.put(WITHIN, Reading::new(of(within as f64 / all)).over(ended));
        values.put(BURN, Reading::new(of(burn / all)).over(ended));
        values.put(WORST_BURN, Reading::new(of(worst)).over(ended));
        values.put(MISSED, of(missed as f64));
    }
}
