//! Workloads with pods of several roles, each a job here: trainings of Kubeflow, clusters of Ray, and sets of
//! leaders with their workers. In a queue of Kueue the roles are the pod sets of one workload; of a set of
//! leaders each group is a workload.

use std::sync::Arc;

use serde_json::{Value, json};

use super::field::{Path, Problem};
use super::job_sets::{MOST, Member};
use super::life::RUN_TIME;
use super::workload::Workload;
use super::workload_jobs::read_job;
use model::queueing::workload_of;
use model::workload::job::{JobMember, QueueReference};
use model::{Object, Text};

/// A kind of training: the field of its roles, and these in the order of their pod sets.
struct Training {
    kind: &'static str,
    field: &'static str,
    roles: &'static [&'static str],
    /// Restart policy of roles that state none.
    restart: &'static str,
}

const TRAININGS: &[Training] = &[
    Training {
        kind: "PyTorchJob",
        field: "pytorchReplicaSpecs",
        roles: &["Master", "Worker"],
        restart: "OnFailure",
    },
    Training {
        kind: "TFJob",
        field: "tfReplicaSpecs",
        roles: &["Chief", "Master", "PS", "Worker", "Evaluator"],
        restart: "OnFailure",
    },
    Training {
        kind: "XGBoostJob",
        field: "xgbReplicaSpecs",
        roles: &["Master", "Worker"],
        restart: "OnFailure",
    },
    Training {
        kind: "PaddleJob",
        field: "paddleReplicaSpecs",
        roles: &["Master", "Worker"],
        restart: "OnFailure",
    },
    Training {
        kind: "JAXJob",
        field: "jaxReplicaSpecs",
        roles: &["Worker"],
        restart: "OnFailure",
    },
    Training {
        kind: "MPIJob",
        field: "mpiReplicaSpecs",
        roles: &["Launcher", "Worker"],
        restart: "Never",
    },
];

const LEADER_SET: &str = "LeaderWorkerSet";

/// Whether a kind has pods of several roles.
pub(super) fn is_one(kind: &str) -> bool {
    TRAININGS.iter().any(|own| own.kind == kind)
        || matches!(kind, LEADER_SET | "RayCluster" | "RayJob")
}

/// The pods of a role.
struct Role {
    /// Name of their pod set.
    set: String,
    /// Name of the job that makes them.
    job: String,
    pods: i64,
    /// Spec of that job.
    spec: Value,
    /// Field that has their template, or that is it.
    field: String,
    is_template: bool,
}

impl Role {
    /// A problem of the job at the field that states it.
    fn placed(&self, problem: Problem) -> Problem {
        let template = format!("{}.template", self.field);
        match problem.0.strip_prefix(&template) {
            Some(rest) if self.is_template => Problem(format!("{}{rest}", self.field)),
            _ => problem,
        }
    }
}

/// Roles that are admitted together.
struct Group {
    workload: Text,
    roles: Vec<Role>,
}

/// The jobs of a workload with roles, each an object.
pub(super) fn jobs(
    workload: &mut Workload<'_>,
    status: Option<&Value>,
) -> Result<Vec<Member>, Problem> {
    if has_ended(status) {
        return Ok(Vec::new());
    }
    let (spec, name, queue) = (workload.spec, workload.name.clone(), workload.queue.clone());
    let (mut groups, suspend) = groups(workload.kind, spec, &name)?;
    let mut jobs = Vec::new();
    for group in &mut groups {
        fill_run_times(&mut group.roles);
        for (place, role) in group.roles.iter().enumerate() {
            workload.begin(role.job.as_str().into(), queue.clone());
            if let Some(queue) = &mut workload.queue {
                Arc::make_mut(queue).member = Some(Arc::new(JobMember {
                    workload: group.workload.clone(),
                    set: role.set.as_str().into(),
                    number: u32::try_from(place).unwrap_or(u32::MAX),
                    replica: 0,
                    jobs: u32::try_from(group.roles.len()).unwrap_or(u32::MAX),
                    keeps_quota: workload.kind == LEADER_SET,
                }));
            }
            let read = read_job(workload, &role.spec, &Path::root(&role.field));
            let (mut job, findings) = read.map_err(|problem| role.placed(problem))?;
            if suspend && queue.is_none() {
                job.suspend = true;
                job.queue = QueueReference::default();
            }
            jobs.push(workload.member((Object::Job(Arc::new(job)), findings)));
        }
    }
    workload.name = name;
    Ok(jobs)
}

/// Whether a training or a job of Ray reports its end.
fn has_ended(status: Option<&Value>) -> bool {
    let Some(status) = status else {
        return false;
    };
    let conditions = status.get("conditions").and_then(Value::as_array);
    let ends = |own: &Value| {
        let kind = own.get("type").and_then(Value::as_str);
        own["status"] == "True" && matches!(kind, Some("Succeeded" | "Failed"))
    };
    let ray = status.get("jobDeploymentStatus").and_then(Value::as_str);
    conditions.into_iter().flatten().any(ends) || matches!(ray, Some("Complete" | "Failed"))
}

/// The groups of roles, and whether the workload is suspended.
fn groups(kind: &str, spec: &Value, name: &str) -> Result<(Vec<Group>, bool), Problem> {
    let root = Path::root("spec");
    let workload = workload_of(&kind.to_ascii_lowercase(), name);
    if let Some(training) = TRAININGS.iter().find(|own| own.kind == kind) {
        let policy = root.field("runPolicy");
        let suspend = flag(&spec["runPolicy"]["suspend"], &policy.field("suspend"))?;
        let roles = trained(training, spec, name)?;
        return Ok((vec![Group { workload, roles }], suspend));
    }
    if kind == LEADER_SET {
        return Ok((leaders(spec, name)?, false));
    }
    let suspend = flag(&spec["suspend"], &root.field("suspend"))?;
    let mut roles;
    if kind == "RayJob" {
        let path = root.field("rayClusterSpec");
        let cluster = &spec["rayClusterSpec"];
        if cluster.is_null() {
            let expected = "the cluster that the job makes (jobs on other clusters are not read)";
            return Err(path.missing(expected));
        }
        roles = ray(cluster, name, &path)?;
        roles.extend(submitter(spec, name)?);
    } else {
        roles = ray(spec, name, &root)?;
    }
    Ok((vec![Group { workload, roles }], suspend))
}

/// Roles of a training.
fn trained(training: &Training, spec: &Value, name: &str) -> Result<Vec<Role>, Problem> {
    let root = Path::root("spec");
    let path = root.field(training.field);
    let Some(stated) = spec[training.field]
        .as_object()
        .filter(|own| !own.is_empty())
    else {
        return Err(path.missing("at least one role"));
    };
    let known = training.roles;
    if let Some(other) = stated.keys().find(|own| !known.contains(&own.as_str())) {
        let names: Vec<String> = known.iter().map(|own| format!("`{own}`")).collect();
        let expected = format!("roles among {}", names.join(", "));
        return Err(path.problem(&expected, other));
    }
    let policy = &spec["runPolicy"];
    let present = known.iter().filter(|role| stated.contains_key(**role));
    let roles = present.map(|role| {
        let (path, own) = (path.field(role), &stated[*role]);
        let pods = number(&own["replicas"], 1, 0, &path.field("replicas"))?;
        let restart = match own["restartPolicy"].as_str() {
            None | Some("") => training.restart,
            Some("Never") => "Never",
            Some("OnFailure" | "Always" | "ExitCode") => "OnFailure",
            Some(other) => {
                let expected = "`Never`, `OnFailure`, `Always` or `ExitCode`";
                return Err(path.field("restartPolicy").problem(expected, other));
            }
        };
        let lower = role.to_ascii_lowercase();
        let mut spec = job_spec(pods, &own["template"], restart);
        for field in [
            "backoffLimit",
            "activeDeadlineSeconds",
            "ttlSecondsAfterFinished",
        ] {
            spec[field] = policy[field].clone();
        }
        Ok(Role {
            job: format!("{name}-{lower}"),
            set: lower,
            pods,
            spec,
            field: path.to_string(),
            is_template: false,
        })
    });
    let roles: Vec<Role> = roles.collect::<Result<_, Problem>>()?;
    check_sum(&roles, &path)?;
    Ok(roles)
}

/// Roles of a cluster of Ray: the head, and groups of workers.
fn ray(spec: &Value, name: &str, path: &Path<'_>) -> Result<Vec<Role>, Problem> {
    let role = |set: &str, pods: i64, own: &Value, path: &Path<'_>| Role {
        set: set.to_owned(),
        job: format!("{name}-{set}"),
        pods,
        spec: job_spec(pods, &own["template"], "OnFailure"),
        field: path.to_string(),
        is_template: false,
    };
    let head = path.field("headGroupSpec");
    let mut own = spec["headGroupSpec"].clone();
    let scales = &spec["enableInTreeAutoscaling"];
    if flag(scales, &path.field("enableInTreeAutoscaling"))? {
        add_autoscaler(&mut own, &spec["autoscalerOptions"]["resources"]);
    }
    let mut roles = vec![role("head", 1, &own, &head)];
    let list = path.field("workerGroupSpecs");
    let stated = spec["workerGroupSpecs"].as_array();
    for (index, own) in stated.into_iter().flatten().enumerate() {
        let path = list.index(index);
        let named = &own["groupName"];
        let name = named.as_str().unwrap_or_default();
        if name.is_empty() {
            let path = path.field("groupName");
            return Err(match named {
                // Without quotes, `on`, `no` and `1` are no texts in YAML.
                Value::Bool(_) | Value::Number(_) => {
                    path.problem("a name (in quotes, for YAML)", named)
                }
                _ => path.missing("a name"),
            });
        }
        if roles.iter().any(|known| known.set == name) {
            return Err(path.field("groupName").problem("each name once", name));
        }
        roles.push(role(name, workers(own, &path)?, own, &path));
    }
    check_sum(&roles, &list)?;
    Ok(roles)
}

/// Number of pods of a group of workers (`KubeRay` v1.4: `utils.GetWorkerGroupDesiredReplicas`), with the defaults
/// of its API.
fn workers(group: &Value, path: &Path<'_>) -> Result<i64, Problem> {
    let replicas = number(&group["replicas"], 0, 0, &path.field("replicas"))?;
    let hosts = number(&group["numOfHosts"], 1, 1, &path.field("numOfHosts"))?;
    let least = number(&group["minReplicas"], 0, 0, &path.field("minReplicas"))?;
    let most = match &group["maxReplicas"] {
        Value::Null => i64::MAX,
        stated => {
            let number = stated.as_i64().filter(|&most| most >= 0);
            let expected = "a number from 0 on";
            number.ok_or_else(|| path.field("maxReplicas").problem(expected, stated))?
        }
    };
    if least > most {
        let expected = format!("at most `maxReplicas`, {most}");
        return Err(path.field("minReplicas").problem(&expected, least));
    }
    if flag(&group["suspend"], &path.field("suspend"))? {
        return Ok(0);
    }
    Ok(replicas.clamp(least, most).saturating_mul(hosts))
}

/// Adds the container of Ray's autoscaler to the pod of a head (`KubeRay`: `common.BuildAutoscalerContainer`).
fn add_autoscaler(head: &mut Value, resources: &Value) {
    let usual = json!({"cpu": "500m", "memory": "512Mi"});
    let resources = match resources {
        Value::Null => json!({"requests": usual.clone(), "limits": usual}),
        stated => stated.clone(),
    };
    let containers = head.pointer_mut("/template/spec/containers");
    if let Some(Value::Array(containers)) = containers {
        containers.push(json!({"name": "autoscaler", "resources": resources}));
    }
}

/// The pod that submits a job of Ray to its cluster, by default with what its operator asks for.
fn submitter(spec: &Value, name: &str) -> Result<Option<Role>, Problem> {
    let root = Path::root("spec");
    match spec["submissionMode"].as_str() {
        None | Some("" | "K8sJobMode") => {}
        Some("HTTPMode" | "SidecarMode" | "InteractiveMode") => return Ok(None),
        Some(other) => {
            let expected = "`K8sJobMode`, `HTTPMode`, `SidecarMode` or `InteractiveMode`";
            return Err(root.field("submissionMode").problem(expected, other));
        }
    }
    let mut template = spec["submitterPodTemplate"].clone();
    if template.is_null() {
        let resources = json!({
            "requests": {"cpu": "500m", "memory": "200Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        });
        let container = json!({"name": "ray-job-submitter", "resources": resources});
        template = json!({"spec": {"containers": [container]}});
    }
    Ok(Some(Role {
        set: "submitter".to_owned(),
        job: format!("{name}-submitter"),
        pods: 1,
        spec: job_spec(1, &template, "Never"),
        field: root.field("submitterPodTemplate").to_string(),
        is_template: true,
    }))
}

/// Groups of a leader and its workers.
fn leaders(spec: &Value, name: &str) -> Result<Vec<Group>, Problem> {
    let root = Path::root("spec");
    let path = root.field("leaderWorkerTemplate");
    let own = &spec["leaderWorkerTemplate"];
    let replicas = number(&spec["replicas"], 1, 0, &root.field("replicas"))?;
    let size = number(&own["size"], 1, 1, &path.field("size"))?;
    if replicas.saturating_mul(size) > MOST {
        let expected = format!("at most {MOST} pods");
        let found = replicas.saturating_mul(size);
        return Err(root.field("replicas").problem(&expected, found));
    }
    let role = |set: &str, job: String, pods: i64, field: &str| Role {
        set: set.to_owned(),
        job,
        pods,
        spec: job_spec(pods, &own[field], "OnFailure"),
        field: path.field(field).to_string(),
        is_template: true,
    };
    let has_leader = own["leaderTemplate"].is_object();
    let groups = (0..replicas).map(|number| {
        let mut roles = Vec::new();
        if has_leader {
            roles.push(role(
                "leader",
                format!("{name}-{number}"),
                1,
                "leaderTemplate",
            ));
        }
        if !has_leader {
            roles.push(role(
                "main",
                format!("{name}-{number}"),
                size,
                "workerTemplate",
            ));
        } else if size > 1 {
            let job = format!("{name}-{number}-worker");
            roles.push(role("worker", job, size - 1, "workerTemplate"));
        }
        let owner = format!("{name}-{number}");
        Group {
            workload: workload_of("leaderworkerset", &owner),
            roles,
        }
    });
    Ok(groups.collect())
}

/// The spec of a job whose pods run at once.
fn job_spec(pods: i64, template: &Value, restart: &str) -> Value {
    let mut template = template.clone();
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("restartPolicy".to_owned(), restart.into());
    }
    json!({
        "parallelism": pods,
        "completions": pods,
        "completionMode": "Indexed",
        "template": template,
    })
}

/// Gives roles that state no run time that of the first role that does: they end with it.
fn fill_run_times(roles: &mut [Role]) {
    let of = |role: &Role| {
        let metadata = role.spec["template"].get("metadata");
        let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
        annotations
            .and_then(|annotations| annotations.get(RUN_TIME))
            .cloned()
    };
    let Some(known) = roles.iter().find_map(of) else {
        return;
    };
    for role in roles {
        if of(role).is_none() && role.spec["template"].is_object() {
            let metadata = &mut role.spec["template"]["metadata"];
            if metadata.is_null() || metadata["annotations"].is_null() {
                metadata["annotations"] = json!({});
            }
            if let Some(annotations) = metadata["annotations"].as_object_mut() {
                annotations.insert(RUN_TIME.to_owned(), known.clone());
            }
        }
    }
}

fn check_sum(roles: &[Role], path: &Path<'_>) -> Result<(), Problem> {
    let all = roles
        .iter()
        .fold(0_i64, |all, own| all.saturating_add(own.pods));
    if all > MOST {
        return Err(path.problem(&format!("at most {MOST} pods"), all));
    }
    Ok(())
}

/// A number of pods, from the least one to the most that are read.
fn number(value: &Value, default: i64, least: i64, path: &Path<'_>) -> Result<i64, Problem> {
    if value.is_null() {
        return Ok(default);
    }
    let found = value.as_i64().filter(|own| (least..=MOST).contains(own));
    found.ok_or_else(|| path.problem(&format!("a number from {least} to {MOST}"), value))
}

fn flag(value: &Value, path: &Path<'_>) -> Result<bool, Problem> {
    if value.is_null() {
        return Ok(false);
    }
    let found = value.as_bool();
    found.ok_or_else(|| path.problem("`true` or `false`", value))
}
