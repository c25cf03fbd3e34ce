//! Flushes, which time alone moves: pods whose back-off is over, and pods that waited too long for
//! an event.

use super::{
    BACKOFF_FLUSH, BackoffRule, ClusterEvent, Move, Place, PodUid, Queue, QueueContext, Rank,
    UNSCHEDULABLE_FLUSH,
};
use units::{Duration, Instant, SortedSet};

/// Time without an event after which a pod is tried again all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

impl Queue {
    /// Instant at which a flush may move a pod next; `None` if none ever will without something
    /// happening.
    pub fn next_flush(&self) -> Option<Instant> {
        let expiry = |pods: &SortedSet<(Instant, Rank, PodUid)>| pods.first().map(|first| first.0);
        let expiries = expiry(&self.waiting_out).into_iter();
        // A pod is let go at the first whole second after its expiry.
        let let_go = expiries
            .chain(expiry(&self.after_errors))
            .map(|expiry| self.timing.let_go(expiry).max(self.next_backoff_flush));
        // A pod that is held back does not move, but pods in flight see that it was looked at.
        let is_anybody_in_flight = !self.in_flight.is_empty();
        let waiting = self.unschedulable.iter();
        let looked_at = waiting.filter(|(rejected, _)| is_anybody_in_flight || !rejected.is_gated);
        let oldest = looked_at.filter_map(|(_, pods)| pods.first()).min();
        let looked_at = oldest.map(|&(oldest, _)| {
            let over = oldest + LONGEST_WAIT;
            let beat = UNSCHEDULABLE_FLUSH.as_nanos();
            let late = over.since(self.next_unschedulable_flush).as_nanos();
            let beats = if late < 0 { 0 } else { late / beat + 1 };
            self.next_unschedulable_flush + Duration::from_nanos(beats * beat)
        });
        let_go.chain(looked_at).min()
    }

    /// Lets time pass up to `ctx.now`: flushes that are due run, and what they moved is reported, in
    /// order.
    pub fn flush(&mut self, ctx: QueueContext<'_>) -> Vec<Move> {
        let mut moves = Vec::new();
        loop {
            let at = self.next_backoff_flush.min(self.next_unschedulable_flush);
            if at > ctx.now {
                return moves;
            }
            // Beats at which nothing can move are passed over.
            let next = self.next_flush().map_or(ctx.now, |next| next.min(ctx.now));
            if at < next {
                self.skip_to(next);
                continue;
            }
            let ctx = QueueContext { now: at, ..ctx };
            if at == self.next_backoff_flush {
                self.next_backoff_flush += BACKOFF_FLUSH;
                self.flush_backoff(ctx, &mut moves);
            }
            if at == self.next_unschedulable_flush {
                self.next_unschedulable_flush += UNSCHEDULABLE_FLUSH;
                self.flush_unschedulable(ctx, &mut moves);
            }
        }
    }

    /// Moves the beats to the first ones at or after an instant.
    fn skip_to(&mut self, to: Instant) {
        for (beat, length) in [
            (&mut self.next_backoff_flush, BACKOFF_FLUSH),
            (&mut self.next_unschedulable_flush, UNSCHEDULABLE_FLUSH),
        ] {
            let late = to.since(*beat).as_nanos();
            if late > 0 {
                let beats = (late - 1) / length.as_nanos() + 1;
                *beat += Duration::from_nanos(beats * length.as_nanos());
            }
        }
    }

    fn flush_backoff(&mut self, ctx: QueueContext<'_>, moves: &mut Vec<Move>) {
        let (mut over, timing) = (Vec::new(), self.timing);
        for pods in [&self.waiting_out, &self.after_errors] {
            let pods = pods.iter();
            let pods = pods.take_while(|&&(expiry, ..)| !timing.is_backing_off(expiry, ctx.now));
            over.extend(pods.map(|&(_, _, uid)| uid));
        }
        for pod in over {
            self.put_into_active(ctx, pod, timing == BackoffRule::Late);
            let (at, to) = (ctx.now, Place::Active);
            moves.push(Move { at, pod, to });
        }
    }

    fn flush_unschedulable(&mut self, ctx: QueueContext<'_>, moves: &mut Vec<Move>) {
        let mut pods: Vec<PodUid> = Vec::new();
        for waiting in self.unschedulable.values() {
            let over = waiting
                .iter()
                .take_while(|&&(timestamp, _)| ctx.now.since(timestamp) > LONGEST_WAIT);
            pods.extend(over.map(|&(_, uid)| uid));
        }
        pods.sort_unstable();
        if pods.is_empty() {
            return;
        }
        let event = ClusterEvent::Anything;
        let moved = self.move_pods(ctx, &pods, &event);
        let at = ctx.now;
        moves.extend(moved.into_iter().map(|(pod, to)| Move { at, pod, to }));
        self.in_flight.happened(event);
    }
}
