//! The watchdog: containers of a lost engine are created anew where their policy says so, one after
//! another (spec: orchestrators-a.md section 1.5; classicswarm `cluster/watchdog.go`).

use std::collections::VecDeque;

use model::Text;

use super::cluster::{Cluster, CreateError, Creation};
use super::container::{Container, ContainerState, ReschedulePolicy};

/// Moves containers of lost engines; at any time it works on one container at most.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    queue: VecDeque<(usize, Text)>,
    current: Option<Move>,
}

/// A container on its way.
#[derive(Clone, Debug)]
struct Move {
    from: usize,
    old: Container,
    creation: Creation,
}

/// Next order of the watchdog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The engine is to create the container.
    Create {
        /// Name of the container.
        name: Text,
        /// The engine's position.
        engine: usize,
    },
    /// The engine is to start the container.
    Start {
        /// Name of the container.
        name: Text,
        /// The engine's position.
        engine: usize,
    },
    /// The container was put back and stays where it is, until its engine is lost again.
    Left {
        /// Name of the container.
        name: Text,
        /// Reason the container was left.
        error: CreateError,
    },
}

impl Watchdog {
    /// An engine is lost: its containers with the policy `on-node-failure` queue, by name. There is
    /// no timer that tries again; the next attempt is the engine's next loss.
    pub fn disconnected(&mut self, cluster: &Cluster, engine: usize) {
        let Some(lost) = cluster.engines().get(engine) else {
            return;
        };
        let moved = lost
            .containers()
            .filter(|one| one.config.reschedule == ReschedulePolicy::OnNodeFailure);
        self.queue
            .extend(moved.map(|one| (engine, one.config.name.clone())));
    }

    /// Returns the next order, if none is under way.
    pub fn next(&mut self, cluster: &mut Cluster) -> Option<Order> {
        if self.current.is_some() {
            return None;
        }
        loop {
            let (from, name) = self.queue.pop_front()?;
            if cluster.engine_of(&name) != Some(from) {
                continue;
            }
            let old = cluster.remove(&name)?;
            match cluster.create(old.config.clone()) {
                Ok(creation) => {
                    let engine = creation.engine;
                    self.current = Some(Move {
                        from,
                        old,
                        creation,
                    });
                    return Some(Order::Create { name, engine });
                }
                Err(error) => {
                    cluster.put_back(from, old);
                    return Some(Order::Left { name, error });
                }
            }
        }
    }

    /// The engine created the container: it is started only if it was running before.
    pub fn created(&mut self, cluster: &mut Cluster, id: Text) -> Option<Order> {
        let current = self.current.as_ref()?;
        cluster.created(&current.creation, id);
        let name = current.old.config.name.clone();
        if current.old.state == ContainerState::Running {
            let engine = current.creation.engine;
            return Some(Order::Start { name, engine });
        }
        self.current = None;
        self.next(cluster)
    }

    /// The engine could not create the container: it is put back.
    pub fn failed(&mut self, cluster: &mut Cluster, error: CreateError) -> Option<Order> {
        let current = self.current.take()?;
        let name = current.old.config.name.clone();
        cluster.remove(&name);
        cluster.put_back(current.from, current.old);
        Some(Order::Left { name, error })
    }

    /// The container that is being moved has ended: it is gone from the cluster. Its name.
    pub fn abandon(&mut self, cluster: &mut Cluster) -> Option<Text> {
        let current = self.current.take()?;
        let name = current.old.config.name.clone();
        cluster.remove(&name);
        Some(name)
    }

    /// The engine started the container: the move is done.
    pub fn finish(&mut self, cluster: &mut Cluster) {
        if let Some(current) = self.current.take() {
            cluster.set_running(&current.old.config.name, true);
        }
    }

    /// The engine started the container; returns the next order.
    pub fn started(&mut self, cluster: &mut Cluster) -> Option<Order> {
        self.current.as_ref()?;
        self.finish(cluster);
        self.next(cluster)
    }
}

/// Containers of a returning engine that are to be removed from it: those whose id in the cluster
/// lives elsewhere too. `found` is what the engine itself lists.
pub fn duplicates(cluster: &Cluster, engine: usize, found: &[Container]) -> Vec<Text> {
    let lives_elsewhere = |one: &&Container| {
        cluster
            .engine_of(&one.config.name)
            .filter(|&at| at != engine)
            .and_then(|at| cluster.engines()[at].container(&one.config.name))
            .is_some_and(|other| other.swarm_id == one.swarm_id)
    };
    let doubled = found.iter().filter(lives_elsewhere);
    doubled.map(|one| one.config.name.clone()).collect()
}
