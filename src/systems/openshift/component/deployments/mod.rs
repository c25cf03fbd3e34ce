//! The controller of deployment configurations at work: versions, each with a replication controller, and
//! their rollouts (spec: orchestrators-a.md section 8.2).
//!
//! A configuration is a Deployment of the cluster. Its versions are replication controllers that it owns;
//! what became of a version stands in the annotations of its controller, so that a controller that takes
//! over finds all it needs in the store, and the deployers and hooks of its predecessor in the log. A rollout
//! that was under way goes on with them: no hook is run twice.

mod config;
mod controllers;
mod crew;

use cluster::{Conflict, Store};
use control::admission::Creation;
use control::errands::{ErrandStatus, Errands};
use control::{Component, Outbox, Progress, Write};
use model::{Event, Object, ObjectChange, Text};
use units::{Duration, Instant, ObjectId, Revision, SortedMap, SortedSet, plural};

use crate::openshift::options::OpenShiftOptions;
use crate::openshift::rollout::Failure;
use crate::parts::turn::Turn;

use config::{Config, roll_back};
use controllers::{Desk, controllers};

/// Time after which a replication controller that was declined is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Most versions that a note names.
const NAMED: usize = 3;

/// The controller.
#[derive(Clone)]
pub(in crate::openshift) struct DeploymentConfigs {
    options: OpenShiftOptions,
    cursor: Revision,
    configs: SortedMap<ObjectId, Config>,
    /// Configurations by their replication controllers.
    owners: SortedMap<ObjectId, ObjectId>,
    /// Deployers and hooks.
    errands: Errands,
    dirty: SortedSet<ObjectId>,
    wakes: SortedMap<ObjectId, Instant>,
    /// Instant of the last step.
    now: Instant,
}

impl DeploymentConfigs {
    /// A controller that knows nothing yet.
    pub(in crate::openshift) fn new(options: OpenShiftOptions) -> Self {
        Self {
            options,
            cursor: Revision::default(),
            configs: SortedMap::new(),
            owners: SortedMap::new(),
            errands: Errands::new("deployment"),
            dirty: SortedSet::new(),
            wakes: SortedMap::new(),
            now: Instant::ZERO,
        }
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            let has_helped = self.errands.read(&entry.event, store).is_some();
            match &entry.event {
                Event::Object(change) => self.changed(change),
                // What ends is waited for where all pods are replaced at once.
                Event::PodEnded { .. } => self.look_at_rolling(),
                _ if has_helped => self.look_at_rolling(),
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    /// Has all rollouts looked at.
    fn look_at_rolling(&mut self) {
        let configs = self.configs.iter();
        let rolling = configs.filter(|(_, own)| own.is_rolling());
        self.dirty.extend(rolling.map(|(&id, _)| id));
    }

    fn changed(&mut self, change: &ObjectChange) {
        let id = change.id();
        match change {
            ObjectChange::Created { object, owner, .. } => match object {
                Object::Deployment(_) => {
                    self.dirty.insert(id);
                }
                Object::ReplicationController(_) => {
                    if let Some(owner) = owner {
                        self.owners.insert(id, *owner);
                    }
                }
                _ => {}
            },
            ObjectChange::Updated {
                object: Object::Deployment(_),
                ..
            } => {
                self.dirty.insert(id);
            }
            _ if self.configs.contains_key(&id) => {
                self.dirty.insert(id);
            }
            _ => {}
        }
        self.dirty.extend(self.owners.get(&id).copied());
        if matches!(change, ObjectChange::Deleted { .. }) {
            self.owners.remove(&id);
        }
    }

    /// Looks at a configuration: begins a version, scales its controllers, reports.
    fn look_at(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        self.wakes.remove(&id);
        let row = turn.store.objects().get(id);
        let object = row.map(|row| (&row.object, row.is_terminating));
        let Some((Object::Deployment(deployment), false)) = object else {
            self.configs.remove(&id);
            return;
        };
        let controllers = controllers(id, turn.store);
        if let Some(revision) = deployment.rollback_to {
            return roll_back(id, deployment, revision, &controllers, turn);
        }
        if !self.configs.contains_key(&id) {
            let rules = self.options.rules_of(&deployment.name);
            let Some(config) = Config::found(turn.now, rules, deployment, &controllers) else {
                return;
            };
            self.configs.insert(id, config);
        }
        let Some(config) = self.configs.get_mut(&id) else {
            return;
        };
        config.trigger(turn.now, deployment);
        let mut desk = Desk::new(turn.store, turn.out, &mut self.errands);
        let wake = config.advance(turn.now, id, deployment, &controllers, &mut desk);
        config.clean_up(deployment, &controllers, &mut desk);
        config.report(turn.now, id, deployment, &controllers, &mut desk);
        desk.write(&controllers);
        if let Some(at) = wake {
            self.wakes.insert(id, at);
        }
    }
}

impl Component for DeploymentConfigs {
    fn name(&self) -> &'static str {
        "deployment-configs"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.now = now;
        self.read(view);
        let due = self.wakes.extract_all(|_, at| *at <= now);
        self.dirty.extend(due.into_iter().map(|(id, _)| id));
        if let Some(id) = self.dirty.pop_first() {
            self.look_at(id, turn);
        }
        if let Some(&at) = self.wakes.values().min() {
            turn.out.wake_at(at);
        }
        if self.dirty.is_empty() {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        // What changed meanwhile is seen later, and looked at then.
        if *conflict == Conflict::Stale {
            return;
        }
        if let Event::Object(change) = &write.event {
            let id = change.id();
            self.dirty
                .insert(self.owners.get(&id).copied().unwrap_or(id));
        }
    }

    fn declined(&mut self, creation: &Creation, conflict: &Conflict) {
        let again = self.now.saturating_add(ASK_AGAIN);
        if let Some(name) = self.errands.declined(creation, conflict) {
            // What can't be asked for again fails its rollout at once.
            let again = match self.errands.standing(&name) {
                ErrandStatus::Failed => self.now,
                _ => again,
            };
            let configs = self.configs.iter();
            let rolling = configs.filter(|(_, own)| own.is_rolling());
            self.wakes.extend(rolling.map(|(&id, _)| (id, again)));
        }
        let Creation::Object { owner, .. } = creation else {
            return;
        };
        if let Some((id, config)) = owner.and_then(|id| Some((id, self.configs.get_mut(&id)?))) {
            config.ask_again();
            self.wakes.insert(id, again);
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut failed: SortedMap<Failure, Vec<Text>> = SortedMap::new();
        for (why, version) in self.configs.values().flat_map(Config::failed) {
            failed.entry(*why).or_default().push(version.clone());
        }
        let failed = failed.iter().map(|(why, versions)| {
            let rollouts = plural::count(versions.len(), "rollout");
            let named = versions.iter().map(|own| format!("`{own}`"));
            let named = plural::first_of(named, NAMED);
            format!("{rollouts} failed ({named}): {}", why.in_words())
        });
        self.errands.remarks().into_iter().chain(failed).collect()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
