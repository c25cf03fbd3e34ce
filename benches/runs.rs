//! Whole runs: the bundled fill-up under every GPU packing policy, in both forms of evaluation, the
//! bundled job log with and without backfilling, and what measuring costs. `cargo bench` runs them;
//! `benches/README.md` says how to compare.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use windtunnel::lab::names::Registered;
use windtunnel::lab::run::{Tables, prepare, run, run_unmeasured};
use windtunnel::scenario::{Experiment, LoadOptions, SearchPath, load};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::sim::RunControl;
use windtunnel::world::FileSource;
use windtunnel::world::inputs::{BUNDLED, DiskAndEmbedded, embedded_folder};

fn experiment(text: &str, name: &str, base_dir: PathBuf) -> Experiment {
    let search = SearchPath {
        base_dir,
        traces_dirs: Vec::new(),
        built_in: Some(embedded_folder()),
    };
    let options = LoadOptions {
        sets: &[],
        search: &search,
        lookup: &DiskAndEmbedded,
        names: &Registered,
    };
    load(text, name, options).expect("a scenario of the project")
}

fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Benchmarks every variant of an experiment, from prepared input to metrics.
fn variants(criterion: &mut Criterion, group: &str, experiment: &Experiment, forms: &[Form]) {
    let files = FileSource::of(&experiment.files);
    let mut group = criterion.benchmark_group(group);
    group.sample_size(10);
    for variant in &experiment.variants {
        for &form in forms {
            let id = BenchmarkId::new(&variant.name, format!("{form:?}"));
            group.bench_function(id, |bencher| {
                bencher.iter_batched(
                    || prepare(&variant.scenario, &files).expect("input of the project"),
                    |prepared| {
                        let interrupted = AtomicBool::new(false);
                        let mut control = RunControl {
                            interrupted: &interrupted,
                            progress: &mut |_| {},
                        };
                        let outcome = run(
                            &variant.scenario,
                            prepared,
                            form,
                            Tables::default(),
                            &mut control,
                        );
                        black_box(outcome.expect("a run that ends").end.changes)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn fill_up(criterion: &mut Criterion) {
    let bundled = experiment(BUNDLED.1, BUNDLED.0, embedded_folder());
    variants(
        criterion,
        "fill-up",
        &bundled,
        &[Form::Plain, Form::Incremental],
    );
}

/// What measuring costs: a run with all metrics against one with none.
fn metrics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("metrics");
    group.sample_size(20);
    let fill_up = experiment(BUNDLED.1, BUNDLED.0, embedded_folder());
    let path = scenarios().join("job-queues.yaml");
    let text = windtunnel::intake::Input::path(&path)
        .read_to_string()
        .expect("a scenario");
    let queues = experiment(&text, "job-queues.yaml", scenarios());
    for (name, experiment, variant) in [
        ("fill-up", &fill_up, "best-fit"),
        ("job-log", &queues, "fcfs-backfill"),
    ] {
        let files = FileSource::of(&experiment.files);
        let mut variants = experiment.variants.iter();
        let plan = variants.find(|plan| plan.name == variant);
        let scenario = &plan.expect("a variant of the project").scenario;
        for measured in [false, true] {
            let what = if measured { "all" } else { "none" };
            group.bench_function(BenchmarkId::new(name, what), |bencher| {
                bencher.iter_batched(
                    || prepare(scenario, &files).expect("input of the project"),
                    |prepared| {
                        let interrupted = AtomicBool::new(false);
                        let mut control = RunControl {
                            interrupted: &interrupted,
                            progress: &mut |_| {},
                        };
                        let form = Form::Incremental;
                        let end = if measured {
                            let tables = Tables::default();
                            run(scenario, prepared, form, tables, &mut control).map(|run| run.end)
                        } else {
                            run_unmeasured(scenario, prepared, form, &mut control)
                        };
                        black_box(end.expect("a run that ends").changes)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn job_log(criterion: &mut Criterion) {
    let path = scenarios().join("job-queues.yaml");
    let text = windtunnel::intake::Input::path(&path)
        .read_to_string()
        .expect("a scenario");
    let mut queues = experiment(&text, "job-queues.yaml", scenarios());
    queues
        .variants
        .retain(|variant| ["fcfs", "fcfs-backfill"].contains(&variant.name.as_str()));
    variants(criterion, "job-log", &queues, &[Form::Incremental]);
}

criterion_group!(benches, fill_up, job_log, metrics);
criterion_main!(benches);
