//! Images on nodes: agents order them, the machine has them carried, and nodes say which they have.

use cluster::Store;
use control::node::{ImageAction, ImageEvent, ImageOrder};
use control::node_api;
use model::{PullError, Text};
use units::NodeId;

use super::super::context::Context;
use super::super::message::{ToControlPlane, ToNodes};
use super::NodePlane;

impl NodePlane {
    /// An agent orders something about an image.
    pub(super) fn order_image(&mut self, ctx: &mut Context<'_>, order: &ImageOrder) {
        let (now, node, image) = (ctx.now(), order.node, &order.image);
        let Some(images) = &mut self.images else {
            return;
        };
        let event = match order.deed {
            ImageAction::Pull => images.pull(now, node, image),
            ImageAction::Remove => Some(images.remove(node, image)),
            ImageAction::Cancel => {
                images.cancel(now, node, image);
                None
            }
        };
        if let Some(event) = event {
            self.image_event(ctx, node, image, event);
        }
        ctx.send(ToNodes::ExpectTick);
    }

    /// An order about an image came to something: the agent learns of it.
    pub(super) fn image_event(
        &mut self,
        ctx: &mut Context<'_>,
        node: NodeId,
        image: &Text,
        event: ImageEvent,
    ) {
        self.agent
            .image(ctx.now(), node, image, event, &mut self.output);
        self.hand_over(ctx);
        match event {
            ImageEvent::Pulled { .. } | ImageEvent::Removed { .. } => {
                ctx.send(ToNodes::ReportImages(node));
            }
            ImageEvent::Failed(_) => {}
        }
    }

    /// A node says which images it has, so that pods go where theirs are.
    pub(super) fn report_images(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let Some(images) = &mut self.images else {
            return;
        };
        if store.nodes().object(node).is_none() || !self.hosts.is_reached(node) {
            return;
        }
        if let Some(event) = node_api::images(store, node, images.reported(node)) {
            ctx.send(ToControlPlane::Happened(event));
        }
    }

    /// A node is up again: what it was getting when it went down has not come.
    pub(super) fn images_interrupted(&mut self, ctx: &mut Context<'_>, node: NodeId) {
        let images = self.images.as_mut();
        let broken = images.map(|images| images.host_back(node));
        for image in broken.unwrap_or_default() {
            let event = ImageEvent::Failed(PullError::Interrupted);
            ctx.send(ToNodes::ImageEvent { node, image, event });
        }
    }

    /// The registry stops answering, or answers again.
    pub(super) fn registry(&mut self, ctx: &mut Context<'_>, is_up: bool) {
        let Some(images) = &mut self.images else {
            return;
        };
        if is_up {
            images.registry_up();
            return;
        }
        for (node, image, event) in images.registry_down(ctx.now()) {
            ctx.send(ToNodes::ImageEvent { node, image, event });
        }
        ctx.send(ToNodes::ExpectTick);
    }
}
