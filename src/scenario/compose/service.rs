//! A service's fields, from its tree to [`Service`].

use super::amount;
use super::fields::{Effect, OF_SERVICES, effect};
use super::load::{Loader, one_or_more};
use super::paths::beside;
use super::project::{Behaviour, Dependency, HealthCheck, RestartPolicy, Service};
use super::shapes::unknown;
use super::{Remark, Target};
use crate::diagnostic::{Code, Finding};
use crate::tree::{Span, Tree, Value};
use units::Duration;

/// Conditions of dependencies.
pub(super) const STARTED: &str = "service_started";
/// The condition of a service that runs once.
pub(super) const COMPLETED: &str = "service_completed_successfully";
/// The condition of a health check.
pub(super) const HEALTHY: &str = "service_healthy";

/// Fields of a health check.
const OF_HEALTH: &[&str] = &[
    "disable",
    "interval",
    "retries",
    "start_interval",
    "start_period",
    "test",
    "timeout",
];
/// Fields by which a service takes part in what another has.
pub(super) const SHARED: &[&str] = &["network_mode", "ipc", "pid", "uts", "cgroup"];

const OF_DEPENDENCY: &[&str] = &["condition", "required", "restart"];
const EXIT_CODES: &str = "a code from 0 to 255, or a text of codes by start such as `1,1,0`";
const OF_BEHAVIOUR: &[&str] = &["answersAfter", "exitCode", "runTime", "startTime"];

/// Reader of one service.
pub(super) struct Reader<'l, 'a> {
    pub(super) loader: &'l mut Loader<'a>,
    pub(super) remarks: &'l mut Vec<Remark>,
    pub(super) name: &'l str,
}

impl Reader<'_, '_> {
    pub(super) fn target(&self) -> Target {
        self.loader.request.target
    }

    pub(super) fn remark(&mut self, field: &str, span: Span, effect: &str) {
        let sources = &self.loader.sources;
        let (line, column) = sources.position(span);
        self.remarks.push(Remark {
            service: self.name.to_owned(),
            field: field.to_owned(),
            place: format!("{}:{line}:{column}", sources.get(span.source).name),
            effect: effect.to_owned(),
        });
    }

    pub(super) fn wrong(&mut self, code: Code, message: String, span: Span, expected: &str) {
        let finding = Finding::new(code, message, span);
        self.loader
            .findings
            .push(finding.label(format!("expected {expected}")));
    }

    /// Looks each field up in a table: what has no effect is listed, what is unknown refused.
    pub(super) fn look_up(&mut self, tree: &Tree, table: &[(&str, Effect)], prefix: &str) {
        for entry in tree.entries() {
            if entry.key.starts_with("x-") {
                continue;
            }
            if let Some(own) = effect(table, &entry.key) {
                if let Some(why) = own.without(self.target()) {
                    let field = format!("{prefix}{}", entry.key);
                    self.remark(&field, entry.key_span, why);
                }
            } else {
                let known: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
                unknown(self.loader, entry, &known);
            }
        }
    }

    /// Refuses fields of a map that are not known.
    pub(super) fn only(&mut self, tree: &Tree, known: &[&str]) {
        if !matches!(tree.value, Value::Map(_) | Value::Null) {
            return self.loader.wrong_type(tree, "a map");
        }
        for entry in tree.entries() {
            if !entry.key.starts_with("x-") && !known.contains(&&*entry.key) {
                unknown(self.loader, entry, known);
            }
        }
    }

    /// Lists files of variables that a container needs and that are not there.
    fn env_files(&mut self, tree: &Tree) {
        let Some(stated) = tree.get("env_file") else {
            return;
        };
        for item in one_or_more(stated) {
            let path = item.get("path").unwrap_or(item);
            let Some(named) = path.text() else {
                self.loader
                    .wrong_type(item, "the path of a file of variables");
                continue;
            };
            let is_required = self.flag(item, "required").unwrap_or(true);
            let file = &self.loader.sources.get(path.span.source).name;
            if is_required && (self.loader.request.open)(&beside(file, named)).is_err() {
                let why = format!("`{named}` is not there, without which Compose starts nothing");
                self.remark("env_file", path.span, &why);
            }
        }
    }

    /// A scalar of a map, read by a function.
    pub(super) fn value<T>(
        &mut self,
        tree: &Tree,
        key: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = tree.get(key)?;
        if value.value == Value::Null {
            return None;
        }
        let text = match &value.value {
            Value::Bool(own) => own.to_string(),
            _ => value.text().map(str::to_owned).unwrap_or_default(),
        };
        let read = read(&text).filter(|_| !matches!(value.value, Value::Map(_) | Value::List(_)));
        if read.is_none() {
            let found = if text.is_empty() {
                value.value.kind().to_owned()
            } else {
                format!("`{text}`")
            };
            let message = format!("{key}: {found} is not {expected}");
            self.wrong(Code::WrongType, message, value.span, expected);
        }
        read
    }

    pub(super) fn duration(&mut self, tree: &Tree, key: &str) -> Option<Duration> {
        self.value(tree, key, amount::DURATION, amount::duration)
    }

    pub(super) fn count(&mut self, tree: &Tree, key: &str) -> Option<u32> {
        let read = |text: &str| text.parse().ok().filter(|count| *count <= 1_000_000);
        self.value(tree, key, "a whole number from 0 to 1000000", read)
    }

    pub(super) fn word(&mut self, tree: &Tree, key: &str, words: &[&str]) -> Option<String> {
        let expected = match words {
            [first, rest @ .., last] if !rest.is_empty() => {
                let rest = rest.join("`, `");
                format!("`{first}`, `{rest}` or `{last}`")
            }
            _ => format!("`{}`", words.join("` or `")),
        };
        let read = |text: &str| words.contains(&text).then(|| text.to_owned());
        self.value(tree, key, &expected, read)
    }

    pub(super) fn flag(&mut self, tree: &Tree, key: &str) -> Option<bool> {
        self.value(tree, key, "`true` or `false`", |text| text.parse().ok())
    }

    /// The whole service.
    pub(super) fn service(&mut self, tree: &Tree) -> Service {
        let mut service = Service {
            name: self.name.to_owned(),
            replicas: 1,
            restart: "no".to_owned(),
            ..Service::default()
        };
        if !matches!(tree.value, Value::Map(_)) {
            self.loader.wrong_type(tree, "the fields of a service");
            return service;
        }
        self.look_up(tree, OF_SERVICES, "");
        let any = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let image = self.value(tree, "image", "the name of an image", any);
        if image.is_none()
            && tree.get("image").is_none()
            && tree.get("build").is_none()
            && tree.get("provider").is_none()
            // One that could not be extended has been refused for that.
            && tree.get("extends").is_none()
        {
            let message = format!("service `{}` has neither `image` nor `build`", self.name);
            self.wrong(
                Code::MissingField,
                message,
                tree.span,
                "`image: NAME` or `build: FOLDER`",
            );
        }
        service.image = image.unwrap_or_else(|| format!("{}:built", self.name));
        self.env_files(tree);
        let deploy = tree.get("deploy").filter(|own| own.value != Value::Null);
        let scale = self.count(tree, "scale");
        if let Some(deploy) = deploy {
            self.deploy(deploy, &mut service);
        }
        self.replicas(tree, scale, &mut service);
        self.amounts(tree, &mut service);
        self.gpus(tree, &mut service);
        self.restart(tree, &mut service);
        if let Some(deploy) = deploy {
            self.parts_without_effect(deploy, &service);
            self.once_on_each_node(deploy, &mut service);
        }
        service.depends_on = self.depends_on(tree);
        service.health = self.health(tree);
        let states = tree.get("healthcheck");
        let states = states.is_some_and(|own| own.value != Value::Null);
        service.is_unchecked = states && service.health.is_none();
        service.stop_grace = self.stop_grace(tree);
        service.ports = self.ports(tree);
        service.pull = self.pull(tree);
        if let Some(own) = tree.get("x-windtunnel") {
            service.behaviour = self.behaviour(own);
        }
        service
    }

    fn replicas(&mut self, tree: &Tree, scale: Option<u32>, service: &mut Service) {
        let stated = tree.get("deploy").and_then(|own| own.get("replicas"));
        match (scale, stated) {
            (Some(scale), Some(stated)) if service.replicas != scale => {
                let message = format!(
                    "`scale` asks for {scale}, and `deploy.replicas` for {}",
                    service.replicas
                );
                let span = stated.span;
                self.wrong(
                    Code::Conflict,
                    message,
                    span,
                    "one of the two, or equal numbers",
                );
            }
            (Some(scale), None) => service.replicas = scale,
            _ => {}
        }
    }

    /// Amounts of the older fields beside `deploy`, which has to agree with them.
    fn amounts(&mut self, tree: &Tree, service: &mut Service) {
        let cpus = self.value(tree, "cpus", amount::CPUS, amount::nano_cpus);
        let limit = self.value(tree, "mem_limit", amount::BYTES, amount::bytes);
        let kept = self.value(tree, "mem_reservation", amount::BYTES, amount::bytes);
        for (key, stated, own, place) in [
            (
                "cpus",
                cpus,
                &mut service.limits.nano_cpus,
                "deploy.resources.limits.cpus",
            ),
            (
                "mem_limit",
                limit,
                &mut service.limits.memory,
                "deploy.resources.limits.memory",
            ),
            (
                "mem_reservation",
                kept,
                &mut service.reservations.memory,
                "deploy.resources.reservations.memory",
            ),
        ] {
            let Some(stated) = stated else { continue };
            if own.is_some_and(|own| own != stated) {
                let message = format!("`{key}` and `{place}` differ");
                let span = tree.get(key).map_or(tree.span, |own| own.span);
                self.wrong(
                    Code::Conflict,
                    message,
                    span,
                    "one of the two, or equal amounts",
                );
            }
            *own = Some(stated);
        }
        let pairs = [
            (
                "cpus",
                service.limits.nano_cpus,
                service.reservations.nano_cpus,
            ),
            ("memory", service.limits.memory, service.reservations.memory),
        ];
        for (what, limit, kept) in pairs {
            if let (Some(limit), Some(kept)) = (limit, kept)
                && kept > limit
            {
                let message = format!("more {what} is reserved than the limit allows");
                self.wrong(
                    Code::Conflict,
                    message,
                    tree.span,
                    "reservations up to the limits",
                );
            }
        }
    }

    /// The condition under which the image is pulled, as Kubernetes names it.
    fn pull(&mut self, tree: &Tree) -> Option<&'static str> {
        let words = [
            "always",
            "never",
            "missing",
            "if_not_present",
            "build",
            "daily",
            "refresh",
            "weekly",
        ];
        let pull = self.value(
            tree,
            "pull_policy",
            "a pull policy such as `missing`",
            |text| (words.contains(&text) || text.starts_with("every_")).then(|| text.to_owned()),
        );
        match pull.as_deref() {
            Some("always") => Some("Always"),
            Some("never") => Some("Never"),
            Some("missing" | "if_not_present") => Some("IfNotPresent"),
            _ => None,
        }
    }

    fn stop_grace(&mut self, tree: &Tree) -> Option<Duration> {
        let grace = self.duration(tree, "stop_grace_period")?;
        let seconds = grace.as_nanos() / 1_000_000_000;
        if grace != Duration::from_secs(seconds)
            && let Some(entry) = tree.entry("stop_grace_period")
        {
            let why = format!("whole seconds count, so it is {seconds} s");
            self.remark("stop_grace_period", entry.key_span, &why);
        }
        Some(grace)
    }

    /// The restart policy: `deploy.restart_policy`, or else `restart` (compose-spec `deploy.md`; of a stack,
    /// docker/cli `convertRestartPolicy`).
    fn restart(&mut self, tree: &Tree, service: &mut Service) {
        let expected = "`no`, `always`, `on-failure`, `on-failure:N` or `unless-stopped`";
        let stated = self.value(tree, "restart", expected, |text| {
            let most = text.strip_prefix("on-failure:");
            let is_known = matches!(text, "no" | "always" | "on-failure" | "unless-stopped")
                || most.is_some_and(|most| most.parse::<u32>().is_ok());
            is_known.then(|| text.to_owned())
        });
        let policy = service.restart_policy.as_ref();
        let follows = policy.map(|own| match own.condition.as_deref() {
            Some("none") => "no".to_owned(),
            Some("on-failure") => match own.max_attempts {
                Some(most) => format!("on-failure:{most}"),
                None => "on-failure".to_owned(),
            },
            _ => "always".to_owned(),
        });
        if let Some(entry) = tree.entry("restart")
            && follows.is_some()
        {
            let why = "`deploy.restart_policy` goes before it";
            self.remark("restart", entry.key_span, why);
        }
        let stated = stated.filter(|_| follows.is_none());
        if self.target() == Target::SwarmKit {
            self.restart_of_stack(tree, stated.as_deref(), service);
            service.restart = follows.unwrap_or_else(|| "no".to_owned());
            return;
        }
        // What is to run once is not replaced either where nothing else restarts it.
        let is_once = matches!(stated.as_deref(), Some(text) if text == "no" || text.starts_with("on-failure"));
        service.is_job |= is_once;
        service.restart = follows.or(stated).unwrap_or_else(|| "no".to_owned());
    }

    /// The restart policy that a stack makes of `restart`.
    fn restart_of_stack(&mut self, tree: &Tree, stated: Option<&str>, service: &mut Service) {
        let policy = |condition: &str, max_attempts: Option<u32>| {
            Some(RestartPolicy {
                condition: Some(condition.to_owned()),
                max_attempts,
                ..RestartPolicy::default()
            })
        };
        match stated {
            None => {}
            Some("no") => {
                if let Some(entry) = tree.entry("restart") {
                    let why = "a stack makes no policy of it, and SwarmKit restarts by default; \
                               `deploy.restart_policy: {condition: none}` does not";
                    self.remark("restart", entry.key_span, why);
                }
            }
            Some("always" | "unless-stopped") => service.restart_policy = policy("any", None),
            Some(text) => {
                let most = text.strip_prefix("on-failure:");
                let most = most.and_then(|most| most.parse().ok());
                // 0 is no limit.
                service.restart_policy = policy("on-failure", most.filter(|most| *most > 0));
            }
        }
    }

    fn depends_on(&mut self, tree: &Tree) -> Vec<Dependency> {
        let mut depends_on = Vec::new();
        if let Some(own) = tree.get("depends_on") {
            if !matches!(own.value, Value::Map(_) | Value::Null) {
                self.loader
                    .wrong_type(own, "a list of services, or a map of them");
            }
            for entry in own.entries() {
                self.only(&entry.value, OF_DEPENDENCY);
                let condition =
                    self.word(&entry.value, "condition", &[STARTED, HEALTHY, COMPLETED]);
                depends_on.push(Dependency {
                    service: entry.key.clone(),
                    condition: condition.unwrap_or_else(|| STARTED.to_owned()),
                    is_required: self.flag(&entry.value, "required").unwrap_or(true),
                    restarts: self.flag(&entry.value, "restart").unwrap_or(false),
                });
            }
        }
        // Other fields order services, too; what shares the volumes of another goes on without it
        // (compose-go `loader/normalize.go`).
        let named = |key: &str| {
            let items = tree.get(key).into_iter().flat_map(Tree::items);
            let texts = items.filter_map(Tree::text);
            texts.map(|text| text.split(':').next().unwrap_or_default())
        };
        let shared = SHARED.iter();
        let shared = shared.filter_map(|key| tree.get(key)?.text()?.strip_prefix("service:"));
        let stores = named("volumes_from").filter(|name| *name != "container");
        let restarting = named("links").chain(shared).map(|name| (name, true));
        for (service, restarts) in restarting.chain(stores.map(|name| (name, false))) {
            if depends_on.iter().all(|own| own.service != service) {
                depends_on.push(Dependency {
                    service: service.to_owned(),
                    condition: STARTED.to_owned(),
                    is_required: true,
                    restarts,
                });
            }
        }
        depends_on
    }

    fn health(&mut self, tree: &Tree) -> Option<HealthCheck> {
        let own = tree
            .get("healthcheck")
            .filter(|own| own.value != Value::Null)?;
        self.only(own, OF_HEALTH);
        let is_disabled = self.flag(own, "disable").unwrap_or(false);
        let test = own
            .get("test")
            .and_then(|test| test.items().first().or(Some(test)));
        let check = HealthCheck {
            interval: self.duration(own, "interval"),
            timeout: self.duration(own, "timeout"),
            retries: self.count(own, "retries"),
            start_period: self.duration(own, "start_period"),
            start_interval: self.duration(own, "start_interval"),
        };
        let is_none = test.and_then(Tree::text) == Some("NONE");
        (!is_disabled && !is_none).then_some(check)
    }

    fn behaviour(&mut self, tree: &Tree) -> Behaviour {
        self.only(tree, OF_BEHAVIOUR);
        let any = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Behaviour {
            start_time: self.duration(tree, "startTime"),
            run_time: self.value(tree, "runTime", "a duration or a distribution", any),
            exit_code: self.value(tree, "exitCode", EXIT_CODES, |text| {
                let mut codes = text.split(',').map(|code| code.trim().parse::<u8>());
                codes.all(|code| code.is_ok()).then(|| text.to_owned())
            }),
            answers_after: self.duration(tree, "answersAfter"),
        }
    }
}
