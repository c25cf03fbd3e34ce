//! Reasons that an attempt to allocate claims ends without an answer.

use model::Text;

/// A reason that an allocation ends before it is clear whether there is one; it ends the attempt to
/// schedule the pod.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// A request names a class that is not there.
    #[error(
        "request {request}: there is no DeviceClass `{class}`; declare it, or name another one"
    )]
    UnknownClass {
        /// The request.
        request: Text,
        /// The class.
        class: Text,
    },
    /// A selector is none, or found what it can't work with.
    #[error("request {request}: selector `{expression}`: {words}")]
    Selector {
        /// The request.
        request: Text,
        /// The selector.
        expression: Text,
        /// The reason in words.
        words: String,
    },
    /// A request for all devices meets a pool that is being updated or has two devices of one name.
    #[error(
        "request {request}: it asks for all devices, but the pool `{pool}` of `{driver}` is incomplete \
         or has two devices of one name"
    )]
    AllOfBrokenPool {
        /// The request.
        request: Text,
        /// Driver of the pool.
        driver: Text,
        /// The pool.
        pool: Text,
    },
    /// A pool has two devices of one name.
    #[error("the pool `{pool}` of `{driver}` has two devices of one name")]
    BrokenPool {
        /// Driver of the pool.
        driver: Text,
        /// The pool.
        pool: Text,
    },
    /// A constraint keeps a device out of a request that asks for all.
    #[error(
        "request {request}: a constraint of the claim keeps the device `{device}` out of all devices"
    )]
    Constraint {
        /// The request.
        request: Text,
        /// The device.
        device: Text,
    },
    /// A claim asks for more devices than it may hold.
    #[error("claim {claim}: a claim holds 32 devices at most, and it asks for at least {fewest}")]
    TooMany {
        /// The claim.
        claim: Text,
        /// Number of devices that it takes at least.
        fewest: usize,
    },
    /// The search took too many steps.
    #[error("the search for devices took more than {0} steps; ask for fewer devices at once")]
    Abandoned(u64),
}
