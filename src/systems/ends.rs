//! Ends of pods in the words of each system, and what follows from them there. A pod ends for one reason,
//! which every part of a run knows ([`EndReason`]); its system has a state of its own for it, and its own
//! answer to the question whether the task has failed. Back-off, retries, breakers and counts of failures
//! of a system go by this table.

use model::{EndReason, EvictionCause};

/// Consequence of an end for the task and for the limits of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The task has done its work; what is kept running is started again.
    Success,
    /// The task failed: it counts for limits of retries, back-off and breakers.
    Failure,
    /// The task is not to blame: another takes its place, and nothing counts it.
    Loss,
    /// It was wanted so: nothing takes its place.
    Removal,
}

impl Consequence {
    /// The consequence's word in tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Loss => "loss",
            Self::Removal => "removal",
        }
    }
}

/// An end in the words of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The state that the system's users see.
    pub state: &'static str,
    /// Consequence for the task.
    pub consequence: Consequence,
}

/// Function that says what an end is to a system.
pub type Ends = fn(EndReason) -> End;

/// Reasons in the order of tables, with their names there.
pub const REASONS: [(&str, EndReason); 9] = [
    ("completed", EndReason::Completed),
    ("failed by itself", EndReason::Error),
    ("ran over its time limit", EndReason::TimeLimit),
    ("refused for good", EndReason::Rejected),
    (
        "refused by its node",
        EndReason::Refused(model::Refusal::OutOfCpu),
    ),
    ("its node was lost", EndReason::NodeLost),
    ("preempted", EndReason::Evicted(EvictionCause::Preemption)),
    (
        "its node was drained",
        EndReason::Evicted(EvictionCause::Drain),
    ),
    ("withdrawn", EndReason::Cancelled),
];

use Consequence::{Failure, Loss, Removal, Success};

const fn end(state: &'static str, consequence: Consequence) -> End {
    End { state, consequence }
}

/// Pods of Kubernetes: phases, and whether the object is deleted (kubelet, `pkg/controller/podgc`).
pub const fn kubernetes(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("Succeeded", Success),
        EndReason::Error => end("Failed", Failure),
        EndReason::TimeLimit => end("Failed (DeadlineExceeded)", Failure),
        EndReason::Rejected => end("Pending for good", Removal),
        EndReason::Refused(_) => end("Failed (OutOfcpu, NodeAffinity …)", Failure),
        EndReason::NodeLost => end("deleted, then gone with its node", Loss),
        EndReason::Evicted(EvictionCause::NodePressure) => end("Failed (Evicted)", Failure),
        EndReason::Evicted(_) | EndReason::Moved => end("deleted", Loss),
        EndReason::Cancelled => end("deleted", Removal),
    }
}

/// Tasks of `SwarmKit` (`api/types.proto`, `manager/orchestrator/restart`).
pub const fn swarmkit(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("complete", Success),
        EndReason::Error | EndReason::TimeLimit => end("failed", Failure),
        EndReason::Rejected | EndReason::Refused(_) => end("rejected", Failure),
        EndReason::NodeLost => end("shutdown, orphaned after a day", Loss),
        EndReason::Evicted(_) | EndReason::Moved => end("shutdown", Loss),
        EndReason::Cancelled => end("shutdown", Removal),
    }
}

/// Containers of classic Swarm: what `docker ps` says of them.
pub const fn swarm(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("exited (0)", Success),
        EndReason::Error | EndReason::TimeLimit => end("exited (1)", Failure),
        EndReason::Rejected | EndReason::Refused(_) => end("not created", Removal),
        EndReason::NodeLost => end("host down", Loss),
        EndReason::Evicted(_) | EndReason::Moved | EndReason::Cancelled => end("removed", Removal),
    }
}

/// Containers of a Compose project.
pub const fn compose(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("exited (0)", Success),
        EndReason::Error | EndReason::TimeLimit => end("exited (1)", Failure),
        EndReason::Rejected | EndReason::Refused(_) => end("created", Removal),
        EndReason::NodeLost => end("gone with its host", Removal),
        EndReason::Evicted(_) | EndReason::Moved | EndReason::Cancelled => end("removed", Removal),
    }
}

/// Units of Fleet, as systemd reports them (`systemctl`, fleet `engine/reconciler.go`).
pub const fn fleet(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("inactive (dead)", Success),
        EndReason::Error | EndReason::TimeLimit => end("failed", Failure),
        EndReason::Rejected | EndReason::Refused(_) => end("inactive, without a machine", Removal),
        EndReason::NodeLost | EndReason::Evicted(_) | EndReason::Moved => end("rescheduled", Loss),
        EndReason::Cancelled => end("destroyed", Removal),
    }
}

/// Tasks of Mesos; which of them delay a launch is Marathon's rule (`NotifyRateLimiterStepImpl.scala`).
/// A kill by a failed health check is `TASK_KILLED`, too.
pub const fn mesos(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("TASK_FINISHED", Success),
        EndReason::Error | EndReason::TimeLimit => end("TASK_FAILED", Failure),
        EndReason::NodeLost => end("TASK_UNREACHABLE or TASK_LOST", Loss),
        EndReason::Evicted(_) | EndReason::Moved => end("TASK_KILLED", Loss),
        EndReason::Rejected | EndReason::Refused(_) | EndReason::Cancelled => {
            end("TASK_KILLED", Removal)
        }
    }
}

/// Instances of Nova: their `status`.
pub const fn nova(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("SHUTOFF", Success),
        EndReason::Error | EndReason::TimeLimit | EndReason::Refused(_) => end("ERROR", Failure),
        EndReason::Rejected => end("ERROR (NoValidHost)", Failure),
        EndReason::NodeLost => end("ACTIVE on a host that is down", Loss),
        EndReason::Evicted(_) => end("moved", Loss),
        EndReason::Moved => end("ACTIVE, on another host", Loss),
        EndReason::Cancelled => end("DELETED", Removal),
    }
}

/// Tasks of ECS: their `stopCode`.
pub const fn ecs(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("EssentialContainerExited (0)", Success),
        EndReason::Error | EndReason::TimeLimit => end("EssentialContainerExited (1)", Failure),
        EndReason::Rejected | EndReason::Refused(_) => end("TaskFailedToStart", Failure),
        EndReason::NodeLost => end("TerminationNotice", Loss),
        EndReason::Evicted(EvictionCause::Spot) => end("SpotInterruption", Loss),
        EndReason::Evicted(_) | EndReason::Moved => end("ServiceSchedulerInitiated", Loss),
        EndReason::Cancelled => end("ServiceSchedulerInitiated or UserInitiated", Removal),
    }
}

/// Tasks of Borg: the event in its trace (clusterdata 2019).
pub const fn borg(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("FINISH", Success),
        EndReason::Error | EndReason::TimeLimit => end("FAIL", Failure),
        EndReason::Rejected | EndReason::Refused(_) => end("FAIL before SCHEDULE", Removal),
        EndReason::NodeLost => end("LOST or EVICT", Loss),
        EndReason::Evicted(_) | EndReason::Moved => end("EVICT", Loss),
        EndReason::Cancelled => end("KILL", Removal),
    }
}

/// Jobs and pods of systems that make nothing in the place of what has ended.
pub const fn jobs_alone(reason: EndReason) -> End {
    match reason {
        EndReason::Completed => end("completed", Success),
        EndReason::Error => end("failed", Failure),
        EndReason::TimeLimit => end("timed out", Failure),
        EndReason::Rejected | EndReason::Refused(_) => end("rejected", Removal),
        EndReason::NodeLost => end("lost with its node", Loss),
        EndReason::Evicted(_) | EndReason::Moved => end("evicted", Loss),
        EndReason::Cancelled => end("cancelled", Removal),
    }
}
