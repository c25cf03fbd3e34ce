//! Requests for so little memory that their unit was forgotten: a quantity without a unit counts bytes.

use cluster::Store;
use units::{ClassId, plural};

use super::Remarks;

/// Memory in bytes up to which a request looks like a number of mebibytes.
const MOST_BYTES: i64 = 4096;

impl Remarks {
    /// Notes pods of manifests that request next to no memory, as a run left them.
    pub fn small_requests(&mut self, store: &Store) {
        let classes = (0..store.class_count()).map(|index| store.class(ClassId(index as u32)));
        let mut small = classes.filter(|class| {
            let bytes = class.requests.memory_bytes;
            !class.spec.containers.is_empty() && (1..=MOST_BYTES).contains(&bytes)
        });
        let Some(first) = small.next() else {
            return;
        };
        let bytes = first.requests.memory_bytes;
        let namespace = &first.spec.namespace;
        let others = match small.count() {
            0 => String::new(),
            others => format!(" (and {})", plural::count(others, "other class")),
        };
        self.note(format!(
            "pods in the namespace `{namespace}`{others} request {} of memory, which is next to nothing; \
             if a unit is missing, write it, as in `{bytes}Mi`",
            plural::count(bytes, "byte"),
        ));
    }
}
