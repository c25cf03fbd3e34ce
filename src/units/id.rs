//! Dense identities. An id names one object for a whole run and is never reused; a slot is a
//! position in a column and is reused once its object is gone.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The position this id stands for in a column.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The id of a position in a column.
            #[inline]
            pub const fn from_index(index: usize) -> Self {
                assert!(index < u32::MAX as usize, "more than 2^32 - 1 objects of one kind");
                Self(index as u32)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

dense_id!(
    /// A node, for the whole run; also its row in every node column (nodes keep their row).
    NodeId, "node#"
);
dense_id!(
    /// A pod, for the whole run: the n-th pod ever created in its cell.
    PodId, "pod#"
);
dense_id!(
    /// A row in the pod slab; reused after the pod has been deleted.
    PodSlot, "slot#"
);
dense_id!(
    /// An interned pod spec: one index per equivalence class of pods.
    ClassId, "class#"
);
dense_id!(
    /// A gang (pod group, rigid job): pods that start together or not at all.
    GangId, "gang#"
);
dense_id!(
    /// A tenant: the user or group that a pod is accounted to.
    TenantId, "tenant#"
);
dense_id!(
    /// An object of the API (a deployment, a budget …): the n-th ever created in its cell.
    ObjectId, "object#"
);
dense_id!(
    /// An extended resource, by order of first appearance in its cell.
    ResourceId, "resource#"
);
dense_id!(
    /// A GPU model, by order of first appearance in its cell.
    GpuModelId, "gpu-model#"
);
dense_id!(
    /// A cell: one cluster with one control plane.
    CellId, "cell#"
);
dense_id!(
    /// A component of a control plane, by order of registration.
    ComponentId, "component#"
);

/// Position in a store's log: the revision of the n-th change is n, starting at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
