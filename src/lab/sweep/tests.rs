use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::axis::Axis;
use super::design::Design;
use super::*;
use crate::fixture::Scratch;
use crate::inside::FilesBelow;
use crate::source::{FunctionVariant, Source, external_variant};
use control::{Answer, Exchange, ExchangeError, Question};
use scenario::SearchPath;
use scenario::schema::{AnswerFunction, Answers};

const TEXT: &str = "\
windtunnel: v1
name: tiny
cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 16Gi}}}]}
workload: [{generate: {model: lublin99, jobs: 5}}]
stop: {at: 1h}
variants: {spread: {}, pack: {system: {name: pipeline, scheduler: {profile: most-allocated}}}}
";

impl Scratch {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn table(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name).join(CSV_NAME)).expect("a table")
    }
}

fn planned(program: &str, seeds: u64) -> Plan {
    plan_over("cluster.nodes.0.count=2,3", TEXT, program, seeds).expect("a plan")
}

fn plan_over(axis: &str, text: &str, program: &str, seeds: u64) -> Result<Plan, SweepError> {
    plan_with(&[], axis, text, program, seeds)
}

fn plan_with(
    functions: &[FunctionVariant],
    axis: &str,
    text: &str,
    program: &str,
    seeds: u64,
) -> Result<Plan, SweepError> {
    let axes = [Axis::grid(axis)];
    let design = Design {
        axes: axes.into_iter().collect::<Result<_, _>>().expect("an axis"),
        ..Design::default()
    };
    let source = Source {
        name: "tiny.yaml".to_owned(),
        text: text.to_owned(),
        search: SearchPath::default(),
        ignored: Vec::new(),
        allows_external: false,
        files: FilesBelow::anywhere(),
    };
    let grounds = Grounds {
        source: &source,
        functions,
        sets: &[],
        design: &design,
        seeds,
        program,
    };
    plan(&grounds)
}

#[test]
fn a_field_that_every_variant_states_is_no_axis() {
    let axis = "system.scheduler.profile=first-fit,best-fit";
    let of = |spread: &str| {
        let text = TEXT.replace("spread: {}", spread);
        let text = text.replace("stop:", "system: {name: pipeline}\nstop:");
        plan_over(axis, &text, "a", 1)
    };
    let stated = "spread: {system: {name: pipeline, scheduler: {profile: first-fit}}}";
    let told = of(stated).err().map(|error| error.to_string());
    assert!(
        told.as_ref()
            .is_some_and(|told| told.contains("take it out of `variants`")),
        "{told:?}"
    );
    // One that leaves it to the experiment is what the sweep is about.
    let left = of("spread: {}").expect("a plan");
    assert_eq!(left.runs.len(), 3);
}

/// Function that gives the last of the candidates the most points, and counts its starts.
#[derive(Clone, Debug, Default)]
struct LastNode(Arc<AtomicUsize>);

impl Answers for LastNode {
    fn start(&self) -> Box<dyn Exchange> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::new(self.clone())
    }
}

impl Exchange for LastNode {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        Ok(match question {
            Question::Hello(_) => Answer::Text("{\"protocol\": 1}".to_owned()),
            other => Answer::Numbers((0..other.items() as i64).collect()),
        })
    }

    fn name(&self) -> String {
        "the last node".to_owned()
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(self.clone())
    }
}

/// Nothing tells whether a function is the same as before: its runs are made again, those of others are not.
#[test]
fn a_function_decides_at_each_point_and_its_runs_are_not_kept() {
    let scratch = Scratch::new();
    let last = LastNode::default();
    let function = |name: &str| FunctionVariant {
        name: name.to_owned(),
        text: external_variant(name, &serde_json::json!({"command": ["last"]})),
        function: AnswerFunction(Arc::new(last.clone())),
    };
    let planned =
        |name: &str| plan_with(&[function(name)], "cluster.nodes.0.count=2,3", TEXT, "a", 1);
    let plan = planned("last").expect("a plan");
    assert_eq!(plan.file.variants, ["spread", "pack", "last"]);
    let out = scratch.path("out");
    for found in [0, 4] {
        let done = run_until(&plan, &out, Shard::WHOLE, usize::MAX).expect("a sweep");
        assert_eq!((done.runs, done.found), (6, found));
    }
    assert!(last.0.load(Ordering::Relaxed) >= 4);
    let runs = crate::compare::swept_runs(&out, &[]).expect("the runs");
    let names = runs[0].summary.variants.iter().map(|own| own.name.as_str());
    assert!(
        names.clone().any(|own| own == "last count=3"),
        "{:?}",
        names.collect::<Vec<_>>()
    );
    let taken = planned("pack").err().map(|error| error.to_string());
    assert!(taken.is_some_and(|own| own.contains("has a variant `pack` already")));
}

/// Runs a shard until so many runs are there.
fn run_until(plan: &Plan, out: &Path, shard: Shard, most: usize) -> Result<Executed, SweepError> {
    let folder = SweepFolder::open(out, &plan.file, shard, When::SameSweep)?;
    let interrupted = AtomicBool::new(false);
    let progress = |finished: usize, _| {
        if finished >= most {
            interrupted.store(true, Ordering::Relaxed);
        }
    };
    execute(&Execution {
        plan,
        shard,
        folder: &folder,
        threads: 1,
        interrupted: &interrupted,
        progress: &progress,
    })
}

fn write_table(out: &Path, folders: &[PathBuf]) -> Result<(), SweepError> {
    let table = SweepTable::new(merge(folders)?)?;
    let file = &table.merged().file;
    let folder = SweepFolder::open(out, file, Shard::WHOLE, When::SameSweep)?;
    table.write(folder.folder())
}

#[test]
fn an_interrupted_sweep_goes_on_and_its_table_is_that_of_an_undisturbed_one() {
    let scratch = Scratch::new();
    let plan = planned("a", 3);
    assert_eq!(plan.file.runs.len(), 2 * 2 * 3);
    let whole = scratch.path("whole");
    let done = run_until(&plan, &whole, Shard::WHOLE, usize::MAX).expect("a sweep");
    assert_eq!((done.runs, done.found), (12, 0));
    write_table(&whole, std::slice::from_ref(&whole)).expect("a table");
    let halting = scratch.path("halting");
    let (ran, mut found) = (AtomicUsize::new(0), 0);
    for most in [2, 5, 9] {
        let stopped = run_until(&plan, &halting, Shard::WHOLE, most);
        let Err(SweepError::Interrupted { finished, .. }) = stopped else {
            panic!("{stopped:?}");
        };
        assert!(finished >= most && finished > found, "{finished} {most}");
        ran.fetch_add(finished - found, Ordering::Relaxed);
        found = finished;
        let gap = merge(std::slice::from_ref(&halting)).expect_err("a gap");
        assert!(gap.to_string().contains("runs are missing"), "{gap}");
    }
    let done = run_until(&plan, &halting, Shard::WHOLE, usize::MAX).expect("a sweep");
    assert_eq!(done.found, found);
    assert_eq!(ran.into_inner() + 12 - done.found, 12);
    write_table(&halting, std::slice::from_ref(&halting)).expect("a table");
    assert_eq!(scratch.table("whole"), scratch.table("halting"));
    {
        let parquet =
            |name: &str| fs::read(scratch.path(name).join(PARQUET_NAME)).expect("a table");
        assert_eq!(parquet("whole"), parquet("halting"));
    }
}

#[test]
fn shards_are_merged_and_gaps_and_mixtures_refused() {
    let scratch = Scratch::new();
    let plan = planned("a", 2);
    let whole = scratch.path("whole");
    run_until(&plan, &whole, Shard::WHOLE, usize::MAX).expect("a sweep");
    write_table(&whole, std::slice::from_ref(&whole)).expect("a table");
    let mut folders = Vec::new();
    for number in 1..=3 {
        let out = scratch.path(&format!("shard-{number}"));
        let shard = Shard { number, of: 3 };
        run_until(&plan, &out, shard, usize::MAX).expect("a shard");
        folders.push(out);
        let merged = merge(&folders);
        if number < 3 {
            let told = merged.expect_err("a gap").to_string();
            assert!(
                told.contains("of 8 runs are missing, the first is run"),
                "{told}"
            );
        }
    }
    write_table(&scratch.path("merged"), &folders).expect("a table");
    assert_eq!(scratch.table("whole"), scratch.table("merged"));

    let other = planned("b", 2);
    let mixed = scratch.path("mixed");
    run_until(&other, &mixed, Shard { number: 3, of: 3 }, usize::MAX).expect("a shard");
    let error = merge(&[folders[0].clone(), mixed]).expect_err("another program");
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.to_string().contains("was made by windtunnel b"),
        "{error}"
    );
    let error = run_until(&other, &whole, Shard::WHOLE, usize::MAX).expect_err("another program");
    assert_eq!(error.exit_code(), 3, "{error}");

    let longer = planned("a", 5);
    let unlike = scratch.path("unlike");
    run_until(&longer, &unlike, Shard { number: 3, of: 3 }, usize::MAX).expect("a shard");
    let error = merge(&[folders[0].clone(), unlike]).expect_err("another sweep");
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.to_string().contains("it has 20 runs, not 8"),
        "{error}"
    );
    // More seeds in the same folder: refused unasked, then only what is new is run.
    let error = run_until(&longer, &whole, Shard::WHOLE, usize::MAX).expect_err("another sweep");
    assert!(error.to_string().contains("--force"), "{error}");
    let folder = SweepFolder::open(&whole, &longer.file, Shard::WHOLE, When::AnySweep);
    drop(folder.expect("it may"));
    let done = run_until(&longer, &whole, Shard::WHOLE, usize::MAX).expect("a sweep");
    assert_eq!((done.runs, done.found), (20, 8));
}

#[test]
fn damaged_records_are_run_again_and_not_merged() {
    let scratch = Scratch::new();
    let plan = planned("a", 1);
    let out = scratch.path("out");
    run_until(&plan, &out, Shard::WHOLE, usize::MAX).expect("a sweep");
    let record = store::record_path(&out, &plan.runs[1].key);
    let whole = fs::read(&record).expect("a record");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let swapped = fs::read(store::record_path(&out, &plan.runs[0].key)).expect("a record");
    for bytes in [
        &whole[..0],
        &whole[..70],
        &whole[..whole.len() - 1],
        &flipped,
        &swapped,
    ] {
        fs::write(&record, bytes).expect("it is written");
        let error = merge(std::slice::from_ref(&out)).expect_err("a damaged record");
        assert_eq!(error.exit_code(), 2);
        let told = error.to_string();
        assert!(told.contains(&record.display().to_string()), "{told}");
        let done = run_until(&plan, &out, Shard::WHOLE, usize::MAX).expect("a sweep");
        assert_eq!((done.found, done.damaged.len()), (3, 1), "{done:?}");
        assert_eq!(fs::read(&record).expect("a record"), whole);
    }
    let file = out.join(plan::FILE_NAME);
    for text in ["", "{}", "not json"] {
        fs::write(&file, text).expect("it is written");
        let error = merge(std::slice::from_ref(&out)).expect_err("a damaged file");
        assert!(matches!(error, SweepError::Damaged { .. }), "{error}");
    }
    let error = merge(&[scratch.path("nothing")]).expect_err("no sweep");
    assert!(
        error.to_string().contains("not the folder of a sweep"),
        "{error}"
    );
}
