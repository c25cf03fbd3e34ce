//! Automatic deployment: a push is detected, goes through the stages of a build, and is rolled out in
//! groups, unless it is the image that was triggered last (spec: orchestrators-a.md section 9.1).
//! `pipeline` takes a push to its image in the registry, [`Trigger`] decides what becomes of it, and
//! `component` does both in a cluster: the system that runs there rolls out by its own rules.

pub mod build;
mod component;
mod follow;
mod pipeline;
mod pods;
mod rollout;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;

use model::{Push, Text};
use rng::Distribution;
use units::{Duration, Instant};

pub use build::BuildPolicy;
pub use component::{Deliveries, DeliveryOptions, Refusal, TagFilter};
pub use pipeline::{BuildPods, Pipeline, Plan, PushEvent, Stage, Work};
pub use watch::images;

/// Detection of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// The registry calls; the call takes a time.
    Webhook(Duration),
    /// The registry is asked at the multiples of a period.
    Poll(Duration),
}

/// Treatment of a push while another is rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// The rollout under way is cancelled.
    #[default]
    Cancel,
    /// Pushes take their turn.
    Queue,
    /// The newest push takes its turn, and those between are passed over.
    LatestWins,
}

/// Rollout in groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Number of replicas.
    pub replicas: u32,
    /// Number that is replaced at once; 0 is all.
    pub parallelism: u32,
    /// Time to replace one.
    pub replace: Duration,
    /// Time between two groups.
    pub delay: Duration,
}

/// Instants of a push on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTimeline {
    /// The push is seen.
    pub seen: Instant,
    /// Each stage is done.
    pub stages: Vec<Instant>,
    /// The rollout begins.
    pub rollout: Instant,
    /// The first new replica is there.
    pub first: Instant,
    /// All replicas are new.
    pub all: Instant,
}

impl Detection {
    /// Instant at which a push is seen.
    pub fn seen(self, push: Instant) -> Instant {
        match self {
            Self::Webhook(takes) => push.saturating_add(takes),
            Self::Poll(period) => {
                let (nanos, period) = (push.as_nanos(), period.as_nanos().max(1));
                let periods = nanos / period + i64::from(nanos % period > 0);
                Instant::from_nanos(periods.saturating_mul(period))
            }
        }
    }
}

impl Groups {
    /// Instants after the beginning at which the first replica and all of them are new.
    pub fn times(self) -> (Duration, Duration) {
        if self.replicas == 0 {
            return (Duration::ZERO, Duration::ZERO);
        }
        let at_once = match self.parallelism {
            0 => self.replicas,
            some => some,
        };
        let later = i64::from(self.replicas.div_ceil(at_once) - 1);
        let each = self.replace.saturating_add(self.delay);
        let waits = each.checked_mul(later).unwrap_or(Duration::MAX);
        (self.replace, waits.saturating_add(self.replace))
    }
}

/// The way of a push that nothing holds up.
///
/// # Errors
/// A stage takes less than no time.
pub fn journey(
    push: Instant,
    detection: Detection,
    stages: &[Duration],
    groups: Groups,
) -> Result<PushTimeline, rng::LawError> {
    let stages = stages.iter().map(|&takes| {
        Ok(Stage {
            name: Text::default(),
            takes: Distribution::constant(takes)?,
            failure: 0.0,
        })
    });
    let mut pipeline = Pipeline::new(Arc::new(Plan {
        detection,
        stages: stages.collect::<Result<_, _>>()?,
        ..Plan::of_repository("")
    }));
    let source = Push {
        image: Text::default(),
        digest: None,
        is_source: true,
        fault: None,
    };
    pipeline.pushed(push, source);
    let (mut seen, mut rollout, mut done) = (push, push, Vec::new());
    while let Some(now) = pipeline.next() {
        for news in pipeline.advance(now) {
            match news {
                PushEvent::Seen(_) => seen = now,
                PushEvent::Staged(_) => done.push(now),
                PushEvent::Ready(_) => rollout = now,
                PushEvent::Failed(_)
                | PushEvent::Cancelled(_)
                | PushEvent::PassedOver(_)
                | PushEvent::Begun(..) => {}
            }
        }
    }
    let (first, all) = groups.times();
    Ok(PushTimeline {
        seen,
        stages: done,
        rollout,
        first: rollout.saturating_add(first),
        all: rollout.saturating_add(all),
    })
}

/// Order of a trigger about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is rolled out; the rollout under way, if there is one, is cancelled.
    RollOut(Text),
    /// It waits for the rollout under way.
    Wait,
    /// Nothing: it is the image that was triggered last, or one that had to be rolled back.
    Nothing,
}

/// The trigger of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    overlap: Overlap,
    last: Option<Text>,
    /// Last image that was rolled out with success.
    good: Option<Text>,
    /// An image that was rolled back, which is not triggered again until the tag names another.
    bad: Option<Text>,
    is_rolling: bool,
    waiting: Vec<Text>,
}

impl Trigger {
    /// A trigger that has seen nothing.
    pub fn new(overlap: Overlap) -> Self {
        Self {
            overlap,
            ..Self::default()
        }
    }

    /// A trigger of a workload that runs an image.
    pub fn running(overlap: Overlap, image: Text) -> Self {
        Self {
            last: Some(image.clone()),
            good: Some(image),
            ..Self::new(overlap)
        }
    }

    /// Images that wait for the rollout under way, the next first.
    pub fn waiting(&self) -> &[Text] {
        &self.waiting
    }

    /// The tag names an image.
    pub fn tagged(&mut self, digest: &Text) -> Order {
        if self.bad.as_ref() == Some(digest) {
            return Order::Nothing;
        }
        // The tag names another image than the one that was rolled back.
        self.bad = None;
        if self.last.as_ref() == Some(digest) {
            return Order::Nothing;
        }
        self.last = Some(digest.clone());
        match (self.is_rolling, self.overlap) {
            (false, _) | (true, Overlap::Cancel) => self.begin(digest.clone()),
            (true, Overlap::Queue) => {
                self.waiting.push(digest.clone());
                Order::Wait
            }
            (true, Overlap::LatestWins) => {
                self.waiting = vec![digest.clone()];
                Order::Wait
            }
        }
    }

    fn begin(&mut self, digest: Text) -> Order {
        self.is_rolling = true;
        Order::RollOut(digest)
    }

    /// The rollout of an image has ended: the next one, which is the last good one if it failed and
    /// `rolls_back` is set.
    pub fn ended(&mut self, digest: &Text, success: bool, rolls_back: bool) -> Order {
        self.is_rolling = false;
        if success {
            self.good = Some(digest.clone());
        } else if rolls_back {
            self.bad = Some(digest.clone());
        }
        if !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            return self.begin(next);
        }
        match self.good.clone() {
            Some(good) if !success && rolls_back => {
                self.last = Some(good.clone());
                self.begin(good)
            }
            _ => Order::Nothing,
        }
    }
}
