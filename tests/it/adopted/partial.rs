//! Dumps of a part of a cluster: pods that name nodes which no file has.

use serde_json::json;

use super::cluster::{Course, Pod, deployment, nodes, template};

/// All commands say alike how many they are and what becomes of them.
#[test]
fn pods_on_nodes_that_no_file_has_are_told_alike() {
    let web = template("web");
    let pods = vec![
        Pod::new("web-1-a", &web, "n-0").of_set(1),
        Pod::new("web-1-b", &web, "far-1").of_set(1),
        Pod::new("web-1-c", &web, "far-2").of_set(1),
    ];
    let begun = Course::new(
        &[nodes(), deployment(3, &[(1, 3, "a:1")])],
        pods,
        "stop: {at: 10m}",
    );
    let mut pod = Pod::new("new", &web, "").0;
    pod["status"] = json!({});
    std::fs::write(begun.0.path("pod.json"), pod.to_string()).expect("a file of the test");
    let words = "2 pods name 2 nodes that no file has (first: `d/web-1-b` on `far-1`): they are left out and \
                 hold no room";
    for command in [
        &["run", "run.yaml", "--out", "out", "--force"][..],
        &["place", "dump.json", "pod.json"],
        &["explain", "dump.json", "d/web-1-a"],
        &["plan", "dump.json", "--minimize", "nodes"],
    ] {
        let said = begun.0.run(command, 0);
        assert!(said.contains(words), "{command:?}: {said}");
    }
    let said = begun
        .0
        .run(&["import", "kubectl", "dump.json", "--out", "imported"], 0);
    assert!(
        said.contains(&words.replacen("): they", "); they", 1)),
        "{said}"
    );
    let said = begun
        .0
        .run(&["run", "run.yaml", "--out", "out", "--force"], 0);
    assert!(
        said.contains("their controllers make others in their place at 0 s"),
        "{said}"
    );
    assert_eq!(begun.told(&["bound"]).len(), 3);
}

/// The release that is followed stands first, and programs whose release is another one are told.
#[test]
fn releases_are_told_first() {
    let mut hosts = nodes();
    for host in &mut hosts {
        host["status"]["nodeInfo"] = json!({"kubeletVersion": "v1.33.4"});
    }
    let mut kueue = template("kueue");
    kueue["spec"]["containers"][0]["image"] = "registry.k8s.io/kueue/kueue:v0.14.2".into();
    let pods = vec![Pod::new("manager", &kueue, "n-0")];
    let begun = Course::new(&[hosts], pods, "stop: {at: 10m}");
    let said = begun
        .0
        .run(&["import", "kubectl", "dump.json", "--out", "imported"], 0);
    assert!(
        said.starts_with(
            "release           1.33  (the newest kubelet is v1.33.4)\n                  Kueue 0.19  \
             (`d/manager` is v0.14.2)\n"
        ),
        "{said}"
    );
    let doubt =
        "`d/manager` is Kueue v0.14.2, and Kueue 0.19 is modelled: the rules of 0.19 decide";
    for command in [
        &["run", "run.yaml", "--out", "out", "--force"][..],
        &["explain", "dump.json", "d/manager"],
        &["plan", "dump.json", "--minimize", "nodes"],
    ] {
        let said = begun.0.run(command, 0);
        assert!(said.contains(doubt), "{command:?}: {said}");
        assert!(said.contains("1.33"), "{command:?}: {said}");
    }
}
