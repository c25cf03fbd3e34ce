//! Stack of a run that stops in the middle, where its scheduler asks, and goes on with the answer.
//!
//! A run asks from deep within its own calls; a stack of its own lets it wait there while its caller thinks,
//! on the same thread and in some nanoseconds. All that is unsafe about it stands in this file: the way out
//! of the run is kept as a pointer, because a policy of a run can hold no reference to the stack that it is
//! called on.

#![expect(
    unsafe_code,
    reason = "the way out of a stack can't be a reference in what is called on it; this module alone has one"
)]

use std::ptr::NonNull;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::work::STACK_BYTES;

/// Way out of a run to its caller, for what the run calls.
pub(crate) struct Pause(NonNull<Yielder<(), ()>>);

// SAFETY: an environment stays on one thread, and its run is on the stack of that environment.
unsafe impl Send for Pause {}

impl Pause {
    /// Goes out to the caller, and returns once the caller resumes the run.
    pub(crate) fn wait(&self) {
        // SAFETY: `Course::new` gives a pause to the function that runs on the yielder's stack, and whatever that
        // function hands it to ends before the function does; so the yielder is there, on this very stack.
        unsafe { self.0.as_ref() }.suspend(());
    }
}

/// A run on a stack of its own, with its result at the end.
pub(crate) struct Course<T>(Coroutine<(), (), T, DefaultStack>);

impl<T: 'static> Course<T> {
    /// A run that has not begun. `run` keeps no pause beyond its own end.
    ///
    /// # Errors
    /// Without memory for the stack.
    pub(crate) fn new(run: impl FnOnce(Pause) -> T + 'static) -> std::io::Result<Self> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let begin = move |yielder: &Yielder<(), ()>, ()| run(Pause(NonNull::from(yielder)));
        Ok(Self(Coroutine::with_stack(stack, begin)))
    }

    /// Whether it has come to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.0.done()
    }

    /// Goes on to the next pause, or to the end and its result.
    pub(crate) fn resume(&mut self) -> Option<T> {
        match self.0.resume(()) {
            CoroutineResult::Yield(()) => None,
            CoroutineResult::Return(result) => Some(result),
        }
    }
}
