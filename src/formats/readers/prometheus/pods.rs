//! Pods as series tell of them.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::pieces::Pieces;
use super::usage::{self, Measure, Time, Use};
use super::{Sample, milliseconds};
use crate::readers::prelude::*;
use model::gpu::GPU_RESOURCES;

/// The metrics of what containers request and of their limits.
const STATED: [&str; 2] = [
    "kube_pod_container_resource_requests",
    "kube_pod_container_resource_limits",
];
/// The words for them.
const WORDS: [&str; 2] = ["request", "limit"];
/// The note about series of use that are not asked for.
pub(super) const NOT_USED: &str =
    "series of use, not read without `models.usage: trace` or `--usage`";
/// The number of pods that are held in memory, of about half a KiB each.
const MOST_KNOWN: usize = 1 << 14;
/// The largest amount of a resource.
const MOST: f64 = 1e18;

/// Amounts by container and resource, with the time of their first sample.
pub(super) type Amounts = IndexMap<(String, String), (i64, f64), FxBuildHasher>;

/// A pod as its series tell of it.
pub(super) struct Pod {
    pub(super) origin: Origin,
    pub(super) first: i64,
    pub(super) last: i64,
    /// Requests and limits.
    pub(super) stated: [Amounts; 2],
    pub(super) life: Life,
    /// The numbers under which samples of its use are held.
    pub(super) numbers: Vec<usize>,
}

impl Pod {
    /// A pod of which a place tells first, with its first and its last sample.
    pub(super) fn new(origin: Origin, samples: (i64, i64)) -> Self {
        Self {
            origin,
            first: samples.0,
            last: samples.1,
            stated: <[Amounts; 2]>::default(),
            life: Life::default(),
            numbers: Vec::new(),
        }
    }

    /// Takes a request or a limit, by its number, of a container and a resource; the earliest stands, and of several the first.
    pub(super) fn state(&mut self, which: usize, of: (String, String), at: i64, amount: f64) {
        let known = self.stated[which].entry(of).or_insert((at, amount));
        if at < known.0 {
            *known = (at, amount);
        }
    }

    /// Takes the samples and the life of what was known of the pod later.
    pub(super) fn extend(&mut self, later: &Self) {
        self.first = self.first.min(later.first);
        self.last = self.last.max(later.last);
        self.life.extend(later.life);
    }

    /// Takes what is known of the pod under another name.
    pub(super) fn take(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.life = self.life.united(other.life);
        self.numbers.extend(other.numbers);
        for (own, others) in self.stated.iter_mut().zip(other.stated) {
            for (of, amount) in others {
                own.entry(of).or_insert(amount);
            }
        }
    }
}

/// The labels of a series by their names.
pub(super) struct Label<'l>(&'l dyn Fn(&str) -> String);

impl Label<'_> {
    /// The value of a label; empty if there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.0(name)
    }

    /// The first of several labels that has a value.
    fn first(&self, names: [&str; 3]) -> String {
        let mut found = names.into_iter().map(self.0);
        found.find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// The name of the container.
    pub(super) fn container(&self) -> String {
        self.first(["exported_container", "container", "container_name"])
    }
}

/// What series say of a pod's life besides that it is there, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    pub(super) created: Option<i64>,
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) outcome: Option<Outcome>,
}

impl Life {
    /// Takes what another series says; whether it says anything.
    fn take(&mut self, metric: &str, phase: &str, samples: &[Sample]) -> bool {
        let stated = samples
            .iter()
            .find_map(|&(_, value)| milliseconds(value).filter(|&at| at > 0));
        let begins = || {
            samples
                .iter()
                .find(|(_, value)| *value > 0.0)
                .map(|&(at, _)| at)
        };
        let (place, at) = match (metric, phase) {
            ("kube_pod_created", _) => (&mut self.created, stated),
            ("kube_pod_start_time", _) => (&mut self.start, stated),
            ("kube_pod_completion_time", _) => (&mut self.end, stated),
            ("kube_pod_status_phase", "Running") => (&mut self.start, begins()),
            ("kube_pod_status_phase", "Succeeded" | "Failed") => {
                if begins().is_some() {
                    let is_good = phase == "Succeeded";
                    self.outcome = Some(if is_good {
                        Outcome::Completed
                    } else {
                        Outcome::Failed
                    });
                }
                (&mut self.end, begins())
            }
            ("kube_pod_status_phase", _) => return true,
            _ => return false,
        };
        *place = earlier(*place, at);
        true
    }

    /// Takes what series say that come later.
    fn extend(&mut self, later: Self) {
        self.created = earlier(self.created, later.created);
        self.start = earlier(self.start, later.start);
        self.end = earlier(self.end, later.end);
        self.outcome = later.outcome.or(self.outcome);
    }

    /// What is known of two records of one pod.
    fn united(self, other: Self) -> Self {
        Self {
            created: self.created.or(other.created),
            start: self.start.or(other.start),
            end: self.end.or(other.end),
            outcome: self.outcome.or(other.outcome),
        }
    }
}

/// The earlier of two times, one of which may be stated and the other that of a sample: they differ by a step at most, and the
/// earlier is the more exact one.
fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The pods by namespace, name and `uid`, where they state it.
pub(super) struct Pods {
    /// The pods of the latest series.
    known: IndexMap<(String, String, String), Pod, FxBuildHasher>,
    most_known: usize,
    /// The facts about pods in earlier series.
    pieces: Pieces,
    /// The number under which samples of the use of the next pod are held.
    number: usize,
    /// The earliest and the latest time of any sample, in milliseconds.
    span: Option<(i64, i64)>,
    /// The shortest time between two samples of a series, in milliseconds.
    pub(super) step: Option<i64>,
    /// What they use, if that is asked for.
    used: Option<Use>,
}

impl Pods {
    /// No pods yet.
    pub(super) fn new(options: &ReadOptions) -> Self {
        Self {
            known: IndexMap::default(),
            most_known: MOST_KNOWN,
            pieces: Pieces::default(),
            number: 0,
            span: None,
            step: None,
            used: options.usage.then(Use::default),
        }
    }

    /// No pods yet, of which no more than a number are in memory.
    #[cfg(test)]
    pub(super) fn holding(most_known: usize, options: &ReadOptions) -> Self {
        Self {
            most_known,
            pieces: Pieces::holding(most_known),
            ..Self::new(options)
        }
    }

    /// The pod of a namespace, a name and a `uid`, which is made with a place and its first and last sample if it is new.
    fn pod(
        &mut self,
        names: (String, String, String),
        origin: Origin,
        samples: (i64, i64),
    ) -> Result<&mut Pod, TraceError> {
        if self.known.len() >= self.most_known && !self.known.contains_key(&names) {
            self.take_out()?;
        }
        let number = self.used.as_ref().map(|_| &mut self.number);
        let pod = self.known.entry(names).or_insert_with(|| {
            let mut pod = Pod::new(origin, samples);
            if let Some(number) = number {
                pod.numbers.push(*number);
                *number += 1;
            }
            pod
        });
        pod.first = pod.first.min(samples.0);
        pod.last = pod.last.max(samples.1);
        Ok(pod)
    }

    /// Puts the pods that are in memory to those that are sorted on disk.
    fn take_out(&mut self) -> Result<(), TraceError> {
        for ((namespace, name, uid), pod) in self.known.drain(..) {
            self.pieces.push([&namespace, &name, &uid], &pod)?;
        }
        Ok(())
    }

    /// Adds the samples of a series, whose labels are found by name.
    pub(super) fn add(
        &mut self,
        journal: &mut Journal,
        line: u64,
        label: impl Fn(&str) -> String,
        samples: &[Sample],
    ) -> Result<(), Refused> {
        let (Some(&(first, value)), Some(&(last, _))) = (samples.first(), samples.last()) else {
            return Ok(journal.dirt("series without a sample", Action::Drop, line)?);
        };
        // Without `honor_labels` the label `pod` is that of the exporter, and `exported_pod` the one that the series is about.
        let label = Label(&label);
        let name = label.first(["exported_pod", "pod", "pod_name"]);
        if name.is_empty() {
            return Ok(journal.dirt("series that is about no pod", Action::Drop, line)?);
        }
        let (metric, resource) = stated_by(label.text("__name__"), label.text("resource"));
        let measure = Measure::of(&metric);
        let which = STATED.iter().position(|own| *own == metric);
        if which.is_some() {
            check_amount(line, &metric, &resource, value)?;
        }
        if let Some(measure) = measure {
            usage::check(line, measure, samples)?;
        }
        let (low, high) = self.span.unwrap_or((first, last));
        self.span = Some((low.min(first), high.max(last)));
        let steps = samples.windows(2).map(|pair| pair[1].0 - pair[0].0);
        self.step = steps.chain(self.step).min();
        let namespace = label.first(["exported_namespace", "namespace", "kubernetes_namespace"]);
        let names = (namespace, name, label.text("uid"));
        let pod = self.pod(names, journal.origin(line), (first, last))?;
        if pod.life.take(&metric, &label.text("phase"), samples) {
            return Ok(());
        }
        if let Some(which) = which {
            pod.state(which, (label.container(), resource), first, value);
            let is_other = |&(_, other): &Sample| other.total_cmp(&value).is_ne();
            if samples.iter().any(is_other) {
                let kind = format!("{} changes later; the first one stands", WORDS[which]);
                journal.dirt(&kind, Action::Keep, line)?;
            }
            return Ok(());
        }
        let number = pod.numbers.last().copied();
        let kind = match (measure, number, &mut self.used) {
            (Some(measure), Some(number), Some(used)) => {
                used.add(number, measure, &label, samples);
                return Ok(());
            }
            (Some(_), ..) => NOT_USED,
            (None, ..) => "series that says no more than that a pod is there",
        };
        Ok(journal.dirt(kind, Action::Keep, line)?)
    }

    pub(super) fn finish(
        mut self,
        mut journal: Journal,
        options: &ReadOptions,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.take_out()?;
        let mut pods = self.pieces.united(&mut journal)?;
        let (zero, end) = self.span.unwrap_or_default();
        let step = self.step.unwrap_or_default();
        let mut used = self.used.map(Use::sorted).transpose()?;
        let mut gather = Gather::default();
        gather.header.fields = outcome_alone(options);
        while let Some(([namespace, name, _], pod)) = pods.next()? {
            let list = requests(&mut journal, &pod)?;
            let limits = limits(&mut journal, &pod)?;
            let is_there = pod.last + step > end || pod.last == end;
            let is_open = pod.life.end.is_none() && is_there;
            if is_open {
                let kind = "there at the end of the samples; run time not known";
                journal.dirt_at(kind, Action::Keep, pod.origin)?;
            }
            if pod.life.created.is_some_and(|created| created < zero) {
                let kind = "created before the first sample of all; arrives at that";
                journal.dirt_at(kind, Action::Repair, pod.origin)?;
            }
            let submit = pod.life.created.unwrap_or(pod.first).clamp(zero, pod.first);
            let start = pod.life.start.map(|start| start.max(submit));
            let over = pod.life.end.unwrap_or(pod.last + step);
            let run = Duration::from_millis((over - start.unwrap_or(submit)).max(0));
            let at = |time: i64| Instant::ZERO + Duration::from_millis(time - zero);
            let mut spec = PodSpec {
                namespace: namespace.as_str().into(),
                ..PodSpec::with_requests(list)
            };
            spec.containers[0].limits = limits;
            if let Some(used) = &mut used {
                let last = pod.last;
                let start = start.unwrap_or(submit);
                let (behaviour, says_nothing) =
                    used.of(&pod.numbers, Time { start, last, step })?;
                if says_nothing {
                    let kind =
                        "counter of processor time with a single sample; its use is not known";
                    journal.dirt_at(kind, Action::Keep, pod.origin)?;
                }
                let has_use = behaviour != Behaviour::default();
                spec.behaviour = has_use.then(|| Arc::new(behaviour));
            }
            if options.keeps_outcomes() {
                Outcome::state(pod.life.outcome, &mut spec.labels);
            }
            gather.push(
                pod.origin,
                Demand {
                    submit: at(submit),
                    name: PodName::Text(name.into()),
                    tenant: namespace.into(),
                    spec,
                    run_time: (!is_open).then_some(run),
                    historic_start: start.map(at),
                    ..Demand::default()
                },
            );
        }
        gather.finish(journal)
    }
}

/// Refuses an amount without a resource, or none of it.
fn check_amount(line: u64, metric: &str, resource: &str, value: f64) -> Result<(), BadRow> {
    if resource.is_empty() {
        return Err(BadRow {
            line,
            column: "resource".to_owned(),
            value: String::new(),
            rule: "must be the label of a resource, such as cpu".to_owned(),
        });
    }
    if !(0.0..=MOST).contains(&value) {
        return Err(BadRow {
            line,
            column: metric.to_owned(),
            value: value.to_string(),
            rule: format!("must be an amount from 0 to {MOST:e}"),
        });
    }
    Ok(())
}

/// What a pod requests.
fn requests(journal: &mut Journal, pod: &Pod) -> Result<ResourceList, TraceError> {
    let sums = sums(&pod.stated[0]);
    if sums.is_empty() {
        let kind = "pod whose requests are not recorded; requests nothing";
        journal.dirt_at(kind, Action::Keep, pod.origin)?;
    }
    let mut list = ResourceList::default();
    for (resource, (amount, _)) in sums {
        let name = resource_name(resource);
        if name.is_none() {
            let kind = "resource of an unknown name; requested as it is written";
            journal.dirt_at(kind, Action::Keep, pod.origin)?;
        }
        let name = name.unwrap_or_else(|| resource.to_owned());
        list.set(&name, quantity(amount));
    }
    Ok(list)
}

/// The limits of a pod: those of all its containers together, where each has one.
fn limits(journal: &mut Journal, pod: &Pod) -> Result<ResourceList, TraceError> {
    let stated = pod.stated.iter().flat_map(Amounts::keys);
    let mut containers: Vec<&str> = stated.map(|(container, _)| &**container).collect();
    containers.sort_unstable();
    containers.dedup();
    let mut list = ResourceList::default();
    for (resource, (amount, limited)) in sums(&pod.stated[1]) {
        if limited == containers.len() {
            let name = resource_name(resource).unwrap_or_else(|| resource.to_owned());
            list.set(&name, quantity(amount));
        } else {
            let kind = "limit of some containers of a pod, not used";
            journal.dirt_at(kind, Action::Keep, pod.origin)?;
        }
    }
    Ok(list)
}

/// The amounts of all containers together by resource, with the number of containers that have one.
fn sums(stated: &Amounts) -> IndexMap<&str, (f64, usize), FxBuildHasher> {
    let mut sums: IndexMap<&str, (f64, usize), FxBuildHasher> = IndexMap::default();
    for ((_, resource), (_, amount)) in stated {
        let sum = sums.entry(resource).or_default();
        sum.0 += amount;
        sum.1 += 1;
    }
    sums
}

/// An amount, to a thousandth.
fn quantity(amount: f64) -> Quantity {
    Quantity::from_nanos(1_000_000 * libm::rint(1e3 * amount) as i128)
}

/// The metric and the resource of a series: metrics of older exporters, and of rules that keep them, say the same by
/// their names.
fn stated_by(metric: String, resource: String) -> (String, String) {
    for own in STATED {
        for (unit, named) in [("cpu_cores", "cpu"), ("memory_bytes", "memory")] {
            if metric
                .strip_prefix(own)
                .and_then(|rest| rest.strip_prefix('_'))
                == Some(unit)
            {
                return (own.to_owned(), named.to_owned());
            }
        }
        if metric
            .strip_suffix(own)
            .is_some_and(|rule| rule.ends_with(":active:"))
        {
            return (own.to_owned(), resource);
        }
    }
    (metric, resource)
}

/// The resource whose dots, slashes and dashes are written as underscores; `None` of an unknown one.
fn resource_name(label: &str) -> Option<String> {
    if let Some(size) = label.strip_prefix("hugepages_") {
        return Some(format!("hugepages-{size}"));
    }
    let known = ["cpu", "memory", "pods", "ephemeral-storage"];
    let mut known = known.into_iter().chain(GPU_RESOURCES);
    let found = known.find(|name| name.replace(['.', '/', '-'], "_") == label);
    found.map(str::to_owned)
}
