//! Automatic deployment: a push is detected, goes through the stages of a build, and is rolled out in
//! groups, unless it is the image that was triggered last (spec: orchestrators-a.md section 9.1).

use model::Text;
use units::{Duration, Instant};

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
pub struct Journey {
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
pub fn journey(
    push: Instant,
    detection: Detection,
    stages: &[Duration],
    groups: Groups,
) -> Journey {
    let seen = detection.seen(push);
    let mut at = seen;
    let stages: Vec<Instant> = stages
        .iter()
        .map(|takes| {
            at = at.saturating_add(*takes);
            at
        })
        .collect();
    let (first, all) = groups.times();
    Journey {
        seen,
        stages,
        rollout: at,
        first: at.saturating_add(first),
        all: at.saturating_add(all),
    }
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

    /// The tag names an image.
    pub fn tagged(&mut self, digest: &Text) -> Order {
        if self.last.as_ref() == Some(digest) || self.bad.as_ref() == Some(digest) {
            return Order::Nothing;
        }
        self.bad = None;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(at: Instant) -> i64 {
        at.as_nanos() / 1_000_000_000
    }

    #[test]
    fn worked_ways_of_a_push() {
        let stages = [20, 10, 5].map(Duration::from_secs);
        let push = Instant::from_secs(37);
        let groups = Groups {
            replicas: 4,
            parallelism: 1,
            replace: Duration::from_secs(6),
            delay: Duration::ZERO,
        };
        let hook = Detection::Webhook(Duration::from_secs(1));
        let own = journey(push, hook, &stages, groups);
        let times = [own.seen, own.rollout, own.first, own.all].map(secs);
        assert_eq!(times, [38, 73, 79, 97]);
        let groups = Groups {
            parallelism: 2,
            delay: Duration::from_secs(10),
            ..groups
        };
        let poll = Detection::Poll(Duration::from_secs(60));
        let own = journey(push, poll, &stages, groups);
        let times = [own.seen, own.rollout, own.first, own.all].map(secs);
        assert_eq!(times, [60, 95, 101, 117]);
        assert_eq!(secs(poll.seen(Instant::from_secs(60))), 60);
    }

    #[test]
    fn images_are_triggered_once_and_bad_ones_not_again() {
        let [one, two, three]: [Text; 3] = ["1".into(), "2".into(), "3".into()];
        let mut own = Trigger::new(Overlap::Cancel);
        assert_eq!(own.tagged(&one), Order::RollOut(one.clone()));
        assert_eq!(own.tagged(&one), Order::Nothing);
        assert_eq!(own.ended(&one, true, true), Order::Nothing);
        assert_eq!(own.tagged(&two), Order::RollOut(two.clone()));
        assert_eq!(own.ended(&two, false, true), Order::RollOut(one.clone()));
        assert_eq!(own.tagged(&two), Order::Nothing);
        assert_eq!(own.tagged(&three), Order::RollOut(three.clone()));
        for (overlap, next) in [(Overlap::Queue, &two), (Overlap::LatestWins, &three)] {
            let mut own = Trigger::new(overlap);
            own.tagged(&one);
            assert_eq!(
                (own.tagged(&two), own.tagged(&three)),
                (Order::Wait, Order::Wait)
            );
            assert_eq!(own.ended(&one, true, false), Order::RollOut(next.clone()));
        }
    }
}
