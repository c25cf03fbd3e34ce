//! A dump that is imported and run: its controllers take over what they made, and nothing moves until
//! someone changes something.

use std::fs;
use std::path::Path;

use windtunnel::units::SortedMap;

use crate::scratch::Scratch;

/// A pod of a run: its node, and whether it is there at the end.
type Place = (String, bool);

/// The pods of a run with controllers of an hour, by name, and the digest of the run.
fn hour(scratch: &Scratch, scenario: &str, more: &[&str]) -> (SortedMap<String, Place>, String) {
    let run = [
        "run",
        scenario,
        "--set",
        "system.controllers={}",
        "--set",
        "stop={at: 1h}",
        "--tables",
        "csv",
        "--out",
        "ran",
        "--force",
    ];
    scratch.run(&[&run[..], more].concat(), 0);
    let table = zstd::decode_all(&scratch.bytes("ran/pods.csv.zst")[..]).expect("a table");
    let mut rows = csv::Reader::from_reader(&table[..]);
    let header = rows.headers().expect("a header").clone();
    let column = |name: &str| header.iter().position(|own| own == name).expect(name);
    let (pod, node, outcome) = (column("pod"), column("node"), column("outcome"));
    let mut pods = SortedMap::new();
    for row in rows.records() {
        let row = row.expect("a row");
        let place = (row[node].to_owned(), &row[outcome] == "running");
        pods.insert(row[pod].to_owned(), place);
    }
    let digest = scratch.summary("ran").variants[0].digest.clone();
    (pods, digest)
}

/// The dump of the manual's page, with so many replicas of its Deployment.
fn dump(name: &str, replicas: u32) -> Scratch {
    let path = "docs/manual/import.in/live.yaml";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut deployments = lines
        .iter_mut()
        .filter(|line| line.contains(r#""kind": "Deployment", "metadata""#));
    let deployment = deployments.next().expect("a Deployment");
    let stated = r#""spec": {"replicas": 4,"#;
    assert!(deployment.contains(stated));
    *deployment = deployment.replace(stated, &format!(r#""spec": {{"replicas": {replicas},"#));
    Scratch::new(
        &format!("round-trip-{name}"),
        &[("dump.yaml", &lines.join("\n"))],
    )
}

fn import(scratch: &Scratch, from: &str, name: &str) {
    scratch.run(&["import", "kubectl", from, "--name", name], 0);
}

#[test]
fn a_cluster_that_is_left_alone_stays_as_it_is() {
    let scratch = dump("alone", 4);
    import(&scratch, "dump.yaml", "cluster");
    let (pods, digest) = hour(&scratch, "cluster.yaml", &[]);
    let expected = [
        ("db-0", "n0"),
        ("db-1", "n1"),
        ("db-2", "n2"),
        ("web-bbb-x0", "n0"),
        ("web-bbb-x1", "n1"),
        ("web-bbb-x2", "n2"),
        // It waits in the dump.
        ("web-bbb-x9", "n3"),
    ];
    let expected = expected.map(|(pod, node)| (pod.to_owned(), (node.to_owned(), true)));
    assert_eq!(pods, expected.into_iter().collect());
    assert_eq!(hour(&scratch, "cluster.yaml", &[]).1, digest);
    // A snapshot of the snapshot is the same cluster.
    import(&scratch, "cluster.objects.json.zst", "again");
    let (of_snapshot, other) = hour(&scratch, "again.yaml", &["--set", "name=cluster"]);
    assert_eq!((of_snapshot, other), (pods, digest));
}

#[test]
fn no_pod_of_a_large_dump_moves() {
    let scratch = Scratch::new("round-trip-large", &[]);
    let generate = ["trace", "generate", "kubectl-dump", "--nodes", "12"];
    scratch.run(
        &[&generate[..], &["--pods", "200", "--out", "."]].concat(),
        0,
    );
    import(&scratch, "kubectl-dump.json", "cluster");
    let text = scratch.text("kubectl-dump.json");
    let list: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let (pods, digest) = hour(&scratch, "cluster.yaml", &[]);
    let mut stayed = 0;
    for item in list["items"].as_array().expect("items") {
        let (metadata, node) = (&item["metadata"], &item["spec"]["nodeName"]);
        let ends = ["Succeeded", "Failed"].map(Some);
        if item["kind"] != "Pod"
            || node.is_null()
            || ends.contains(&item["status"]["phase"].as_str())
        {
            continue;
        }
        let name = metadata["name"].as_str().expect("a name");
        let (own, is_there) = &pods[name];
        assert_eq!(node, own, "{name}");
        if metadata["deletionTimestamp"].is_null() {
            assert!(is_there, "{name}");
            stayed += 1;
        }
    }
    assert!(stayed > 150, "{stayed}");
    assert_eq!(hour(&scratch, "cluster.yaml", &[]).1, digest);
}

/// A Deployment scaled in its dump ends as one that a user scales in a run.
#[test]
fn a_deployment_scaled_in_its_dump_is_scaled() {
    let whole = dump("whole", 4);
    import(&whole, "dump.yaml", "cluster");
    for replicas in [2, 6] {
        let scaled = dump("scaled", replicas);
        import(&scaled, "dump.yaml", "cluster");
        let (found, _) = hour(&scaled, "cluster.yaml", &[]);
        let scale =
            format!("operations=[{{at: 0s, scale: Deployment/shop/web, replicas: {replicas}}}]");
        let (expected, _) = hour(&whole, "cluster.yaml", &["--set", &scale]);
        assert_eq!(found, expected, "{replicas}");
        let living = found
            .iter()
            .filter(|(name, (_, is_there))| *is_there && name.starts_with("web-"));
        assert_eq!(living.count(), replicas as usize);
    }
}
