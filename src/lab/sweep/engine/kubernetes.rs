//! Jobs of Kubernetes: an Indexed Job whose indices are shards, and the Job that puts their runs together.
//!
//! A disruption (drain, preemption, a lost node) counts for nothing, as the shard resumes; an exit
//! with 2, a wrong input, fails its index at once, as trying again can't help. Indexed Jobs with a
//! back-off per index are of Kubernetes 1.29 and newer (beta; stable in 1.33).

use serde_json::{Value, json};

use super::Study;

/// Volume that holds the experiment, its inputs and the folder that shards share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volume {
    /// A `PersistentVolumeClaim` that many nodes may write.
    Claim(String),
    /// A folder that every node has at the same path, such as one of NFS.
    HostPath(String),
}

impl Volume {
    /// Path at which pods see it.
    pub fn mount(&self) -> &str {
        match self {
            Self::Claim(_) => "/study",
            Self::HostPath(path) => path,
        }
    }
}

impl std::str::FromStr for Volume {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("claim", name)) if !name.is_empty() => Ok(Self::Claim(name.to_owned())),
            Some(("host", path)) if path.starts_with('/') => Ok(Self::HostPath(path.to_owned())),
            _ => Err("expected `claim:NAME` or `host:/PATH`".to_owned()),
        }
    }
}

/// Settings of the Jobs.
#[derive(Clone, Debug)]
pub struct Jobs<'a> {
    /// Name of the Jobs, without `-shards` and `-merge`.
    pub name: &'a str,
    /// Image that has `windtunnel` on its path.
    pub image: &'a str,
    /// Volume of the study.
    pub volume: &'a Volume,
    /// Folder to start in, on the volume.
    pub directory: &'a str,
    /// Study.
    pub study: &'a Study,
    /// Number of shards.
    pub shards: usize,
}

impl Jobs<'_> {
    /// Both Jobs as YAML, which `kubectl apply` takes.
    pub fn text(&self) -> String {
        let documents = [self.shards(), self.merge()];
        let texts = documents
            .iter()
            .map(|job| serde_saphyr::to_string(job).expect("invariant: plain data"));
        texts.collect::<Vec<_>>().join("---\n")
    }

    fn shards(&self) -> Value {
        let shard = format!("auto/{}", self.shards);
        let mut arguments: Vec<&str> = self.study.shard.iter().map(String::as_str).collect();
        arguments.extend(["--shard", &shard, "--no-progress"]);
        let mut shards = self.job("shards", &arguments);
        let spec = &mut shards["spec"];
        spec["completionMode"] = json!("Indexed");
        spec["completions"] = json!(self.shards);
        spec["parallelism"] = json!(self.shards);
        spec["backoffLimitPerIndex"] = json!(3);
        spec["podFailurePolicy"] = json!({"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [2]}},
        ]});
        shards
    }

    fn merge(&self) -> Value {
        let mut arguments: Vec<&str> = self.study.end.iter().map(String::as_str).collect();
        arguments.extend(["--wait", "--no-progress"]);
        self.job("merge", &arguments)
    }

    fn job(&self, part: &str, arguments: &[&str]) -> Value {
        let volume = match self.volume {
            Volume::Claim(name) => json!({
                "name": "study", "persistentVolumeClaim": {"claimName": name}
            }),
            Volume::HostPath(path) => json!({
                "name": "study", "hostPath": {"path": path, "type": "Directory"}
            }),
        };
        let mount = json!({"name": "study", "mountPath": self.volume.mount()});
        let container = json!({
            "name": part,
            "image": self.image,
            "command": ["windtunnel"],
            "args": arguments,
            "workingDir": self.directory,
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
            "volumeMounts": [mount],
        });
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": format!("{}-{part}", self.name),
                "labels": {"app.kubernetes.io/name": format!("windtunnel-{}", self.study.words().study)},
            },
            "spec": {"template": {"spec": {
                "restartPolicy": "Never",
                "containers": [container],
                "volumes": [volume],
            }}},
        })
    }
}
