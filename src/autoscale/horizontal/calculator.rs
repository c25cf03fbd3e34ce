//! From one metric to a number of replicas (spec: kubernetes.md 3.1, "Resource metric"; the
//! original's `replica_calculator.go`).
//!
//! Sums are integers, as the original's; a ratio is one float division, a count one float product
//! rounded up. These are correctly rounded everywhere, so decisions equal the recorded ones to
//! the bit.

use super::super::float::{to_i32, to_i64};
use super::observation::{ObservedPod, Phase, PodSample, PodSamples, Readiness};
use super::spec::HorizontalSettings;
use model::{Release, Text};
use units::{Duration, Instant, SortedMap, SortedSet};

/// The resource whose usage at a pod's start says nothing.
const CPU: &str = "cpu";

/// Distance of a ratio from 1 that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    /// Above 1.
    pub up: f64,
    /// Below 1.
    pub down: f64,
}

/// Replicas proposed by a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Replicas.
    pub replicas: i32,
    /// Usage: the average over pods or the whole value, in thousandths.
    pub usage: i64,
    /// Usage in percent of the requests.
    pub utilization: Option<i32>,
}

/// The replica calculator.
#[derive(Clone, Copy, Debug)]
pub struct Calculator<'a> {
    /// Flags.
    pub settings: &'a HorizontalSettings,
    /// Tolerances of this object.
    pub tolerances: Tolerances,
    /// The time of the pass.
    pub now: Instant,
    /// Pods of the selector.
    pub pods: &'a [ObservedPod],
    /// The replicas that are now.
    pub current: i32,
}

/// Pods by what their metric is worth.
struct Groups {
    ready: usize,
    unready: SortedSet<Text>,
    missing: SortedSet<Text>,
    ignored: SortedSet<Text>,
}

impl Groups {
    /// Values to fill in before a count can be made; `None` if none are missing.
    fn unfilled(&self, ratio: f64) -> Option<Fill> {
        let with_unready = !self.unready.is_empty() && ratio > 1.0;
        (with_unready || !self.missing.is_empty()).then_some(Fill {
            with_unready,
            ratio,
        })
    }
}

impl Calculator<'_> {
    /// Usage of a resource in percent of the requests; of one container if named.
    pub fn utilization(
        &self,
        mut samples: PodSamples,
        target: i32,
        resource: &str,
        container: Option<&str>,
    ) -> Result<Proposal, String> {
        let groups = self.usable(&mut samples, resource)?;
        let requests = self.requests(resource, container)?;
        let first = requested_ratio(&samples, &requests, target)?;
        let proposal = |replicas| Proposal {
            replicas,
            usage: first.average,
            utilization: Some(first.utilization),
        };
        let ratio = first.ratio;
        let Some(rest) = groups.unfilled(ratio) else {
            return Ok(proposal(self.plain(ratio, groups.ready)));
        };
        let fallback = i64::from(target.max(100));
        let missing = |pod: &Text| {
            let request = requests.get(pod).copied().unwrap_or(0);
            request.wrapping_mul(fallback) / 100
        };
        fill(&mut samples, &groups, &rest, missing);
        let second = requested_ratio(&samples, &requests, target)?.ratio;
        Ok(proposal(self.damped(ratio, second, samples.len())))
    }

    /// A metric against a target for each pod; `resource` is empty for custom metrics.
    pub fn average(
        &self,
        mut samples: PodSamples,
        target: i64,
        resource: &str,
    ) -> Result<Proposal, String> {
        let groups = self.usable(&mut samples, resource)?;
        let (ratio, usage) = plain_ratio(&samples, target);
        let proposal = |replicas| Proposal {
            replicas,
            usage,
            utilization: None,
        };
        let Some(rest) = groups.unfilled(ratio) else {
            return Ok(proposal(self.plain(ratio, groups.ready)));
        };
        fill(&mut samples, &groups, &rest, |_| target);
        let (second, _) = plain_ratio(&samples, target);
        Ok(proposal(self.damped(ratio, second, samples.len())))
    }

    /// One value against a target for all pods together.
    pub fn whole(&self, usage: i64, target: i64) -> Result<Proposal, String> {
        let ratio = usage as f64 / target as f64;
        let replicas = if self.current == 0 {
            to_i32(libm::ceil(ratio))
        } else if self.is_within(ratio) {
            self.current
        } else {
            let ready = self.running_and_ready()?;
            self.saturated(ratio * ready as f64)
        };
        Ok(Proposal {
            replicas,
            usage,
            utilization: None,
        })
    }

    /// One value against a target for each of the replicas that the status counts.
    pub fn per_replica(&self, usage: i64, target: i64, status_replicas: i32) -> Proposal {
        let ratio = usage as f64 / (target as f64 * f64::from(status_replicas));
        let mut replicas = status_replicas;
        if !self.is_within(ratio) {
            replicas = self.saturated(usage as f64 / target as f64);
        }
        Proposal {
            replicas,
            usage: to_i64(libm::ceil(usage as f64 / f64::from(status_replicas))),
            utilization: None,
        }
    }

    /// The sum of an external metric's series.
    pub fn sum(&self, values: &[i64]) -> i64 {
        values.iter().fold(0, |sum: i64, &value| {
            match (sum.checked_add(value), self.settings.release) {
                (Some(sum), _) => sum,
                (None, Release::V1_28) => sum.wrapping_add(value),
                (None, _) => i64::MAX,
            }
        })
    }

    fn is_within(&self, ratio: f64) -> bool {
        let Tolerances { up, down } = self.tolerances;
        match self.settings.release {
            Release::V1_28 => libm::fabs(1.0 - ratio) <= up,
            _ => 1.0 - down <= ratio && ratio <= 1.0 + up,
        }
    }

    fn saturated(&self, replicas: f64) -> i32 {
        let most = f64::from(i32::MAX);
        if self.settings.release >= Release::V1_36 && replicas > most {
            return i32::MAX;
        }
        to_i32(libm::ceil(replicas))
    }

    /// The groups; samples of pods that don't count are removed.
    fn usable(&self, samples: &mut PodSamples, resource: &str) -> Result<Groups, String> {
        if self.pods.is_empty() {
            return Err(NO_PODS.to_owned());
        }
        let groups = self.group(samples, resource);
        samples.retain(|pod, _| !groups.ignored.contains(pod) && !groups.unready.contains(pod));
        if samples.is_empty() {
            return Err(
                "did not receive metrics for targeted pods (pods might be unready)".to_owned(),
            );
        }
        Ok(groups)
    }

    fn group(&self, samples: &PodSamples, resource: &str) -> Groups {
        let mut groups = Groups {
            ready: 0,
            unready: SortedSet::new(),
            missing: SortedSet::new(),
            ignored: SortedSet::new(),
        };
        for pod in self.pods {
            let group = if pod.is_deleting || pod.phase == Phase::Failed {
                &mut groups.ignored
            } else if pod.phase == Phase::Pending {
                &mut groups.unready
            } else {
                match samples.get(&pod.name) {
                    None => &mut groups.missing,
                    Some(sample) if resource == CPU && self.is_starting(pod, sample) => {
                        &mut groups.unready
                    }
                    Some(_) => {
                        groups.ready += 1;
                        continue;
                    }
                }
            };
            group.insert(pod.name.clone());
        }
        groups
    }

    /// Whether a pod's CPU usage is that of its start.
    fn is_starting(&self, pod: &ObservedPod, sample: &PodSample) -> bool {
        let (Some(ready), Some(started)) = (pod.ready, pod.started) else {
            return true;
        };
        let is_unready = ready.status == Readiness::False;
        // A transition before all time is earlier than whatever it is compared to.
        let before = |at: Instant, window: Duration| {
            let changed = ready.changed.map(|changed| changed.saturating_add(window));
            changed.is_some_and(|changed| at < changed)
        };
        let after = |start: Instant| ready.changed.is_none_or(|changed| start > changed);
        if started.saturating_add(self.settings.cpu_initialization) > self.now {
            return is_unready || before(sample.at, sample.window);
        }
        is_unready && after(started.saturating_add(self.settings.initial_readiness_delay))
    }

    fn requests(
        &self,
        resource: &str,
        container: Option<&str>,
    ) -> Result<SortedMap<Text, i64>, String> {
        let mut requests = SortedMap::new();
        let with_sidecars = self.settings.release >= Release::V1_36;
        for pod in self.pods {
            let heeds_whole = self.settings.heeds_whole_requests && container.is_none();
            if let Some(whole) = pod.whole.as_ref().filter(|_| heeds_whole) {
                let name = &pod.name;
                let missing = || format!("missing pod-level request for {resource} in Pod {name}");
                let request = *whole.get(resource).ok_or_else(missing)?;
                requests.insert(name.clone(), request);
                continue;
            }
            let mut sum = 0_i64;
            let mut is_found = container.is_none();
            for own in &pod.containers {
                let is_counted = (with_sidecars || !own.is_sidecar)
                    && container.is_none_or(|name| *own.name == *name);
                if !is_counted {
                    continue;
                }
                is_found = true;
                let Some(&request) = own.requests.get(resource) else {
                    let named = format!(" in container {} of Pod {}", own.name, pod.name);
                    let named = if with_sidecars { named.as_str() } else { "" };
                    return Err(format!("missing request for {resource}{named}"));
                };
                sum = sum.wrapping_add(request);
            }
            if !is_found && with_sidecars {
                let container = container.unwrap_or_default();
                return Err(format!(
                    "container {container} not found in Pod {}",
                    pod.name
                ));
            }
            requests.insert(pod.name.clone(), sum);
        }
        Ok(requests)
    }

    fn plain(&self, ratio: f64, ready: usize) -> i32 {
        if self.is_within(ratio) {
            return self.current;
        }
        to_i32(libm::ceil(ratio * ready as f64))
    }

    /// The count after filling in, which never goes the other way than the first ratio.
    fn damped(&self, first: f64, second: f64, samples: usize) -> i32 {
        let is_turned = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
        if self.is_within(second) || is_turned {
            return self.current;
        }
        let replicas = to_i32(libm::ceil(second * samples as f64));
        let is_against =
            (second < 1.0 && replicas > self.current) || (second > 1.0 && replicas < self.current);
        if is_against { self.current } else { replicas }
    }

    fn running_and_ready(&self) -> Result<usize, String> {
        if self.pods.is_empty() {
            return Err(format!("unable to calculate ready pods: {NO_PODS}"));
        }
        let is_ready = |pod: &&ObservedPod| {
            let ready = pod.ready.map(|ready| ready.status);
            pod.phase == Phase::Running && ready == Some(Readiness::True)
        };
        Ok(self.pods.iter().filter(is_ready).count())
    }
}

const NO_PODS: &str = "no pods returned by selector while calculating replica count";

/// Values to fill in.
struct Fill {
    with_unready: bool,
    ratio: f64,
}

fn fill(samples: &mut PodSamples, groups: &Groups, fill: &Fill, missing: impl Fn(&Text) -> i64) {
    let sample = |value| PodSample {
        value,
        at: Instant::ZERO,
        window: Duration::ZERO,
    };
    for pod in &groups.missing {
        if fill.ratio < 1.0 {
            samples.insert(pod.clone(), sample(missing(pod)));
        } else if fill.ratio > 1.0 {
            samples.insert(pod.clone(), sample(0));
        }
    }
    if fill.with_unready {
        for pod in &groups.unready {
            samples.insert(pod.clone(), sample(0));
        }
    }
}

struct RequestUtilization {
    ratio: f64,
    utilization: i32,
    average: i64,
}

/// Usage against requests, over the pods that have both.
fn requested_ratio(
    samples: &PodSamples,
    requests: &SortedMap<Text, i64>,
    target: i32,
) -> Result<RequestUtilization, String> {
    let (mut used, mut requested, mut pods) = (0_i64, 0_i64, 0_i64);
    for (pod, sample) in samples {
        if let Some(&request) = requests.get(pod) {
            used = used.wrapping_add(sample.value);
            requested = requested.wrapping_add(request);
            pods += 1;
        }
    }
    // Without a request there is nothing to divide by.
    if requested == 0 {
        return Err("no metrics returned matched known pods".to_owned());
    }
    let utilization = used.wrapping_mul(100).wrapping_div(requested) as i32;
    Ok(RequestUtilization {
        ratio: f64::from(utilization) / f64::from(target),
        utilization,
        average: used / pods,
    })
}

/// The average over all samples, and its ratio to the target.
fn plain_ratio(samples: &PodSamples, target: i64) -> (f64, i64) {
    let sum = samples
        .values()
        .fold(0_i64, |sum, sample| sum.wrapping_add(sample.value));
    let average = sum / samples.len() as i64;
    (average as f64 / target as f64, average)
}
