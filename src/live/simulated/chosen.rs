//! The control plane of an experiment, for control servers and for records of theirs.

use std::path::{Path, PathBuf};

use lab::run::{control_plane, schedulers};
use scenario::{Experiment, Scenario};
use serde_json::Value;
use systems::mesos::section::Mesos;
use units::Duration;
use world::FileSource;

use crate::driver::Plane;
use crate::driver::mirror::MirrorSettings;
use crate::record::Header;
use crate::story::is_mesos;
use cli::experiment_file::{MessageFormat, Reading, read};
use cli::{Failure, Global};

/// End of runs that nobody ends: a hundred years.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// The control plane of an experiment's variant.
pub struct Chosen {
    experiment: Experiment,
    path: PathBuf,
    /// Place of the variant.
    plan: usize,
    /// Everything that the control plane is made from, but for the date.
    setup: String,
    /// The experiment as it is run.
    pub document: Value,
}

/// The control plane of a variant, by default of the first.
pub fn chosen(
    global: &Global,
    path: &Path,
    variant: Option<&str>,
    sets: &[String],
) -> Result<Chosen, Failure> {
    let reading = Reading {
        path: Some(path),
        sets,
        variants: None,
        messages: MessageFormat::Human,
    };
    let (experiment, _) = read(global, reading)?;
    let plan = plan_of(&experiment, variant)?;
    let scenario = &experiment.variants[plan].scenario;
    let document = scenario::as_run::document(scenario);
    let system = document.get("system").cloned().unwrap_or_default();
    let provider = document.pointer("/cluster/provider");
    let provider = provider.map_or(String::new(), |provider| format!(" {provider}"));
    let setup = format!("{system} {}{provider}", scenario.seed);
    Ok(Chosen {
        path: path.to_owned(),
        plan,
        setup,
        document,
        experiment,
    })
}

impl Chosen {
    /// Name of the experiment.
    pub fn name(&self) -> &str {
        &self.experiment.name
    }

    /// The header of a run that begins at a time of the wall clock.
    pub fn header(&self, wall_ns: i64) -> Header {
        Header::new(self.name(), &self.setup, wall_ns)
    }

    /// The control plane of a run. Its schedules follow the wall clock, whatever date the simulator begins
    /// with.
    ///
    /// # Errors
    /// The system can't run so.
    pub fn plane(&self, run: &Header) -> Result<Plane, Failure> {
        if run.is_of_cluster() {
            return Ok(Plane::watching(run.zero_unix_secs()));
        }
        if let Some(name) = &run.mirrored {
            return self.mirroring_plane(run, name);
        }
        let mut scenario: Scenario = self.experiment.variants[self.plan].scenario.clone();
        // A control server ends when it is told to: autoscalers need no end of the run.
        scenario.stop.at.get_or_insert(NEVER);
        let system = &mut scenario.system;
        if let Some(date) = run.zero_date() {
            if let Some(own) = &mut system.controllers {
                own.start_date = Some(date.clone());
            }
            if is_mesos(&system.name) {
                let own: Mesos = system.own();
                system.state(&Mesos {
                    start_date: Some(date),
                    ..own
                });
            }
        }
        let files = FileSource::of(&self.experiment.files);
        let parts = control_plane(&scenario, &files)
            .map_err(|error| Failure::input(format!("{}: {error}", self.path.display())))?;
        Ok(Plane::new(&scenario.system.name, parts))
    }

    /// The schedulers alone, for pods that name the scheduler so.
    fn mirroring_plane(&self, run: &Header, name: &str) -> Result<Plane, Failure> {
        let scenario = &self.experiment.variants[self.plan].scenario;
        let files = FileSource::of(&self.experiment.files);
        let (parts, profiles) = schedulers(scenario, &files)
            .map_err(|error| Failure::input(format!("{}: {error}", self.path.display())))?;
        let own = profiles.iter().find(|own| ***own == *name);
        // The model has the default scheduler as the empty name.
        let profile = own
            .or(profiles.first())
            .filter(|own| ***own != *model::DEFAULT_SCHEDULER);
        let settings = MirrorSettings {
            name: name.to_owned(),
            profile: profile.cloned().unwrap_or_default(),
            zero_unix_secs: run.zero_unix_secs(),
            heeds_readiness: !world::is_exact(scenario),
        };
        Ok(Plane::new(&scenario.system.name, parts).mirroring(settings))
    }

    /// Refusal of a log that another control plane wrote; `None` if this one did.
    pub fn other_than(&self, header: &Header) -> Option<String> {
        let is_own = header.is_of_cluster() || header.hash == self.header(0).hash;
        (!is_own).then(|| {
            format!(
                "the log is of the experiment `{}` with another system or seed; give that experiment",
                header.experiment
            )
        })
    }
}

/// Place of the variant of a name, by default of the first.
fn plan_of(experiment: &Experiment, variant: Option<&str>) -> Result<usize, Failure> {
    let mut plans = experiment.variants.iter();
    let plan = plans.position(|plan| variant.is_none_or(|name| plan.name == name));
    plan.ok_or_else(|| {
        let names = experiment.variants.iter().map(|plan| plan.name.as_str());
        let names: Vec<&str> = names.collect();
        let wanted = variant.unwrap_or_default();
        Failure::input(format!(
            "--variant: there is no variant `{wanted}`; there are {}",
            names.join(", ")
        ))
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "experiments of tests are files")]
mod tests {
    use crate::control::Control;
    use crate::driver::input::Input;
    use crate::journal::MemoryJournal;
    use crate::record::Log;
    use crate::wire::Registration;
    use crate::wire::declaration::Declaration;
    use crate::wire::request::Request;
    use clap::Parser as _;
    use units::Instant;

    use super::*;

    /// The options of all commands, as without any.
    #[derive(clap::Parser)]
    struct Options {
        #[command(flatten)]
        global: Global,
    }

    const AT_MIDNIGHT: &str = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly}, spec: \
        {schedule: '0 0 * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: \
        [{name: main, image: none, command: [work], resources: {requests: {cpu: 10m}}}]}}}}}}";

    /// Half a minute before midnight.
    const LATE_NS: i64 = 1_798_761_570_000_000_000;

    /// The agent of a node is heard.
    fn agent() -> Input {
        let message = Registration {
            node: "n0".to_owned(),
            machine: "m0".to_owned(),
            process: "p0".to_owned(),
            declaration: Declaration::of(&[("cpu", "1"), ("memory", "1Gi"), ("pods", "10")]),
            address: None,
            term: None,
            pressures: Vec::new(),
        };
        Input::Register { message }
    }

    #[test]
    fn cron_jobs_follow_the_wall_clock_whatever_date_the_experiment_has() {
        let folder = std::env::temp_dir().join(format!("wt-chosen-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("night.yaml");
        let nothing = "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n";
        std::fs::write(folder.join("none.yaml"), nothing).expect("a file");
        let global = Options::parse_from(["windtunnel"]).global;
        for system in [
            "{name: kubernetes, controllers: {}}",
            "{name: kubernetes, controllers: {startDate: '2020-01-01T00:00:00Z'}}",
            "{name: mesos}",
            "{name: mesos, mesos: {startDate: '2020-01-01T00:00:00Z'}}",
        ] {
            let text = format!(
                "windtunnel: v1\nname: night\ncluster: {{nodes: [{{count: 1, template: {{allocatable: \
                 {{cpu: 1, memory: 1Gi, pods: 10}}}}}}]}}\nworkload: [{{manifests: none.yaml}}]\nsystem: {system}\nmodels: {{nodeLife: observed}}\n"
            );
            std::fs::write(&path, text).expect("a file");
            let chosen = chosen(&global, &path, None, &[])
                .unwrap_or_else(|failure| panic!("{system}: {}", failure.message));
            let header = chosen.header(LATE_NS);
            let plane = || chosen.plane(&header).expect("a control plane");
            let journal = MemoryJournal::default();
            let control = Control::open(header.clone(), plane(), journal);
            let mut control = control.expect("a new state");
            control.begin(Instant::ZERO).expect("room");
            let message = Request::Apply {
                file: "night.yaml".to_owned(),
                text: AT_MIDNIGHT.to_owned(),
            };
            let asked = control.handle(Instant::ZERO, vec![Input::Ask { message }]);
            asked.expect("an answer");
            let mut pods_at = Vec::new();
            for second in 1..=40 {
                let now = Instant::ZERO.saturating_add(Duration::from_secs(second));
                control.handle(now, vec![agent()]).expect("room");
                if !control.pods().is_empty() {
                    pods_at.push(second);
                }
            }
            let first = pods_at.first().copied();
            assert!(
                first.is_some_and(|at| (30..=33).contains(&at)),
                "{system}: {pods_at:?}"
            );
            let log = Log::read(&control.log().expect("a log")).expect("a whole log");
            let replayed = log.replay(plane()).expect("the same run").digest();
            assert_eq!(replayed, control.driver().digest());
        }
        std::fs::remove_dir_all(&folder).expect("a folder to remove");
    }

    #[test]
    fn autoscalers_of_a_control_server_need_no_end() {
        let folder = std::env::temp_dir().join(format!("wt-endless-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let nothing = "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n";
        std::fs::write(folder.join("none.yaml"), nothing).expect("a file");
        let path = folder.join("scale.yaml");
        let text = "windtunnel: v1\nname: scale\ncluster: {provider: {groups: [{name: small, min: 1, \
            max: 4, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 20}}}]}}\nworkload: \
            [{manifests: none.yaml}]\nsystem: {name: kubernetes, controllers: {}, autoscaling: \
            {cluster: {}}}\nmodels: {nodeLife: observed}\n";
        std::fs::write(&path, text).expect("a file");
        let global = Options::parse_from(["windtunnel"]).global;
        let chosen = chosen(&global, &path, None, &[]);
        let chosen = chosen.unwrap_or_else(|failure| panic!("{}", failure.message));
        chosen.plane(&chosen.header(0)).expect("a control plane");
        std::fs::remove_dir_all(&folder).expect("a folder to remove");
    }
}
