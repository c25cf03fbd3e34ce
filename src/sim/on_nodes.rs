//! What happens on nodes beside whole pods starting and ending: single containers, images, wake-ups
//! of nodes. The machine has it done; here it is carried to the agents.

use control::MachineEvent;
use control::node::{ContainerEvent, ImageDeed, ImageEvent, ImageOrder};
use model::{Event, Node, PodRef, PullError, Text};
use units::{Instant, NodeId};

use super::SimError;
use super::cell::Cell;
use super::engine::Engine;
use super::hosts::Pace;
use super::queue::Upcoming;

impl Engine<'_> {
    /// Something is due of containers or images.
    pub(super) fn tick(&mut self, cell: &mut Cell) -> Result<(), SimError> {
        while let Some((pod, container, event)) = cell.machine.pop_container(self.now) {
            match event {
                ContainerEvent::Started => self.process_up(cell, pod, container)?,
                _ => process_down(cell, self.now, pod, container),
            }
            self.container_event(cell, pod, container, event)?;
        }
        let now = self.now;
        let images = cell.machine.images.as_mut();
        for (node, image, event) in images.map(|images| images.happen(now)).unwrap_or_default() {
            self.image_event(cell, (node, &image), event)?;
        }
        self.contend(cell)?;
        self.expect_tick(cell);
        Ok(())
    }

    /// Asks for a wake-up at what is due next of containers, images and cores.
    pub(super) fn expect_tick(&mut self, cell: &mut Cell) {
        let contention = cell.contention.as_ref();
        let due = contention.and_then(super::contention::Contention::due);
        if let Some(at) = cell.machine.next_tick(self.now, due) {
            self.queue
                .push(at.max(self.now), Upcoming::Tick.of(cell.number));
        }
    }

    /// One container of a pod is to start, or to stop.
    pub(super) fn order_container(
        &mut self,
        cell: &mut Cell,
        (pod, container): (PodRef, u16),
        starts: bool,
    ) -> Result<(), SimError> {
        cell.digest.container(self.now, pod, container, starts);
        if !starts {
            cell.machine.stop_container(pod, container);
            process_down(cell, self.now, pod, container);
            return self.container_event(cell, pod, container, ContainerEvent::Stopped);
        }
        let Some(record) = cell.store.pods().get(pod) else {
            return Ok(());
        };
        let host = record.node();
        let spec = cell.store.class(record.class).object.clone();
        let number = usize::from(container);
        let run_time = self.drawn_run_time((cell.number, pod, number), &spec)?;
        // Where cores are shared it ends when its work is done.
        let run_time = run_time.filter(|_| !cell.machine.shares_cores);
        let task = (run_time, spec.exit_code(number));
        let place = (cell.number, pod, container);
        let pace = host.map_or(Pace::USUAL, |node| cell.hosts.pace(node));
        cell.machine.start_container(self.now, place, task, pace);
        self.expect_tick(cell);
        Ok(())
    }

    fn container_event(
        &mut self,
        cell: &mut Cell,
        pod: PodRef,
        container: u16,
        event: ContainerEvent,
    ) -> Result<(), SimError> {
        let event = MachineEvent::Container(container, event);
        cell.agent
            .machine(self.now, pod, event, &mut cell.agent_output);
        self.carry(cell)
    }

    /// An agent orders something about an image.
    pub(super) fn order_image(
        &mut self,
        cell: &mut Cell,
        order: &ImageOrder,
    ) -> Result<(), SimError> {
        let (now, node, image) = (self.now, order.node, &order.image);
        let Some(images) = &mut cell.machine.images else {
            return Ok(());
        };
        let event = match order.deed {
            ImageDeed::Pull => images.pull(now, node, image),
            ImageDeed::Remove => Some(images.remove(node, image)),
            ImageDeed::Cancel => {
                images.cancel(now, node, image);
                None
            }
        };
        if let Some(event) = event {
            self.image_event(cell, (node, image), event)?;
        }
        self.expect_tick(cell);
        Ok(())
    }

    fn image_event(
        &mut self,
        cell: &mut Cell,
        place: (NodeId, &Text),
        event: ImageEvent,
    ) -> Result<(), SimError> {
        cell.agent
            .image(self.now, place, event, &mut cell.agent_output);
        self.carry(cell)?;
        match event {
            ImageEvent::Pulled { .. } | ImageEvent::Removed { .. } => {
                self.report_images(cell, place.0)
            }
            ImageEvent::Failed(_) => Ok(()),
        }
    }

    /// A node says which images it has, so that pods go where theirs are.
    pub(super) fn report_images(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        let Some(images) = cell.machine.images.as_mut() else {
            return Ok(());
        };
        let Some(object) = cell.store.nodes().object(node) else {
            return Ok(());
        };
        if !cell.hosts.is_reached(node) {
            return Ok(());
        }
        let images = images.reported(node);
        if object.images == images {
            return Ok(());
        }
        let object = std::sync::Arc::new(Node {
            images,
            ..(**object).clone()
        });
        self.observed(cell, Event::NodeUpdated { node, object })
    }

    /// A node is up again: what it was getting when it went down has not come.
    pub(super) fn images_interrupted(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
    ) -> Result<(), SimError> {
        let images = cell.machine.images.as_mut();
        let broken = images
            .map(|images| images.host_back(node))
            .unwrap_or_default();
        for image in broken {
            let event = ImageEvent::Failed(PullError::Interrupted);
            self.image_event(cell, (node, &image), event)?;
        }
        Ok(())
    }

    /// The registry stops answering, or answers again.
    pub(super) fn registry(&mut self, cell: &mut Cell, is_up: bool) -> Result<(), SimError> {
        let now = self.now;
        let Some(images) = &mut cell.machine.images else {
            return Ok(());
        };
        if is_up {
            images.registry_up();
            return Ok(());
        }
        for (node, image, event) in images.registry_down(now) {
            self.image_event(cell, (node, &image), event)?;
        }
        self.expect_tick(cell);
        Ok(())
    }

    /// A node is to be woken.
    pub(super) fn wake_node(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        if !cell.hosts.is_up(node) {
            return Ok(());
        }
        cell.agent
            .node_woken(self.now, node, &mut cell.agent_output);
        self.carry(cell)
    }
}

/// A process is gone from what its node shares.
pub(super) fn process_down(cell: &mut Cell, now: Instant, pod: PodRef, container: u16) {
    if let Some(contention) = &mut cell.contention {
        contention.down(now, pod.id, container);
    }
}
