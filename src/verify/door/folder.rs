//! A case as a folder of files, and the commands that it is given to.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value, json};

use crate::door::watch::Watch;
use crate::experiment_text::experiment;
use cluster::Observer;
use intake::Input;
use lab::explain::Explanation;
use lab::explain::run::{Attempted, RunExplainError, Which, find};
use lab::run::{prepare, run_watched};
use lab::sides::Side;
use lab::snapshot::profile::{profile_or_default, read_profiles};
use lab::snapshot::{Gathered, Snapshot, Sources};
use model::Changes;
use scenario::Experiment;
use scheduler::pipeline::evaluate::Form;
use sim::{End, RunControl};
use world::FileSource;

/// Files of a case, with their contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    /// The experiment file.
    experiment: Map<String, Value>,
    /// The other files, by their names.
    files: Vec<(String, String)>,
}

impl Folder {
    /// An experiment on nodes of the file `nodes.json`, with the workload of `objects.json`, for so many
    /// seconds.
    pub(crate) fn kubernetes(nodes: &[&Value], objects: &[&Value], seconds: i64) -> Self {
        let mut folder = Self::default();
        folder.set("cluster", json!({"nodes": [{"manifests": "nodes.json"}]}));
        folder.set("workload", json!([]));
        folder.set("system", json!({"name": "kubernetes"}));
        folder.set("stop", json!({"at": format!("{seconds}s")}));
        folder.objects("nodes.json", nodes);
        folder.objects("objects.json", objects);
        folder.arrive("objects.json", 0);
        folder
    }

    /// Sets a field of the experiment.
    pub(crate) fn set(&mut self, field: &str, value: Value) {
        self.experiment.insert(field.to_owned(), value);
    }

    /// Sets a field below another, which is a map.
    pub(crate) fn set_in(&mut self, part: &str, field: &str, value: Value) {
        let part = self.experiment.entry(part).or_insert_with(|| json!({}));
        part[field] = value;
    }

    /// Adds an element to a list of the experiment.
    pub(crate) fn push(&mut self, list: &str, value: Value) {
        let list = self.experiment.entry(list).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(value);
        }
    }

    /// The objects of a file come at a time, in milliseconds.
    pub(crate) fn arrive(&mut self, file: &str, millis: i64) {
        self.push(
            "workload",
            json!({"manifests": file, "at": format!("{millis}ms")}),
        );
    }

    /// An operation at a time, in milliseconds.
    pub(crate) fn operate(&mut self, millis: i64, mut fields: Value) {
        fields["at"] = format!("{millis}ms").into();
        self.push("operations", fields);
    }

    /// Writes a file of objects.
    pub(crate) fn objects(&mut self, name: &str, objects: &[&Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.text(name, list.to_string());
    }

    /// Writes a file.
    pub(crate) fn text(&mut self, name: &str, text: String) {
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), text));
    }

    /// A file as a command opens it.
    pub(crate) fn file(&self, name: &str) -> Option<Input> {
        let found = self.files.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| Input::bytes(name, text.as_bytes()))
    }

    /// The experiment, as `run` loads it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn load(&self) -> Result<Experiment, String> {
        let mut fields = Map::new();
        fields.insert("windtunnel".to_owned(), "v1".into());
        fields.insert("name".to_owned(), "case".into());
        fields.insert("seed".to_owned(), 1.into());
        fields.extend(self.experiment.clone());
        let text = Value::Object(fields).to_string();
        experiment(&text, self.files.iter().cloned())
    }

    /// What `windtunnel run` shows.
    ///
    /// # Errors
    /// Why there is no result, in words.
    pub(crate) fn watch(&self) -> Result<Watch, String> {
        let mut watch = Watch::default();
        self.run(&mut watch)?;
        Ok(watch)
    }

    /// `windtunnel run` for an observer.
    ///
    /// # Errors
    /// Why there is no result, in words.
    pub(crate) fn run(&self, observer: &mut dyn Observer) -> Result<End, String> {
        let experiment = self.load()?;
        let plan = experiment.variants.first().ok_or("no variant")?;
        let files = FileSource::of(&experiment.files);
        let prepared = prepare(&plan.scenario, &files).map_err(|error| error.to_string())?;
        let interrupted = AtomicBool::new(false);
        let mut control = RunControl {
            interrupted: &interrupted,
            progress: &mut |_| {},
        };
        let form = Form::Incremental;
        run_watched(&plan.scenario, prepared, form, observer, &mut control)
            .map_err(|error| error.to_string())
    }

    /// `windtunnel explain` of a pod of the run at its first attempt; `None` if it is never tried.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(crate) fn explain_run(&self, pod: &str) -> Result<Option<Attempted>, String> {
        let experiment = self.load()?;
        let plan = experiment.variants.first().ok_or("no variant")?;
        let side = Side {
            label: "case".to_owned(),
            scenario: &plan.scenario,
            files: &experiment.files,
            before: None,
        };
        match find(&side, pod, Which::Number(1), &AtomicBool::new(false)) {
            Ok(attempted) => Ok(Some(attempted)),
            Err(RunExplainError::NeverTried(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// `windtunnel explain` of the pod of a file, in the cluster that the files `dump` are the dump of.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(crate) fn explain_dump(
        &self,
        dump: &[&str],
        pod: &str,
        config: Option<&str>,
        changes: Changes,
    ) -> Result<Explanation, String> {
        let missing = |name: &str| format!("no file `{name}`");
        let traces_dirs: [PathBuf; 0] = [];
        let mut sources = Sources::new(&traces_dirs);
        for name in dump {
            let input = self.file(name).ok_or_else(|| missing(name))?;
            let added = sources.add_input(&input, Path::new(name));
            added.map_err(|error| error.to_string())?;
        }
        let gathered = sources.finish().map_err(|error| error.to_string())?;
        let snapshot = Snapshot::new(Gathered {
            changes,
            ..gathered
        });
        let mut snapshot = snapshot.map_err(|error| error.to_string())?;
        let config = config.and_then(|name| self.file(name));
        let (profiles, _) =
            read_profiles(config.as_ref(), changes).map_err(|error| error.to_string())?;
        let input = self.file(pod).ok_or_else(|| missing(pod))?;
        let (pod, _) = snapshot
            .read_pod_of(&input)
            .map_err(|error| error.to_string())?;
        snapshot.name_namespace(pod.namespace());
        let pod = snapshot.pod_info(&pod).map_err(|error| error.to_string())?;
        let profile = profile_or_default(&profiles, &pod);
        Ok(Explanation::of(&snapshot.cache, profile, &pod))
    }
}
