//! Applications and pods of Marathon, as `GET /v2/apps`, `/v2/pods` and `/v2/groups` list them, or an application alone;
//! groups hold others. Source: the REST types of Marathon, `app.raml`, `pod.raml` and `network.raml`, and its `PortsMatcher`,
//! by which ports of the machine that are stated must be free.

use serde_json::Value;

use super::ports::{Ports, paths};
use super::{Places, Pods, State, count, has_keys, note, note_pods, scaled, sum, wraps};
use crate::parts::requests::whole_gpus;
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "marathon",
    summary: "applications of Marathon (`GET /v2/apps`, `/v2/groups`, JSON)",
    columns: columns! {
        required("id", "application; becomes the name, its group the tenant"),
        optional("instances", "pods; of a pod of Marathon scaling.instances; 1 by default"),
        optional("cpus", "cores of a pod; 1 by default"),
        optional("mem", "memory of a pod, MiB; 128 by default"),
        optional("gpus", "GPUs of a pod"),
        optional("disk", "MiB; not requested"),
        optional("constraints", "not enforced"),
        optional("containers", "of a pod of Marathon; resources of each"),
        optional("executorResources", "of a pod of Marathon; requested besides those of its containers"),
        optional("hostPort", "of port mappings and endpoints; or ports with requirePorts: taken on the machine"),
        optional("acceptedResourceRoles", "not enforced"),
        optional("dependencies", "not waited for"),
        optional("healthChecks", "not made; also check, healthCheck"),
        optional("upgradeStrategy", "not followed, nor is any other strategy that is not the default"),
        optional("groups", "groups with apps, pods and groups of their own"),
    },
    relations: &[],
    names: &["id"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(|input, options| super::open(input, options, &PLACES, take)),
};

const PLACES: Places = Places {
    lists: &[&["apps"], &["pods"], &["groups"], &[]],
    has_lines: false,
    has_texts: false,
    printed: &[],
    expected: "list of applications in `apps`, as `GET /v2/apps` answers",
    missing: &[],
    wrapped: ALONE,
};

/// The key before an application that is alone.
const ALONE: &str = "app";

/// Members that an application or a pod of Marathon has, and a group has not.
const OF_APPS: [&str; 8] = [
    "instances",
    "cpus",
    "mem",
    "cmd",
    "args",
    "container",
    "containers",
    "scaling",
];

/// What an application has by default.
struct Usual {
    amount: i64,
    /// The words by which it is told.
    told: &'static str,
}

/// Defaults of Marathon 1.9 (`app.raml`: `instances`, `cpus`, `mem`).
const USUAL_INSTANCES: Usual = Usual {
    amount: 1,
    told: "instances not stated; one by default",
};
const USUAL_CPU_MILLI: Usual = Usual {
    amount: 1_000,
    told: "cores not stated; an application has 1 by default",
};
const USUAL_MEMORY: Usual = Usual {
    amount: 128 << 20,
    told: "memory not stated; an application has 128 MiB by default",
};

fn sniff(first: &[u8]) -> Confidence {
    let has = |keys: &[&str]| has_keys(first, keys);
    let is_pod = has(&["id", "containers", "scaling", "instances", "cpus", "mem"]);
    // What an application leaves out has a default.
    let of_apps = if wraps(first, ALONE) { ALONE } else { "apps" };
    let apps = OF_APPS.iter().map(|own| has(&[of_apps, "id", own]));
    apps.fold(is_pod, Confidence::max)
}

fn take(state: &mut State, journal: &mut Journal, app: &Element) -> Result<(), Refused> {
    let is_app = OF_APPS.iter().any(|own| app.value.get(*own).is_some());
    let members = ["apps", "pods", "groups"];
    let lists = members.map(|member| app.value.get(member).and_then(Value::as_array));
    if is_app {
        return take_app(state, journal, app);
    }
    if lists.iter().all(Option::is_none) {
        let expected =
            "a number of pods, or what an application runs in `cmd`, `args` or `container`";
        return Err(app.bad_at("/instances", expected).into());
    }
    for (member, list) in members.into_iter().zip(lists) {
        for (place, value) in list.into_iter().flatten().enumerate() {
            let own = Element {
                key: format!("{}{}{member}.{place}.", app.prefix(), app.key),
                ..Element::of_line(app.line, value.clone())
            };
            heed(journal, |journal| {
                take(state, journal, &own).map_err(|refused| match refused {
                    // The line is that of the group, so that the place in it says which it is.
                    Refused::Row(bad) => Refused::Row(BadRow {
                        column: format!("{}{}", own.key, bad.column),
                        ..bad
                    }),
                    refused @ Refused::Trace(_) => refused,
                })
            })?;
        }
    }
    Ok(())
}

fn take_app(state: &mut State, journal: &mut Journal, app: &Element) -> Result<(), Refused> {
    let id = app.name_at("/id", "the path of an application")?;
    let path = id.trim_matches('/');
    let (group, _) = path.rsplit_once('/').unwrap_or_default();
    let wanted = match app.at("/scaling") {
        Some(_) => "/scaling/instances",
        None => "/instances",
    };
    let instances = or_usual(journal, app, count(app, wanted)?, &USUAL_INSTANCES)?;
    let gpus = amount(app, "gpus", 1)?.unwrap_or(0);
    if gpus > MAX_DEVICES as i64 {
        return Err(app.bad_at("/gpus", "at most 64").into());
    }
    if amount(app, "disk", 1)?.is_some_and(|disk| disk > 0) {
        let kind = "disk of an application, not requested";
        journal.dirt(kind, Action::Waive, app.line)?;
    }
    for path in ["/constraints", "/scheduling/placement/constraints"] {
        let kind = "constraints of an application, not enforced";
        note(journal, app, path, kind)?;
    }
    note_roles(journal, app)?;
    note_conduct(journal, app)?;
    let ports = ports(app)?;
    let mut cpu_milli = amount(app, "cpus", 1_000)?;
    let mut memory = amount(app, "mem", 1 << 20)?;
    if app.at("/containers").is_none() && instances > 0 {
        cpu_milli = Some(or_usual(journal, app, cpu_milli, &USUAL_CPU_MILLI)?);
        memory = Some(or_usual(journal, app, memory, &USUAL_MEMORY)?);
    }
    let pods = Pods {
        name: &path.replace('/', "-"),
        tenant: group,
        count: instances,
        cpu_milli,
        memory,
    };
    note_pods(journal, app.line, &pods)?;
    state.add(journal.origin(app.line), &pods, |spec| {
        spec.gpu = whole_gpus(gpus, "");
        ports.give(spec);
    })
}

/// What an application states, or what it has by default, which is told.
fn or_usual(
    journal: &mut Journal,
    app: &Element,
    stated: Option<i64>,
    usual: &Usual,
) -> Result<i64, TraceError> {
    if stated.is_none() {
        journal.dirt(usual.told, Action::Keep, app.line)?;
    }
    Ok(stated.unwrap_or(usual.amount))
}

/// Notes what an application states about its instances in time: pods stay as they are.
fn note_conduct(journal: &mut Journal, app: &Element) -> Result<(), Refused> {
    for (path, kind) in [
        (
            "/dependencies",
            "dependencies of an application, not waited for",
        ),
        ("/healthChecks", "health checks of an application, not made"),
        ("/check", "readiness checks of an application, not made"),
        (
            "/readinessChecks",
            "readiness checks of an application, not made",
        ),
        ("/residency", "residency of an application, not kept"),
    ] {
        note(journal, app, path, kind)?;
    }
    // What the API answers of an application that states nothing is nothing to tell.
    for (kind, members) in CONDUCT {
        let is_stated = |(path, defaults): &Member| {
            let mut defaults = defaults.iter();
            app.at(path).is_some_and(|own| {
                !defaults.any(|text| {
                    serde_json::from_str::<Value>(text).is_ok_and(|default| equal(own, &default))
                })
            })
        };
        journal.waive_if(members.iter().any(is_stated), kind, app.line)?;
    }
    Ok(())
}

/// Path of a member, and texts of its defaults.
type Member = (&'static str, &'static [&'static str]);

/// Members about upgrades, failures and lost agents, of applications and of pods of Marathon, each with
/// what stands there by default.
const CONDUCT: [(&str, &[Member]); 4] = [
    (
        "upgrade strategy of an application, not followed",
        &[
            ("/upgradeStrategy", UPGRADE),
            ("/scheduling/upgrade", UPGRADE),
        ],
    ),
    (
        "launch back-off of an application, not followed",
        &[
            ("/backoffSeconds", &["1"]),
            ("/backoffFactor", &["1.15"]),
            ("/maxLaunchDelaySeconds", LONGEST),
            ("/scheduling/backoff/backoff", &["1"]),
            ("/scheduling/backoff/backoffFactor", &["1.15"]),
            ("/scheduling/backoff/maxLaunchDelay", LONGEST),
        ],
    ),
    (
        "unreachable strategy of an application, not followed",
        &[
            ("/unreachableStrategy", UNREACHABLE),
            ("/scheduling/unreachableStrategy", UNREACHABLE),
        ],
    ),
    (
        "kill selection of an application, not followed",
        &[
            ("/killSelection", YOUNGEST),
            ("/scheduling/killSelection", YOUNGEST),
        ],
    ),
];

const UPGRADE: &[&str] = &[r#"{"minimumHealthCapacity": 1, "maximumOverCapacity": 1}"#];
const LONGEST: &[&str] = &["300", "3600"];
const UNREACHABLE: &[&str] = &[
    r#"{"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}"#,
    r#"{"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}"#,
];
const YOUNGEST: &[&str] = &[r#""YOUNGEST_FIRST""#];

/// Whether two values are the same, 1.0 and 1 among them.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(own), Value::Object(others)) => {
            own.len() == others.len()
                && own
                    .iter()
                    .all(|(key, value)| others.get(key).is_some_and(|found| equal(value, found)))
        }
        _ => one == other || (one.is_number() && one.as_f64() == other.as_f64()),
    }
}

/// Notes roles of which an application takes offers, unless it takes those that are for all.
fn note_roles(journal: &mut Journal, app: &Element) -> Result<(), Refused> {
    for path in [
        "/acceptedResourceRoles",
        "/scheduling/placement/acceptedResourceRoles",
    ] {
        let roles = app.at(path).and_then(Value::as_array);
        if roles.is_some_and(|roles| !roles.is_empty() && !roles.iter().any(|own| own == "*")) {
            let kind = "roles of the offers of an application, not enforced";
            journal.dirt(kind, Action::Waive, app.line)?;
        }
    }
    Ok(())
}

/// The ports that an application takes on its machine.
fn ports(app: &Element) -> Result<Ports, BadRow> {
    let mut ports = Ports::default();
    let lists = ["/container/portMappings", "/container/docker/portMappings"];
    let mappings = lists.map(|path| paths(app, path)).concat();
    for own in &mappings {
        let protocols = app.text_at(&format!("{own}/protocol"));
        ports.add(app, &format!("{own}/hostPort"), protocols)?;
    }
    for container in paths(app, "/containers") {
        for own in paths(app, &format!("{container}/endpoints")) {
            let protocols = paths(app, &format!("{own}/protocol"));
            let protocols: Vec<&str> = protocols.iter().map(|path| app.text_at(path)).collect();
            ports.add(app, &format!("{own}/hostPort"), &protocols.join(","))?;
        }
    }
    // Of an application without mappings they are wishes, unless it requires them.
    let is_required = app.at("/requirePorts").and_then(Value::as_bool) == Some(true);
    if is_required && mappings.is_empty() {
        let defined = paths(app, "/portDefinitions");
        for own in &defined {
            let protocols = app.text_at(&format!("{own}/protocol"));
            ports.add(app, &format!("{own}/port"), protocols)?;
        }
        for own in paths(app, "/ports").iter().filter(|_| defined.is_empty()) {
            ports.add(app, own, "tcp")?;
        }
    }
    Ok(ports)
}

/// An amount that an application requests, or the containers of a pod of Marathon together with what runs them.
fn amount(app: &Element, member: &str, scale: i64) -> Result<Option<i64>, BadRow> {
    let Some(list) = app.at("/containers").and_then(Value::as_array) else {
        return scaled(app, &format!("/{member}"), scale);
    };
    let own = scaled(app, &format!("/executorResources/{member}"), scale)?;
    let containers = sum(app, list.len(), &[&format!("resources/{member}")], scale)?;
    Ok(match (containers, own) {
        (None, None) => None,
        (containers, own) => {
            let containers = containers.unwrap_or_default();
            Some(containers.saturating_add(own.unwrap_or_default()))
        }
    })
}
