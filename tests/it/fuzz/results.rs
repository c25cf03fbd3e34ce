//! Files that the program writes and reads again: summaries, data of reports, comparisons, baselines, sweeps,
//! snapshots and reports.

use std::fs;
use std::path::{Path, PathBuf};

use windtunnel::history;
use windtunnel::lab::check::{Baseline, parse_suite};
use windtunnel::lab::compare::{RecordedStudy, Study};
use windtunnel::lab::results;
use windtunnel::lab::sweep::{SweepTable, merge};
use windtunnel::lab::travel;
use windtunnel::report::plot::{self, Style};
use windtunnel::report::run::ReportRun;
use windtunnel::report::runs::Gathered;
use windtunnel::report::study::{self, StudyOptions};
use windtunnel::report::{Format, embedded, html};

use super::traces::CSV;
use super::{Kind, Scene, files, texts};
use crate::scratch::Scratch;

const SMALL: &str = "\
windtunnel: v1
name: small
cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 16Gi}}}]}
workload: [{trace: {format: csv, path: jobs.csv}}]
stop: {when: drained}
variants: {spread: {}, pack: {system: {name: pipeline, scheduler: {profile: most-allocated}}}}
";

/// Files as the program writes them, made once.
struct Written {
    comparison: Vec<u8>,
    summary: Vec<u8>,
    data: Vec<u8>,
    html: Vec<u8>,
    snapshot: Vec<u8>,
    sweep: Vec<u8>,
    /// Folder of the sweep, with its runs.
    swept: Scratch,
}

impl Written {
    fn new() -> Self {
        let scratch = Scratch::new("fuzz-written", &[("small.yaml", SMALL), ("jobs.csv", CSV)]);
        let compared = ["compare", "small.yaml", "--seeds", "2", "--out", "compared"];
        scratch.run(&compared, 0);
        let at = ["--snapshot-at", "5s", "at.json"];
        let run = ["run", "small.yaml", "--out", "run", "--set", "variants={}"];
        scratch.run(&[&run[..], &at[..]].concat(), 0);
        scratch.run(
            &["sweep", "small.yaml", "--seeds", "2", "--out", "swept"],
            0,
        );
        Self {
            comparison: scratch.bytes("compared/comparison.json"),
            summary: scratch.bytes("compared/summary.json"),
            data: scratch.bytes("compared/report.json"),
            html: scratch.bytes("compared/report.html"),
            snapshot: scratch.bytes("at.json"),
            sweep: scratch.bytes("swept/sweep.json"),
            swept: scratch,
        }
    }

    /// Files of a result folder, some of which the test damages.
    fn write(&self, scene: &Scene) -> PathBuf {
        scene.file("result/summary.json", &self.summary);
        scene.file("result/report.json", &self.data);
        scene.folder.join("result")
    }
}

/// Reads a folder as `report` does, and writes what it would.
fn reported(folder: &Path, comparison: Option<&str>) {
    let Ok(run) = results::read(folder) else {
        return;
    };
    let _ = (run.series(), run.pods());
    let names: Vec<&str> = (run.summary.variants.iter())
        .map(|variant| variant.name.as_str())
        .collect();
    let Ok(data) = history::read(folder, &names) else {
        return;
    };
    let mut gathered = Gathered::new(vec![ReportRun {
        name: "fuzz".to_owned(),
        summary: run.summary.clone(),
        data,
        scenario: String::new(),
        fork: None,
    }]);
    if let Some(study) = comparison.and_then(|text| Study::read(text).ok()) {
        for format in [
            Format::Table,
            Format::Markdown,
            Format::Latex,
            Format::Csv,
            Format::Json,
        ] {
            let _ = study::write(&mut Vec::new(), &study, format, StudyOptions::default());
        }
        gathered = gathered.compared(study);
    }
    let (plots, missing) = plot::draw_all(&gathered.material(), Style::Screen);
    let _ = html::render(&gathered, &plots, &missing);
}

pub(super) fn kinds() -> Vec<Kind> {
    let written: &'static Written = Box::leak(Box::new(Written::new()));
    let summaries = [
        files("tests/data/summary/v1", ".json"),
        vec![written.summary.clone()],
        texts(["{\"schemaVersion\": 1, \"variants\": []}"]),
    ];
    vec![
        Kind::new("result folder", summaries.concat(), |scene, bytes| {
            let folder = written.write(scene);
            scene.file("result/summary.json", bytes);
            reported(&folder, None);
        }),
        Kind::new("report data", vec![written.data.clone()], |scene, bytes| {
            let folder = written.write(scene);
            scene.file("result/report.json", bytes);
            reported(&folder, None);
        }),
        Kind::new(
            "comparison",
            vec![written.comparison.clone()],
            |scene, bytes| {
                let folder = written.write(scene);
                let text = String::from_utf8_lossy(bytes);
                let _ = RecordedStudy::read(&text);
                reported(&folder, Some(&text));
            },
        ),
        Kind::new("report", vec![written.html.clone()], |_, bytes| {
            let _ = embedded::read(&String::from_utf8_lossy(bytes));
        }),
        Kind::new(
            "snapshot of a run",
            vec![written.snapshot.clone()],
            |_, bytes| {
                let _ = travel::Snapshot::parse(&String::from_utf8_lossy(bytes));
            },
        ),
        Kind::new("sweep", vec![written.sweep.clone()], |_, bytes| {
            let folder = written.swept.path("swept");
            fs::write(folder.join("sweep.json"), bytes).expect("a file for the test");
            if let Ok(merged) = merge(&[folder]) {
                let _ = SweepTable::new(merged);
            }
        }),
        Kind::new(
            "baseline",
            files("docs/manual/check.in", ".json"),
            |_, bytes| {
                let text = String::from_utf8_lossy(bytes);
                let _ = Baseline::parse_any(&text, PathBuf::from("fuzz.json"));
                let _ = parse_suite(&text, "fuzz.yaml");
            },
        ),
    ]
}
