//! Events of a run as rewards, added up between two decisions.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use cluster::{Observer, Store};
use metrics::{Direction, registry};
use model::{Event, Pod};
use units::Instant;

/// Nanoseconds of an hour.
const HOUR: f64 = 3.6e12;

/// Rule for rewards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reward {
    /// The share of the cluster's capacity that a pod gets when it is bound: of GPUs where the cluster has some,
    /// else of CPU.
    Bound,
    /// Less than nothing: the pod-hours waited.
    Waiting,
    /// A metric, at the end of the run; the negative of one that is better if it is lower.
    Metric(String),
}

impl FromStr for Reward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bound" => return Ok(Self::Bound),
            "waiting" => return Ok(Self::Waiting),
            _ => {}
        }
        match registry::find(text).map(|(_, statistic)| statistic.direction) {
            None => Err(format!(
                "reward: expected `bound`, `waiting` or the id of a metric (`windtunnel schema metrics`), found `{text}`"
            )),
            Some(Direction::None) => Err(format!(
                "reward: `{text}` is neither better when it is higher nor when it is lower; take another metric"
            )),
            Some(_) => Ok(Self::Metric(text.to_owned())),
        }
    }
}

impl Reward {
    /// Reward by the value of the metric at the end; not a number where it has none, as no value is no best one.
    pub(crate) fn at_end(&self, value: impl Fn(&str) -> Option<f64>) -> f64 {
        let Self::Metric(id) = self else {
            return 0.0;
        };
        let sign = match registry::find(id).map(|(_, statistic)| statistic.direction) {
            Some(Direction::Lower) => -1.0,
            _ => 1.0,
        };
        value(id).map_or(f64::NAN, |value| sign * value)
    }
}

/// Sum of what was rewarded since it was last taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Purse(Arc<Mutex<f64>>);

impl Purse {
    pub(crate) fn add(&self, reward: f64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += reward;
    }

    /// The sum, which begins at zero again.
    pub(crate) fn take(&self) -> f64 {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Observer of a run that rewards.
pub(crate) struct Rewarder {
    reward: Reward,
    purse: Purse,
    /// Capacity of the nodes, CPU and GPUs in thousandths; unknown once nodes have changed.
    capacity: Option<[i64; 2]>,
    waiting: i64,
    since: Instant,
}

impl Rewarder {
    pub(crate) const fn new(reward: Reward, purse: Purse) -> Self {
        Self {
            reward,
            purse,
            capacity: None,
            waiting: 0,
            since: Instant::ZERO,
        }
    }

    /// The run is over: what waits has waited until now.
    pub(crate) fn close(&mut self, at: Instant) {
        if self.reward == Reward::Waiting {
            self.wait(at, 0);
        }
    }

    /// Share of the capacity that a pod of the class takes.
    fn share(&mut self, pod: &Pod, store: &Store) -> f64 {
        let requests = &store.class(pod.class).requests;
        let [cpu, gpu] = *self.capacity.get_or_insert_with(|| {
            let nodes = store.nodes();
            let rows = nodes.present().map(|node| nodes.allocatable().row(node));
            rows.fold([0, 0], |[cpu, gpu], row| {
                [cpu + row.cpu_milli, gpu + row.gpu_milli]
            })
        });
        if gpu > 0 {
            requests.gpu_milli as f64 / gpu as f64
        } else {
            requests.cpu_milli as f64 / (cpu as f64).max(1.0)
        }
    }

    fn wait(&mut self, at: Instant, change: i64) {
        let nanos = (at.as_nanos() - self.since.as_nanos()) as f64;
        if self.waiting > 0 && nanos > 0.0 {
            self.purse.add(-(self.waiting as f64) * nanos / HOUR);
        }
        self.since = at;
        self.waiting += change;
    }
}

impl Observer for Rewarder {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        match (&self.reward, event) {
            (Reward::Bound, Event::PodBound { pod, .. }) => {
                if let Some(pod) = store.pods().get(*pod) {
                    let share = self.share(pod, store);
                    self.purse.add(share);
                }
            }
            (
                Reward::Bound,
                Event::NodeAdded { .. } | Event::NodeUpdated { .. } | Event::NodeRemoved { .. },
            ) => self.capacity = None,
            (Reward::Waiting, Event::PodCreated(_)) => self.wait(at, 1),
            (Reward::Waiting, Event::PodBound { .. }) => self.wait(at, -1),
            (Reward::Waiting, Event::PodEnded { .. }) => {
                let waited = ended.is_some_and(|pod| pod.node().is_none());
                self.wait(at, -i64::from(waited));
            }
            _ => {}
        }
    }

    fn settled(&mut self, at: Instant, _store: &Store) {
        self.close(at);
    }
}
