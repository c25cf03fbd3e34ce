//! The table of faults: each by itself, but for those that came again and again, which share a row.

use serde::Serialize;

use super::tables::time;
use crate::runs::Gathered;
use history::FaultEntry;
use units::SortedMap;

/// Most rows.
const ROWS_MAX: usize = 100;

/// Faults of one workload and one cause that are listed one by one.
const APART_MAX: usize = 3;

#[derive(Serialize)]
pub(super) struct PageFault<'a> {
    run: &'a str,
    since: String,
    lasted: String,
    object: &'a str,
    sentence: String,
}

/// Faults of workloads, by variant.
pub(super) fn faults(gathered: &Gathered) -> Vec<PageFault<'_>> {
    let mut rows = Vec::new();
    for variant in &gathered.data.variants {
        let listed = variant.alarms.iter().flat_map(|data| &data.faults);
        for group in grouped(listed) {
            rows.extend(row(&variant.name, &group));
        }
    }
    rows.truncate(ROWS_MAX);
    rows
}

/// Faults in order of time; those of one workload and one cause are together where they are many.
fn grouped<'a>(faults: impl Iterator<Item = &'a FaultEntry>) -> Vec<Vec<&'a FaultEntry>> {
    let mut places = SortedMap::new();
    let mut groups: Vec<Vec<&FaultEntry>> = Vec::new();
    for fault in faults {
        let exit = fault.exit.as_ref().map(|end| (&end.container, end.code));
        let place = *places
            .entry((&fault.object, &fault.cause, &fault.node, exit))
            .or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
        groups[place].push(fault);
    }
    let apart = groups.into_iter().flat_map(|group| {
        if group.len() <= APART_MAX {
            group.into_iter().map(|own| vec![own]).collect()
        } else {
            vec![group]
        }
    });
    let mut all: Vec<Vec<&FaultEntry>> = apart.collect();
    all.sort_by_key(|group| group.first().map(|own| own.since_ns));
    all
}

fn row<'a>(run: &'a str, group: &[&'a FaultEntry]) -> Option<PageFault<'a>> {
    let (first, last) = (group.first()?, group.last()?);
    let lasted = |own: &FaultEntry| own.healed_ns.map(|healed| healed - own.since_ns);
    let longest = group
        .iter()
        .map(|own| lasted(own))
        .try_fold(0, |most, own| Some(own?.max(most)));
    let longest = longest.map_or("–".to_owned(), time);
    let (lasted, when) = if group.len() == 1 {
        (longest, String::new())
    } else {
        let when = format!(", {} times until {}", group.len(), time(last.since_ns));
        (format!("up to {longest}"), when)
    };
    Some(PageFault {
        run,
        since: time(first.since_ns),
        lasted,
        object: &first.object,
        sentence: FaultEntry::sentence_of(group, &when),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(object: &str, since: i64, healed: Option<i64>) -> FaultEntry {
        FaultEntry {
            object: object.to_owned(),
            cause: "Evicted".to_owned(),
            exit: None,
            node: None,
            since_ns: since * 1_000_000_000,
            healed_ns: healed.map(|at| at * 1_000_000_000),
            strength: 6,
            least: 4,
            made: 1,
            restarted: 0,
            placed: 0,
            joined: 0,
        }
    }

    #[test]
    fn what_came_again_and_again_shares_a_row() {
        let web = [(10, 20), (100, 130), (200, 201), (300, 310)];
        let mut all: Vec<FaultEntry> = web
            .iter()
            .map(|&(since, healed)| fault("Deployment/shop/web", since, Some(healed)))
            .collect();
        all.push(fault("Deployment/shop/db", 50, None));
        let groups = grouped(all.iter());
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [4, 1]);
        let rows: Vec<PageFault<'_>> = groups.iter().filter_map(|own| row("a", own)).collect();
        let texts = rows
            .iter()
            .map(|own| (&*own.since, &*own.lasted, &*own.sentence));
        assert_eq!(
            texts.collect::<Vec<_>>(),
            [
                (
                    "10.0 s",
                    "up to 30.0 s",
                    "Evicted, 4 times until 5.00 min: at least 4 of 6 pods ready; 4 pods \
                     recreated; healed"
                ),
                (
                    "50.0 s",
                    "–",
                    "Evicted: at least 4 of 6 pods ready; 1 pod recreated; not healed"
                ),
            ]
        );
    }
}
