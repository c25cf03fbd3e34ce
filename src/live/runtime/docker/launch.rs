//! Start of a container: a thread of its own creates it, fetches its image if the engine lacks it, and
//! starts it. A pull takes long, and the agent has other things to do.

use std::io;
use std::sync::mpsc::Sender;

use serde_json::{Map, Value, json};

use super::api::{ApiError, Engine};
use super::{ATTEMPT, OWNER};
use crate::runtime::{AttemptId, Order, Pull};

/// Status of an answer: no such image.
const NOT_FOUND: u16 = 404;

/// Status of an answer: the name is taken, or it runs already.
const CONFLICT: u16 = 409;

/// News of a start.
pub(super) struct Launched {
    pub(super) attempt: AttemptId,
    pub(super) stage: Stage,
}

/// Stage of a start.
pub(super) enum Stage {
    /// The image is pulled, as the engine lacks it, or was.
    Pull(Pull),
    /// The start is over: the identity of the container, or the reason that there is none.
    Over(Result<String, String>),
}

/// Starts a container in a thread of its own.
pub(super) fn launch(
    engine: &Engine,
    order: &Order,
    owner: &str,
    reply: &Sender<Launched>,
) -> io::Result<()> {
    let (engine, reply) = (engine.clone(), reply.clone());
    let (attempt, body) = (order.attempt.clone(), body(order, owner));
    let image = order.image.clone().unwrap_or_default().name;
    let work = move || {
        let say = |stage: Stage| {
            let attempt = attempt.clone();
            // An agent that has ended meanwhile adopts what runs.
            let _ = reply.send(Launched { attempt, stage });
        };
        let result = start(&engine, &attempt, &image, &body, &say);
        say(Stage::Over(result.map_err(|error| error.to_string())));
    };
    std::thread::Builder::new()
        .name("launch".to_owned())
        .spawn(work)
        .map(drop)
}

fn start(
    engine: &Engine,
    attempt: &AttemptId,
    image: &str,
    body: &Value,
    say: &dyn Fn(Stage),
) -> Result<String, ApiError> {
    // Of one engine with several agents: the attempt is of one cluster, and of one of its nodes.
    let path = format!("/containers/create?name={attempt}");
    let create = || engine.post(&path, Some(body));
    let created = match create() {
        Err(ApiError::Refused {
            status: NOT_FOUND, ..
        }) => {
            let at = |is_done| {
                let image = image.to_owned();
                say(Stage::Pull(Pull { image, is_done }));
            };
            at(false);
            engine.pull(image)?;
            at(true);
            create()?
        }
        Err(ApiError::Refused {
            status: CONFLICT, ..
        }) => engine.get(&format!("/containers/{attempt}/json"))?,
        created => created?,
    };
    let id = created
        .get("Id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match engine.post(&format!("/containers/{id}/start"), None) {
        Ok(_) => Ok(id.to_owned()),
        Err(error) => {
            // What could not be started is not kept: the next attempt has another name.
            let _ = engine.delete(&format!("/containers/{id}?force=1&v=1"));
            Err(error)
        }
    }
}

/// The container of an order, as the engine takes it.
fn body(order: &Order, owner: &str) -> Value {
    let image = order.image.clone().unwrap_or_default();
    let variables = order.environment.iter();
    let variables: Vec<String> = variables
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let limits = &order.limits;
    let mut host = Map::new();
    // Pods share the network of their host, as processes do.
    host.insert("NetworkMode".to_owned(), json!("host"));
    let mut set = |name: &str, value: Option<u64>| {
        if let Some(value) = value {
            host.insert(name.to_owned(), json!(value));
        }
    };
    set(
        "CpuShares",
        limits
            .cpu_request_milli
            .map(|milli| (milli * 1024 / 1000).clamp(2, 262_144)),
    );
    set("CpuPeriod", limits.cpu_milli.map(|_| 100_000));
    set(
        "CpuQuota",
        limits.cpu_milli.map(|milli| (milli * 100).max(1_000)),
    );
    set("Memory", limits.memory_bytes);
    set("MemorySwap", limits.memory_bytes);
    set("PidsLimit", limits.process_count);
    host.insert(
        "LogConfig".to_owned(),
        json!({"Type": "json-file", "Config": {
            "max-size": order.log.file_bytes.to_string(),
            "max-file": order.log.file_count.to_string(),
        }}),
    );
    let mut labels = Map::new();
    labels.insert(OWNER.to_owned(), json!(owner));
    labels.insert(ATTEMPT.to_owned(), json!(order.attempt.to_string()));
    let mut body = json!({
        "Image": image.name,
        "Env": variables,
        "Labels": labels,
        "HostConfig": host,
    });
    if !image.entrypoint.is_empty() {
        body["Entrypoint"] = json!(image.entrypoint);
    }
    if !image.arguments.is_empty() {
        body["Cmd"] = json!(image.arguments);
    }
    if let Some(folder) = &order.folder {
        body["WorkingDir"] = json!(folder.display().to_string());
    }
    body
}
