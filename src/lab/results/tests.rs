//! Round trips of results; what is damaged is reported.
#![expect(clippy::disallowed_methods, reason = "tests damage the files of a run")]

use std::fs;

use super::*;
use crate::fixture::Scratch;
use crate::folder::{Existing, ResultFolder};
use crate::outputs::{self, Outputs, VariantOutputs};
use crate::summary::VariantSummary;
use crate::tables::{Place, TableFormats};
use metrics::{Amounts, Demand, PodRow, SeriesRow};
use model::{DeviceSet, PodName};
use units::{ClassId, PodId, TenantId};

impl Scratch {
    /// A finished run of two variants with three pods each.
    fn run(&self, name: &str, forms: TableFormats) -> PathBuf {
        let out = self.0.join(name);
        let folder = ResultFolder::create(&out, Existing::Refuse).unwrap();
        let outputs = Outputs {
            series: forms,
            pods: forms,
            decisions: true,
            events: false,
        };
        for (index, variant) in VARIANTS.iter().enumerate() {
            let place = Place {
                variant: index,
                variants: VARIANTS.len(),
            };
            let mut files = VariantOutputs::start(&folder, outputs, variant, place).unwrap();
            write(files.tables());
            files.finish().unwrap();
        }
        outputs::join(&folder, outputs, VARIANTS.len()).unwrap();
        folder.json("summary.json", &summary()).unwrap();
        folder.finish().unwrap()
    }
}

const VARIANTS: [&str; 2] = ["a, \"b\"", "ünïcode <b>"];

fn summary() -> Summary {
    let variants = VARIANTS.map(|name| VariantSummary {
        name: name.to_owned(),
        seed: 42,
        system: "kubernetes".to_owned(),
        scheduler: "default".to_owned(),
        nodes: 1,
        pods: 3,
        ended: "idle".to_owned(),
        end_ns: 9,
        changes: 10,
        decisions: 2,
        digest: "00".to_owned(),
        ..VariantSummary::default()
    });
    Summary {
        schema_version: SCHEMA_VERSION,
        windtunnel: "0.1.0".to_owned(),
        name: "test".to_owned(),
        variants: variants.to_vec(),
        ..Summary::default()
    }
}

fn write(tables: crate::run::Tables<'_>) {
    if let Some(mut series) = tables.series {
        for at in [0, 5, 9] {
            let row = SeriesRow {
                at: Instant::from_nanos(at),
                allocated: Amounts([1, i128::MAX, 0, 1]),
                capacity: Amounts([4_000, 1 << 40, 8_000, 10]),
                pending: 2,
                holding: 1,
                running: 0,
                nodes_up: 1,
                gpu_fragmented_milli: (at > 0).then_some(at as f64 / 3.0),
                gpu_idle_milli: 0,
            };
            series.row(&row).unwrap();
        }
    }
    let Some(mut pods) = tables.pods else {
        return;
    };
    for (number, node) in (0..).zip([Some("node-1"), None, None]) {
        let at = |nanos: i64| node.map(|_| Instant::from_nanos(nanos));
        let row = PodRow {
            pod: PodId(number),
            name: &PodName::Job(u64::from(number)),
            tenant: TenantId(3),
            class: ClassId(1),
            submit: Instant::from_nanos(i64::from(number)),
            bound: at(1),
            started: at(2),
            ended: at(i64::MAX),
            node,
            gpus: node.map_or(DeviceSet::EMPTY, |_| DeviceSet(0b101)),
            outcome: node.map_or("pending", |_| "succeeded"),
            job: None,
            demand: Demand::default(),
        };
        pods.row(&row).unwrap();
    }
}

const FORMS: &[TableFormats] = &[TableFormats::CSV, TableFormats::PARQUET, TableFormats::BOTH];

#[test]
fn every_form_reads_back_the_same() {
    let scratch = Scratch::new();
    for (index, &forms) in FORMS.iter().enumerate() {
        let run = read(&scratch.run(&index.to_string(), forms)).unwrap();
        assert_eq!(run.summary, summary());
        let series = run.series().unwrap();
        assert_eq!(
            series
                .iter()
                .map(|one| &one.variant[..])
                .collect::<Vec<_>>(),
            VARIANTS
        );
        for one in &series {
            assert_eq!(one.times, [0, 5, 9].map(Instant::from_nanos));
            let column = |name: &str| one.column(name).unwrap().to_vec();
            let thirds = [None, Some(5.0 / 3.0), Some(3.0)];
            assert_eq!(column("gpu_fragmented_milli"), thirds);
            assert_eq!(column("capacity_cpu_milli"), [Some(4_000.0); 3]);
            assert_eq!(column("allocated_memory_bytes"), [Some(i64::MAX as f64); 3]);
            assert_eq!(one.column("variant"), None);
        }
        let pods: Vec<FinishedPod> = run.pods().unwrap().unwrap().map(Result::unwrap).collect();
        assert_eq!(pods.len(), 6);
        let (first, second) = (&pods[0], &pods[4]);
        assert_eq!((&first.pod[..], &first.gpus[..]), ("job-0", &[0, 2][..]));
        assert_eq!(first.ended, Some(Instant::MAX));
        assert_eq!(first.node.as_deref(), Some("node-1"));
        assert_eq!(
            (&second.variant[..], &second.pod[..]),
            (VARIANTS[1], "job-1")
        );
        assert_eq!(
            (second.bound, &second.node, &second.gpus[..]),
            (None, &None, &[][..])
        );
        assert_eq!(
            (second.tenant, second.class, &second.outcome[..]),
            (3, 1, "pending")
        );
    }
}

#[test]
fn a_run_without_tables_has_none() {
    let scratch = Scratch::new();
    let run = read(&scratch.run("out", TableFormats::NONE).join("summary.json")).unwrap();
    assert_eq!(run.series().unwrap(), []);
    assert!(run.pods().unwrap().is_none());
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let scratch = Scratch::new();
    let runs = ["one", "two"].map(|name| scratch.run(name, FORMS[FORMS.len() - 1]));
    for entry in fs::read_dir(&runs[0]).unwrap() {
        let name = entry.unwrap().file_name();
        let bytes = runs
            .each_ref()
            .map(|run| fs::read(run.join(&name)).unwrap());
        assert!(bytes[0] == bytes[1], "{}", name.display());
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn wrong_folders_are_told_with_the_way_out() {
    let scratch = Scratch::new();
    let good = serde_json::to_string_pretty(&summary()).unwrap();
    let check = |name: &str, text: Option<&str>, exit_code: u8, expected: &str| {
        let folder = scratch.0.join(name);
        if let Some(text) = text {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("summary.json"), text).unwrap();
        }
        let error = read(&folder).unwrap_err();
        let message = error
            .to_string()
            .replace(&scratch.0.display().to_string(), "DIR");
        assert!(message.starts_with(expected), "{name}: {message}");
        assert_eq!(error.exit_code(), exit_code, "{name}");
    };
    fs::create_dir_all(scratch.0.join("empty-folder")).unwrap();
    fs::create_dir_all(scratch.0.join("cut.partial")).unwrap();
    let with_version = |version: &str| {
        good.replace(
            "\"schemaVersion\": 1",
            &format!("\"schemaVersion\": {version}"),
        )
    };
    check("missing", None, 2, "DIR/missing: no such folder; give");
    check(
        "missing.partial",
        None,
        2,
        "DIR/missing.partial: no such folder; give",
    );
    check(
        "empty-folder",
        None,
        2,
        "DIR/empty-folder: not a result folder (it holds no summary.json)",
    );
    check(
        "cut.partial",
        None,
        2,
        "DIR/cut.partial: an unfinished run (interrupted, or",
    );
    check(
        "cut",
        None,
        2,
        "DIR/cut.partial: an unfinished run (interrupted, or",
    );
    let broken = Some(&good[..good.len() / 2]);
    check("broken", broken, 2, "DIR/broken/summary.json:21:");
    check(
        "text",
        Some("hello"),
        2,
        "DIR/text/summary.json:1:1: expected value; the file",
    );
    let future = with_version("2");
    let told = "DIR/future/summary.json: written by windtunnel 0.1.0 with `schemaVersion` 2, but";
    check("future", Some(&future), 2, told);
    for (name, version) in [
        ("zero", "0"),
        ("words", "\"1\""),
        ("minus", "-1"),
        ("half", "1.5"),
    ] {
        let told = format!("DIR/{name}/summary.json: `schemaVersion` is {version}, expected a");
        check(name, Some(&with_version(version)), 2, &told);
    }
    check(
        "none",
        Some("{}"),
        2,
        "DIR/none/summary.json: `schemaVersion` is missing, expected",
    );
    let typed = good.replace("\"nodes\": 1", "\"nodes\": \"one\"");
    let told = "DIR/typed/summary.json:14:20: invalid type: string \"one\", expected u64; the file";
    check("typed", Some(&typed), 2, told);
    let mut empty = summary();
    empty.variants.clear();
    let empty = serde_json::to_string(&empty).unwrap();
    check(
        "no-runs",
        Some(&empty),
        4,
        "DIR/no-runs/summary.json: holds no run (`variants` is",
    );
}

/// The message of the first thing that is wrong with the tables.
fn first_fault(folder: &Path) -> Option<String> {
    let run = read(folder).unwrap();
    let series = run.series().err();
    let pods = || match run.pods() {
        Ok(pods) => pods.into_iter().flatten().find_map(Result::err),
        Err(error) => Some(error),
    };
    let fault = series.or_else(pods)?.to_string();
    Some(fault.replace(&folder.display().to_string(), "RUN"))
}

#[test]
fn damaged_csv_is_told() {
    let scratch = Scratch::new();
    let check = |name: &str, from: &str, to: &str, expected: &str| {
        let run = scratch.run(name, TableFormats::CSV);
        let file = run.join("timeseries.csv");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let fault = first_fault(&run).unwrap_or_default();
        let expected = format!("RUN/timeseries.csv: {expected}");
        assert!(fault.starts_with(&expected), "{name}: {fault}");
    };
    check(
        "type",
        ",0,1,",
        ",x,1,",
        "line 2: `x` where int64 was expected",
    );
    check("column", "time_ns", "time", "it has no column `time_ns`");
    check("short", ",8000,2,", ",8000", "CSV error: record 1 (line: 2");
    check(
        "order",
        ",9,1,",
        ",4,1,",
        "its rows are not in order of time",
    );
    check(
        "variant",
        "ünï",
        "uni",
        "its variants are not those of the summary",
    );
    let run = scratch.run("pods", TableFormats::CSV);
    let file = run.join("pods.csv.zst");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let fault = first_fault(&run).unwrap();
    assert!(fault.starts_with("RUN/pods.csv.zst: "), "{fault}");
    let text = zstd::stream::decode_all(&bytes[..]).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    fs::write(&file, lines[..5].concat()).unwrap();
    let told = "RUN/pods.csv.zst: 2 pods of the summary are missing; the file was changed";
    assert!(first_fault(&run).unwrap().starts_with(told));
    fs::write(&file, [&text, *lines.last().unwrap()].concat()).unwrap();
    let told = "RUN/pods.csv.zst: it has more pods than the summary; the file was changed";
    assert!(first_fault(&run).unwrap().starts_with(told));
}

#[test]
fn damaged_parquet_is_told_and_never_a_panic() {
    let scratch = Scratch::new();
    let run = scratch.run("out", TableFormats::PARQUET);
    for file in ["timeseries.parquet", "pods.parquet"] {
        let path = run.join(file);
        let bytes = fs::read(&path).unwrap();
        // Odd steps meet every bit of a byte; all positions would take twenty seconds.
        for length in (0..bytes.len()).step_by(5) {
            fs::write(&path, &bytes[..length]).unwrap();
            let fault = first_fault(&run).unwrap_or_default();
            assert!(
                fault.starts_with(&format!("RUN/{file}: ")),
                "{length}: {fault}"
            );
            assert!(fault.contains("cut off"), "{fault}");
        }
        for position in (0..bytes.len()).step_by(5) {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << (position % 8);
            fs::write(&path, damaged).unwrap();
            let fault = first_fault(&run).unwrap_or_default();
            assert!(
                fault.starts_with(&format!("RUN/{file}: ")),
                "{position}: {fault}"
            );
        }
        fs::write(&path, &bytes).unwrap();
        assert_eq!(first_fault(&run), None);
    }
}
