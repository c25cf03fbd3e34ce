//! A node daemon: the pure core of a node over a runtime of containers, with the control server at the
//! other end. Of its own state the newest term of the server and the ends that it reported outlive a
//! restart: containers are the runtime's, and the control server assigns every pod again.

mod containers;
mod errands;
mod link;
mod pace;
mod pressure;
mod probe;
mod reported;
mod retained;
mod term;
mod written;

use std::path::Path;
use std::time::Duration as WallDuration;

use units::{Duration, Instant};

pub use pressure::Reserves;

use crate::client::Client;
use crate::discovery::Discovery;
use crate::node::{NodeCore, NodeError};
use crate::runtime::{Runtime, clock};
use crate::wire::errand::ErrandResult;
use crate::wire::{NodeAnswer, Registration};
use containers::Containers;
use errands::{Errands, Wish};
use link::Link;
use pace::Clock;
use pressure::Pressures;
use reported::Reported;
use retained::Retained;
use term::Term;

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
    term: Term,
    errands: Errands,
    clock: Clock,
    pressures: Pressures,
}

impl<R: Runtime> Daemon<R> {
    /// A daemon that has yet to register; `cluster` tells the containers of this control server from
    /// those of others, and `folder` is that of the node.
    pub fn new(
        registration: Registration,
        cluster: &str,
        folder: &Path,
        runtime: R,
        client: Client,
    ) -> Self {
        let term = Term::of_folder(folder, cluster);
        let address = registration.address.clone();
        let discovery = Discovery::new(&registration.node, address, folder);
        discovery.start(client.clone());
        Self {
            errands: Errands::start(client.clone(), &registration.node),
            link: Link::new(client, &registration.node),
            core: NodeCore::new(registration, term.epoch()),
            term,
            containers: Containers::new(
                cluster.to_owned(),
                runtime,
                discovery,
                Reported::of_folder(folder),
                Retained::of_folder(folder, cluster),
            ),
            heartbeat: crate::driver::HEARTBEAT,
            due: Instant::ZERO,
            clock: Clock::new(),
            pressures: Pressures::new(folder),
        }
    }

    /// A daemon with another time between two heartbeats than the usual one.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat: Duration) -> Self {
        Self { heartbeat, ..self }
    }

    /// A daemon that keeps other room free on its host than usual.
    #[must_use]
    pub fn reserving(mut self, reserves: Reserves) -> Self {
        self.pressures.reserve(reserves);
        self
    }

    /// A daemon whose containers have at most a number of processes each.
    #[must_use]
    pub fn limiting_processes(mut self, most: Option<u64>) -> Self {
        self.containers.limit_processes(most);
        self
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
            while let Some(wish) = self.errands.next() {
                self.serve(wish);
            }
            if let Some(answer) = self.link.received() {
                match answer {
                    Ok(answer) => self.answered(answer, complain)?,
                    Err(error) => complain(&error.to_string()),
                }
            }
            let update = self.core.update(self.containers.is_ready());
            self.link.watch(self.clock.now(), update.as_ref());
        }
        Ok(())
    }

    /// Does what the thread of errands wants.
    fn serve(&mut self, wish: Wish) {
        match wish {
            Wish::Errand(errand, reply) => {
                let result = ErrandResult {
                    number: errand.number,
                    result: self.containers.read(&errand),
                };
                // The thread ends with the daemon.
                let _ = reply.send(result);
            }
            Wish::Retained(reply) => {
                let _ = reply.send(self.containers.retained().to_vec());
            }
            Wish::Release(gone) => self.containers.release(&gone),
        }
    }

    /// Takes in what the runtime noticed and what is due by the clock.
    fn work(&mut self, complain: &dyn Fn(&str)) {
        self.containers.look(LOOK);
        let orders = self.core.woken(self.clock.now());
        self.containers.obey(&self.clock, orders);
        self.notice();
        while let Some(event) = self.containers.next_event() {
            let orders = self.core.machine(self.clock.now(), event.pod, event.event);
            self.containers.obey(&self.clock, orders);
            self.notice();
        }
        if !self.core.has_reports() {
            let core = &self.core;
            self.containers.acknowledge(&|pod| core.holds(pod));
        }
        for problem in self.containers.problems() {
            complain(&problem);
        }
    }

    /// Passes news for users on: before the event that a reason belongs to, with which the pod may go.
    fn notice(&mut self) {
        for (pod, news) in self.containers.notices() {
            self.core.notice(pod, news);
        }
    }

    /// Sends a registration, reports, or a heartbeat if one is due.
    fn exchange(&mut self, complain: &dyn Fn(&str)) -> Result<(), NodeError> {
        // Their ends are noted before they are reported: the server forgets the pods then.
        self.containers.retain(&self.core.ended());
        let now = self.clock.now();
        let is_pressed = self.look_at_room(now);
        let has_news = self.core.has_reports() || is_pressed;
        let is_urgent = has_news && self.link.is_reached();
        if self.due > now && !is_urgent {
            return Ok(());
        }
        let answer = match (
            self.core.registration(),
            self.core.update(self.containers.is_ready()),
        ) {
            (Some(message), _) => self.link.post("register", message),
            (None, Some(mut message)) => {
                if self.due <= now {
                    message.usage = self.containers.measure(clock::boot_ns());
                }
                self.link.post("reports", &message)
            }
            (None, None) => return Ok(()),
        };
        match answer {
            Ok(answer) => {
                self.due = now.saturating_add(self.heartbeat);
                self.answered(answer, complain)
            }
            Err(error) => {
                self.due = now.saturating_add(RETRY);
                complain(&error.to_string());
                Ok(())
            }
        }
    }

    /// Looks at the room that the host has left; returns whether there is news of it. Where the disk has
    /// little, the containers of pods that ended go.
    fn look_at_room(&mut self, now: Instant) -> bool {
        if self.containers.has_lacked_room() {
            self.pressures.hurry();
        }
        if !self.pressures.look(now) {
            return false;
        }
        if self.pressures.is_disk_short() {
            let retained = self.containers.retained().to_vec();
            self.containers.release(&retained);
        }
        self.core.press(self.pressures.current())
    }

    fn answered(&mut self, answer: NodeAnswer, complain: &dyn Fn(&str)) -> Result<(), NodeError> {
        if let Some(epoch) = answer.epoch() {
            if epoch < self.term.epoch() {
                let newest = self.term.epoch();
                complain(&format!(
                    "a control server of term {epoch} is ignored: this node has seen term {newest}"
                ));
                return Ok(());
            }
            // A term that can't be noted is not obeyed; the server sends its commands again.
            if let Err(error) = self.term.see(epoch) {
                complain(&format!(
                    "the control server's term can't be noted: {error}"
                ));
                return Ok(());
            }
        }
        if answer == NodeAnswer::Unregistered {
            self.due = self.clock.now();
        }
        if let NodeAnswer::Welcome { pace, .. } = answer {
            self.clock.set_pace(pace);
        }
        let orders = self.core.answered(self.clock.now(), answer)?;
        self.containers.obey(&self.clock, orders);
        Ok(())
    }
}
