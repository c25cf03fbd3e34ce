//! Workloads of dumps half-way: roll-outs, sets, jobs.

use serde_json::json;

use super::cluster::{Course, Pod, at, deployment, nodes, object, stateful_set, template};

/// A roll-out whose new pods can't have their image stands still; one whose new pods come up goes on.
#[test]
fn a_roll_out_goes_on_where_it_was() {
    let web = template("web");
    let old = |name: &str, node: &str| Pod::new(name, &web, node).of_set(1);
    let sets = [(1, 3, "a:1"), (2, 1, "a:2")];
    let pods = vec![
        old("web-1-a", "n-0"),
        old("web-1-b", "n-1"),
        old("web-1-c", "n-2"),
        Pod::new("web-2-a", &web, "n-3")
            .since(-590)
            .of_set(2)
            .waiting("Pending", "ImagePullBackOff"),
    ];
    let begun = Course::new(&[nodes(), deployment(3, &sets)], pods, "stop: {at: 20m}");
    assert_eq!(begun.told(&["terminating"]), [""; 0]);
    let sets = [(1, 2, "a:1"), (2, 2, "a:2")];
    let pods = vec![
        old("web-1-a", "n-0"),
        old("web-1-b", "n-1"),
        Pod::new("web-2-a", &web, "n-2").since(-50).of_set(2),
        Pod::new("web-2-b", &web, "n-3")
            .since(-2)
            .of_set(2)
            .waiting("Pending", "ContainerCreating"),
    ];
    let begun = Course::new(&[nodes(), deployment(3, &sets)], pods, "stop: {at: 20m}");
    let ended = begun.told(&["ended"]);
    assert_eq!(ended.len(), 2, "{ended:?}");
    assert!(
        ended.iter().all(|line| line.contains(" web-1-")),
        "{ended:?}"
    );
}

/// A stateful set waits for its updated pod to be ready before it takes the next, and for ever for one that
/// crash-loops.
#[test]
fn a_stateful_set_waits_for_its_updated_pod() {
    let old = template("db");
    let mut new = template("db");
    new["spec"]["containers"][0]["image"] = "a:2".into();
    let status = json!({"replicas": 3, "readyReplicas": 2, "currentRevision": "db-old",
        "updateRevision": "db-new", "currentReplicas": 2, "updatedReplicas": 1});
    let of = |last: Pod| {
        let revised = |pod: Pod, revision: &str| {
            pod.owned("StatefulSet", "db")
                .labelled("controller-revision-hash", revision)
        };
        let pods = vec![
            revised(Pod::new("db-0", &old, "n-0"), "db-old"),
            revised(Pod::new("db-1", &old, "n-1"), "db-old"),
            revised(last, "db-new"),
        ];
        let set = stateful_set(3, &new, &status);
        Course::new(&[nodes(), vec![set]], pods, "stop: {at: 20m}").told(&["terminating"])
    };
    let told = of(Pod::new("db-2", &new, "n-2").since(-4).unready(-4));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("1.00 s terminating db-1"), "{told:?}");
    let told = of(Pod::new("db-2", &new, "n-2")
        .since(-4)
        .crashing(4, -62, -60)
        .unready(-3_000));
    assert_eq!(told, [""; 0]);
}

/// Jobs go on with the pods that they have and what they have counted, cron jobs from their last time.
#[test]
fn jobs_go_on_with_what_they_have_counted() {
    let mut work = template("job");
    work["metadata"]["annotations"] = json!({"windtunnel.dev/run-time": "10m"});
    work["spec"]["restartPolicy"] = "Never".into();
    let spec = json!({"completions": 5, "parallelism": 2, "backoffLimit": 2, "template": work,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "Job-j"}}});
    let mut job = object("batch/v1", "Job", "j", &spec);
    job["status"] = json!({"startTime": at(-1_900), "active": 2, "succeeded": 2, "failed": 1});
    let of_job = |name: &str, since: i64| {
        let pod = Pod::new(name, &work, "n-0").since(since).owned("Job", "j");
        pod.labelled("batch.kubernetes.io/controller-uid", "Job-j")
    };
    let mut cron_spec = json!({"schedule": "*/5 * * * *"});
    cron_spec["jobTemplate"]["spec"]["template"] = work.clone();
    let mut cron = object("batch/v1", "CronJob", "c", &cron_spec);
    cron["status"] = json!({"lastScheduleTime": at(0)});
    let pods = vec![of_job("j-a", -240), of_job("j-b", -100)];
    let begun = Course::new(&[nodes(), vec![job, cron]], pods, "stop: {at: 1h}");
    let ended: Vec<String> = { begun.told(&["ended"]).into_iter() }
        .filter(|line| line.contains(" j-"))
        .collect();
    assert_eq!(ended.len(), 3, "{ended:?}");
    assert_eq!(ended[0], "6.00 min ended j-a Completed");
    assert_eq!(ended[1], "8.33 min ended j-b Completed");
    assert!(ended[2].starts_with("16.0 min ended j-"), "{ended:?}");
    let events = begun.events("run.yaml");
    let mut fired = events
        .iter()
        .filter(|line| line.contains("created Job/d/c-"));
    assert!(
        fired
            .next()
            .is_some_and(|line| line.starts_with("5.00 min ")),
        "{events:?}"
    );
}

/// A pod of a stateful set whose claim is bound to a volume of one zone comes back in that zone or not at
/// all; a claim that is made with its pod is bound to the zone of its first node from then on.
#[test]
fn claims_keep_pods_in_their_zones() {
    let zoned = |zones: [&str; 3]| {
        let mut hosts = nodes();
        hosts.truncate(3);
        for (host, zone) in hosts.iter_mut().zip(zones) {
            host["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone.into();
        }
        hosts
    };
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "disks", "uid": "disks"}, "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": "WaitForFirstConsumer"});
    let affinity = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}]}]}});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv", "uid": "pv"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "disks", "nodeAffinity": affinity,
            "claimRef": {"namespace": "d", "name": "data-db-0", "uid": "claim"}},
        "status": {"phase": "Bound"}});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-db-0", "namespace": "d", "uid": "claim",
            "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "disks", "volumeName": "pv",
            "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Bound"}});
    let mut set = stateful_set(2, &template("db"), &json!({"replicas": 1}));
    set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "disks",
        "resources": {"requests": {"storage": "1Gi"}}}}]);
    let mut first = Pod::new("db-0", &template("db"), "n-0").owned("StatefulSet", "db");
    first.0["spec"]["volumes"] =
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]);
    let rest = "operations: [{at: 1m, drain: n-0}]\nstop: {at: 20m}";
    let objects = |zones| {
        [
            zoned(zones),
            vec![class.clone(), volume.clone(), claim.clone(), set.clone()],
        ]
    };
    let begun = Course::new(&objects(["a", "b", "c"]), vec![Pod(first.0.clone())], rest);
    let told = begun.told(&["bound", "unschedulable"]);
    let of_first: Vec<&String> = told.iter().filter(|line| line.contains(" db-0")).collect();
    assert_eq!(of_first.len(), 2, "{told:?}");
    assert!(of_first[1].starts_with("60.0 s unschedulable"), "{told:?}");
    // The second claim is made in a zone and keeps its pod there.
    let place = told
        .iter()
        .find(|line| line.contains("bound db-1"))
        .expect("it is placed");
    let node = place.rsplit(' ').next().expect("a node");
    let drained = rest.replace("n-0", node);
    let begun = Course::new(
        &objects(["a", "b", "c"]),
        vec![Pod(first.0.clone())],
        &drained,
    );
    let told = begun.told(&["bound", "unschedulable"]);
    assert!(
        told.iter().any(|line| line.contains("unschedulable db-1")),
        "{told:?}"
    );
    let begun = Course::new(&objects(["a", "a", "c"]), vec![first], rest);
    let told = begun.told(&["bound"]);
    assert!(
        told.iter()
            .any(|line| line.starts_with("60.0 s bound db-0 to n-1")),
        "{told:?}"
    );
}

/// A claim whose class binds at once has its volume before anybody looks at its pod: one that is there, or
/// one that is made in the zone that follows from the claim's name.
#[test]
fn claims_of_classes_that_bind_at_once_are_bound() {
    let mut hosts = nodes();
    for (host, zone) in hosts.iter_mut().zip(["a", "b", "a", "b"]) {
        host["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone.into();
    }
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "disks"}, "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "Immediate"});
    let claim = |name: &str, class: &str| {
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "d"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class,
                "resources": {"requests": {"storage": "1Gi"}}}})
    };
    let affinity = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n-2"]}]}]}});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
        "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "by-hand", "nodeAffinity": affinity}});
    let objects = vec![
        class,
        volume,
        claim("db-0", "disks"),
        claim("db-1", "disks"),
        claim("kept", "by-hand"),
        claim("none", "by-hand"),
    ];
    let of = |name: &str, used: &str| {
        let mut pod = Pod::new(name, &template("db"), "");
        pod.0["spec"]["volumes"] =
            json!([{"name": "v", "persistentVolumeClaim": {"claimName": used}}]);
        pod.0["status"] = json!({});
        pod.0["metadata"] = json!({"name": name, "namespace": "d"});
        pod
    };
    let pods = vec![
        of("one", "db-0"),
        of("two", "db-1"),
        of("three", "kept"),
        of("four", "none"),
    ];
    let begun = Course::new(&[hosts, objects], pods, "stop: {at: 10m}");
    let told = begun.told(&["bound", "unschedulable"]);
    let node = |pod: &str| {
        let line = told
            .iter()
            .find(|line| line.contains(&format!("bound {pod} ")));
        line.and_then(|line| line.rsplit(' ').next()).unwrap_or("")
    };
    // Zones `a` and `b` by the hash of `db`, which is odd, and the ordinal.
    assert!(["n-1", "n-3"].contains(&node("one")), "{told:?}");
    assert!(["n-0", "n-2"].contains(&node("two")), "{told:?}");
    assert_eq!(node("three"), "n-2");
    assert_eq!(node("four"), "");
    let said = begun
        .0
        .run(&["run", "run.yaml", "--out", "told", "--force"], 0);
    assert!(
        said.contains("3 claims of storage classes that bind at once are bound from the beginning: 1 to volumes")
            && said.contains("1 claim waits for a volume (first: `d/none`)"),
        "{said}"
    );
}
