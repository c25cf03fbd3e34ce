//! Copies of the tables with a header: by the names that the publisher's notebooks give to the columns, these may stand in
//! any order.

use super::{COLUMNS, READING_COLUMNS};
use crate::readers::prelude::*;

/// The columns of machines by other names; those of the sizes differ by the year.
const fn machines(cores: &'static str, memory: &'static str) -> [ColumnDoc; 11] {
    [
        ColumnDoc::required("vmid", COLUMNS[0].meaning),
        ColumnDoc::required("subscriptionid", COLUMNS[1].meaning),
        ColumnDoc::required("deploymentid", COLUMNS[2].meaning),
        ColumnDoc::required("vmcreated", COLUMNS[3].meaning),
        ColumnDoc::required("vmdeleted", COLUMNS[4].meaning),
        ColumnDoc::required("maxcpu", COLUMNS[5].meaning),
        ColumnDoc::required("avgcpu", COLUMNS[6].meaning),
        ColumnDoc::required("p95maxcpu", COLUMNS[7].meaning),
        ColumnDoc::required("vmcategory", COLUMNS[8].meaning),
        ColumnDoc::required(cores, COLUMNS[9].meaning),
        ColumnDoc::required(memory, COLUMNS[10].meaning),
    ]
}

const OF_2017: &[ColumnDoc] = &machines("vmcorecount", "vmmemory");
const OF_2019: &[ColumnDoc] = &machines("vmcorecountbucket", "vmmemorybucket");

const READINGS: &[ColumnDoc] = &[
    ColumnDoc::required("timestamp", READING_COLUMNS[0].meaning),
    ColumnDoc::required("vmid", READING_COLUMNS[1].meaning),
    ColumnDoc::required("mincpu", READING_COLUMNS[2].meaning),
    ColumnDoc::required("maxcpu", READING_COLUMNS[3].meaning),
    ColumnDoc::required("avgcpu", READING_COLUMNS[4].meaning),
];

/// The columns that a header of machines names, if it names all.
pub(super) fn of_machines(first: &[u8]) -> Option<&'static [ColumnDoc]> {
    named(first, &[COLUMNS, OF_2017, OF_2019])
}

/// The columns that a header of readings names, if it names all.
pub(super) fn of_readings(first: &[u8]) -> Option<&'static [ColumnDoc]> {
    named(first, &[READING_COLUMNS, READINGS])
}

/// The first of some lists of columns of which a header names all.
fn named(first: &[u8], lists: &[&'static [ColumnDoc]]) -> Option<&'static [ColumnDoc]> {
    let mut lists = lists.iter().copied();
    lists.find(|columns| {
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        header_has(first, &names) == Confidence::Certain
    })
}

/// The layout of a table: that of its header, or without one that of the publisher.
pub(super) fn layout(named: Option<&'static [ColumnDoc]>, own: Layout) -> Layout {
    named.map_or(own, |columns| Layout::headed(columns, b','))
}
