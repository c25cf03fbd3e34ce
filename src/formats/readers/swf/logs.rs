//! Several logs as one workload, such as those of the machines of a site.

use super::reader::SwfReader;
use super::{ABSOLUTE_FROM, SwfSource};
use crate::readers::prelude::*;
use crate::shards::{Names, Shards};

/// Opens several logs, in each of which jobs have numbers of their own. Times since 1970 count from the first job of all.
pub(super) fn open(
    shards: Shards,
    input: &Input,
    options: &ReadOptions,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut zero = None;
    for file in &shards.read {
        let first = SwfReader::open(file, options.rows)?.first_submit();
        let first = first.filter(|&first| first >= ABSOLUTE_FROM);
        zero = [zero, first].into_iter().flatten().min();
    }
    shards.open(
        input,
        options,
        Names::OfEach,
        |file, _: Option<&SwfSource>| SwfSource::since(zero, file, options).map(Box::new),
    )
}
