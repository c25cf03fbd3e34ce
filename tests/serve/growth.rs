//! Logs: what they say about an instant, and folders that are written while they are shown.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use super::site::{Folder, LOG, SUMMARY, Site};

fn own() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_windtunnel-serve"))
}

#[test]
fn a_log_tells_the_cluster_at_any_instant() {
    let folder = Folder::new("instant");
    folder.log("good", LOG);
    folder.file("results/good/summary.json", SUMMARY);
    let alarms = r#"{"variants": [{"name": "v", "alarms": {"faults": [{"sinceNs": 4000000000, "object": "Node/b",
        "cause": "node down", "healedNs": null}], "alerts": []}}]}"#;
    folder.file("results/good/report.json", alarms);
    let site = Site::start(&own(), &folder.root(), &[]);
    let log = site.until("/api/log?run=good", |own| {
        own["variant"]["events"] == 12 && own["isReading"] == false
    });
    assert_eq!(log["variant"]["endNs"], 9_000_000_000_i64);
    assert_eq!(log["variant"]["nodes"], serde_json::json!(["a", "b"]));
    let at = |path: &str, micros: u64, more: &str| {
        site.get(&format!("/api/{path}?run=good&variant=v&t={micros}{more}"))
            .json()
    };
    for (micros, values, running, pending, down) in [
        (0, [0, 0], 0, 0, 0),
        (1_500_000, [0, 0], 0, 2, 0),
        (2_000_000, [250, 0], 0, 1, 0),
        (3_000_000, [250, 0], 1, 1, 0),
        (4_000_000, [250, 0], 1, 1, 1),
        (5_000_000, [0, 0], 0, 1, 1),
    ] {
        let heat = at("at", micros, "&resource=cpu");
        assert_eq!(
            heat["values"],
            serde_json::json!(values),
            "{micros}: {heat}"
        );
        assert_eq!(heat["phases"]["running"], running, "{micros}: {heat}");
        assert_eq!(heat["phases"]["pending"], pending, "{micros}: {heat}");
        assert_eq!(
            heat["down"].as_array().expect("a list").len(),
            down,
            "{micros}: {heat}"
        );
    }
    let node = at("node", 3_000_000, "&name=a");
    assert_eq!(node["pods"][0]["name"], "Pod/d/web-1-x", "{node}");
    assert_eq!(node["pods"][0]["asks"]["cpu"], 1_000, "{node}");
    let object = at("object", 3_000_000, "&name=Pod%2Fd%2Fweb-1-x");
    assert_eq!(
        object["owners"],
        serde_json::json!(["ReplicaSet/d/web-1", "Deployment/d/web"])
    );
    let objects = at("objects", 3_000_000, "&of=Deployment");
    assert_eq!(
        (&objects["rows"][0]["pods"], &objects["count"]),
        (&1.into(), &1.into()),
        "{objects}"
    );
    let pods = at("pods", 5_000_000, "&phase=pending");
    assert_eq!(pods["rows"][0]["name"], "Pod/d/big", "{pods}");
    let events = at("events", 9_000_000, "&q=WEB&kind=bound");
    assert_eq!(
        (&events["count"], &events["rows"][0]["what"]),
        (&1.into(), &"to a".into()),
        "{events}"
    );
    let faults = at("events", 9_000_000, "&kind=fault");
    assert_eq!(faults["rows"][0]["what"], "node down", "{faults}");
    assert_eq!(
        at("step", 3_000_000, "&forward=true")["timeNs"],
        4_000_000_000_i64
    );
    assert_eq!(
        at("step", 3_000_000, "&forward=false")["timeNs"],
        2_000_000_000_i64
    );
}

#[test]
fn a_folder_that_is_written_is_shown_as_it_grows() {
    let folder = Folder::new("grows");
    let partial = folder.root().join("results/mine.partial");
    fs::create_dir_all(&partial).expect("a folder");
    let file = File::create(partial.join("events.jsonl.zst")).expect("a file");
    let mut writer = zstd::stream::write::Encoder::new(file, 1).expect("an encoder");
    let (first, rest) = LOG.split_at(LOG.len() / 2);
    writer.write_all(first.as_bytes()).expect("it is written");
    writer.flush().expect("it is flushed");
    let site = Site::start(&own(), &folder.root(), &[]);
    let whole = first.matches('\n').count();
    let state = site.get("/api/state").json();
    assert_eq!(state["results"][0]["isComplete"], false, "{state}");
    let found = site.until("/api/log?run=mine.partial", |own| {
        own["variant"]["events"] == whole
    });
    assert_eq!(
        (&found["error"], &found["badLines"]),
        (&serde_json::Value::Null, &0.into())
    );
    writer.write_all(rest.as_bytes()).expect("it is written");
    writer.finish().expect("it is finished");
    site.until("/api/log?run=mine.partial", |own| {
        own["variant"]["events"] == 11
    });
    fs::rename(&partial, folder.root().join("results/mine")).expect("it is complete");
    folder.file("results/mine/summary.json", SUMMARY);
    let found = site.until("/api/log?run=mine", |own| own["variant"]["events"] == 11);
    assert_eq!(found["variant"]["endNs"], 9_000_000_000_i64);
    assert_eq!(site.get("/api/log?run=mine.partial").status, 404);
    // Another run takes its place.
    folder.log("mine", LOG.split_inclusive('\n').next().expect("a line"));
    site.until("/api/log?run=mine", |own| own["variant"]["events"] == 1);
    fs::remove_dir_all(folder.root().join("results/mine")).expect("it goes");
    assert_eq!(site.get("/api/log?run=mine").status, 404);
}

#[test]
fn parts_that_variants_write_are_one_log() {
    let folder = Folder::new("parts");
    let other = LOG.replace("\"variant\":\"v\"", "\"variant\":\"w\"");
    let parts = folder.root().join("results/mine.partial/.parts");
    fs::create_dir_all(&parts).expect("a folder");
    let write = |name: &str, text: &str| {
        let file = File::create(parts.join(name)).expect("a file");
        zstd::stream::copy_encode(text.as_bytes(), file, 1).expect("it is compressed");
    };
    write("0-events.jsonl.zst.partial", LOG);
    write("0-pods.parquet.partial", "no log");
    let site = Site::start(&own(), &folder.root(), &[]);
    let state = site.get("/api/state").json();
    assert_eq!(state["results"][0]["hasEvents"], true, "{state}");
    site.until("/api/log?run=mine.partial", |own| {
        own["variants"] == serde_json::json!(["v"]) && own["variant"]["events"] == 11
    });
    fs::rename(
        parts.join("0-events.jsonl.zst.partial"),
        parts.join("0-events.jsonl.zst"),
    )
    .expect("it is done");
    write("10-events.jsonl.zst.partial", &other);
    let path = "/api/log?run=mine.partial&variant=w";
    let found = site.until(path, |own| {
        own["variant"]["name"] == "w" && own["variant"]["events"] == 11
    });
    assert_eq!(found["variants"], serde_json::json!(["v", "w"]));
}

#[test]
fn what_is_damaged_or_missing_is_told() {
    let folder = Folder::new("damaged");
    folder.file("results/bad/events.jsonl.zst", "this is no log");
    folder.log("odd", &format!("nonsense\n{LOG}{{\"time_ns\": 1}}\n"));
    folder.file("results/none/summary.json", SUMMARY);
    let site = Site::start(&own(), &folder.root(), &[]);
    let bad = site.until("/api/log?run=bad", |own| own["error"].is_string());
    assert!(
        bad["error"]
            .as_str()
            .is_some_and(|own| own.contains("events.jsonl.zst")),
        "{bad}"
    );
    let odd = site.until("/api/log?run=odd", |own| own["variant"]["events"] == 11);
    assert_eq!(odd["badLines"], 2, "{odd}");
    let none = site.get("/api/log?run=none");
    assert!(
        none.status == 404 && none.body.contains("--events"),
        "{none:?}"
    );
}
