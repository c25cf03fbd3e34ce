//! Columns of tables, by kind, as `kubectl` shows them.

use serde_json::{Value, json};

/// Text of a cell, by the object and the present time in nanoseconds since 1970.
type Cell = fn(&Value, i64) -> String;

/// A column: its name and its cells.
type Column = (&'static str, Cell);

/// Columns of a table behind the names of the objects.
pub(super) struct Columns {
    /// `true` of kinds that are shown with their names and ages.
    is_named: bool,
    own: &'static [Column],
    wide: &'static [Column],
}

const POD: &[Column] = &[
    ("READY", |own, _| {
        let statuses = own.pointer("/status/containerStatuses");
        let statuses = statuses.and_then(Value::as_array).into_iter().flatten();
        let ready = statuses.filter(|one| one["ready"] == true).count();
        let all = own.pointer("/spec/containers").and_then(Value::as_array);
        format!("{ready}/{}", all.map_or(0, Vec::len))
    }),
    ("STATUS", |own, _| pod_status(own).to_owned()),
    ("RESTARTS", |own, _| {
        number(own, "/status/containerStatuses/0/restartCount")
    }),
];

const OF_POD: &[Column] = &[("NODE", |own, _| match text(own, "/spec/nodeName") {
    none if none.is_empty() => text(own, "/status/conditions/0/message"),
    node => node,
})];

const NODE: &[Column] = &[("STATUS", |own, _| node_status(own))];

const OF_NODE: &[Column] = &[
    ("ADDRESS", |own, _| text(own, "/status/addresses/0/address")),
    ("CPU", |own, _| text(own, "/status/allocatable/cpu")),
    ("MEMORY", |own, _| text(own, "/status/allocatable/memory")),
];

const EVENT: &[Column] = &[
    ("LAST SEEN", |own, now| {
        let at = seconds(own, "/lastTimestamp");
        at.map_or_else(String::new, |at| age(now / SECOND - at))
    }),
    ("TYPE", |own, _| text(own, "/type")),
    ("REASON", |own, _| text(own, "/reason")),
    ("OBJECT", |own, _| {
        let kind = text(own, "/involvedObject/kind").to_lowercase();
        format!("{kind}/{}", text(own, "/involvedObject/name"))
    }),
    ("MESSAGE", |own, _| text(own, "/message")),
];

const SERVICE: &[Column] = &[("PORTS", |own, _| {
    let ports = own.pointer("/spec/ports").and_then(Value::as_array);
    let ports = ports.into_iter().flatten();
    let ports: Vec<String> = ports.map(|one| one["port"].to_string()).collect();
    ports.join(",")
})];

const DEPLOYMENT: &[Column] = &[
    ("READY", |own, _| of_replicas(own, "/status/readyReplicas")),
    ("UP-TO-DATE", |own, _| {
        number(own, "/status/updatedReplicas")
    }),
    ("AVAILABLE", |own, _| {
        number(own, "/status/availableReplicas")
    }),
];

const REPLICA_SET: &[Column] = &[
    ("DESIRED", |own, _| number(own, "/spec/replicas")),
    ("CURRENT", |own, _| number(own, "/status/replicas")),
    ("READY", |own, _| number(own, "/status/readyReplicas")),
];

const STATEFUL_SET: &[Column] = &[("READY", |own, _| of_replicas(own, "/status/readyReplicas"))];

const DAEMON_SET: &[Column] = &[
    ("DESIRED", |own, _| {
        number(own, "/status/desiredNumberScheduled")
    }),
    ("CURRENT", |own, _| {
        number(own, "/status/currentNumberScheduled")
    }),
    ("READY", |own, _| number(own, "/status/numberReady")),
    ("UP-TO-DATE", |own, _| {
        number(own, "/status/updatedNumberScheduled")
    }),
    ("AVAILABLE", |own, _| number(own, "/status/numberAvailable")),
];

const JOB: &[Column] = &[
    ("STATUS", |own, _| job_status(own)),
    ("COMPLETIONS", |own, _| completions(own)),
    ("DURATION", |own, now| {
        let start = seconds(own, "/status/startTime");
        let end = seconds(own, "/status/completionTime").unwrap_or(now / SECOND);
        start.map_or_else(String::new, |start| age(end - start))
    }),
];

const CRON_JOB: &[Column] = &[
    ("SCHEDULE", |own, _| text(own, "/spec/schedule")),
    ("SUSPEND", |own, _| text(own, "/spec/suspend")),
    ("ACTIVE", |own, _| {
        let active = own.pointer("/status/active").and_then(Value::as_array);
        active.map_or(0, Vec::len).to_string()
    }),
    ("LAST SCHEDULE", |own, now| {
        let last = seconds(own, "/status/lastScheduleTime");
        last.map_or_else(|| "<none>".to_owned(), |last| age(now / SECOND - last))
    }),
];

const HORIZONTAL: &[Column] = &[
    ("REFERENCE", |own, _| {
        let [kind, name] =
            ["kind", "name"].map(|field| text(own, &format!("/spec/scaleTargetRef/{field}")));
        format!("{kind}/{name}")
    }),
    ("TARGETS", |own, _| targets(own)),
    ("MINPODS", |own, _| number(own, "/spec/minReplicas")),
    ("MAXPODS", |own, _| number(own, "/spec/maxReplicas")),
    ("REPLICAS", |own, _| number(own, "/status/currentReplicas")),
];

const BUDGET: &[Column] = &[
    ("MIN AVAILABLE", |own, _| {
        or_none(text(own, "/spec/minAvailable"))
    }),
    ("MAX UNAVAILABLE", |own, _| {
        or_none(text(own, "/spec/maxUnavailable"))
    }),
    ("ALLOWED DISRUPTIONS", |own, _| {
        number(own, "/status/disruptionsAllowed")
    }),
];

const OF_PODS: &[Column] = &[
    ("CONTAINERS", |own, _| containers(own, "name")),
    ("IMAGES", |own, _| containers(own, "image")),
    ("SELECTOR", |own, _| selector(own)),
];

const OF_HORIZONTAL: &[Column] = &[
    ("DESIRED", |own, _| number(own, "/status/desiredReplicas")),
    ("REASON", |own, _| text(own, "/status/reason")),
];

impl Columns {
    /// The columns of a kind.
    pub(super) fn of(kind: &str) -> Self {
        let (own, wide): (&[Column], &[Column]) = match kind {
            "Pod" => (POD, OF_POD),
            "Node" => (NODE, OF_NODE),
            "Event" => (EVENT, &[]),
            "Service" => (SERVICE, &[]),
            "Deployment" => (DEPLOYMENT, OF_PODS),
            "ReplicaSet" | "ReplicationController" => (REPLICA_SET, OF_PODS),
            "StatefulSet" => (STATEFUL_SET, OF_PODS),
            "DaemonSet" => (DAEMON_SET, OF_PODS),
            "Job" => (JOB, OF_PODS),
            "CronJob" => (CRON_JOB, OF_PODS),
            "HorizontalPodAutoscaler" => (HORIZONTAL, OF_HORIZONTAL),
            "PodDisruptionBudget" => (BUDGET, &[]),
            _ => (&[], &[]),
        };
        // Events are of objects, and have an instant of their own.
        let is_named = kind != "Event";
        Self {
            is_named,
            own,
            wide,
        }
    }

    /// Definitions of the columns, as a table of the API has them.
    pub(super) fn heads(&self) -> Vec<Value> {
        let head = |priority: i32| {
            move |name: &str| {
                // By this format kubectl finds the names that it prefixes with kinds where it shows several.
                let format = if name == "NAME" { "name" } else { "" };
                json!({"name": name, "type": "string", "format": format, "description": "", "priority": priority})
            }
        };
        let own = self.own.iter().map(|(name, _)| *name);
        let wide = self.wide.iter().map(|(name, _)| *name);
        let [first, last] = if self.is_named {
            [Some("NAME"), Some("AGE")]
        } else {
            [None; 2]
        };
        let own = first.into_iter().chain(own).chain(last);
        own.map(head(0)).chain(wide.map(head(1))).collect()
    }

    /// Cells of an object.
    pub(super) fn cells(&self, object: &Value, now: i64) -> Vec<String> {
        let cell = |(_, cell): &Column| cell(object, now);
        let created = seconds(object, "/metadata/creationTimestamp");
        let age = created.map_or_else(String::new, |at| age(now / SECOND - at));
        let name = self.is_named.then(|| text(object, "/metadata/name"));
        let own = name.into_iter().chain(self.own.iter().map(cell));
        let own = own.chain(self.is_named.then_some(age));
        own.chain(self.wide.iter().map(cell)).collect()
    }
}

const SECOND: i64 = 1_000_000_000;

/// A span in the two units that count, as `kubectl` prints it (k8s.io/apimachinery, `duration.HumanDuration`).
fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |large: i64, unit: char, small: i64, rest: char| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{rest}"),
    };
    match seconds {
        ..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, 'y', days % 365, 'd'),
        _ => format!("{}y", days / 365),
    }
}

/// Text of a field; nothing where there is none.
fn text(own: &Value, path: &str) -> String {
    match own.pointer(path) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() {
        "N/A".to_owned()
    } else {
        text
    }
}

/// Number of a field, 0 where there is none.
fn number(own: &Value, path: &str) -> String {
    let number = own.pointer(path).and_then(Value::as_i64);
    number.unwrap_or(0).to_string()
}

fn of_replicas(own: &Value, path: &str) -> String {
    format!("{}/{}", number(own, path), number(own, "/spec/replicas"))
}

/// Second of a time since 1970.
fn seconds(own: &Value, path: &str) -> Option<i64> {
    let text = own.pointer(path)?.as_str()?;
    k8s::parse_unix_secs(text)
}

/// Where a pod is, in the words of `kubectl`.
fn pod_status(own: &Value) -> &'static str {
    let has_node = own.pointer("/spec/nodeName").is_some();
    match own["status"]["phase"].as_str() {
        _ if own.pointer("/metadata/deletionTimestamp").is_some() => "Terminating",
        Some("Running") => "Running",
        Some("Succeeded") => "Completed",
        Some("Failed") => "Error",
        _ if has_node => "ContainerCreating",
        _ => "Pending",
    }
}

fn node_status(own: &Value) -> String {
    let conditions = own.pointer("/status/conditions").and_then(Value::as_array);
    let conditions = conditions.into_iter().flatten();
    let conditions = conditions.filter_map(|one| {
        let (kind, holds) = (one["type"].as_str()?, one["status"] == "True");
        match (kind, holds) {
            ("Ready", true) => Some("Ready"),
            ("Ready", false) => Some("NotReady"),
            (kind, true) => kind.ends_with("Pressure").then_some(kind),
            _ => None,
        }
    });
    let cordon = own
        .pointer("/spec/unschedulable")
        .map(|_| "SchedulingDisabled");
    conditions.chain(cordon).collect::<Vec<_>>().join(",")
}

fn job_status(own: &Value) -> String {
    let conditions = own.pointer("/status/conditions").and_then(Value::as_array);
    let holds = |kind: &str| {
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|one| one["type"] == kind && one["status"] == "True")
    };
    let known = [
        "Complete",
        "Failed",
        "Suspended",
        "FailureTarget",
        "SuccessCriteriaMet",
    ];
    let shown = known.into_iter().find(|kind| holds(kind));
    shown.unwrap_or("Running").to_owned()
}

/// Pods that succeeded, of those that have to.
fn completions(own: &Value) -> String {
    let succeeded = number(own, "/status/succeeded");
    let wanted = |field: &str| own["spec"][field].as_i64();
    match (wanted("completions"), wanted("parallelism")) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, Some(parallelism)) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    }
}

/// Target of an autoscaler.
fn targets(own: &Value) -> String {
    let metrics = own.pointer("/spec/metrics").and_then(Value::as_array);
    let shown = metrics.into_iter().flatten().map(|metric| {
        let kind = metric["type"].as_str().unwrap_or_default();
        let mut fields = metric.as_object().into_iter().flatten();
        let body = fields.find(|(field, _)| field.eq_ignore_ascii_case(kind));
        let body = body.map_or(&Value::Null, |(_, body)| body);
        let name = body["name"].as_str().or(body["metric"]["name"].as_str());
        let target = &body["target"];
        let wanted = match &target["averageUtilization"] {
            Value::Null => {
                let amount = target["averageValue"].as_str().or(target["value"].as_str());
                amount.unwrap_or_default().to_owned()
            }
            percent => format!("{percent}%"),
        };
        format!("{}: {wanted}", name.unwrap_or_default())
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A field of the containers of an object's pods.
fn containers(own: &Value, field: &str) -> String {
    let paths = [
        "/spec/template/spec/containers",
        "/spec/jobTemplate/spec/template/spec/containers",
    ];
    let list = paths.iter().find_map(|path| own.pointer(path)?.as_array());
    let names = list.into_iter().flatten();
    let names: Vec<&str> = names.filter_map(|one| one[field].as_str()).collect();
    names.join(",")
}

fn selector(own: &Value) -> String {
    let labels = own.pointer("/spec/selector/matchLabels");
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let labels = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let expressions = own.pointer("/spec/selector/matchExpressions");
    let expressions = expressions.and_then(Value::as_array).into_iter().flatten();
    let expressions = expressions.map(|one| {
        let [key, operator] =
            ["key", "operator"].map(|field| one[field].as_str().unwrap_or_default());
        let values = one["values"].as_array().into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Value::as_str).collect();
        match operator {
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => format!("{key} {} ({})", operator.to_lowercase(), values.join(",")),
        }
    });
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_the_units_that_count() {
        for (seconds, shown) in [
            (-3, "0s"),
            (119, "119s"),
            (120, "2m"),
            (185, "3m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (187_200, "2d4h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (400_000_000, "12y"),
        ] {
            assert_eq!(age(seconds), shown);
        }
    }

    #[test]
    fn tables_have_the_columns_of_their_kind() {
        let row = |mut object: Value| {
            object["metadata"] =
                json!({"name": "web", "creationTimestamp": "1970-01-01T00:00:00Z"});
            object
        };
        let now = 90 * SECOND;
        let deployment = row(json!({
            "spec": {
                "replicas": 3,
                "selector": {
                    "matchLabels": {"app": "web"},
                    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
                },
                "template": {"spec": {"containers": [{"name": "one", "image": "none"}, {"name": "two"}]}},
            },
            "status": {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
        }));
        let columns = Columns::of("Deployment");
        assert_eq!(columns.heads()[1]["name"], "READY");
        assert_eq!(
            columns.cells(&deployment, now),
            [
                "web",
                "2/3",
                "1",
                "2",
                "90s",
                "one,two",
                "none",
                "app=web,tier in (a,b)"
            ]
        );
        let job = |status: Value| row(json!({"spec": {"completions": 4}, "status": status}));
        let columns = Columns::of("Job");
        let cells = |status: Value| columns.cells(&job(status), now);
        assert_eq!(
            cells(json!({"succeeded": 1, "startTime": "1970-01-01T00:00:10.5Z"})),
            ["web", "Running", "1/4", "80s", "90s", "", "", ""]
        );
        let done = json!({
            "succeeded": 4, "startTime": "1970-01-01T00:00:10Z", "completionTime": "1970-01-01T00:00:25Z",
            "conditions": [
                {"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"},
            ],
        });
        assert_eq!(
            cells(done),
            ["web", "Complete", "4/4", "15s", "90s", "", "", ""]
        );
        let autoscaler = row(json!({
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 5,
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50},
                }}],
            },
            "status": {"currentReplicas": 2},
        }));
        assert_eq!(
            Columns::of("HorizontalPodAutoscaler").cells(&autoscaler, now)[..7],
            ["web", "Deployment/web", "cpu: 50%", "1", "5", "2", "90s"]
        );
    }
}
