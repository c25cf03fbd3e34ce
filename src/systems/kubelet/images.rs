//! Images as a kubelet manages them: it pulls one after the other unless told otherwise, waits longer
//! after every failure, and deletes what has not been used for longest when the disk fills up
//! (spec: kubernetes.md part 4).

use std::collections::VecDeque;

use control::AgentOutput;
use control::node::{DiskUse, ImageAction, ImageOrder, PresentImages};
use model::{PodRef, Text};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

/// The first delay after a pull that failed, and the longest.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

/// Time between two looks at the disk.
const COLLECTION_PERIOD: Duration = Duration::from_secs(300);
/// Images younger than this stay.
const LEAST_AGE: Duration = Duration::from_secs(120);
/// Shares of the disk above which images are deleted, and down to which, in percent.
const COLLECT_ABOVE: i128 = 85;
const COLLECT_TO: i128 = 80;

/// Options for pulls of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullOptions {
    /// Number of images that a node pulls at once; `None` is without a bound.
    pub parallel: Option<u32>,
    /// Images present at the start.
    pub present: PresentImages,
}

/// The back-off of pulls: 10 s, doubling up to 300 s, forgotten after twice that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PullBackOff {
    last: Option<(Duration, Instant)>,
}

impl PullBackOff {
    /// A pull failed: when the next one is made.
    pub fn again_at(&mut self, now: Instant) -> Instant {
        let doubled = |delay: Duration| delay.checked_mul(2).unwrap_or(LONGEST).min(LONGEST);
        let known = self.last.filter(|&(_, at)| {
            LONGEST
                .checked_mul(2)
                .is_some_and(|most| now.since(at) <= most)
        });
        let delay = known.map_or(FIRST, |(delay, _)| doubled(delay));
        self.last = Some((delay, now));
        now.saturating_add(delay)
    }
}

/// A container that needs an image: its pod and number.
pub type Needing = (PodRef, u16);

/// The pulls of a node: so many at once, the others in the order in which they were asked for.
#[derive(Clone, Debug, Default)]
pub struct PullQueue {
    at_once: Option<u32>,
    active: Vec<(Text, Vec<Needing>)>,
    waiting: VecDeque<(Text, Needing)>,
}

impl PullQueue {
    /// A queue that lets so many through at once; `None` is all.
    pub fn new(at_once: Option<u32>) -> Self {
        Self {
            at_once,
            ..Self::default()
        }
    }

    /// A container needs an image; what is to be pulled now comes back.
    pub fn ask(&mut self, image: Text, who: Needing) -> Vec<Text> {
        self.waiting.push_back((image, who));
        self.advance()
    }

    /// A pull is over; who waited for it, and what is to be pulled now.
    pub fn done(&mut self, image: &str) -> (Vec<Needing>, Vec<Text>) {
        let place = self
            .active
            .iter()
            .position(|(active, _)| **active == *image);
        let needing = place.map(|place| self.active.remove(place).1);
        (needing.unwrap_or_default(), self.advance())
    }

    /// A pod needs nothing any more; pulls to be given up, and what is to be pulled now.
    pub fn forget(&mut self, pod: PodRef) -> (Vec<Text>, Vec<Text>) {
        self.waiting.retain(|(_, (who, _))| *who != pod);
        let mut given_up = Vec::new();
        self.active.retain_mut(|(image, needing)| {
            needing.retain(|(who, _)| *who != pod);
            if needing.is_empty() {
                given_up.push(image.clone());
            }
            !needing.is_empty()
        });
        (given_up, self.advance())
    }

    fn advance(&mut self) -> Vec<Text> {
        let mut begun = Vec::new();
        while self
            .at_once
            .is_none_or(|most| self.active.len() < most.max(1) as usize)
            && let Some((image, who)) = self.waiting.pop_front()
        {
            if let Some((_, needing)) = self.active.iter_mut().find(|(active, _)| *active == image)
            {
                needing.push(who);
            } else {
                self.active.push((image.clone(), vec![who]));
                begun.push(image);
            }
        }
        begun
    }
}

/// An image on a node.
#[derive(Clone, Copy, Debug)]
struct Kept {
    since: Instant,
    last_used: Instant,
}

/// The images of a node.
#[derive(Clone, Debug)]
pub(super) struct NodeImages {
    node: NodeId,
    kept: SortedMap<Text, Kept>,
    pulls: PullQueue,
    disk: DiskUse,
    /// Instant of the next look at the disk, if there has to be one.
    collection: Option<Instant>,
    /// Down to how many bytes images are being deleted.
    target: Option<i64>,
}

impl NodeImages {
    pub(super) fn new(node: NodeId, options: &PullOptions) -> Self {
        let old = Kept {
            since: Instant::ZERO,
            last_used: Instant::ZERO,
        };
        let present = options.present.of(node);
        Self {
            node,
            kept: present.map(|image| (image.clone(), old)).collect(),
            pulls: PullQueue::new(options.parallel),
            disk: DiskUse::default(),
            collection: None,
            target: None,
        }
    }

    pub(super) fn has(&self, image: &Text) -> bool {
        self.kept.contains_key(image)
    }

    /// An image was in use until now.
    pub(super) fn used(&mut self, now: Instant, image: &Text) {
        if let Some(kept) = self.kept.get_mut(image) {
            kept.last_used = now;
        }
    }

    pub(super) fn ask(&mut self, image: Text, who: Needing, out: &mut AgentOutput) {
        let begun = self.pulls.ask(image, who);
        self.order(begun, ImageAction::Pull, out);
    }

    pub(super) fn forget(&mut self, pod: PodRef, out: &mut AgentOutput) {
        let (given_up, begun) = self.pulls.forget(pod);
        self.order(given_up, ImageAction::Cancel, out);
        self.order(begun, ImageAction::Pull, out);
    }

    /// An image came or did not; who waited for it.
    pub(super) fn over(
        &mut self,
        now: Instant,
        image: &Text,
        disk: Option<DiskUse>,
        out: &mut AgentOutput,
    ) -> Vec<Needing> {
        if let Some(disk) = disk {
            let fresh = Kept {
                since: now,
                last_used: now,
            };
            self.kept.entry(image.clone()).or_insert(fresh).last_used = now;
            self.disk_is(now, disk, out);
        }
        let (needing, begun) = self.pulls.done(image);
        self.order(begun, ImageAction::Pull, out);
        needing
    }

    fn order(&self, images: Vec<Text>, deed: ImageAction, out: &mut AgentOutput) {
        let node = self.node;
        let orders = images
            .into_iter()
            .map(|image| ImageOrder { node, image, deed });
        out.image_orders.extend(orders);
    }

    fn share(&self, percent: i128) -> Option<i64> {
        let capacity = i128::from(self.disk.capacity?);
        i64::try_from(capacity * percent / 100).ok()
    }

    /// The disk is so full now: once it is too full it is looked at again in time.
    fn disk_is(&mut self, now: Instant, disk: DiskUse, out: &mut AgentOutput) {
        self.disk = disk;
        let is_full = self
            .share(COLLECT_ABOVE)
            .is_some_and(|most| disk.used > most);
        if is_full && self.collection.is_none() {
            let period = COLLECTION_PERIOD.as_nanos();
            let next = (now.as_nanos() / period + 1).saturating_mul(period);
            self.collection = Some(Instant::from_nanos(next));
            out.node_wakes.push((Instant::from_nanos(next), self.node));
        }
    }

    /// Looks at the disk, as it is time.
    pub(super) fn collect(
        &mut self,
        now: Instant,
        in_use: &SortedSet<Text>,
        out: &mut AgentOutput,
    ) {
        if self.collection.is_none_or(|at| at > now) {
            return;
        }
        self.collection = None;
        if self
            .share(COLLECT_ABOVE)
            .is_some_and(|most| self.disk.used > most)
        {
            self.target = self.share(COLLECT_TO);
            self.delete_next(now, in_use, out);
        }
    }

    /// A pull found no room: all that is not in use goes.
    pub(super) fn make_room(
        &mut self,
        now: Instant,
        in_use: &SortedSet<Text>,
        out: &mut AgentOutput,
    ) {
        self.target = Some(0);
        self.delete_next(now, in_use, out);
    }

    /// An image was deleted.
    pub(super) fn removed(
        &mut self,
        now: Instant,
        disk: DiskUse,
        in_use: &SortedSet<Text>,
        out: &mut AgentOutput,
    ) {
        self.disk = disk;
        self.delete_next(now, in_use, out);
    }

    /// Deletes the image that was not used for longest, if there is still too much.
    fn delete_next(&mut self, now: Instant, in_use: &SortedSet<Text>, out: &mut AgentOutput) {
        let Some(target) = self.target else { return };
        let candidates = self
            .kept
            .iter()
            .filter(|(image, kept)| !in_use.contains(*image) && now.since(kept.since) >= LEAST_AGE);
        let oldest = candidates.min_by_key(|(_, kept)| (kept.last_used, kept.since));
        let oldest = oldest.map(|(image, _)| image.clone());
        if let Some(image) = oldest.filter(|_| self.disk.used > target) {
            self.kept.remove(&image);
            self.order(vec![image], ImageAction::Remove, out);
        } else {
            self.target = None;
            // What could not be deleted now may be later.
            let disk = self.disk;
            self.disk_is(now, disk, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::{PodId, PodSlot};

    fn pod(number: u32) -> PodRef {
        PodRef {
            id: PodId(number),
            slot: PodSlot(number),
        }
    }

    #[test]
    fn pulls_wait_longer_after_every_failure() {
        let mut back_off = PullBackOff::default();
        let mut now = Instant::ZERO;
        let delays: Vec<i64> = (0..8)
            .map(|_| {
                let again = back_off.again_at(now);
                let delay = again.since(now).as_nanos() / 1_000_000_000;
                now = again;
                delay
            })
            .collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300, 300]);
        let later = now.saturating_add(Duration::from_secs(301));
        assert_eq!(back_off.again_at(later).since(later), FIRST);
    }

    #[test]
    fn pulls_go_one_after_the_other_or_share_one() {
        let image = |name: &str| Text::from(name);
        let mut serial = PullQueue::new(Some(1));
        assert_eq!(serial.ask(image("a"), (pod(1), 0)), [image("a")]);
        assert!(serial.ask(image("b"), (pod(2), 0)).is_empty());
        assert!(serial.ask(image("a"), (pod(3), 0)).is_empty());
        assert_eq!(serial.done("a"), (vec![(pod(1), 0)], vec![image("b")]));
        // Nobody needs it any more.
        assert_eq!(serial.forget(pod(2)), (vec![image("b")], vec![image("a")]));
        let mut parallel = PullQueue::new(None);
        assert_eq!(parallel.ask(image("a"), (pod(1), 0)), [image("a")]);
        assert_eq!(parallel.ask(image("b"), (pod(2), 0)), [image("b")]);
        assert!(parallel.ask(image("a"), (pod(3), 1)).is_empty());
        assert_eq!(
            parallel.done("a"),
            (vec![(pod(1), 0), (pod(3), 1)], Vec::new())
        );
    }

    #[test]
    fn a_full_disk_is_emptied_of_what_was_not_used_for_longest() {
        let secs = Instant::from_secs;
        let options = PullOptions::default();
        let mut images = NodeImages::new(NodeId(0), &options);
        let mut out = AgentOutput::default();
        let disk = |used| DiskUse {
            used,
            capacity: Some(100),
        };
        for (at, name, used) in [(10, "a", 30), (20, "b", 60), (30, "c", 84)] {
            images.over(secs(at), &name.into(), Some(disk(used)), &mut out);
        }
        assert!(out.node_wakes.is_empty());
        images.used(secs(40), &"a".into());
        images.over(secs(250), &"d".into(), Some(disk(90)), &mut out);
        assert_eq!(out.node_wakes, [(secs(300), NodeId(0))]);
        let in_use = SortedSet::from([Text::from("b")]);
        images.collect(secs(300), &in_use, &mut out);
        let removed = |out: &AgentOutput| -> Vec<Text> {
            let orders = out.image_orders.iter();
            orders.map(|order| order.image.clone()).collect()
        };
        // `b` is in use, `c` was used before `a`, `d` is too young.
        assert_eq!(removed(&out), [Text::from("c")]);
        images.removed(secs(300), disk(66), &in_use, &mut out);
        assert_eq!(removed(&out).len(), 1, "66 of 100 is little enough");
        images.make_room(secs(300), &in_use, &mut out);
        images.removed(secs(300), disk(36), &in_use, &mut out);
        assert_eq!(removed(&out), [Text::from("c"), "a".into()]);
        assert!(images.has(&"b".into()) && images.has(&"d".into()));
    }
}
