//! What is said of an attempt of a run is what the run did, and what happens to pods and storage of a
//! dump during a run.

use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;

use windtunnel::lab::diff::Side;
use windtunnel::lab::explain::Outcome;
use windtunnel::lab::explain::run::{Which, find};

use crate::kube_scenario::{Scratch, node, on, pod};

/// One file of manifests under kube-scheduler, with settings of it.
fn scratch(name: &str, manifests: &str, settings: &str) -> Scratch {
    let scenario = format!(
        "windtunnel: v1\nname: own\ncluster: {{nodes: [{{manifests: dump.yaml}}]}}\nworkload: \
         [{{manifests: dump.yaml}}]\nsystem: {{name: kubernetes, scheduler: {{{settings}}}}}\n\
         stop: {{at: 10m}}\n"
    );
    Scratch::new(name, &[("own.yaml", &scenario), ("dump.yaml", manifests)])
}

/// Pods that ask for much and little, spread and keep apart on six nodes: of every attempt the
/// explanation says what came of it.
#[test]
fn a_node_that_a_run_chose_is_among_the_best_of_its_explanation() {
    let mut text = String::new();
    for (index, zone) in ["x", "y", "z", "x", "y", "z"].iter().enumerate() {
        text += &node(&format!("n{index}"), zone, 4);
    }
    let spread = "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: \
                  topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: \
                  {}}]\n";
    let apart = "  affinity: {podAntiAffinity: \
                 {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: \
                 kubernetes.io/hostname, labelSelector: {matchExpressions: [{key: app, operator: \
                 In, values: [p0, p3, p6]}]}}]}}\n";
    for index in 0..12 {
        let spec = ["", spread, apart][index % 3];
        let cpu = 1 + index as i64 % 4;
        let _ = write!(text, "{}", pod(&format!("p{index}"), cpu, 0, spec, "}"));
    }
    let scratch = scratch("explained", &text, "profile: default");
    let own = scratch.load("own.yaml");
    let side = Side {
        label: "own".to_owned(),
        scenario: &own.0.variants[0].scenario,
        files: &own.0.files,
        before: None,
    };
    let (mut placed, mut waiting) = (0, 0);
    for index in 0..12 {
        let name = format!("shop/p{index}");
        let mut found = find(&side, &name, Which::Number(1), &AtomicBool::new(false)).unwrap();
        let told = found.explain();
        if let Some(node) = &found.facts.node {
            placed += 1;
            let best = told.best.iter().any(|own| **own == **node);
            assert!(best, "{name} on {node}: {:?}", told.best);
        } else {
            waiting += 1;
            assert!(matches!(told.outcome, Outcome::Waits(..)), "{name}");
        }
    }
    assert!(
        placed >= 8 && waiting >= 1,
        "{placed} placed, {waiting} wait"
    );
}

/// A pod that was told to end before the dump was taken ends at its deletion timestamp; one that
/// should have ended long ago is held back by something, and stays.
#[test]
fn a_pod_that_is_ending_makes_room_when_its_time_has_come() {
    let (spec, status) = on("a", "1:00");
    for (end, expected) in [
        ("00:01:40Z', deletionGracePeriodSeconds: 30", true),
        ("00:00:40Z', deletionGracePeriodSeconds: 30", false),
    ] {
        let ending = format!(", deletionTimestamp: '2026-01-01T{end}}}");
        let mut text = node("a", "x", 2);
        text += &(pod("ending", 2, 0, &spec, &ending) + &status);
        text += &pod("next", 2, 0, "", "}");
        let story = scratch("ending", &text, "profile: default")
            .load("own.yaml")
            .run();
        let ended = story.iter().any(|line| line == "30 ending ended Cancelled");
        let bound = story.iter().any(|line| line.contains("next on a"));
        assert_eq!((ended, bound), (expected, expected), "{story:?}");
    }
}

/// Two pods share a claim whose volume is made where the first one goes. The other one finds no room
/// there; once the claim has its volume, which every node can reach, it need not go there.
#[test]
fn a_claim_that_gets_its_volume_wakes_those_who_share_it() {
    let claims = "  volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]\n";
    let mut text = node("a", "x", 1) + &node("b", "x", 1);
    text += "---\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: s}\n\
             provisioner: d\nvolumeBindingMode: WaitForFirstConsumer\n";
    text += "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c, namespace: shop}\n\
             spec: {storageClassName: s, resources: {requests: {storage: 1Gi}}, accessModes: \
             [ReadWriteMany]}\nstatus: {phase: Pending}\n";
    text += &pod("first", 1, 1, claims, "}");
    text += &pod("second", 1, 0, claims, "}");
    let settings = "profile: default, tieBreak: first, bindingTime: 10s";
    let story = scratch("claims", &text, settings).load("own.yaml").run();
    assert_eq!(
        story,
        ["0 second waits", "10 first on a", "20 second on b"],
        "{story:?}"
    );
}
