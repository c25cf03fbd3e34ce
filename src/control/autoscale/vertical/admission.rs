//! Admission: what a new pod of a vertically scaled workload is given (spec: kubernetes.md 3.2).

use super::{ContainerPolicy, Recommendation};

/// A container's request and limit of one resource; `None` states none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// The request.
    pub request: Option<i64>,
    /// The limit.
    pub limit: Option<i64>,
}

/// A container's cpu (milli-cores) and memory (bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatedResources {
    /// Cpu.
    pub cpu: Stated,
    /// Memory.
    pub memory: Stated,
}

/// What a container is given: the target as its request, and limits in the same proportion to
/// requests as stated, unless the policy leaves limits alone.
pub fn admit(
    stated: StatedResources,
    recommended: &Recommendation,
    policy: &ContainerPolicy,
) -> StatedResources {
    if policy.is_off {
        return stated;
    }
    let target = recommended.target;
    let give = |own: Stated, target: i64| Stated {
        request: Some(target),
        limit: if policy.requests_only {
            own.limit
        } else {
            own.limit
                .map(|limit| proportional(own.request, limit, target))
        },
    };
    StatedResources {
        cpu: give(stated.cpu, target.cpu_milli),
        memory: give(stated.memory, target.memory_bytes),
    }
}

/// The limit that is to the target as it was to the request. A request that is left out is as
/// large as the limit.
fn proportional(request: Option<i64>, limit: i64, target: i64) -> i64 {
    let request = request.filter(|&own| own > 0).unwrap_or(limit);
    if request == limit {
        return target;
    }
    let product = i128::from(limit) * i128::from(target) / i128::from(request);
    i64::try_from(product).unwrap_or(i64::MAX)
}
