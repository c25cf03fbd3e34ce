//! The reservation of the head of the queue, kept from pass to pass.

use scheduler::batch::{Candidate, Pass};
use scheduler::pipeline::evaluate::Form;

/// A reservation for the head, and how far the queue behind it was asked about: a job that was refused
/// once stays refused while room, spare room and the time before the reservation shrink.
#[derive(Clone, Debug)]
pub(super) struct HeadReservation<Shadow> {
    head: Candidate,
    pub(super) shadow: Shadow,
    /// The last job that was asked about.
    pub(super) asked: Candidate,
}

impl<Shadow> HeadReservation<Shadow> {
    /// The reservation of a head, behind which no job was asked about yet.
    pub(super) const fn new(head: Candidate, shadow: Shadow) -> Self {
        Self {
            head,
            shadow,
            asked: head,
        }
    }

    /// The reservation, if it still holds in a pass with this head: it does not once places became free. The jobs that are yet
    /// to be asked about begin with the first arrival.
    pub(super) fn kept(
        mut self,
        form: Form,
        pass: &mut Pass<'_>,
        head: &Candidate,
    ) -> Option<Self> {
        let news = pass.news();
        let holds = form == Form::Incremental
            && pass.is_interchangeable()
            && !news.freed
            && !pass.is_overdue()
            && !news.reordered
            && self.head == *head;
        if !holds {
            return None;
        }
        let mut arrived = news.arrived.iter().filter_map(|&job| pass.waiting(job));
        if arrived.any(|job| job.is_before(&self.asked)) {
            self.asked = self.head;
        }
        Some(self)
    }

    /// The head of the queue.
    pub(super) const fn head(&self) -> &Candidate {
        &self.head
    }
}
