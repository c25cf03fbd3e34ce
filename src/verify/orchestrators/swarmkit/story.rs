//! Stories in time: updates, their failures, and a crashed node.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::timeline::{Timeline, duration, instant};
use super::super::{Case, Trouble, read};
use super::placement::version;
use model::Text;
use systems::swarmkit::dispatcher::{Dispatcher, HeartbeatOptions};
use systems::swarmkit::ladder::{Action, Happening, Ladder};
use systems::swarmkit::node::{Node, NodeStatus};
use systems::swarmkit::restart::{OLD_TASK_TIMEOUT, OldTask, Replacement, RestartPolicy};
use systems::swarmkit::scheduler::{Debounce, Scheduler};
use systems::swarmkit::task::{DesiredState, Task, TaskSpec};
use systems::swarmkit::update::{
    Direction, DirtySlot, FailureAction, Order, UpdateConfig, UpdateOrder, UpdateState, Updater,
};
use units::{Duration, Instant};

#[derive(Deserialize)]
struct UpdateCase {
    slots: u64,
    parallelism: Option<u64>,
    delay_s: Option<f64>,
    #[serde(default)]
    prepare_s: f64,
    #[serde(default)]
    stop_s: f64,
    #[serde(default)]
    start_s: f64,
    monitor_s: Option<f64>,
    #[serde(default)]
    order: String,
}

/// Step of a slot while it is updated.
#[derive(Clone, Copy)]
enum Step {
    Wake,
    Stopped(u64),
    Running(u64),
}

/// The slots of a service, each with a task of its own.
fn slots(count: u64) -> Vec<DirtySlot> {
    let slot = |number| DirtySlot {
        number,
        tasks: vec![old_task(number)],
    };
    (1..=count).map(slot).collect()
}

fn old_task(slot: u64) -> Text {
    format!("{slot}.1").into()
}

fn new_task(slot: u64) -> Text {
    format!("{slot}.2").into()
}

/// An update whose tasks all take equally long.
pub(super) fn update(case: &Case) -> Result<Value, Trouble> {
    let given: UpdateCase = read(&case.request)?;
    let order = match given.order.as_str() {
        "start-first" => UpdateOrder::StartFirst,
        _ => UpdateOrder::StopFirst,
    };
    let usual = UpdateConfig::default();
    let config = UpdateConfig {
        parallelism: given.parallelism.unwrap_or(usual.parallelism),
        delay: given.delay_s.map_or(Ok(usual.delay), duration)?,
        monitor: given.monitor_s.map_or(Ok(usual.monitor), duration)?,
        order,
        ..usual
    };
    let (prepare, start) = (duration(given.prepare_s)?, duration(given.start_s)?);
    let stop = duration(given.stop_s)?;
    let mut updater = Updater::new(config, Direction::Update, slots(given.slots));
    let mut timeline = Timeline::default();
    timeline.at(Instant::ZERO, Step::Wake);
    let (mut first, mut last, mut complete) = (None, Instant::ZERO, Value::Null);
    let mut orders = Vec::new();
    while let Some((now, step)) = timeline.next() {
        match step {
            Step::Wake => {}
            Step::Stopped(slot) => updater.old_stopped(now, &old_task(slot), &mut orders),
            Step::Running(slot) => {
                first.get_or_insert(now);
                last = now;
                updater.running(now, &new_task(slot), &mut orders);
            }
        }
        updater.step(now, &mut orders);
        for order in orders.drain(..) {
            // Whoever starts first has told the old task to stop and does not look at it again.
            let Order::Replace(DirtySlot { number: slot, .. }) = order else {
                continue;
            };
            let old = (config.order == UpdateOrder::StopFirst).then(|| old_task(slot));
            let mut ready = prepare;
            if old.is_some() {
                timeline.at(now + stop, Step::Stopped(slot));
                ready = prepare.max(stop.min(OLD_TASK_TIMEOUT));
            }
            timeline.at(now + ready + start, Step::Running(slot));
            updater.made(now, slot, new_task(slot), old);
        }
        if updater.state() == UpdateState::Completed {
            complete = json!(now.as_secs_f64());
            break;
        }
        if let Some(wake) = updater.wakes() {
            timeline.at(wake.max(now), Step::Wake);
        }
    }
    Ok(json!({
        "replace_s": first.map(Instant::as_secs_f64),
        "last_slot_done_s": last.as_secs_f64(),
        "complete_s": complete,
    }))
}

#[derive(Deserialize)]
struct FailuresCase {
    dirty_slots: u64,
    #[serde(default)]
    max_failure_ratio: f32,
    failures: u64,
    #[serde(default = "pause")]
    failure_action: String,
}

fn pause() -> String {
    "pause".to_owned()
}

/// An update of which so many new tasks fail before they ran.
pub(super) fn failures(case: &Case) -> Result<Value, Trouble> {
    let given: FailuresCase = read(&case.request)?;
    let mut words = given.failure_action.split(' ');
    let failure_action = match words.next().unwrap_or_default() {
        "pause" => FailureAction::Pause,
        "continue" => FailureAction::Continue,
        "rollback" => FailureAction::Rollback,
        other => return Err(Trouble::Malformed(format!("failure action `{other}`"))),
    };
    let direction = if given.failure_action.contains("ROLLBACK_STARTED") {
        Direction::Rollback
    } else {
        Direction::Update
    };
    let config = UpdateConfig {
        parallelism: 0,
        failure_action,
        max_failure_ratio: given.max_failure_ratio,
        ..UpdateConfig::default()
    };
    let dirty = slots(given.dirty_slots);
    let mut updater = Updater::new(config, direction, dirty);
    let (mut now, mut orders) = (Instant::ZERO, Vec::new());
    updater.step(now, &mut orders);
    for slot in 1..=given.dirty_slots {
        updater.made(now, slot, new_task(slot), None);
    }
    for slot in 1..=given.failures {
        updater.ended(now, &new_task(slot), &mut orders);
    }
    for slot in given.failures + 1..=given.dirty_slots {
        updater.running(now, &new_task(slot), &mut orders);
    }
    while updater.state() == UpdateState::Underway {
        updater.step(now, &mut orders);
        match updater.wakes() {
            Some(wake) => now = now.max(wake),
            None => break,
        }
        updater.step(now, &mut orders);
    }
    let at = updater.failures();
    let outcome = match (updater.state(), direction) {
        (UpdateState::Completed, _) => "completed".to_owned(),
        (UpdateState::Paused, Direction::Rollback) => "rollback paused".to_owned(),
        (UpdateState::Paused, Direction::Update) => format!("paused at failure {at}"),
        (UpdateState::RollbackWanted, _) => format!("rollback at failure {at}"),
        (UpdateState::Underway, _) => "underway".to_owned(),
    };
    Ok(json!({ "outcome": outcome }))
}

#[derive(Deserialize)]
struct FailoverCase {
    crash_at_s: f64,
    heartbeat_s: f64,
    #[serde(default)]
    epsilon_s: f64,
    grace_multiplier: Option<i64>,
    restart_delay_s: Option<f64>,
    debounce_s: Option<f64>,
    #[serde(default)]
    prepare_s: f64,
    #[serde(default)]
    start_s: f64,
}

/// Event while a node is lost.
enum Event {
    Beat,
    Expiry,
    Schedule,
    Restart,
    Machine(Happening),
}

/// A node crashes; its task is replaced on another one.
pub(super) fn failover(case: &Case) -> Result<Value, Trouble> {
    let given: FailoverCase = read(&case.request)?;
    let crash = instant(given.crash_at_s)?;
    let options = HeartbeatOptions {
        period: duration(given.heartbeat_s)?,
        epsilon: duration(given.epsilon_s)?,
        grace: given
            .grace_multiplier
            .unwrap_or(HeartbeatOptions::default().grace),
    };
    let usual = RestartPolicy::default();
    let policy = RestartPolicy {
        delay: given.restart_delay_s.map_or(Ok(usual.delay), duration)?,
        ..usual
    };
    let times = (duration(given.prepare_s)?, duration(given.start_s)?);
    let mut run = Failover::new(options, policy, times);
    if let Some(quiet) = given.debounce_s {
        run.debounce = Debounce::after(duration(quiet)?);
    }
    run.timeline.at(Instant::ZERO, Event::Beat);
    while let Some((now, event)) = run.timeline.next() {
        run.handle(now, &event, crash);
    }
    Ok(json!({
        "down_s": run.down, "assigned_s": run.assigned, "ready_s": run.ready,
        "running_s": run.running,
    }))
}

struct Failover {
    dispatcher: Dispatcher,
    scheduler: Scheduler,
    debounce: Debounce,
    policy: RestartPolicy,
    times: (Duration, Duration),
    timeline: Timeline<Event>,
    ladder: Option<Ladder>,
    desired: DesiredState,
    spec: Arc<TaskSpec>,
    down: Option<f64>,
    assigned: Option<f64>,
    ready: Option<f64>,
    running: Option<f64>,
}

impl Failover {
    fn new(options: HeartbeatOptions, policy: RestartPolicy, times: (Duration, Duration)) -> Self {
        let mut scheduler = Scheduler::default();
        for id in ["lost", "other"] {
            scheduler.put_node(Node {
                id: id.into(),
                ..Node::default()
            });
        }
        Self {
            dispatcher: Dispatcher::new(options, 0),
            scheduler,
            debounce: Debounce::default(),
            policy,
            times,
            timeline: Timeline::default(),
            ladder: None,
            desired: DesiredState::Ready,
            spec: Arc::new(TaskSpec {
                version: version(&"web".into()),
                ..TaskSpec::default()
            }),
            down: None,
            assigned: None,
            ready: None,
            running: None,
        }
    }

    fn handle(&mut self, now: Instant, event: &Event, crash: Instant) {
        match *event {
            Event::Beat if now < crash => {
                let next = self.dispatcher.beat(now, "lost".into());
                self.timeline.at(next, Event::Beat);
            }
            Event::Beat => {
                if let Some(expiry) = self.dispatcher.next_expiry() {
                    self.timeline.at(expiry, Event::Expiry);
                }
            }
            Event::Expiry => {
                for node in self.dispatcher.expire(now) {
                    self.lost(now, &node);
                }
            }
            Event::Schedule if self.debounce.is_due(now) => {
                let pass = self.scheduler.run(now);
                if !pass.assigned.is_empty() {
                    self.assigned = Some(now.as_secs_f64());
                    let mut ladder = Ladder::new(self.desired);
                    let action = ladder.advance();
                    self.ladder = Some(ladder);
                    self.act(now, action);
                }
            }
            Event::Schedule => {}
            Event::Restart => {
                self.desired = DesiredState::Running;
                let action = self
                    .ladder
                    .as_mut()
                    .and_then(|ladder| ladder.want(self.desired));
                self.act(now, action);
            }
            Event::Machine(happening) => {
                match happening {
                    Happening::Prepared => self.ready = Some(now.as_secs_f64()),
                    _ => self.running = Some(now.as_secs_f64()),
                }
                let ladder = self.ladder.as_mut();
                let action = ladder.and_then(|ladder| ladder.happened(happening));
                self.act(now, action);
            }
        }
    }

    /// The node is down: its task is replaced at once, to start after the delay.
    fn lost(&mut self, now: Instant, node: &Text) {
        self.down = Some(now.as_secs_f64());
        if let Some(node) = self.scheduler.node_mut(node) {
            node.status = NodeStatus::Down;
        }
        let replacement = Replacement::new(now, &self.policy, false, OldTask::Gone);
        self.scheduler.enqueue(Task {
            id: "web.1".into(),
            spec: Arc::clone(&self.spec),
            node: None,
        });
        self.timeline
            .at(self.debounce.committed(now), Event::Schedule);
        self.timeline.at(replacement.starts(), Event::Restart);
    }

    fn act(&mut self, now: Instant, action: Option<Action>) {
        let (prepare, start) = self.times;
        match action {
            Some(Action::Prepare) => {
                self.timeline
                    .at(now + prepare, Event::Machine(Happening::Prepared));
            }
            Some(Action::Start) => {
                self.timeline
                    .at(now + start, Event::Machine(Happening::Started));
            }
            Some(Action::Stop) | None => {}
        }
    }
}
