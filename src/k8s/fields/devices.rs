//! Fields of the objects of dynamic resource allocation. What a reader refuses counts as read.

use super::{KEPT, List, SILENT, fields, left_out, whole};

/// Kinds of dynamic resource allocation.
pub(super) const KINDS: &[(&str, List)] = table! {
    ResourceSlice: SLICE,
    DeviceClass: CLASS,
    ResourceClaim: CLAIM,
    ResourceClaimTemplate: TEMPLATE,
};

/// Effect of conditions of a binding.
const UNBOUND: &str = "no claim gets the device, as with the feature off";

const FACTS: List = table! {
    allowMultipleAllocations attributes basic capacity consumesCounters name taints: KEPT,
    bindingConditions: left_out(UNBOUND),
    nodeAllocatableResourceMappings: left_out("the node's amounts are not changed by it"),
    allNodes bindingFailureConditions bindsToNode nodeName nodeSelector: SILENT,
};

const SLICE: List = table! {
    spec: whole(table! {
        allNodes driver nodeName nodeSelector pool sharedCounters: KEPT,
        devices: fields(FACTS),
        perDeviceNodeSelection: left_out("no claim gets the devices, as with the feature off"),
    }),
};

const SELECTORS: List = table! { cel: fields(table! { expression: KEPT }) };

const CLASS: List = table! {
    spec: whole(table! {
        extendedResourceName: KEPT,
        selectors: fields(SELECTORS),
        config: SILENT,
    }),
};

const WANTED: List = table! {
    adminAccess allocationMode capacity count deviceClassName exactly firstAvailable name
        tolerations: KEPT,
    selectors: fields(SELECTORS),
};

const DEVICES: List = table! {
    requests: fields(WANTED),
    constraints: fields(table! { distinctAttribute matchAttribute requests: KEPT }),
    config: SILENT,
};

const CLAIM_SPEC: List = table! { devices: fields(DEVICES) };

const CLAIM: List = table! {
    spec: whole(CLAIM_SPEC),
    status: fields(table! {
        allocation reservedFor: KEPT,
        devices: SILENT,
    }),
};

const TEMPLATE: List = table! {
    spec: whole(table! {
        spec: fields(CLAIM_SPEC),
        metadata: SILENT,
    }),
};
