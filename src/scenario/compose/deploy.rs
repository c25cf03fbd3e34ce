//! The field `deploy` of a service (compose-spec `deploy.md`).

use super::amount;
use super::fields::OF_DEPLOY;
use super::project::{Amounts, Constraint, RestartPolicy, Service, Update};
use super::service::Reader;
use crate::diagnostic::Code;
use crate::tree::{Tree, Value};

const OF_UPDATE: &[&str] = &[
    "delay",
    "failure_action",
    "max_failure_ratio",
    "monitor",
    "order",
    "parallelism",
];
const OF_RESTART: &[&str] = &["condition", "delay", "max_attempts", "window"];
const OF_PLACEMENT: &[&str] = &["constraints", "max_replicas_per_node", "preferences"];
const MODES: &[&str] = &["global", "global-job", "replicated", "replicated-job"];

impl Reader<'_, '_> {
    pub(super) fn deploy(&mut self, tree: &Tree, service: &mut Service) {
        if !matches!(tree.value, Value::Map(_)) {
            return self.loader.wrong_type(tree, "the fields of `deploy`");
        }
        self.look_up(tree, OF_DEPLOY, "deploy.");
        let mode = self.word(tree, "mode", MODES).unwrap_or_default();
        service.is_global = mode.starts_with("global");
        service.is_job = mode.ends_with("-job");
        if let Some(replicas) = self.count(tree, "replicas") {
            service.replicas = replicas;
            if let Some(entry) = tree.entry("replicas").filter(|_| service.is_global) {
                let message = "a global service has one container on every node".to_owned();
                let expected = "no `replicas` beside `mode: global`";
                self.wrong(Code::Conflict, message, entry.value.span, expected);
            }
        }
        if let Some(own) = tree.get("resources") {
            self.only(own, &["limits", "reservations"]);
            service.limits = self.resources(own, "limits");
            service.reservations = self.resources(own, "reservations");
            if let Some(own) = own.get("reservations") {
                self.reserved_devices(own, service);
            }
        }
        if let Some(own) = tree.get("placement") {
            self.placement(own, service);
        }
        service.update = tree.get("update_config").map(|own| self.update(own));
        service.rollback = tree.get("rollback_config").map(|own| self.update(own));
        service.restart_policy = tree.get("restart_policy").map(|own| {
            self.only(own, OF_RESTART);
            RestartPolicy {
                condition: self.word(own, "condition", &["none", "on-failure", "any"]),
                delay: self.duration(own, "delay"),
                max_attempts: self.count(own, "max_attempts"),
                window: self.duration(own, "window"),
            }
        });
    }

    fn resources(&mut self, tree: &Tree, key: &str) -> Amounts {
        let Some(own) = tree.get(key).filter(|own| own.value != Value::Null) else {
            return Amounts::default();
        };
        self.only(
            own,
            &["cpus", "devices", "generic_resources", "memory", "pids"],
        );
        let mut without = vec![("pids", "use above a limit is not modelled")];
        if key == "limits" {
            let why = "devices are reserved, and have no limit";
            without.extend([("devices", why), ("generic_resources", why)]);
        }
        for (field, why) in without {
            if let Some(entry) = own.entry(field) {
                let field = format!("deploy.resources.{key}.{field}");
                self.remark(&field, entry.key_span, why);
            }
        }
        Amounts {
            nano_cpus: self.value(own, "cpus", amount::CPUS, amount::nano_cpus),
            memory: self.value(own, "memory", amount::BYTES, amount::bytes),
        }
    }

    fn update(&mut self, tree: &Tree) -> Update {
        self.only(tree, OF_UPDATE);
        let ratio = |text: &str| {
            let ratio: f64 = text.parse().ok()?;
            (0.0..=1.0).contains(&ratio).then(|| text.to_owned())
        };
        Update {
            parallelism: self.count(tree, "parallelism"),
            delay: self.duration(tree, "delay"),
            failure_action: self.word(tree, "failure_action", &["continue", "rollback", "pause"]),
            monitor: self.duration(tree, "monitor"),
            max_failure_ratio: self.value(tree, "max_failure_ratio", "a share from 0 to 1", ratio),
            order: self.word(tree, "order", &["stop-first", "start-first"]),
        }
    }

    fn placement(&mut self, tree: &Tree, service: &mut Service) {
        self.only(tree, OF_PLACEMENT);
        let constraints = tree.get("constraints");
        for item in constraints.into_iter().flat_map(Tree::items) {
            let text = item.text().unwrap_or_default();
            let split = [("==", true), ("!=", false)]
                .into_iter()
                .find_map(|(sign, is_equal)| {
                    let (key, value) = text.split_once(sign)?;
                    Some((key.trim(), is_equal, value.trim()))
                });
            let Some((key, is_equal, value)) = split.filter(|own| !own.2.is_empty()) else {
                let message = format!("`{text}` is no constraint");
                let expected = "a constraint such as `node.labels.disk == ssd`";
                self.wrong(Code::WrongType, message, item.span, expected);
                continue;
            };
            let label = match key {
                "node.hostname" => Some("kubernetes.io/hostname".to_owned()),
                "node.platform.os" => Some("kubernetes.io/os".to_owned()),
                "node.platform.arch" => Some("kubernetes.io/arch".to_owned()),
                _ => {
                    let own = key
                        .strip_prefix("node.labels.")
                        .or_else(|| key.strip_prefix("engine.labels."));
                    own.map(str::to_owned)
                }
            };
            match label {
                Some(label) => service.constraints.push(Constraint {
                    label,
                    is_equal,
                    value: value.to_owned(),
                }),
                None if matches!(key, "node.role" | "node.id" | "node.ip") => {
                    let why = "nodes here have neither roles nor ids of an engine";
                    self.remark("deploy.placement.constraints", item.span, why);
                }
                None => {
                    let message = format!("nodes have no `{key}`");
                    let expected = "`node.labels.NAME`, `engine.labels.NAME`, `node.hostname`, \
                                    `node.role`, `node.platform.os` or `node.platform.arch`";
                    self.wrong(Code::UnknownWord, message, item.span, expected);
                }
            }
        }
        let preferences = tree.get("preferences");
        for item in preferences.into_iter().flat_map(Tree::items) {
            let spread = item.get("spread").and_then(Tree::text);
            let label = spread.and_then(|text| {
                let own = text.strip_prefix("node.labels.");
                own.or_else(|| text.strip_prefix("engine.labels."))
            });
            if let Some(label) = label {
                service.spread.push(label.to_owned());
            } else {
                let message = "a preference spreads over a label of nodes".to_owned();
                let expected = "`spread: node.labels.NAME`";
                self.wrong(Code::WrongType, message, item.span, expected);
            }
        }
        service.max_per_node = self.count(tree, "max_replicas_per_node").unwrap_or(0);
    }
}
