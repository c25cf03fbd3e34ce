//! The table of fights: controllers that undid each other's work, or their own.

use serde::Serialize;

use crate::format;
use lab::summary::Summary;
use metrics::fights::DETECTORS;

/// Most rows.
const ROWS_MAX: usize = 60;

#[derive(Serialize)]
pub(super) struct PageFight<'a> {
    run: &'a str,
    what: &'a str,
    object: String,
    times: String,
    first: String,
    last: String,
}

fn time(nanos: i64) -> String {
    format::duration(nanos as f64 / 1e9)
}

/// Fights, by variant and detector, the busiest first.
pub(super) fn fights<'a>(summary: &'a Summary, columns: &[&'a str]) -> Vec<PageFight<'a>> {
    let variants = summary.variants.iter().zip(columns);
    let listed =
        variants.flat_map(|(variant, &run)| variant.fights.iter().map(move |own| (run, own)));
    let rows = listed.take(ROWS_MAX).map(|(run, own)| {
        let detector = DETECTORS.iter().find(|known| known.name() == own.detector);
        PageFight {
            run,
            what: detector.map_or(own.detector.as_str(), |known| known.words),
            object: format::clean(&own.object),
            times: format::count(own.times),
            first: time(own.first_ns),
            last: time(own.last_ns),
        }
    });
    rows.collect()
}
