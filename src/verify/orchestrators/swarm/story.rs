//! Stories in time: lost engines, and what becomes of their containers.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::timeline::{Timeline, duration, instant};
use super::super::{Case, Trouble, read};
use super::{ContainerCase, NodeCase, RequestCase, cluster, container, engine};
use model::Text;
use rng::Stream;
use systems::swarm::cluster::Cluster;
use systems::swarm::contact::{Contact, ContactEvent, ContactOptions};
use systems::swarm::container::Container;
use systems::swarm::scheduler::Scheduler;
use systems::swarm::watchdog::{Order, Watchdog, duplicates};
use units::Instant;

/// An engine is lost, its containers move, and it comes back with what it had.
pub(super) fn reschedule(
    case: &Case,
    event: &str,
    request: &RequestCase,
) -> Result<Value, Trouble> {
    let Some(id) = event.strip_prefix("engine_disconnect ") else {
        return Err(Trouble::Unsupported(format!("an event `{event}`")));
    };
    let mut cluster = cluster(case, request)?;
    let position = |cluster: &Cluster, id: &str| {
        let mut engines = cluster.engines().iter();
        let found = engines.position(|engine| &*engine.id == id);
        found.ok_or_else(|| Trouble::Malformed(format!("no node `{id}`")))
    };
    let existing: Vec<Value> = read(&case.existing)?;
    for value in &existing {
        let node: ContainerCase = read(value)?;
        let engine = position(&cluster, &node.node)?;
        cluster.put_back(engine, container(value)?);
    }
    let lost = position(&cluster, id)?;
    let had: Vec<Container> = cluster.engines()[lost].containers().cloned().collect();
    let mut watchdog = Watchdog::default();
    watchdog.disconnected(&cluster, lost);
    let (mut moves, mut is_started) = (Vec::new(), Vec::new());
    let mut order = watchdog.next(&mut cluster);
    while let Some(now) = order {
        order = match now {
            Order::Create { name, engine } => {
                moves.push((name, engine));
                watchdog.created(&mut cluster, "new".into())
            }
            Order::Start { name, .. } => {
                is_started.push(name);
                watchdog.started(&mut cluster)
            }
            Order::Left { .. } => watchdog.next(&mut cluster),
        };
    }
    let left = cluster.engines()[lost].containers();
    let left: Vec<Text> = left.map(|one| one.config.name.clone()).collect();
    let engines = cluster.engines();
    let moves: Vec<Value> = moves
        .iter()
        .map(|(name, to)| {
            json!({"name": name, "to": engines[*to].id, "started": is_started.contains(name)})
        })
        .collect();
    let doubled = duplicates(&cluster, lost, &had);
    let removed = format!("on_reconnect_removed_from_{id}");
    Ok(json!({"moves": moves, "left": left, removed: doubled}))
}

#[derive(Deserialize)]
struct FailoverCase {
    crash_at_s: f64,
    refresh_interval_s: f64,
    failure_retry: i64,
    containers_on_node: usize,
    create_s: f64,
    start_s: f64,
    #[serde(default)]
    policy: Option<String>,
}

enum Event {
    Round,
    Created,
    Started,
}

/// An engine that is lost, and what the manager does.
struct Failover {
    cluster: Cluster,
    contact: Contact,
    watchdog: Watchdog,
    disconnect: Option<f64>,
    running: Vec<f64>,
}

/// An engine crashes; rounds of refreshes find out, and the watchdog moves its containers.
pub(super) fn failover(case: &Case) -> Result<Value, Trouble> {
    let story: FailoverCase = read(&case.request)?;
    let crash = instant(story.crash_at_s)?;
    let (create, start) = (duration(story.create_s)?, duration(story.start_s)?);
    let refresh = duration(story.refresh_interval_s)?;
    let options = ContactOptions {
        refresh_min: refresh,
        refresh_max: refresh,
        failure_retry: story.failure_retry,
        has_jitter: false,
    };
    let mut rng = Stream::new(0, "swarm.refresh", 0);
    let mut run = Failover::new(&story, &options)?;
    let mut timeline = Timeline::default();
    timeline.at(Instant::ZERO, Event::Round);
    while let Some((now, event)) = timeline.next() {
        let order = match event {
            Event::Round => {
                let order = run.round(now, now <= crash);
                if run.disconnect.is_none() {
                    let wait = options.wait(run.contact.failures(), &mut rng);
                    timeline.at(now + wait, Event::Round);
                }
                order
            }
            Event::Created => run.watchdog.created(&mut run.cluster, "new".into()),
            Event::Started => {
                run.running.push(now.as_secs_f64());
                run.watchdog.started(&mut run.cluster)
            }
        };
        match order {
            Some(Order::Create { .. }) => timeline.at(now + create, Event::Created),
            Some(Order::Start { .. }) => timeline.at(now + start, Event::Started),
            Some(Order::Left { .. }) | None => {}
        }
    }
    Ok(json!({"disconnect_s": run.disconnect, "running_s": run.running}))
}

impl Failover {
    fn new(story: &FailoverCase, options: &ContactOptions) -> Result<Self, Trouble> {
        let mut cluster = Cluster::new(Scheduler::default(), 0);
        for id in ["lost", "other"] {
            let node = NodeCase {
                id: id.into(),
                ..NodeCase::default()
            };
            cluster.add_engine(engine(node)?);
        }
        let policy = story.policy.as_deref().unwrap_or("on-node-failure");
        for number in 0..story.containers_on_node {
            let value = json!({"name": format!("c{number}"), "running": true, "policy": policy});
            cluster.put_back(0, container(&value)?);
        }
        Ok(Self {
            cluster,
            contact: Contact::new(options),
            watchdog: Watchdog::default(),
            disconnect: None,
            running: Vec::new(),
        })
    }

    /// The manager contacts the engine.
    fn round(&mut self, now: Instant, is_up: bool) -> Option<Order> {
        let event = if is_up {
            self.contact.succeeded()
        } else {
            self.contact.failed()
        };
        if event != Some(ContactEvent::Disconnect) {
            return None;
        }
        self.disconnect = Some(now.as_secs_f64());
        if let Some(engine) = self.cluster.engine_mut(0) {
            engine.health = self.contact.health();
        }
        self.watchdog.disconnected(&self.cluster, 0);
        self.watchdog.next(&mut self.cluster)
    }
}
