//! Builds of instances: one that fails on its host is tried on the next of the alternates, and counts against
//! the host (spec: orchestrators-a.md sections 6.1 and 6.2).

use crate::parts::turn::Turn;
use model::PodRef;
use rng::Stream;
use units::Identity;

use super::{Due, Nova};

/// Purpose of the streams that failures are drawn from.
const FAILURE: &str = "nova.build";

impl Nova {
    /// Builds an instance on the host that it has claimed: its pod is bound there, unless the host finds its
    /// server group broken or the build fails.
    pub(super) fn build(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        if self.breaks_group(pod) {
            // The policy failed, not the host, which is none the worse for it.
            self.leave(pod);
            self.retry(pod, turn);
        } else if self.fails(pod) {
            let at = turn.now.saturating_add(self.options.machine.fails_after);
            self.timers.push(at, Due::BuildFailed(pod));
        } else {
            self.bind(pod, turn);
        }
    }

    /// Whether the next build of an instance fails.
    pub(super) fn fails(&mut self, pod: PodRef) -> bool {
        let (seed, failure) = (self.seed, self.options.machine.failure_ppm);
        let Some(own) = self.instance_mut(pod).filter(|_| failure > 0) else {
            return false;
        };
        own.builds += 1;
        let who = Identity::of(&own.name).nth(own.builds);
        Stream::of(seed, FAILURE, who).below(1_000_000) < u64::from(failure)
    }

    /// A build has failed on its host.
    pub(super) fn build_failed(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        let Some(host) = self.leave(pod) else {
            return;
        };
        self.cloud.change(host, |own| own.failed_builds += 1);
        self.retry(pod, turn);
    }
}
