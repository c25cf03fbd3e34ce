//! The fields of claims on devices that a snapshot keeps.

use super::super::keep::Keep::{All, Fields};
use super::{List, METADATA};

/// Claims of a pod.
pub(super) const POD_CLAIM: List = &[
    ("name", All),
    ("resourceClaimName", All),
    ("resourceClaimTemplateName", All),
    (
        "source",
        Fields(&[
            ("resourceClaimName", All),
            ("resourceClaimTemplateName", All),
        ]),
    ),
];

/// Claims on devices, with those that they have.
pub(super) const DEVICE_CLAIM: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", All),
    (
        "status",
        Fields(&[("allocation", All), ("reservedFor", All)]),
    ),
];
