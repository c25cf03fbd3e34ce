//! Clouds and platforms place by what operators and tenants state: hints, aggregates and isolated hosts of
//! Nova, devices and ports of ECS, the policy of OpenShift 3.11 (spec: orchestrators-a.md sections 6.3, 7.1
//! and 8.1).

use std::fmt::Write as _;

use crate::kube_scenario::Scratch;

/// A pod of a name, with what its spec and its container have beside it.
struct Wanted {
    name: &'static str,
    image: &'static str,
    spec: &'static str,
    container: &'static str,
    devices: &'static str,
}

impl Wanted {
    const fn new(name: &'static str, spec: &'static str) -> Self {
        Self {
            name,
            image: "shop/app",
            spec,
            container: "",
            devices: "",
        }
    }
}

/// The node of each pod, in the order of placement; pods that wait have none.
fn places(name: &str, nodes: &str, system: &str, pods: &[Wanted]) -> Vec<String> {
    let mut manifests = String::new();
    for own in pods {
        let Wanted {
            name,
            image,
            spec,
            container,
            devices,
        } = own;
        let _ = writeln!(
            manifests,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec:\n  \
             {spec}\n  containers: [{{name: a, image: {image}, {container} resources: {{requests: {{cpu: \
             '1', memory: 1Gi}}{devices}}}}}]"
        );
    }
    let text = format!(
        "windtunnel: v1\nname: places\ncluster: {{nodes: [{nodes}]}}\nworkload: [{{manifests: \
         pods.yaml}}]\nsystem: {{{system}}}\nstop: {{at: 5m}}\n"
    );
    let files = [("pods.yaml", manifests.as_str()), ("run.yaml", &text)];
    let lines = Scratch::new(&format!("places-{name}"), &files);
    let lines = lines.load("run.yaml").run();
    let told = lines.iter().filter(|line| line.starts_with("0 "));
    told.map(|line| line[2..].to_owned()).collect()
}

const NODES: &str =
    "{name: 'n{}', count: 3, template: {allocatable: {cpu: 8, memory: 16Gi, pods: 110}}}";

#[test]
fn nova_heeds_hints_aggregates_and_isolated_hosts() {
    let near = "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: \
                kubernetes.io/hostname, labelSelector: {matchLabels: {app: db}}}]}}";
    let far = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
               [{topologyKey: kubernetes.io/hostname, labelSelector: {matchExpressions: [{key: app, \
               operator: In, values: [db, disk]}]}}]}}";
    let nowhere = "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                   [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: none}}}]}}";
    let pods = || {
        [
            Wanted::new("db", "nodeSelector: {disk: ssd}"),
            Wanted::new("near", near),
            Wanted::new("disk", "nodeSelector: {disk: nvme}"),
            Wanted::new("far", far),
            Wanted {
                image: "licensed",
                ..Wanted::new("apart", "restartPolicy: Always")
            },
            Wanted::new("alone", nowhere),
        ]
    };
    let options = "filters: [compute, capabilities, same-host, different-host, \
                   aggregate-instance-extra-specs, isolated-hosts], aggregates: {fast: {hosts: [n1], \
                   metadata: {disk: 'ssd, nvme'}}}, isolatedHosts: [n2], isolatedImages: [licensed]";
    let system = format!("name: nova, nova: {{{options}}}");
    assert_eq!(
        places("nova", NODES, &system, &pods()),
        [
            "db on n1",
            "near on n1",
            "disk on n1",
            "far on n0",
            "apart on n2",
            "alone waits"
        ]
    );
    // Two members of a group share a host where that is allowed, and the third does not.
    let rule = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                [{topologyKey: kubernetes.io/hostname, labelSelector: {matchExpressions: [{key: app, \
                operator: Exists}]}}]}}";
    let group = ["a", "b", "c", "d"].map(|name| Wanted::new(name, rule));
    let nodes = NODES.replace("count: 3", "count: 2");
    let stacked = |most: u32| {
        format!("name: nova, nova: {{maxServerPerHost: {most}, weighers: {{ram: -1, cpu: -1}}}}")
    };
    assert_eq!(
        places("nova-apart", &nodes, &stacked(1), &group),
        ["a on n0", "b on n1", "c waits", "d waits"]
    );
    assert_eq!(
        places("nova-pairs", &nodes, &stacked(2), &group),
        ["a on n0", "b on n0", "c on n1", "d on n1"]
    );
    // Queries and networks hold for the pods of their labels; a pattern names hosts.
    let stated = "name: nova, nova: {filters: [compute, json, simple-cidr-affinity, isolated-hosts], \
                  isolatedHosts: ['*2'], restrictIsolatedHosts: false, hints: [{labels: {app: a}, query: \
                  '[\"=\", \"$host\", \"n1\"]'}, {labels: {app: b}, buildNearHostIp: 10.0.2.9}, \
                  {labels: {app: c}, query: '[\"<\", \"$num_instances\", 0]'}], addresses: {n0: \
                  10.0.0.1, n2: 10.0.2.1}}";
    let hinted = ["a", "b", "c"].map(|name| Wanted::new(name, ""));
    assert_eq!(
        places("nova-hints", NODES, stated, &hinted),
        ["a on n1", "b on n2", "c waits"]
    );
    // Factors of an aggregate hold on its hosts: that of memory turned round makes n0 the worst.
    let turned = "name: nova, nova: {weighers: {cpu: 0}, aggregates: {full: {hosts: [n0], metadata: \
                  {ram_weight_multiplier: '-1.0'}}}}";
    let plain = [Wanted::new("a", ""), Wanted::new("b", "")];
    assert_eq!(
        places("nova-factors", &nodes, turned, &plain),
        ["a on n1", "b on n1"]
    );
}

#[test]
fn ecs_places_by_devices_and_ports_of_instances() {
    let nodes = "{name: 'n{}', count: 2, template: {allocatable: {cpu: 8, memory: 16Gi, pods: 110}}}, \
                 {name: g, count: 1, template: {allocatable: {cpu: 8, memory: 16Gi, pods: 110, \
                 nvidia.com/gpu: 1}}}";
    let gpu = |name| Wanted {
        devices: ", limits: {nvidia.com/gpu: 1}",
        ..Wanted::new(name, "")
    };
    assert_eq!(
        places("ecs-devices", nodes, "name: ecs", &[gpu("a"), gpu("b")]),
        ["a on g", "b waits"]
    );
    let port = |name| Wanted {
        container: "ports: [{containerPort: 80, hostPort: 80}],",
        ..Wanted::new(name, "")
    };
    let web = [port("a"), port("b"), port("c"), port("d")];
    assert_eq!(
        places(
            "ecs-ports",
            nodes,
            "name: ecs, ecs: {networkMode: bridge}",
            &web
        ),
        ["a on n0", "b on n1", "c on g", "d waits"]
    );
    let own = places("ecs-own", nodes, "name: ecs", &web);
    assert!(own.iter().all(|line| !line.ends_with("waits")), "{own:?}");
}

#[test]
fn openshift_3_11_prefers_what_pods_prefer() {
    let wish = "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 5, \
                preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: \
                [n2]}]}}]}}";
    let pods = [Wanted::new("a", wish)];
    let early = places("openshift", NODES, "name: openshift", &pods);
    assert_eq!(early, ["a on n0"]);
    let later = "name: openshift, openshift: {policy: '3.11'}";
    assert_eq!(places("openshift-3-11", NODES, later, &pods), ["a on n2"]);
}

#[test]
fn openshift_3_11_heeds_affinity_between_pods() {
    let beside = |app: &str| {
        format!(
            "topologyKey: kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: {app}}}}}"
        )
    };
    let apart = format!(
        "affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{{{}}}]}}}}",
        beside("a")
    );
    let liked = format!(
        "affinity: {{podAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 50, \
         podAffinityTerm: {{{}}}}}]}}}}",
        beside("a")
    );
    let pods = [
        Wanted::new("a", "nodeName: n1"),
        Wanted::new("b", apart.leak()),
        Wanted::new("c", liked.leak()),
    ];
    let nodes = "{name: n0, count: 1, template: {allocatable: {cpu: 2, memory: 2Gi, pods: 110}}}, {name: n1, count: 1, \
                 template: {allocatable: {cpu: 8, memory: 16Gi, pods: 110}}}";
    // The pod on n1 leaves most room there: 7 of 8 cores against 1 of 2.
    let early = places("openshift-pods-early", nodes, "name: openshift", &pods);
    assert_eq!(early, ["b on n1", "c on n1"]);
    let later = "name: openshift, openshift: {policy: '3.11'}";
    let places = places("openshift-pods", nodes, later, &pods);
    assert_eq!(places, ["b on n0", "c on n1"]);
}
