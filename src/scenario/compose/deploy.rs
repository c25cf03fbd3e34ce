//! The field `deploy` of a service (compose-spec `deploy.md`).

use super::experiment::NODES;
use super::fields::OF_DEPLOY;
use super::project::{Amounts, Constraint, RestartPolicy, Service, Update};
use super::service::Reader;
use super::{Target, amount};
use crate::diagnostic::Code;
use crate::tree::{Tree, Value};
use model::node::{ARCH_LABEL, HOSTNAME_LABEL, OS_LABEL};
use units::Duration;

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
/// Keys of constraints on facts that an engine reports of its node.
const OF_ENGINES: &[&str] = &[
    "node.id",
    "node.ip",
    "node.platform.arch",
    "node.platform.os",
    "node.role",
];
const MODES: &[&str] = &["global", "global-job", "replicated", "replicated-job"];

/// The word of a cluster for an architecture that an engine names as its machine does.
fn cluster_word(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "arm",
        other => other,
    }
}

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

    /// Lists the fields within fields of `deploy` that have no effect where the project runs.
    pub(super) fn parts_without_effect(&mut self, tree: &Tree, service: &Service) {
        match self.target() {
            // SwarmKit has them all.
            Target::SwarmKit => {}
            Target::Compose => self.restarts_of_an_engine(tree, service),
            Target::Kubernetes => {
                let update = tree.entry("update_config");
                if let Some(entry) = update.filter(|_| service.is_global || service.is_job) {
                    let why = "only a deployment is updated by these rules";
                    self.remark("deploy.update_config", entry.key_span, why);
                } else {
                    let fields = ["delay", "failure_action", "max_failure_ratio", "monitor"];
                    let why = "a deployment is updated by `parallelism` and `order` alone";
                    self.parts(tree, "update_config", &fields, why);
                }
                if service.max_per_node > 1 {
                    let fields = ["max_replicas_per_node"];
                    let why = "a cluster bounds them to 1 on a node, or not at all";
                    self.parts(tree, "placement", &fields, why);
                }
            }
        }
    }

    fn restarts_of_an_engine(&mut self, tree: &Tree, service: &Service) {
        let fields = ["delay", "window"];
        let why = "an engine restarts after 100 ms, doubled up to 60 s";
        self.parts(tree, "restart_policy", &fields, why);
        let stated = tree.get("restart_policy");
        let stated = stated.and_then(|own| own.entry("max_attempts"));
        let count = service.restart_policy.as_ref();
        let count = count.and_then(|own| own.max_attempts).unwrap_or(0);
        if let Some(entry) = stated.filter(|_| count > 0)
            && !service.restart.starts_with("on-failure")
        {
            // `ValidateRestartPolicy` of the engine.
            let message = "the engine would refuse the container: invalid restart policy: maximum retry count can \
                           only be used with 'on-failure'"
                .to_owned();
            let expected = "`condition: on-failure` beside it";
            self.wrong(Code::Conflict, message, entry.value.span, expected);
        }
    }

    fn parts(&mut self, tree: &Tree, field: &str, parts: &[&str], why: &str) {
        let Some(own) = tree.get(field) else {
            return;
        };
        for entry in own.entries() {
            if parts.contains(&&*entry.key) {
                let field = format!("deploy.{field}.{}", entry.key);
                self.remark(&field, entry.key_span, why);
            }
        }
    }

    /// A container that completes once on each node: as many as there are nodes, one on each.
    pub(super) fn once_on_each_node(&mut self, tree: &Tree, service: &mut Service) {
        if !(service.is_global && service.is_job) {
            return;
        }
        let is_one_host = self.target() == Target::Compose;
        service.complete_on_each(if is_one_host { 1 } else { NODES });
        if let Some(entry) = tree.entry("mode").filter(|_| !is_one_host) {
            let why = format!(
                "no object completes on nodes that are added; {NODES} containers complete, one on each node of \
                 the experiment"
            );
            self.remark("deploy.mode", entry.key_span, &why);
        }
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
            // 0 stands for the default (moby `daemon/cluster/convert/service.go`).
            monitor: self
                .duration(tree, "monitor")
                .filter(|own| *own > Duration::ZERO),
            max_failure_ratio: self.value(tree, "max_failure_ratio", "a share from 0 to 1", ratio),
            order: self.word(tree, "order", &["stop-first", "start-first"]),
        }
    }

    fn placement(&mut self, tree: &Tree, service: &mut Service) {
        self.only(tree, OF_PLACEMENT);
        let constraints = tree.get("constraints");
        for item in constraints.into_iter().flat_map(Tree::items) {
            self.constraint(item, service);
        }
        let preferences = tree.get("preferences");
        for item in preferences.into_iter().flat_map(Tree::items) {
            let spread = item.get("spread").and_then(Tree::text);
            if let Some(label) = spread.and_then(|text| self.label(text)) {
                service.spread.push(label.to_owned());
            } else if spread.is_some() {
                // SwarmKit passes it over (`manager/scheduler/nodeset.go`).
                let why = "a preference spreads over `node.labels.NAME` or `engine.labels.NAME` alone, and others \
                           have no effect";
                self.remark("deploy.placement.preferences", item.span, why);
            } else {
                let message = "a preference spreads over a label of nodes".to_owned();
                let expected = "`spread: node.labels.NAME`";
                self.wrong(Code::WrongType, message, item.span, expected);
            }
        }
        service.max_per_node = self.count(tree, "max_replicas_per_node").unwrap_or(0);
    }

    /// The label of a node that a key of the original names. Labels of engines are others than those of nodes where
    /// there are engines, and keep their key.
    fn label<'k>(&self, key: &'k str) -> Option<&'k str> {
        let of_engine = key.strip_prefix("engine.labels.").map(|label| {
            if self.target() == Target::SwarmKit {
                key
            } else {
                label
            }
        });
        key.strip_prefix("node.labels.").or(of_engine)
    }

    fn constraint(&mut self, item: &Tree, service: &mut Service) {
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
            return;
        };
        let is_stack = self.target() == Target::SwarmKit;
        let is_of_engine = OF_ENGINES.contains(&key);
        let label = match key {
            "node.hostname" => Some(HOSTNAME_LABEL.to_owned()),
            _ if is_of_engine && is_stack => Some(key.to_owned()),
            "node.platform.os" => Some(OS_LABEL.to_owned()),
            "node.platform.arch" => Some(ARCH_LABEL.to_owned()),
            _ => self.label(key).map(str::to_owned),
        };
        match label {
            Some(label) => {
                let value = match &*label {
                    ARCH_LABEL => cluster_word(value),
                    _ => value,
                };
                service.constraints.push(Constraint {
                    label,
                    is_equal,
                    value: value.to_owned(),
                });
            }
            None if is_of_engine => {
                let why = "nodes here have neither roles nor ids of an engine";
                self.remark("deploy.placement.constraints", item.span, why);
            }
            None => {
                let message = format!("nodes have no `{key}`");
                let expected = "`node.labels.NAME`, `engine.labels.NAME`, `node.hostname`, \
                                `node.id`, `node.ip`, `node.role`, `node.platform.os` or \
                                `node.platform.arch`";
                self.wrong(Code::UnknownWord, message, item.span, expected);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::objects::objects;
    use super::super::tests::read_as;
    use super::super::{Project, Target};

    fn project(fields: &str, target: Target) -> Project {
        let text = format!("services:\n  a:\n    image: a\n{fields}");
        read_as(&text, target, &[]).unwrap_or_else(|words| panic!("{words}"))
    }

    fn listed(fields: &str, target: Target) -> Vec<String> {
        let remarks = project(fields, target).remarks.into_iter();
        remarks.map(|own| own.field).collect()
    }

    #[test]
    fn a_global_job_completes_once_on_each_node() {
        let fields = "    deploy: {mode: global-job}\n";
        for (target, nodes) in [
            (Target::Compose, 1),
            (Target::SwarmKit, 3),
            (Target::Kubernetes, 3),
        ] {
            let project = project(fields, target);
            let job = &objects(&project, target)[0];
            assert_eq!(job["kind"], "Job");
            assert_eq!(job["spec"]["completions"], nodes);
            let affinity = &job["spec"]["template"]["spec"]["affinity"];
            assert_eq!(affinity["podAntiAffinity"].is_object(), nodes > 1);
            let listed: Vec<&str> = project.remarks.iter().map(|own| &*own.field).collect();
            assert_eq!(listed.contains(&"deploy.mode"), nodes > 1);
        }
        let fields = "    deploy: {mode: replicated-job, replicas: 2}\n";
        let project = project(fields, Target::Kubernetes);
        let job = &objects(&project, Target::Kubernetes)[0];
        assert_eq!(job["spec"]["completions"], 2);
        assert_eq!(project.remarks, []);
    }

    #[test]
    fn labels_of_engines_are_apart_where_there_are_engines() {
        let constraints = "constraints: [engine.labels.zone == a, node.labels.zone == b]";
        let spread = "preferences: [{spread: engine.labels.rack}]";
        let fields = format!("    deploy: {{placement: {{{constraints}, {spread}}}}}\n");
        for (target, zone, rack) in [
            (Target::SwarmKit, "engine.labels.zone", "engine.labels.rack"),
            (Target::Kubernetes, "zone", "rack"),
        ] {
            let own = project(&fields, target).services.swap_remove(0);
            let labels: Vec<&str> = own.constraints.iter().map(|own| &*own.label).collect();
            assert_eq!(labels, [zone, "zone"]);
            assert_eq!(own.spread, [rack]);
        }
    }

    #[test]
    fn a_restart_policy_goes_before_restart() {
        let fields = "    restart: 'no'\n    deploy: {restart_policy: {condition: any}}\n";
        for (target, expected) in [
            (Target::Compose, &["restart"][..]),
            (Target::Kubernetes, &["deploy.restart_policy", "restart"]),
            (Target::SwarmKit, &["restart"]),
        ] {
            let own = project(fields, target);
            let service = &own.services[0];
            assert_eq!((&*service.restart, service.is_job), ("always", false));
            let mut listed = listed(fields, target);
            listed.sort();
            assert_eq!(listed, expected);
        }
        let fields = "    restart: on-failure\n    deploy: {restart_policy: {max_attempts: 2, \
                      condition: on-failure, delay: 1s, window: 9s}}\n";
        let own = project(fields, Target::Compose);
        assert_eq!(own.services[0].restart, "on-failure:2");
        let expected = [
            "restart",
            "deploy.restart_policy.delay",
            "deploy.restart_policy.window",
        ];
        assert_eq!(listed(fields, Target::Compose), expected);
    }

    #[test]
    fn restart_makes_no_job_of_a_stack_and_has_no_limit_without_a_number() {
        let kind_and_limit = |fields: &str, target| {
            let own = project(fields, target);
            let object = objects(&own, target).swap_remove(0);
            (
                object["kind"].clone(),
                object["spec"]["backoffLimit"].clone(),
            )
        };
        let failing = "    restart: on-failure\n";
        let unlimited = (json!("Job"), json!(i32::MAX));
        assert_eq!(kind_and_limit(failing, Target::Kubernetes), unlimited);
        let twice = "    restart: on-failure:2\n";
        assert_eq!(
            kind_and_limit(twice, Target::Kubernetes),
            (json!("Job"), json!(2))
        );
        let never = "    restart: 'no'\n";
        for fields in [failing, twice, never] {
            let found = kind_and_limit(fields, Target::SwarmKit);
            assert_eq!(found, (json!("Deployment"), json!(null)));
            let is_listed = fields == never;
            assert_eq!(listed(fields, Target::SwarmKit) == ["restart"], is_listed);
        }
    }

    #[test]
    fn a_stack_without_a_policy_restarts_by_restart() {
        let policy = |restart: &str| {
            let fields = format!("    restart: {restart}\n");
            let own = project(&fields, Target::SwarmKit).services.swap_remove(0);
            own.restart_policy
                .map(|own| (own.condition.unwrap_or_default(), own.max_attempts))
        };
        let of = |condition: &str, most| Some((condition.to_owned(), most));
        for (restart, expected) in [
            ("always", of("any", None)),
            ("unless-stopped", of("any", None)),
            ("on-failure", of("on-failure", None)),
            ("on-failure:0", of("on-failure", None)),
            ("on-failure:3", of("on-failure", Some(3))),
            ("'no'", None),
        ] {
            assert_eq!(policy(restart), expected, "{restart}");
        }
    }

    #[test]
    fn parts_of_deploy_without_effect_are_listed_by_name() {
        let update = "delay: 1s, monitor: 2s, failure_action: pause, max_failure_ratio: 0.1";
        let replicated = format!("    deploy: {{update_config: {{{update}, parallelism: 2}}}}\n");
        let expected = ["delay", "monitor", "failure_action", "max_failure_ratio"];
        let expected = expected.map(|part| format!("deploy.update_config.{part}"));
        assert_eq!(listed(&replicated, Target::Kubernetes), expected);
        assert!(listed(&replicated, Target::SwarmKit).is_empty());
        let global = format!("    deploy: {{mode: global, update_config: {{{update}}}}}\n");
        assert_eq!(
            listed(&global, Target::Kubernetes),
            ["deploy.update_config"]
        );
        let placed =
            |most| format!("    deploy: {{placement: {{max_replicas_per_node: {most}}}}}\n");
        let field = "deploy.placement.max_replicas_per_node";
        assert_eq!(listed(&placed(2), Target::Kubernetes), [field]);
        for (most, target) in [
            (0, Target::Kubernetes),
            (1, Target::Kubernetes),
            (2, Target::SwarmKit),
        ] {
            assert!(listed(&placed(most), target).is_empty(), "{most}");
        }
        for (span, is_listed) in [("1500ms", true), ("2s", false), ("1m30s", false)] {
            let fields = format!("    stop_grace_period: {span}\n");
            let listed = listed(&fields, Target::Compose);
            assert_eq!(listed.contains(&"stop_grace_period".to_owned()), is_listed);
        }
    }

    #[test]
    fn what_takes_part_in_another_service_restarts_with_it() {
        let text = "services:\n  db: {image: db}\n  a: {image: a, links: ['db:store']}\n  \
                    b: {image: b, network_mode: 'service:db'}\n  c: {image: c, volumes_from: [db]}\n  \
                    d: {image: d, links: [db], depends_on: [db]}\n";
        let own = read_as(text, Target::Compose, &[]).expect("a project");
        let restarts = own.services.iter().filter_map(|own| {
            let on = own.depends_on.first()?;
            Some((own.name.as_str(), on.restarts))
        });
        let restarts: Vec<(&str, bool)> = restarts.collect();
        // What a service states itself goes first.
        let right = [("a", true), ("b", true), ("c", false), ("d", false)];
        assert_eq!(restarts, right);
    }
}
