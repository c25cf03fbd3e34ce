//! Cases of Compose: the order in which services start and stop, restarts, and what `deploy` asks
//! for. What is waited for is seen at once here; a run looks twice a second.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{Timeline, duration, instant};
use super::{Case, Trouble, read};
use model::Text;
use scenario::NamedText;
use scenario::compose::project::Constraint;
use scenario::compose::{ReadRequest, Service, Target, Variables};
use systems::compose::options::Condition;
use systems::compose::project::{Dependency, Project, Sign, Step};
use systems::compose::restart::{RestartPolicy, Restarts};
use units::{Duration, Instant, SortedMap};

pub(super) fn decide(case: &Case) -> Result<Value, Trouble> {
    let asked = |field: &str| case.request.get(field).is_some();
    if asked("services") {
        start(case)
    } else if asked("policy") {
        restarts(case)
    } else if asked("service") {
        deploy(case)
    } else {
        Err(Trouble::Unsupported("a request of another kind".to_owned()))
    }
}

#[derive(Deserialize)]
struct Services {
    services: SortedMap<Text, ServiceCase>,
}

#[derive(Deserialize)]
struct ServiceCase {
    #[serde(default)]
    start_s: f64,
    /// Time from the start call until it is healthy.
    #[serde(default)]
    healthy_s: Option<f64>,
    /// Time from the start call until it is found unhealthy.
    #[serde(default)]
    unhealthy_s: Option<f64>,
    #[serde(default)]
    run_s: Option<f64>,
    #[serde(default)]
    exit: i32,
    #[serde(default = "yes")]
    available: bool,
    #[serde(default)]
    depends_on: Option<DependsOn>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DependsOn {
    Names(Vec<Text>),
    Conditions(SortedMap<Text, OneOf>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOf {
    Word(String),
    Fields {
        #[serde(default)]
        condition: Option<String>,
        #[serde(default = "yes")]
        required: bool,
    },
}

fn condition(word: &str) -> Result<Condition, Trouble> {
    match word {
        "service_started" => Ok(Condition::Started),
        "service_healthy" => Ok(Condition::Healthy),
        "service_completed_successfully" => Ok(Condition::Completed),
        other => Err(Trouble::Malformed(format!("a condition `{other}`"))),
    }
}

fn dependencies(written: &DependsOn) -> Result<Vec<Dependency>, Trouble> {
    match written {
        DependsOn::Names(names) => {
            let names = names.iter();
            Ok(names
                .map(|name| Dependency::on(name, Condition::Started))
                .collect())
        }
        DependsOn::Conditions(all) => all
            .iter()
            .map(|(name, own)| {
                let (word, is_required) = match own {
                    OneOf::Word(word) => (Some(word), true),
                    OneOf::Fields {
                        condition,
                        required,
                    } => (condition.as_ref(), *required),
                };
                let condition = word.map_or(Ok(Condition::Started), |word| condition(word))?;
                Ok(Dependency {
                    is_required,
                    ..Dependency::on(name, condition)
                })
            })
            .collect(),
    }
}

/// What came of the start of a project.
#[derive(Default)]
struct Started {
    called: Map<String, Value>,
    runs: Map<String, Value>,
    failed: Option<String>,
    is_warned: bool,
}

fn start(case: &Case) -> Result<Value, Trouble> {
    let own: Services = read(&case.request)?;
    let mut services = SortedMap::new();
    for (name, service) in &own.services {
        let depends_on = service.depends_on.as_ref().map(dependencies).transpose()?;
        services.insert(name.clone(), depends_on.unwrap_or_default());
    }
    let mut project = match Project::new(services, Duration::ZERO) {
        Ok(project) => project,
        Err(error) => return Ok(json!({"error": error.to_string()})),
    };
    for (name, service) in &own.services {
        if !service.available {
            project.see(name, Sign::Unavailable);
        }
    }
    let mut timeline = Timeline::default();
    let mut started = Started::default();
    let mut now = Instant::ZERO;
    loop {
        for step in project.look(now) {
            follow(step, now, &own, &mut timeline, &mut started)?;
        }
        let Some((at, (name, sign))) = timeline.next() else {
            break;
        };
        now = at;
        if sign == Sign::Running {
            let at = now.since(Instant::ZERO).as_secs_f64();
            started.runs.insert(Text::to_string(&name), at.into());
        }
        project.see(&name, sign);
    }
    let order: Vec<Vec<String>> = project
        .stop_order()
        .iter()
        .map(|level| level.iter().map(Text::to_string).collect())
        .collect();
    let mut decided = Map::new();
    for name in own.services.keys() {
        let is_called = started.called.contains_key(&**name);
        decided.insert(format!("{name}_started"), is_called.into());
    }
    decided.insert("start_at_s".to_owned(), started.called.into());
    decided.insert("running_at_s".to_owned(), started.runs.into());
    decided.insert(
        "stop_order".to_owned(),
        json!(in_written_order(order, case)),
    );
    decided.insert("warning".to_owned(), started.is_warned.into());
    if let Some(why) = started.failed {
        decided.insert("error".to_owned(), why.into());
    }
    Ok(decided.into())
}

/// Services that stop side by side have no order; the case names them in one of its own.
fn in_written_order(levels: Vec<Vec<String>>, case: &Case) -> Vec<Vec<String>> {
    let expected: Vec<Vec<String>> = read(&case.expected["stop_order"]).unwrap_or_default();
    let place = |name: &String| expected.iter().flatten().position(|own| own == name);
    let sorted = levels.into_iter().map(|mut level| {
        level.sort_by_key(place);
        level
    });
    sorted.collect()
}

fn follow(
    step: Step,
    now: Instant,
    own: &Services,
    timeline: &mut Timeline<(Text, Sign)>,
    started: &mut Started,
) -> Result<(), Trouble> {
    let name = match step {
        Step::Start(name) => name,
        Step::Fail { why, .. } => {
            started.failed.get_or_insert(why);
            return Ok(());
        }
        Step::Warn { .. } => {
            started.is_warned = true;
            return Ok(());
        }
    };
    let called = now.since(Instant::ZERO).as_secs_f64();
    let Some(service) = own.services.get(&name).filter(|own| own.available) else {
        return Ok(());
    };
    started.called.insert(name.to_string(), called.into());
    let mut at = |after: f64, sign| -> Result<(), Trouble> {
        timeline.at(instant(called + after)?, (name.clone(), sign));
        Ok(())
    };
    at(service.start_s, Sign::Running)?;
    if let Some(healthy) = service.healthy_s {
        at(healthy, Sign::Healthy)?;
    }
    if let Some(unhealthy) = service.unhealthy_s {
        at(unhealthy, Sign::Unhealthy)?;
    }
    if let Some(runs) = service.run_s {
        at(service.start_s + runs, Sign::Ended(service.exit))?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct RestartCase {
    policy: String,
    run_durations_s: Vec<f64>,
    /// Codes of the runs; those left out are failures.
    #[serde(default, alias = "exits", alias = "exit")]
    exit_codes: Vec<i32>,
}

fn restarts(case: &Case) -> Result<Value, Trouble> {
    let own: RestartCase = read(&case.request)?;
    let policy: RestartPolicy = own
        .policy
        .parse()
        .map_err(|error| Trouble::Malformed(format!("{error}")))?;
    let mut restarts = Restarts::new(policy);
    let mut delays = Vec::new();
    for (number, secs) in own.run_durations_s.iter().enumerate() {
        let code = own.exit_codes.get(number).copied().unwrap_or(1);
        let Some(delay) = restarts.ended(code, duration(*secs)?) else {
            break;
        };
        delays.push(delay.as_secs_f64());
    }
    Ok(json!({"delays_s": delays, "restarts": restarts.count()}))
}

/// Reads a service as it stands in a compose file; the inner error is why it is refused.
fn service(written: &Value) -> Result<Result<Service, String>, Trouble> {
    let mut written = written.clone();
    if let Value::Object(fields) = &mut written {
        fields.entry("image").or_insert_with(|| "image".into());
    }
    let text = json!({"services": {"service": written}}).to_string();
    let file = NamedText {
        name: "case",
        text: &text,
    };
    let request = ReadRequest {
        files: &[file],
        name: "case",
        is_named: false,
        variables: &Variables::new(),
        profiles: &[],
        target: Target::SwarmKit,
        open: &|_| Err("a case is one file".to_owned()),
    };
    let project = match scenario::compose::read(&request) {
        Ok(project) => project,
        Err(rejected) => return Ok(Err(rejected.render(scenario::Color::Off))),
    };
    let service = project.services.into_iter().next();
    let service = service.ok_or_else(|| Trouble::Malformed("no service".to_owned()));
    service.map(Ok)
}

/// Constraints as the engine has them, in the order of the file. Roles and ids of an engine, which nodes here
/// have not, come from the file.
fn constraints(service: &Value, read: &[Constraint]) -> Vec<String> {
    let written = service["deploy"]["placement"]["constraints"].as_array();
    let written = written.into_iter().flatten().filter_map(Value::as_str);
    let mut read = read.iter();
    written
        .filter_map(|text| {
            let bare: String = text.split_whitespace().collect();
            let is_of_engine = ["node.role", "node.id", "node.ip"]
                .iter()
                .any(|key| bare.starts_with(key));
            if is_of_engine {
                return Some(bare);
            }
            let own = read.next()?;
            let sign = if own.is_equal { "==" } else { "!=" };
            let key = match &*own.label {
                "kubernetes.io/hostname" => "node.hostname".to_owned(),
                "kubernetes.io/os" => "node.platform.os".to_owned(),
                "kubernetes.io/arch" => "node.platform.arch".to_owned(),
                label => format!("node.labels.{label}"),
            };
            Some(format!("{key}{sign}{}", own.value))
        })
        .collect()
}

fn deploy(case: &Case) -> Result<Value, Trouble> {
    let own = match service(&case.request["service"])? {
        Ok(own) => own,
        Err(why) => return Ok(json!({ "error": why })),
    };
    let constraints = constraints(&case.request["service"], &own.constraints);
    Ok(json!({
        "replicas": own.replicas,
        "mode": if own.is_global { "global" } else { "replicated" },
        "limit_nano_cpus": own.limits.nano_cpus,
        "limit_mem_bytes": own.limits.memory,
        "reserve_nano_cpus": own.reservations.nano_cpus,
        "reserve_mem_bytes": own.reservations.memory,
        "constraints": constraints,
        "preferences": own.spread,
        "max_replicas_per_node": own.max_per_node,
        "restart": own.restart,
    }))
}
