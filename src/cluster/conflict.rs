//! The reasons for which the store refuses a change.

use thiserror::Error;

use model::PodPhase;
use units::QuantityError;

/// Reason a change was refused, as the modelled system would refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Conflict {
    /// The pod has ended or never was.
    #[error("the pod is gone")]
    UnknownPod,
    /// The node was removed or never was.
    #[error("the node is gone")]
    UnknownNode,
    /// A node of that name is there already.
    #[error("a node named `{0}` is there already")]
    DuplicateNode(String),
    /// A declaration would change a node's name or number of devices.
    #[error("a node's name and number of GPU devices can't change")]
    NodeIdentity,
    /// The node is down or cordoned.
    #[error("the node takes no new pods")]
    NodeClosed,
    /// The pod is not in the phase that the change starts from.
    #[error("the pod is {0}")]
    Phase(PodPhase),
    /// The pod's resources are not free on the node.
    #[error("the node has not enough room")]
    NoRoom,
    /// A class out of order.
    #[error("the class is unknown")]
    UnknownClass,
    /// No such hold, or its number is taken.
    #[error("the hold is unknown or its number is taken")]
    UnknownHold,
    /// The object was deleted or never was.
    #[error("the object is gone")]
    UnknownObject,
    /// An object of that kind and name is there already.
    #[error("there is a {0} already")]
    DuplicateObject(String),
    /// The namespace of something new is not there.
    #[error("there is no namespace `{0}`")]
    UnknownNamespace(String),
    /// A quota, a limit range or another rule of the API forbids it.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// A field of the object has a value that the API does not take.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The API refused, for no reason of the cluster's.
    #[error("the API refused")]
    Refused,
    /// The object was changed since the writer has last seen it.
    #[error("the object was changed meanwhile")]
    Stale,
    /// A claim would have a device that another claim has.
    #[error("device `{0}` belongs to another claim")]
    DeviceTaken(String),
    /// A change would give an object another kind, namespace or name.
    #[error("an object's kind, namespace and name can't change")]
    ObjectIdentity,
    /// A node with too many devices.
    #[error("a node has at most 64 GPU devices")]
    TooManyDevices,
    /// Too many GPU models.
    #[error("a cell has at most 64 GPU models")]
    TooManyGpuModels,
    /// Too many pods.
    #[error("a run creates at most 2^32 - 1 pods in a cell")]
    TooManyPods,
    /// An amount that can't be read as an integer.
    #[error(transparent)]
    Quantity(QuantityError),
    /// An amount beyond what one object may state.
    #[error("an amount of one resource is at most 9007199254740992 (2^53), which is 8Pi of memory")]
    TooMuch,
    /// The nodes of a cluster offer more together than can be counted.
    #[error("the nodes of a cluster offer at most 2^62 of one resource together")]
    TooMuchTogether,
}
