//! Ends of containers: the code, its meaning, and the fault that it amounts to.

use super::signs::{LOOP_FAILURES, Signs};
use super::{Cause, Diagnostician, Member};
use cluster::Store;
use model::exit::{self, KILLED, TERMINATED};
use model::{PodRef, PodSpec, Text};
use units::{Duration, Instant};

/// Within this time failures make a crash loop.
const LOOP_WITHIN: Duration = Duration::from_secs(600);

/// End of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit's name; empty if it has none.
    pub container: Text,
    /// The exit's code.
    pub code: i32,
    /// Marks a container that was killed for want of memory.
    pub is_oom: bool,
}

impl Exit {
    /// Reason in one word.
    pub const fn reason(&self) -> &'static str {
        if self.is_oom {
            "OOMKilled"
        } else {
            exit::reason(self.code)
        }
    }
}

impl Member {
    fn failed(&mut self, at: Instant) {
        self.failures.retain(|&then| at.since(then) <= LOOP_WITHIN);
        self.failures.push(at);
    }

    /// Number of recent failures.
    fn recent(&self, at: Instant) -> u32 {
        let recent = self.failures.iter();
        recent
            .filter(|&&then| at.since(then) <= LOOP_WITHIN)
            .count() as u32
    }
}

/// Whether a container of a pod that ended well is started again.
fn is_restarted(spec: &PodSpec, container: usize) -> bool {
    let restart = spec.life.as_ref().map(|life| life.restart);
    let is_sidecar = spec.all_containers().nth(container);
    let is_sidecar = is_sidecar.is_some_and(|is_sidecar| is_sidecar.restartable);
    is_sidecar || restart.is_none_or(|restart| restart.restarts(true))
}

impl Diagnostician {
    /// A container ended.
    pub(super) fn exited(
        &mut self,
        at: Instant,
        pod: PodRef,
        container: usize,
        code: i32,
        store: &Store,
    ) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let spec = &store.class(record.class).spec;
        let name = spec.all_containers().nth(container);
        let name = name.map_or_else(Text::default, |name| name.name.clone());
        let own_code = spec.exit_code(container);
        let Some(member) = self.member(pod) else {
            return;
        };
        if code == 0 && !is_restarted(spec, container) {
            // Its work is done, and its pod is not ready any more for that alone.
            member.is_done = true;
            return;
        }
        let is_oom = member.killed == Some((at, container));
        // Only its node sends a signal to a container that ends otherwise by itself, and it does so
        // if a probe failed.
        let is_stopped = !is_oom && code != own_code && matches!(code, KILLED | TERMINATED);
        member.failed(at);
        let signs = Signs {
            exit: Some((code, is_oom)),
            is_unhealthy: is_stopped,
            failures: member.recent(at),
            ..Signs::default()
        };
        let cause = signs.cause().unwrap_or(Cause::ApplicationError);
        let end = Exit {
            container: name,
            code,
            is_oom,
        };
        member.ended = Some(cause);
        member.returned = None;
        let owner = member.owner;
        self.trouble(at, pod, cause.into(), store);
        if let Some(fault) = self.workload(owner).fault.as_mut() {
            fault.exit = Some(end);
        }
    }

    /// A container was started again: what is wrong with its pod.
    pub(super) fn of_restart(&mut self, at: Instant, pod: PodRef) -> Cause {
        let Some(member) = self.member(pod) else {
            return Cause::ApplicationError;
        };
        // What its node told of the end has been counted.
        let ended = member.ended.take();
        if ended.is_none() {
            member.failed(at);
        }
        if member.recent(at) >= LOOP_FAILURES {
            Cause::CrashLoop
        } else {
            ended.unwrap_or(Cause::ApplicationError)
        }
    }
}
