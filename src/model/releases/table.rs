//! The table of changes: one entry for each difference between releases that the specification
//! lists, and nothing else. The order is that of its tables.

use super::ChangeArea::{Controllers, Message, Placement, Queue};
use super::Coverage::{LeftOut, Modelled, Unseen};
use super::Release::{V1_30, V1_31, V1_32, V1_33, V1_34, V1_35, V1_36};
use super::{ChangeEntry, Coverage, Release, Span};

/// Makes the enumeration of switches and their table of the same entries.
macro_rules! changes {
    ($($change:ident $name:literal $row:literal $releases:expr, $gate:expr, $bearing:ident,
        $is_defect:literal, $standing:expr, $summary:literal;)*) => {
        /// Switch of a change between releases.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Change {
            $(#[doc = concat!("Change `", $name, "`.")] $change,)*
        }

        /// Every change, in the order of the specification.
        pub const CHANGES: &[ChangeEntry] = &[$(ChangeEntry {
            change: Change::$change,
            name: $name,
            row: $row,
            releases: $releases,
            gate: $gate,
            bearing: $bearing,
            is_defect: $is_defect,
            standing: $standing,
            summary: $summary,
        },)*];
    };
}

/// Releases from one on.
const fn since(first: Release) -> Span {
    Span { first, last: V1_36 }
}

/// Releases up to one.
const fn until(last: Release) -> Span {
    Span { first: V1_30, last }
}

/// One release alone.
const fn only(release: Release) -> Span {
    Span {
        first: release,
        last: release,
    }
}

const NO_DELAY: Coverage = Unseen("calls of the scheduler to the API take no time here");
const FEW_EVENTS: Coverage = Unseen("storage of nodes does not change in a run");

changes! {
    AllocatableShortage "allocatable-shortage-is-final" "A1"
        Some(since(V1_34)), None, Message, false, Modelled,
        "A node that offers less than the request in all is left out of preemption.";
    DynamicResourceAllocation "dynamic-resource-allocation" "A2, A3"
        Some(since(V1_34)), Some("DynamicResourceAllocation"), Message, false, Modelled,
        "DynamicResources takes part: its words stand before those of preemption, which a refusal before it keeps from being tried.";
    PodLevelResources "pod-level-resources" "A4"
        Some(since(V1_34)), Some("PodLevelResources"), Placement, false, Modelled,
        "The requests of `spec.resources` count in the place of those of the containers.";
    SidecarHostPorts "sidecar-host-ports" "A5"
        Some(since(V1_34)), None, Placement, false, Modelled,
        "Host ports of sidecars are taken on the node.";
    LostNamespaceSelector "lost-namespace-selector" "A6"
        Some(since(V1_34)), None, Placement, true, Modelled,
        "A namespace selector of the incoming pod that accepts no labels, such as one with NotIn, means every namespace.";
    OnePodClaimText "read-write-once-pod-text" "A7"
        Some(since(V1_34)), None, Message, false, Modelled,
        "The message for a claim of mode ReadWriteOncePod in use reads `node(s) unavailable due to ..`.";
    BalancedSkipsBestEffort "balanced-allocation-skips-best-effort" "A8"
        Some(since(V1_33)), None, Placement, false, Modelled,
        "NodeResourcesBalancedAllocation gives no points to pods that request none of its resources.";
    VolumeAffinityText "volume-node-affinity-text" "A9"
        Some(since(V1_33)), None, Message, false, Modelled,
        "The message for a volume out of reach reads `node(s) didn't match PersistentVolume's node affinity`.";
    SpreadPerConstraint "spread-counts-per-constraint" "A10"
        Some(since(V1_33)), None, Placement, false,
        Unseen("the API server refuses two constraints with one key and one `whenUnsatisfiable`"),
        "Pods are counted for each spreading constraint rather than for each topology key.";
    TaintText "taint-text-without-key" "A11"
        Some(since(V1_35)), None, Message, false, Modelled,
        "Messages name untolerated taints without key and value, and so count them together.";
    SidecarDefaults "sidecar-scoring-defaults" "A12"
        Some(since(V1_32)), None, Placement, false, Modelled,
        "Requests that count in scores add sidecars and defaults for missing requests as pod requests do.";
    VictimsSortedAgain "victims-sorted-again" "A13"
        Some(since(V1_32)), None, Placement, false, Modelled,
        "Victims are sorted by importance after pods within their budgets were spared; before, those that exceed a budget came first.";
    LeftOutNodesNamed "left-out-nodes-named" "A14"
        Some(since(V1_32)), None, Message, false, Modelled,
        "Messages name the plugin whose field match on the name leaves nodes out.";
    LeftOutNodesOldText "left-out-nodes-as-filtered" "A14"
        Some(until(V1_30)), None, Message, false, Modelled,
        "The message for nodes that a field match on the name leaves out reads `node is filtered out by the prefilter result`.";
    ExplicitCandidates "explicit-preemption-candidates" "A15"
        Some(since(V1_32)), None, Placement, false,
        Unseen("nodes without a verdict are not tried in either form"),
        "Preemption takes its nodes from a list of verdicts with a default.";
    VolumeAttachments "volume-attachments-count" "A16"
        Some(since(V1_32)), None, Placement, false, Modelled,
        "Volumes attached to a node count against its limit though no pod there uses them.";
    AllocatableVolumeLimits "allocatable-volume-limits" "A16"
        Some(until(V1_31)), None, Placement, false, Modelled,
        "A node's allocatable `attachable-volumes-csi-DRIVER` limits its volumes where its CSINode states no limit.";
    InTreeVolumeLimits "in-tree-volume-limits" "A16"
        Some(until(V1_31)), None, Placement, false,
        LeftOut("volumes of drivers inside Kubernetes have no limit here"),
        "Volumes of EBS, GCE, Azure and Cinder have limits of their own.";
    BalancedImprovement "balanced-allocation-improvement" "A17"
        Some(since(V1_36)), None, Placement, false, Modelled,
        "NodeResourcesBalancedAllocation scores how much the pod improves the balance of a node.";
    OpportunisticBatching "opportunistic-batching" "A18"
        Some(since(V1_35)), Some("OpportunisticBatching"), Placement, false,
        LeftOut("it acts only where PodTopologySpread has `defaultingType: List` without constraints"),
        "A pod like the one before it is offered the next node of the ranking before.";
    RandomizedHeap "randomized-heap" "A19"
        Some(since(V1_35)), None, Placement, false,
        Unseen("the choice among the best nodes is uniform in both forms"),
        "The node is taken from a heap with a random number for each node.";
    HeapRoot "heap-root-choice" "A19"
        Some(since(V1_36)), None, Placement, false, Modelled,
        "The root of a heap over equally good nodes is taken rather than one at random.";
    NominationWhileBinding "nominated-node-for-expectation" "A20"
        Some(since(V1_35)), Some("NominatedNodeNameForExpectation"), Placement, false,
        Unseen("a pod that is being bound counts on its node with or without a nomination"),
        "A pod that is being bound has its node as nominated node.";
    NodeNamePanic "unknown-node-name-panic" "A21"
        Some(until(V1_30)), None, Placement, true, Modelled,
        "The scheduler panics over a pod whose field match on the name admits no node that exists.";
    NodeDeclaredFeatures "node-declared-features" "A22"
        Some(since(V1_36)), Some("NodeDeclaredFeatures"), Placement, false,
        Unseen("pods here use none of the features that nodes declare"),
        "Nodes that lack a feature the pod uses are rejected.";
    VolumeLimitScaling "volume-limit-scaling" "A23"
        None, Some("VolumeLimitScaling"), Placement, false,
        LeftOut("the gate is off in every release"),
        "A node without the CSI driver of a volume is rejected.";
    DynamicResourcesScore "dynamic-resources-score" "A24"
        Some(since(V1_35)), None, Message, false, Modelled,
        "DynamicResources gives 0 points to every node instead of none.";
    DevicePoolsInOrder "device-pools-in-order" "DRA 2.7"
        Some(since(V1_36)), None, Placement, false, Modelled,
        "Pools of devices are searched by driver and name, those that are not whole show no devices, and two quirks of `All` among alternatives are gone.";
    QueueingHints "queueing-hints" "B"
        Some(since(V1_32)), Some("SchedulerQueueingHints"), Queue, false, Modelled,
        "A pod that failed is tried again only after events by which its rejecting plugins expect to admit it.";
    FinerEvents "finer-node-events" "B"
        Some(since(V1_32)), None, Queue, false, Modelled,
        "Plugins hear of the changes of nodes that concern them, rather than of every change.";
    NodeAffinityHint "node-affinity-hint-by-change" "B"
        Some(since(V1_32)), None, Queue, false, Modelled,
        "A node that matched before its labels changed wakes no pod that NodeAffinity rejected.";
    FitHint "fit-hint-by-growth" "B"
        Some(since(V1_32)), None, Queue, false, Modelled,
        "A node wakes pods that NodeResourcesFit rejected only if something they ask for grew.";
    PodAffinityHint "pod-affinity-hint-by-value" "B"
        Some(since(V1_33)), None, Queue, false, Modelled,
        "A node wakes pods that InterPodAffinity rejected only if the value of a topology key changed.";
    NominatedDeletion "nominated-pod-deletion-wakes" "B"
        Some(since(V1_33)), None, Queue, false, Modelled,
        "The deletion of a nominated pod wakes pods that NodeResourcesFit rejected.";
    VolumeLimitHints "volume-limit-hints" "B"
        Some(since(V1_33)), None, Queue, false, FEW_EVENTS,
        "Changes of CSINodes and deletions of attachments wake pods that NodeVolumeLimits rejected.";
    PopFromBackoff "pop-from-backoff" "B"
        Some(since(V1_33)), Some("SchedulerPopFromBackoffQ"), Queue, false, Modelled,
        "Pods that wait out a back-off are tried when no other pod waits, and back-offs end at whole seconds.";
    AsyncPreemption "asynchronous-preemption" "B"
        Some(since(V1_33)), Some("SchedulerAsyncPreemption"), Queue, false, NO_DELAY,
        "Victims are deleted outside of the cycle.";
    PreemptionHearsDeletions "preemption-hears-deletions" "B"
        Some(since(V1_34)), None, Queue, false, NO_DELAY,
        "DefaultPreemption hears of deletions of pods, so that pods it holds back are let go.";
    GoneVictims "gone-victims-are-no-error" "B"
        Some(since(V1_34)), None, Queue, false, NO_DELAY,
        "Victims that are being deleted or gone are left alone.";
    EarlyRetry "preemptor-let-go-early" "B"
        Some(since(V1_35)), None, Queue, false, NO_DELAY,
        "A pod that preempts is let go as soon as its last victim is terminating.";
    AsyncCalls "asynchronous-api-calls" "B"
        Some(only(V1_34)), Some("SchedulerAsyncAPICalls"), Queue, false, NO_DELAY,
        "Status patches and bindings go through a dispatcher.";
    RepellingPodHint "repelling-pod-deletion-wakes" "B"
        Some(since(V1_36)), None, Queue, false, Modelled,
        "The deletion of a pod whose anti-affinity kept another away wakes that one; before, it waits up to 5 min.";
    OwnLabelsHint "own-labels-wake" "B"
        Some(since(V1_36)), None, Queue, false, Unseen("labels of waiting pods do not change in a run"),
        "A change of its own labels wakes a pod that InterPodAffinity rejected.";
    NominatedPodHints "nominated-pods-in-hints" "B"
        Some(since(V1_36)), None, Queue, false,
        LeftOut("pods that are nominated and leave wake those that NodeResourcesFit rejected alone"),
        "More plugins hear of changes of pods that have a nominated node and none of their own.";
    LabelKeysInPodAffinity "match-label-keys-in-pod-affinity" "C"
        Some(since(V1_31)), Some("MatchLabelKeysInPodAffinity"), Placement, false,
        Unseen("objects hold the merged selectors, which older releases heed as well"),
        "`matchLabelKeys` of pod affinity are merged into the selector on admission.";
    SpreadSelectorMerge "spread-selector-merge" "C"
        Some(since(V1_34)), Some("MatchLabelKeysInPodTopologySpreadSelectorMerge"), Placement, false,
        Unseen("the plugin merges the keys where the API server did not"),
        "`matchLabelKeys` of spreading constraints are merged into the selector on admission.";
    InPlaceResize "in-place-resize" "C"
        Some(since(V1_33)), Some("InPlacePodVerticalScaling"), Placement, false, Modelled,
        "Running pods count with the largest of the requests stated, allocated and in force.";
    ExtendedResourceClaims "extended-resource-claims" "C"
        Some(since(V1_36)), Some("DRAExtendedResource"), Placement, false,
        Unseen("device classes that map an extended resource are refused"),
        "Extended resources that a device class maps are left to DynamicResources.";
    NodeGrace "node-monitor-grace-of-fifty-seconds" "2"
        Some(since(V1_32)), None, Controllers, false, Modelled,
        "The node-lifecycle controller takes a node as lost after 50 s of silence; before, after 40 s.";
    ParallelUpdateWaits "parallel-update-waits-for-availability" "2"
        Some(since(V1_34)), None, Controllers, false, Modelled,
        "An update of a StatefulSet whose pods need not go in order waits for `minReadySeconds` of each pod; before, until it is ready.";
    StaleGuard "stale-controller-guard" "2"
        Some(since(V1_36)), Some("StaleControllerConsistency"), Controllers, false, Modelled,
        "No sync of a ReplicaSet, Job, StatefulSet or DaemonSet begins before its controller has seen its own writes.";
    StatefulMaxUnavailable "stateful-set-max-unavailable" "2"
        None, Some("MaxUnavailableStatefulSet"), Controllers, false, Modelled,
        "Updates of StatefulSets take `maxUnavailable` pods at once; on by default in 1.35.0 alone.";
    StatefulResync "stateful-set-resync-when-available" "2"
        Some(since(V1_36)), None, Controllers, false,
        LeftOut("updates go on when a pod is available in every release; up to 1 s early before 1.36"),
        "A sync of a StatefulSet begins when its next pod becomes available; before, a second later.";
    SuspendedJobStart "suspended-job-has-no-start" "2"
        Some(since(V1_36)), Some("MutableSchedulingDirectivesForSuspendedJobs"), Controllers, false,
        Unseen("resuming sets the start again in every release"),
        "Suspending a Job clears its start time.";
    SuspendedJobTemplate "suspended-job-template-may-change" "2"
        Some(since(V1_36)), Some("MutablePodResourcesForSuspendedJobs"), Controllers, false,
        LeftOut("the API server's rules for templates of suspended Jobs are not checked in any release"),
        "Node selector, affinity, tolerations and resources of a suspended Job may be changed.";
    JobCountsInBackoff "job-counts-pods-in-back-off" "2"
        Some(since(V1_36)), None, Controllers, false,
        Unseen("no status of a Job is refused here"),
        "A Job whose pods are in back-off reports them as active.";
    TerminatingReplicas "terminating-replicas" "2"
        Some(since(V1_35)), Some("DeploymentReplicaSetTerminatingReplicas"), Controllers, false,
        Unseen("nothing decides by the field"),
        "The status of ReplicaSets and Deployments counts terminating pods.";
    MissingContainerMetric "horizontal-missing-container-is-an-error" "3"
        Some(since(V1_36)), None, Controllers, false,
        LeftOut("autoscalers by containers act as in 1.36 in every release"),
        "A container that an autoscaler names and a pod lacks is an error; before, it requested nothing.";
    ScaleToZero "horizontal-scale-to-zero" "3"
        None, Some("HPAScaleToZero"), Controllers, false,
        LeftOut("the gate is off in every release"),
        "A horizontal autoscaler may scale to no pods at all.";
    DaemonUpdateShare "daemon-update-keeps-its-share" "2"
        Some(since(V1_31)), None, Controllers, false,
        LeftOut("updates of DaemonSets keep to `maxUnavailable` in every release"),
        "An update of a DaemonSet counts pods that an earlier update left unready; before, each takes `maxUnavailable` more.";
    DeviceTaintEviction "device-taint-eviction" "2"
        Some(since(V1_36)), Some("DRADeviceTaints"), Controllers, false,
        LeftOut("pods keep devices that get a taint; devices with taints are given to no claim"),
        "Pods are evicted whose devices get a taint with the effect NoExecute.";
    TolerationComparison "toleration-comparison" "2"
        None, Some("TaintTolerationComparisonOperators"), Placement, false,
        LeftOut("the gate is off in every release"),
        "Tolerations compare numbers with `Lt` and `Gt`.";
    ToleranceByObject "horizontal-tolerance-by-object" "3"
        Some(since(V1_35)), Some("HPAConfigurableTolerance"), Controllers, false, Modelled,
        "Horizontal autoscalers heed the tolerance that their objects state.";
    MissingContainerUsage "horizontal-missing-container-usage" "3"
        Some(since(V1_33)), None, Controllers, false,
        LeftOut("autoscalers by containers act as in 1.33 in every release"),
        "A pod whose metrics lack the container of an autoscaler counts as missing; before, nothing was decided.";
    SystemPodTimeout "system-pods-leave-after-an-hour" "3"
        Some(since(V1_33)), None, Controllers, false, Modelled,
        "The cluster autoscaler moves pods of kube-system without a budget an hour after their creation; before, never.";
}
