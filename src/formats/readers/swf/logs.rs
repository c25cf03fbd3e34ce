//! Several logs as one workload, such as those of the machines of a site.

use super::reader::SwfReader;
use super::{ABSOLUTE_FROM, SwfSource};
use crate::readers::prelude::*;
use crate::shards::{Names, Shards};

/// Opens several logs, in each of which jobs have numbers of their own. Times since 1970 count from the first job of all,
/// others from the first zero of all where every header states its own.
pub(super) fn open(
    shards: Shards,
    input: &Input,
    options: &ReadOptions,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let (mut zero, mut starts) = (None, Vec::new());
    for file in &shards.read {
        let reader = SwfReader::open(file, options.rows)?;
        let first = reader.first_submit();
        let first = first.filter(|&first| first >= ABSOLUTE_FROM);
        let start = reader.header.unix_start_time();
        starts.push(start.filter(|_| first.is_none()));
        zero = [zero, first].into_iter().flatten().min();
    }
    let starts: Option<Vec<i64>> = starts.into_iter().collect();
    let start = starts.and_then(|starts| starts.into_iter().min());
    shards.open(
        input,
        options,
        Names::OfEach,
        |file, _: Option<&SwfSource>| {
            let log = SwfSource::since(zero, file, options)?;
            let log = match start {
                Some(start) => log.after(start)?,
                None => log,
            };
            Ok(Box::new(log))
        },
    )
}

impl SwfSource {
    /// This log where zero is the start of another, in seconds since 1970.
    fn after(mut self, start: i64) -> Result<Self, TraceError> {
        let own = self.reader.header.unix_start_time().unwrap_or(start);
        let later = Duration::checked_from_secs(own.saturating_sub(start));
        if let Some(later) = later.filter(|later| *later > Duration::ZERO) {
            self.zero = Some(Duration::from_nanos(-later.as_nanos()));
            let kind =
                "log that begins after another by its `UnixStartTime`; its jobs come so much later";
            self.reader.journal.dirt(kind, Action::Repair, 1)?;
        }
        Ok(self)
    }
}
