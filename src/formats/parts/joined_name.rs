//! Names put together of parts, such as that of a job and that of its task: in memory that is used again for the next.

/// The last name.
#[derive(Debug, Default)]
pub(crate) struct JoinedName(Vec<u8>);

impl JoinedName {
    /// The name of these parts, one behind the other.
    #[inline]
    pub(crate) fn of<const PARTS: usize>(&mut self, parts: [&[u8]; PARTS]) -> &[u8] {
        self.0.clear();
        for part in parts {
            self.0.extend_from_slice(part);
        }
        &self.0
    }
}
