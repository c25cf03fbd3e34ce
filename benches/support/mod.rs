//! What the benchmarks of whole runs share: an experiment of a text, and one run of it by the clock.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use windtunnel::lab::names::Registered;
use windtunnel::lab::run::{Outcome, Prepared, Tables, prepare, run, run_unmeasured};
use windtunnel::scenario::schema::Scenario;
use windtunnel::scenario::{Experiment, LoadOptions, SearchPath, load};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::sim::{End, RunControl};
use windtunnel::world::FileSource;
use windtunnel::world::inputs::{BUNDLED, DiskAndEmbedded, embedded_folder};

/// The folder of the project's scenarios.
fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// A scenario of the project with some fields set, as `PATH=VALUE`.
pub(crate) fn experiment(file: &str, sets: &[String]) -> Experiment {
    let text = windtunnel::intake::Input::path(scenarios().join(file))
        .read_to_string()
        .expect("a scenario of the project");
    parsed(&text, file, scenarios(), sets)
}

fn parsed(text: &str, file: &str, base_dir: PathBuf, sets: &[String]) -> Experiment {
    let search = SearchPath {
        base_dir,
        traces_dirs: Vec::new(),
        built_in: Some(embedded_folder()),
    };
    let options = LoadOptions {
        sets,
        search: &search,
        lookup: &DiskAndEmbedded,
        names: &Registered,
    };
    load(text, file, options).expect("a scenario of the project")
}

/// The bundled fill-up.
#[allow(dead_code, reason = "not every benchmark runs it")]
pub(crate) fn bundled() -> Experiment {
    parsed(BUNDLED.1, BUNDLED.0, embedded_folder(), &[])
}

/// Prepares a scenario of an experiment, and passes its input on to a run.
#[allow(dead_code, reason = "not every benchmark runs scenarios")]
pub(crate) fn prepared<T>(
    experiment: &Experiment,
    scenario: &Scenario,
    run: impl FnOnce(Prepared, &mut RunControl<'_>) -> T,
) -> T {
    let files = FileSource::of(&experiment.files);
    let prepared = prepare(scenario, &files).expect("input of the project");
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    run(prepared, &mut control)
}

/// Runs a scenario from its input to its end, with all metrics or none, and without tables.
#[allow(dead_code, reason = "not every benchmark runs without metrics")]
pub(crate) fn ended(
    scenario: &Scenario,
    input: Prepared,
    is_measured: bool,
    control: &mut RunControl<'_>,
) -> End {
    let form = Form::Incremental;
    let end = if is_measured {
        run(scenario, input, form, Tables::default(), control).map(|run| run.end)
    } else {
        run_unmeasured(scenario, input, form, control)
    };
    end.expect("a run that ends")
}

/// Runs an experiment of one variant with all metrics and no tables: what it came to, and how long it
/// ran from prepared input on.
#[allow(dead_code, reason = "not every benchmark needs the clock")]
#[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
pub(crate) fn timed(experiment: &Experiment) -> (Outcome, Duration) {
    let scenario = &experiment.variants[0].scenario;
    prepared(experiment, scenario, |input, control| {
        let begun = std::time::Instant::now();
        let outcome = run(
            scenario,
            input,
            Form::Incremental,
            Tables::default(),
            control,
        );
        let outcome = outcome.expect("a run that ends");
        (outcome, begun.elapsed())
    })
}
