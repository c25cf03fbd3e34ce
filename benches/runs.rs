//! Whole runs and the event queue: the bundled fill-up under every GPU packing policy, in both forms
//! of evaluation, the bundled job log with and without backfilling, and events at several numbers
//! of pending ones. `cargo bench` runs them; `benches/README.md` says how to compare.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::control::scheduler::evaluate::Form;
use windtunnel::lab::build::FileSource;
use windtunnel::lab::inputs::{BUNDLED, DiskAndEmbedded, embedded_folder};
use windtunnel::lab::names::Registered;
use windtunnel::lab::run::{Tables, prepare, run};
use windtunnel::scenario::{Experiment, LoadOptions, SearchPath, load};
use windtunnel::sim::RunControl;
use windtunnel::sim::queue::{EventQueue, Upcoming};
use windtunnel::units::{ComponentId, Instant};

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
    let files = FileSource {
        files: &experiment.files,
    };
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

fn job_log(criterion: &mut Criterion) {
    let path = scenarios().join("job-queues.yaml");
    let text = windtunnel::trace::Input::path(&path)
        .read_to_string()
        .expect("a scenario");
    let mut queues = experiment(&text, "job-queues.yaml", scenarios());
    queues
        .variants
        .retain(|variant| ["fcfs", "fcfs-backfill"].contains(&variant.name.as_str()));
    variants(criterion, "job-log", &queues, &[Form::Incremental]);
}

/// Holds the number of pending events while each one that is due makes another.
fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("events");
    for pending in [1_000_u64, 100_000, 1_000_000] {
        let mut queue = EventQueue::default();
        let mut state = 88_172_645_463_325_252_u64;
        let mut delay = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 1_000_000_000) as i64
        };
        for number in 0..pending {
            let wake = Upcoming::Wake(ComponentId((number % 16) as u32));
            queue.push(Instant::from_nanos(delay()), 0, wake);
        }
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(pending), |bencher| {
            bencher.iter(|| {
                if let Some((at, cell, event)) = queue.pop() {
                    queue.push(Instant::from_nanos(at.as_nanos() + delay()), cell, event);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fill_up, job_log, events);
criterion_main!(benches);
