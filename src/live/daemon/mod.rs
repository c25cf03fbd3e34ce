//! A node daemon: the pure core of a node over a runtime of containers, with the control server at the
//! other end. It holds no state of its own that a restart needs: containers are the runtime's, and the
//! control server assigns every pod again.

mod containers;
mod link;

use std::time::Duration as WallDuration;

use units::{Duration, Instant};

use crate::client::Client;
use crate::node::{NodeCore, NodeError};
use crate::runtime::{Runtime, clock};
use crate::wire::{NodeAnswer, Registration};
use containers::Containers;
use link::Link;

/// Time between two looks at the runtime and at what has come.
const LOOK: WallDuration = WallDuration::from_millis(50);

/// Time after which a control server that was not reached is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A node daemon.
pub struct Daemon<R> {
    core: NodeCore,
    containers: Containers<R>,
    link: Link,
    heartbeat: Duration,
    /// Instant of the next message.
    due: Instant,
}

impl<R: Runtime> Daemon<R> {
    /// A daemon that has yet to register; `cluster` tells the containers of this control server from
    /// those of others.
    pub fn new(registration: Registration, cluster: &str, runtime: R, client: Client) -> Self {
        Self {
            link: Link::new(client, &registration.node),
            core: NodeCore::new(registration),
            containers: Containers::new(cluster.to_owned(), runtime),
            heartbeat: crate::driver::HEARTBEAT,
            due: Instant::ZERO,
        }
    }

    /// Works until it is interrupted; containers run on after that. `complain` gets the problems that
    /// pass by themselves.
    ///
    /// # Errors
    /// The control server refused the node.
    pub fn run(
        mut self,
        is_interrupted: &dyn Fn() -> bool,
        complain: &dyn Fn(&str),
    ) -> Result<(), NodeError> {
        while !is_interrupted() {
            self.work(complain);
            self.exchange(complain)?;
            if let Some(answer) = self.link.received() {
                match answer {
                    Ok(answer) => self.answered(answer)?,
                    Err(error) => complain(&error.to_string()),
                }
            }
            let update = self.core.update(true);
            self.link.watch(now(), update.as_ref());
        }
        Ok(())
    }

    /// Takes in what the runtime noticed and what is due by the clock.
    fn work(&mut self, complain: &dyn Fn(&str)) {
        self.containers.look(LOOK);
        let orders = self.core.woken(now());
        self.containers.obey(orders);
        while let Some(event) = self.containers.next_event() {
            let orders = self.core.machine(now(), event.pod, event.event);
            self.containers.obey(orders);
        }
        for problem in self.containers.problems() {
            complain(&problem);
        }
        if !self.core.has_reports() {
            self.containers.acknowledge();
        }
    }

    /// Sends a registration, reports, or a heartbeat if one is due.
    fn exchange(&mut self, complain: &dyn Fn(&str)) -> Result<(), NodeError> {
        let now = now();
        let is_urgent = self.core.has_reports() && self.link.is_reached();
        if self.due > now && !is_urgent {
            return Ok(());
        }
        let answer = match (self.core.registration(), self.core.update(true)) {
            (Some(message), _) => self.link.post("register", message),
            (None, Some(message)) => self.link.post("reports", &message),
            (None, None) => return Ok(()),
        };
        match answer {
            Ok(answer) => {
                self.due = now.saturating_add(self.heartbeat);
                self.answered(answer)
            }
            Err(error) => {
                self.due = now.saturating_add(RETRY);
                complain(&error.to_string());
                Ok(())
            }
        }
    }

    fn answered(&mut self, answer: NodeAnswer) -> Result<(), NodeError> {
        if answer == NodeAnswer::Unregistered {
            self.due = now();
        }
        let orders = self.core.answered(now(), answer)?;
        self.containers.obey(orders);
        Ok(())
    }
}

/// The clock of the daemon, which nobody sets.
fn now() -> Instant {
    Instant::from_nanos(clock::boot_ns())
}
