//! The project's own table of outages.

use super::{FailureLog, LoggedOutage, each_table, places_of, separator};
use crate::prelude::*;
use intake::table::{Column, Row, Table};
use intake::unknown_columns::unused;
use units::{SortedMap, SortedSet};

const NODE: &str = "node";
const DOWN: &str = "down";
const UP: &str = "up";

/// Whether a file that begins with these bytes is the table.
pub(super) fn is_own(first: &[u8]) -> bool {
    let has = |column: &&str| separator(first, |name| name == *column).is_some();
    [NODE, DOWN, UP].iter().all(has)
}

/// The last row of a node: its line, and when the node was up again.
type Last = (u64, Option<Instant>);

/// The outages up to a row.
#[derive(Default)]
struct Outages {
    all: Vec<LoggedOutage>,
    last: SortedMap<usize, Last>,
    latest: Instant,
}

/// The outages of nodes with these names.
pub(super) fn read(
    input: &Input,
    mut journal: Journal,
    nodes: &[&str],
) -> Result<FailureLog, TraceError> {
    let places = places_of(nodes);
    let mut outages = Outages::default();
    each_table(
        input,
        &mut journal,
        |name| name == NODE,
        |journal, mut table| {
            let columns = columns(&table)?;
            let names = table.columns().iter().map(|name| &**name);
            if let Some(unused) = unused(names, |name| [NODE, DOWN, UP].contains(&name)) {
                journal.dirt(&unused, Action::Keep, 1)?;
            }
            while let Some(row) = table.next_row()? {
                let taken = row.and_then(|row| outages.take(&row, &columns, &places));
                if let Err(bad) = taken {
                    journal.bad_row(bad)?;
                }
            }
            journal.end(table.open_end())
        },
    )?;
    Ok(FailureLog {
        outages: outages.all,
        ledger: journal.ledger,
    })
}

/// Names of the nodes of a table.
pub(super) fn names(input: &Input, mut journal: Journal) -> Result<SortedSet<String>, TraceError> {
    let mut names = SortedSet::new();
    each_table(
        input,
        &mut journal,
        |name| name == NODE,
        |_, mut table| {
            let node = table.required_column(NODE)?;
            while let Some(row) = table.next_row()? {
                if let Ok(row) = row {
                    names.insert(row.text(&node).to_owned());
                }
            }
            Ok(())
        },
    )?;
    Ok(names)
}

fn columns(table: &Table) -> Result<[Column; 3], TraceError> {
    Ok([
        table.required_column(NODE)?,
        table.required_column(DOWN)?,
        table.required_column(UP)?,
    ])
}

impl Outages {
    fn take(
        &mut self,
        row: &Row<'_>,
        columns: &[Column; 3],
        places: &SortedMap<&str, usize>,
    ) -> Result<(), BadRow> {
        let own = outage(row, columns, places)?;
        let [node, down, _] = columns;
        if own.down < self.latest {
            let latest = self.latest;
            let rule = format!("at or after {latest}, because rows are ordered by `down`");
            return Err(row.bad(down, &rule));
        }
        let last = self.last.get(&own.node);
        if let Some((line, _)) = last.filter(|(_, up)| up.is_none_or(|up| own.down < up)) {
            let rule = format!("up before it goes down again: in line {line} it is still down");
            return Err(row.bad(node, &rule));
        }
        self.latest = own.down;
        self.last.insert(own.node, (row.line, own.up));
        self.all.push(own);
        Ok(())
    }
}

fn outage(
    row: &Row<'_>,
    [node, down, up]: &[Column; 3],
    places: &SortedMap<&str, usize>,
) -> Result<LoggedOutage, BadRow> {
    let name = row.text(node);
    let place = places.get(name).copied();
    let place = place.ok_or_else(|| row.bad(node, "the name of a node of the cluster"))?;
    let began = instant(row, down)?;
    let ended = match row.text(up) {
        "" => None,
        _ => Some(instant(row, up)?),
    };
    if ended.is_some_and(|ended| ended <= began) {
        return Err(row.bad(up, &format!("after {began}, when it went down")));
    }
    Ok(LoggedOutage {
        node: place,
        down: began,
        up: ended,
    })
}

fn instant(row: &Row<'_>, column: &Column) -> Result<Instant, BadRow> {
    let text = row.text(column);
    let seconds = || Duration::checked_from_secs_f64(text.parse::<f64>().ok()?);
    let span = text.parse::<Duration>().ok().or_else(seconds);
    let span = span.filter(|span| *span >= Duration::ZERO);
    let span = span.ok_or_else(|| row.bad(column, "a time such as `90`, `90s` or `2h30m`"))?;
    Ok(Instant::ZERO.saturating_add(span))
}
