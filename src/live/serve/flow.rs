//! Answers: whole ones, and such as go on.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{Either, Full};
use hyper::Response;
use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Parts of an answer that may wait for a client that reads slowly.
const PARTS: usize = 16;

/// The body of an answer.
pub(super) type Answer = Response<Either<Full<Bytes>, Flow>>;

/// A body whose parts come one after the other, until their sender is dropped.
pub(super) struct Flow(Receiver<Bytes>);

impl Flow {
    /// A body, and the sender of its parts.
    pub(super) fn new() -> (Sender<Bytes>, Self) {
        let (sender, receiver) = channel(PARTS);
        (sender, Self(receiver))
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.0.poll_recv(context);
        part.map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}
