//! Fields of the objects of dynamic resource allocation. What a reader refuses counts as read.

use super::List;
use super::Use::{Fields, LeftOut, Read, Silent};

/// Kinds of dynamic resource allocation.
pub(super) const KINDS: &[(&str, List)] = &[
    ("ResourceSlice", SLICE),
    ("DeviceClass", CLASS),
    ("ResourceClaim", CLAIM),
    ("ResourceClaimTemplate", TEMPLATE),
];

/// Effect of conditions of a binding.
const UNBOUND: &str = "no claim gets the device, as with the feature off";

const FACTS: List = &[
    ("name", Read),
    ("attributes", Read),
    ("capacity", Read),
    ("taints", Read),
    ("consumesCounters", Read),
    ("allowMultipleAllocations", Read),
    ("nodeName", Silent),
    ("nodeSelector", Silent),
    ("allNodes", Silent),
    ("bindsToNode", Silent),
    ("bindingConditions", LeftOut(UNBOUND)),
    ("bindingFailureConditions", Silent),
    (
        "nodeAllocatableResourceMappings",
        LeftOut("the node's amounts are not changed by it"),
    ),
    ("basic", Read),
];

const SLICE: List = &[(
    "spec",
    Fields(&[
        ("driver", Read),
        ("pool", Read),
        ("nodeName", Read),
        ("nodeSelector", Read),
        ("allNodes", Read),
        (
            "perDeviceNodeSelection",
            LeftOut("no claim gets the devices, as with the feature off"),
        ),
        ("sharedCounters", Read),
        ("devices", Fields(FACTS)),
    ]),
)];

const SELECTORS: List = &[("cel", Fields(&[("expression", Read)]))];

const CLASS: List = &[(
    "spec",
    Fields(&[
        ("selectors", Fields(SELECTORS)),
        ("config", Silent),
        ("extendedResourceName", Read),
    ]),
)];

const WANTED: List = &[
    ("name", Read),
    ("deviceClassName", Read),
    ("selectors", Fields(SELECTORS)),
    ("allocationMode", Read),
    ("count", Read),
    ("adminAccess", Read),
    ("tolerations", Read),
    ("capacity", Read),
    ("exactly", Read),
    ("firstAvailable", Read),
];

const DEVICES: List = &[
    ("requests", Fields(WANTED)),
    (
        "constraints",
        Fields(&[
            ("requests", Read),
            ("matchAttribute", Read),
            ("distinctAttribute", Read),
        ]),
    ),
    ("config", Silent),
];

const CLAIM_SPEC: List = &[("devices", Fields(DEVICES))];

const CLAIM: List = &[
    ("spec", Fields(CLAIM_SPEC)),
    (
        "status",
        Fields(&[
            ("allocation", Read),
            ("reservedFor", Read),
            ("devices", Silent),
        ]),
    ),
];

const TEMPLATE: List = &[(
    "spec",
    Fields(&[("metadata", Silent), ("spec", Fields(CLAIM_SPEC))]),
)];
