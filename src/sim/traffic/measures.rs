//! Traffic by the names that autoscalers ask for: of a pod, of a service, of all requests.

use control::UsageSamples;
use model::{PodRef, ResourceUsage, Text};
use units::Duration;

use super::requests::Requests;
use super::{Detail, Traffic};

/// A measure of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Tries that reach the pod or the service's pods, a second; of requests that are followed one by
    /// one, the mean over half a minute.
    RequestsPerSecond,
    /// Requests that wait there.
    QueueLength,
    /// Requests that are worked on there.
    Concurrency,
}

/// Every measure by its name.
pub const MEASURES: &[(&str, Measure)] = &[
    ("requests_per_second", Measure::RequestsPerSecond),
    ("queue_length", Measure::QueueLength),
    ("concurrency", Measure::Concurrency),
];

impl Measure {
    /// The one of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut known = MEASURES.iter();
        known.find(|(own, _)| *own == name).map(|(_, own)| *own)
    }
}

/// Traffic of a pod at the last evaluated instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PodTraffic {
    /// Tries a second.
    pub requests_per_second: f64,
    /// Requests that wait.
    pub queue_length: f64,
    /// Requests that are worked on.
    pub concurrency: f64,
    /// Processor that they take, in milli-cores.
    pub cpu_milli: f64,
}

impl PodTraffic {
    /// The value of a measure.
    pub const fn get(&self, measure: Measure) -> f64 {
        match measure {
            Measure::RequestsPerSecond => self.requests_per_second,
            Measure::QueueLength => self.queue_length,
            Measure::Concurrency => self.concurrency,
        }
    }
}

impl Traffic {
    /// The requests to pods, where they are followed one by one.
    fn one_by_one(&self) -> Option<&Requests> {
        let requests = self.requests.as_ref();
        requests.filter(|_| self.plan.detail == Detail::Requests)
    }

    /// Traffic of a pod; `None` if it is behind no service.
    pub fn pod(&self, pod: PodRef) -> Option<PodTraffic> {
        let (id, services) = self.members.get(pod.slot.index())?.as_ref()?;
        if *id != pod.id {
            return None;
        }
        let mut own = PodTraffic::default();
        for &service in &**services {
            let Some(member) = self.backings[service].of(pod) else {
                continue;
            };
            let server = self.servers.get(member.server);
            let cpu = server.own.cpu_per_request.as_secs_f64() * 1e3;
            if let Some(requests) = self.one_by_one() {
                // What a pod behind two services does is counted once.
                let load = requests.load(self.now, pod);
                own.concurrency = load.at_work;
                own.queue_length = load.waiting;
                own.requests_per_second = load.arrived;
                own.cpu_milli = load.begun * cpu;
                continue;
            }
            let alike = self.fluids[service].alike.iter();
            let mut alike = alike.filter(|own| own.pods.contains(&pod));
            let Some(alike) = alike.next() else {
                continue;
            };
            let worked = alike.rate.min(server.capacity());
            own.requests_per_second += alike.rate;
            own.queue_length += alike.queue;
            own.concurrency += worked * server.service / 1e9;
            own.cpu_milli += worked * cpu;
        }
        Some(own)
    }

    /// The sum of a measure over the pods of a service; `None` of one that is not known.
    pub fn of_service(&self, namespace: &str, name: &str, measure: Measure) -> Option<f64> {
        let service = *self.by_name.get(&(namespace.into(), name.into()))?;
        let pods = self.backings[service].running();
        Some(
            pods.filter_map(|member| self.pod(member.pod))
                .map(|own| own.get(measure))
                .sum(),
        )
    }

    /// Request rate over the services behind an ingress; `None` if it does not exist.
    pub fn of_ingress(&self, namespace: &str, name: &str, measure: Measure) -> Option<f64> {
        let mut all = self.ingresses.values();
        let own = all.find(|own| *own.namespace == *namespace && *own.name == *name)?;
        let paths = own.rules.iter().flat_map(|rule| &rule.paths);
        let backends = paths.flat_map(|path| &path.backends).chain(&own.default);
        let services: units::SortedSet<&str> = backends.map(|backend| &*backend.service).collect();
        let each = services.into_iter();
        Some(
            each.filter_map(|service| self.of_service(namespace, service, measure))
                .sum(),
        )
    }

    /// Tells what pods use for requests, where that is not as it was.
    pub(crate) fn tell_loads(&mut self, mut tell: impl FnMut(PodRef, ResourceUsage)) {
        for service in 0..self.backings.len() {
            let is_untold = std::mem::take(&mut self.fluids[service].is_untold);
            if !is_untold && self.one_by_one().is_none() {
                continue;
            }
            let pods: Vec<PodRef> = self.backings[service]
                .running()
                .map(|own| own.pod)
                .collect();
            for pod in pods {
                let own = self.pod(pod).unwrap_or_default();
                let used = ResourceUsage {
                    cpu_milli: own.cpu_milli.round() as i64,
                    memory_bytes: 0,
                };
                tell(pod, used);
            }
        }
    }
}

/// Measurements of usage and traffic.
pub struct UsageAndTraffic<'a> {
    usage: &'a dyn UsageSamples,
    traffic: Option<&'a Traffic>,
}

impl<'a> UsageAndTraffic<'a> {
    /// Traffic beside usage.
    pub fn new(usage: &'a dyn UsageSamples, traffic: Option<&'a Traffic>) -> Self {
        Self { usage, traffic }
    }
}

/// In thousandths.
fn milli(value: f64) -> i64 {
    (value * 1e3).round() as i64
}

impl UsageSamples for UsageAndTraffic<'_> {
    fn pod(&self, pod: PodRef) -> Option<ResourceUsage> {
        self.usage.pod(pod)
    }

    fn wanted(&self, pod: PodRef) -> Option<ResourceUsage> {
        self.usage.wanted(pod)
    }

    fn pod_over(&self, pod: PodRef, window: Duration) -> Option<ResourceUsage> {
        self.usage.pod_over(pod, window)
    }

    fn containers_over(&self, pod: PodRef, window: Duration) -> Vec<(Text, ResourceUsage)> {
        self.usage.containers_over(pod, window)
    }

    fn containers(&self, pod: PodRef) -> Vec<(Text, ResourceUsage)> {
        self.usage.containers(pod)
    }

    fn pod_metric(&self, pod: PodRef, metric: &str) -> Option<i64> {
        let own = || Some(self.traffic?.pod(pod)?.get(Measure::of_name(metric)?));
        own()
            .map(milli)
            .or_else(|| self.usage.pod_metric(pod, metric))
    }

    fn object_metric(&self, object: (&str, &str, &str), metric: &str) -> Option<i64> {
        let (kind, namespace, name) = object;
        let own = || {
            let measure = Measure::of_name(metric)?;
            match kind {
                "Service" => self.traffic?.of_service(namespace, name, measure),
                "Ingress" => self.traffic?.of_ingress(namespace, name, measure),
                _ => None,
            }
        };
        let known = || self.usage.object_metric(object, metric);
        own().map(milli).or_else(known)
    }

    fn external_metric(&self, metric: &str) -> Vec<i64> {
        self.usage.external_metric(metric)
    }
}
