//! Faults of the program in one run, which take no other run along.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps what broke on this thread, and where; called by the program's panic hook.
pub fn keep(words: &str) {
    LAST.set(Some(words.to_owned()));
}

/// The result of a run, or what broke in it.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| {
        let words = LAST.take();
        words.unwrap_or_else(|| "a fault without a message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_is_told() {
        assert_eq!(guarded(|| 3), Ok(3));
        let broken = guarded(|| {
            keep("one and one is two");
            panic!("invariant: one and one is two")
        });
        assert_eq!(broken, Err::<(), _>("one and one is two".to_owned()));
    }
}
