//! Delays as events show them: of recorded events and of predicted ones by the same rules.

use units::{Duration, Instant, SortedMap};

use crate::driver::events::{EventRow, pulled_image};
use crate::record::silence::Silences;

/// Delays of a run, each sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// From the order of an image to its being there.
    pub pull: Vec<Duration>,
    /// Pulls by image, sorted by name.
    pub pulls: SortedMap<String, Vec<Duration>>,
    /// From a pod's binding, or the end of the last pull after it, to its first running container.
    pub start: Vec<Duration>,
    /// From the first container that runs to the pod's readiness.
    pub ready: Vec<Duration>,
    /// From the exit of a container to the pod's readiness again.
    pub restart: Vec<Duration>,
    /// From an order to end to the end, on nodes that were heard.
    pub stop: Vec<Duration>,
    /// From a node's last heartbeat to its being known as lost.
    pub detection: Vec<Duration>,
    /// From a node's being lost to the orders to end of its pods.
    pub eviction: Vec<Duration>,
    /// From a node's first heartbeat after a silence to its being ready.
    pub recovery: Vec<Duration>,
}

/// A pod as events tell of it.
#[derive(Default)]
struct Pod<'e> {
    node: &'e str,
    bound: Option<Instant>,
    /// Images that are being pulled.
    pulling: SortedMap<&'e str, Instant>,
    started: Option<Instant>,
    is_ready: bool,
    exited: Option<Instant>,
    ordered: Option<Instant>,
}

impl Delays {
    /// The delays of a run's events.
    pub fn of(events: &[EventRow], silences: &Silences) -> Self {
        let mut delays = Self::default();
        let mut pods: SortedMap<&str, Pod<'_>> = SortedMap::new();
        let mut lost: SortedMap<&str, Instant> = SortedMap::new();
        for event in events {
            let at = Instant::from_nanos(event.at_ns);
            if let Some(node) = event.object.strip_prefix("Node/") {
                delays.node(event, node, at, silences);
                match event.reason.as_str() {
                    "NotReady" => drop(lost.insert(node, at)),
                    "Ready" => drop(lost.remove(node)),
                    _ => {}
                }
                continue;
            }
            let pod = pods.entry(event.object.as_str()).or_default();
            match event.reason.as_str() {
                "Scheduled" => {
                    pod.bound = Some(at);
                    pod.node = event.message.rsplit(' ').next().unwrap_or_default();
                }
                "Pulling" => {
                    let image = pulled_image(event).unwrap_or_default();
                    pod.pulling.insert(image, at);
                }
                "Pulled" => {
                    let image = pulled_image(event).unwrap_or_default();
                    if let Some(since) = pod.pulling.remove(image) {
                        let pulls = delays.pulls.entry(image.to_owned()).or_default();
                        pulls.push(at.since(since));
                        delays.pull.push(at.since(since));
                    }
                    if pod.started.is_none() {
                        pod.bound = Some(at);
                    }
                }
                "Started" if pod.started.is_none() => {
                    delays.start.extend(pod.bound.map(|bound| at.since(bound)));
                    pod.started = Some(at);
                }
                "Ready" => {
                    if let Some(exited) = pod.exited.take() {
                        delays.restart.push(at.since(exited));
                    } else if !pod.is_ready
                        && let Some(started) = pod.started
                    {
                        delays.ready.push(at.since(started));
                    }
                    pod.is_ready = true;
                }
                "Exited" => pod.exited = Some(at),
                "Killing" => {
                    pod.ordered = Some(at);
                    if let Some(&lost) = lost.get(pod.node) {
                        delays.eviction.push(at.since(lost));
                        // Its end waits for the return of its node.
                        pod.ordered = None;
                    }
                }
                "Ended" => {
                    if let Some(ordered) = pod.ordered {
                        delays.stop.push(at.since(ordered));
                    }
                    pods.remove(event.object.as_str());
                }
                _ => {}
            }
        }
        delays.sorted()
    }

    fn node(&mut self, event: &EventRow, node: &str, at: Instant, silences: &Silences) {
        let own = silences.iter().filter(|(name, _)| *name == node);
        let mut own = own.map(|(_, silence)| silence);
        match event.reason.as_str() {
            "NotReady" => {
                let silence = own.filter(|silence| silence.from <= at).last();
                let from = silence.map(|silence| silence.from);
                self.detection.extend(from.map(|from| at.since(from)));
            }
            "Ready" => {
                // The end of the silence that is nearest: heartbeats of a simulation have other phases.
                let ends = own.by_ref().map(|silence| silence.until);
                let last = ends.filter(|&until| until <= at).max();
                self.recovery.extend(last.map(|until| at.since(until)));
            }
            _ => {}
        }
    }

    fn sorted(mut self) -> Self {
        for pulls in self.pulls.values_mut() {
            pulls.sort_unstable();
        }
        for delays in [
            &mut self.pull,
            &mut self.start,
            &mut self.ready,
            &mut self.restart,
            &mut self.stop,
            &mut self.detection,
            &mut self.eviction,
            &mut self.recovery,
        ] {
            delays.sort_unstable();
        }
        self
    }

    /// Every kind of delay, with its name.
    pub fn named(&self) -> [(&'static str, &[Duration]); 8] {
        [
            ("pull", &self.pull),
            ("start", &self.start),
            ("ready", &self.ready),
            ("restart", &self.restart),
            ("stop", &self.stop),
            ("detection", &self.detection),
            ("eviction", &self.eviction),
            ("recovery", &self.recovery),
        ]
    }
}

/// The value below which a part of sorted delays lies; the nearest one that occurred.
pub fn quantile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied()
}

/// Mean of delays.
pub fn mean(delays: &[Duration]) -> Option<Duration> {
    let count = i128::try_from(delays.len())
        .ok()
        .filter(|count| *count > 0)?;
    let sum: i128 = delays
        .iter()
        .map(|delay| i128::from(delay.as_nanos()))
        .sum();
    i64::try_from(sum / count).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(millis: i64, object: &str, reason: &str, message: &str) -> EventRow {
        EventRow {
            number: 0,
            at_ns: millis * 1_000_000,
            is_warning: false,
            object: object.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn delays_are_those_between_events_of_a_pod_and_its_node() {
        let pod = "Pod/default/a";
        let events = [
            row(100, pod, "Scheduled", "assigned to n0"),
            row(110, pod, "Pulling", "pulls image web:1"),
            row(300, pod, "Pulled", "pulled image web:1"),
            row(350, pod, "Started", "runs on n0"),
            row(400, pod, "Ready", "on n0"),
            row(900, pod, "Exited", "container `web` exited with code 1"),
            row(950, pod, "Ready", "on n0"),
            row(2_000, "Node/n0", "NotReady", "is not ready"),
            row(5_000, pod, "Killing", "ordered to end: evicted/taint"),
            row(9_000, pod, "Ended", "pod ended: evicted/taint"),
            row(
                9_100,
                "Pod/default/b",
                "Killing",
                "ordered to end: cancelled",
            ),
            row(9_400, "Pod/default/b", "Ended", "pod ended: cancelled"),
        ];
        let delays = Delays::of(&events, &Silences::default());
        let millis = |delays: &[Duration]| -> Vec<i64> {
            let millis = delays.iter().map(|delay| delay.as_nanos() / 1_000_000);
            millis.collect()
        };
        assert_eq!(millis(&delays.pull), [190]);
        assert_eq!(millis(&delays.pulls["web:1"]), [190]);
        assert_eq!(millis(&delays.start), [50]);
        assert_eq!(millis(&delays.ready), [50]);
        assert_eq!(millis(&delays.restart), [50]);
        assert_eq!(millis(&delays.eviction), [3_000]);
        assert_eq!(millis(&delays.stop), [300]);
        let some: Vec<Duration> = (1..=10).map(Duration::from_secs).collect();
        assert_eq!(quantile(&some, 50), Some(Duration::from_secs(5)));
        assert_eq!(quantile(&some, 95), Some(Duration::from_secs(10)));
        assert_eq!(mean(&some), Some(Duration::from_millis(5_500)));
        assert_eq!(quantile(&[], 50), None);
    }
}
