//! Builds that run in pods of the cluster: they wait for room, and fail with their nodes.

use cluster::{Conflict, Store};
use model::{DeliveryStep, Event, Text};
use units::Duration;

use super::PushEvent;
use super::component::Deliveries;
use super::pipeline::Work;
use super::rollout::PushNumber;
use crate::Outbox;
use crate::admission::Creation;
use crate::errands::{Errand, ErrandStatus};

/// Time after which the pod of a build that was declined is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl Deliveries {
    /// Takes note of a change that may be about the pod of a build.
    pub(super) fn read_build(&mut self, event: &Event, store: &Store, out: &mut Outbox) {
        let Some(name) = self.errands.read(event, store) else {
            return;
        };
        let success = match self.errands.standing(&name) {
            ErrandStatus::Done => true,
            ErrandStatus::Failed => false,
            _ => return,
        };
        if let Some((pipeline, build)) = self.builds.remove(&name) {
            let news = self.pipelines[pipeline].pod_ended(self.now, build, success);
            self.report(pipeline, news, store, out);
        }
    }

    /// Acts on news of pushes.
    pub(super) fn report(
        &mut self,
        pipeline: usize,
        news: Vec<PushEvent>,
        store: &Store,
        out: &mut Outbox,
    ) {
        let none = Text::default();
        for own in news {
            match own {
                PushEvent::Seen(_) | PushEvent::Staged(_) => {}
                PushEvent::Failed(push) => {
                    let push = PushNumber::new(pipeline, push);
                    self.tell(push, &none, DeliveryStep::BuildFailed, store, out);
                }
                PushEvent::Cancelled(push) => {
                    let push = PushNumber::new(pipeline, push);
                    self.tell(push, &none, DeliveryStep::BuildCancelled, store, out);
                }
                PushEvent::PassedOver(push) => {
                    let push = PushNumber::new(pipeline, push);
                    self.tell(push, &none, DeliveryStep::Superseded, store, out);
                }
                PushEvent::Ready(push) => {
                    self.ready(self.now, PushNumber::new(pipeline, push), store, out);
                }
                PushEvent::Begun(_, work) => self.begin_build(pipeline, work, out),
            }
        }
    }

    /// Asks for the pod of a build, such as `web-1-build` of the repository `shop/web`.
    fn begin_build(&mut self, pipeline: usize, work: Work, out: &mut Outbox) {
        let Some(pods) = &self.pipelines[pipeline].plan().pods else {
            return;
        };
        let repository = &self.repositories[pipeline];
        let short = repository.rsplit('/').next().unwrap_or_default();
        let errand = Errand {
            namespace: pods.namespace.clone(),
            name: format!("{short}-{}-build", work.build + 1).into(),
            image: pods.image.clone(),
            requests: pods.requests.clone(),
            takes: Some(work.takes),
            failures: u32::from(work.fails),
            deadline: self.build_deadline,
            ..Errand::default()
        };
        let name = (errand.namespace.clone(), errand.name.clone());
        self.builds.insert(name, (pipeline, work.build));
        self.errands.ask(&errand, out);
    }

    /// The pod of a build was declined, such as by a quota.
    pub(super) fn build_declined(&mut self, creation: &Creation, conflict: &Conflict) {
        let name = self.errands.declined(creation, conflict);
        let known = name.and_then(|name| self.builds.remove(&name));
        if let Some((pipeline, build)) = known {
            let again = self.now.saturating_add(ASK_AGAIN);
            self.pipelines[pipeline].pod_declined(again, build);
        }
    }
}
