//! Memory that runs out: a program in Rust aborts then. This allocator is the system's; where the
//! system has no more, it says so and ends the program with the exit code of work that could not be
//! completed. Files being written keep their temporary names.
//!
//! This is the only module with unsafe code: the interface of allocators has no other form.
#![expect(
    unsafe_code,
    reason = "`GlobalAlloc` is an unsafe trait; this module is audited"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Exit;
use ::intake::budget;

/// Last words, written without a lock or an allocation: another thread may hold either.
const LAST_WORDS: &str = "error: out of memory: the system gives no more; take a smaller input, fewer \
                          threads (`--threads 1`) or a machine with more memory\n";

/// The system's allocator, which ends the program where there is no more memory.
#[derive(Clone, Copy, Debug)]
pub struct SystemMemory;

// SAFETY: every method hands its arguments to `System` unchanged and returns what `System` returns, so
// that the guarantees of `System` hold. Where that is null, `checked` returns it or never returns; it
// neither unwinds nor allocates.
unsafe impl GlobalAlloc for SystemMemory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantees about `layout` are those that `System` asks for.
        checked(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: every pointer that was handed out came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`; the caller guarantees that `size` is valid.
        checked(unsafe { System.realloc(pointer, layout, size) })
    }
}

/// A pointer of the system. Null is returned only to a caller that asks whether there is memory.
fn checked(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() && !budget::is_asking() {
        end();
    }
    pointer
}

/// Ends the program with the last words.
#[cold]
fn end() -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Ordering::Relaxed) {
        // Another thread is about to end the program.
        loop {
            std::thread::yield_now();
        }
    }
    write_last_words();
    signal_hook::low_level::exit(i32::from(Exit::Incomplete.code()));
}

#[cfg(unix)]
fn write_last_words() {
    use std::fs::File;
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd;

    /// Number of the standard error stream.
    const STDERR: i32 = 2;
    // SAFETY: the stream is open or writing to it fails; it is never closed here, as the file is not
    // dropped.
    let mut stderr = ManuallyDrop::new(unsafe { File::from_raw_fd(STDERR) });
    // Nobody is left to tell of an error.
    let _ = stderr.write_all(LAST_WORDS.as_bytes());
    let _ = stderr.write_all(EXIT_LINE.as_bytes());
}

#[cfg(not(unix))]
fn write_last_words() {
    let mut stderr = std::io::stderr();
    // Nobody is left to tell of an error.
    let _ = stderr.write_all(LAST_WORDS.as_bytes());
    let _ = stderr.write_all(EXIT_LINE.as_bytes());
}

/// Last line on stderr, ready made.
const EXIT_LINE: &str = "exit 101: could not complete\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::last_words;

    #[test]
    fn the_last_line_is_that_of_the_exit_code() {
        assert_eq!(EXIT_LINE.trim_end(), last_words(Exit::Incomplete));
    }
}
