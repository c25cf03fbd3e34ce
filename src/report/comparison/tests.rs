//! Rows of variants beside each other, and what is said of them.

use super::*;
use crate::example;

#[test]
fn the_best_is_marked_by_direction_and_by_what_is_read() {
    let comparison = Comparison::new(&example::fill_up(), Rows::All);
    let best = |id: &str| -> Vec<&str> {
        let row = comparison.rows.iter().find(|row| row.id == id).unwrap();
        row.cells
            .iter()
            .zip(&comparison.columns)
            .filter(|(cell, _)| cell.best)
            .map(|(_, column)| column.name.as_str())
            .collect()
    };
    assert_eq!(best("allocation.gpu.end"), ["fgd"]);
    assert_eq!(best("pods.never_placed"), ["fgd"]);
    assert!(best("pods.submitted").is_empty(), "no direction, no best");
    assert!(best("makespan").is_empty(), "undefined everywhere");
}

#[test]
fn equal_values_have_no_best() {
    let mut summary = example::fill_up();
    for variant in &mut summary.variants {
        for metric in variant.metrics.values_mut() {
            metric.value = Some(0.5);
        }
    }
    let comparison = Comparison::new(&summary, Rows::All);
    assert!(comparison.rows.iter().all(|row| !row.has_best()));
    assert!(comparison.deciding_row().is_none());
}

#[test]
fn the_headline_leaves_out_what_does_not_differ_or_is_undefined() {
    let comparison = Comparison::new(&example::fill_up(), Rows::Headline);
    let ids: Vec<&str> = comparison.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "allocation.gpu.end",
            "fragmentation.gpu.end",
            "pods.never_placed"
        ]
    );
    let comparison = Comparison::new(&example::batch(), Rows::Headline);
    let ids: Vec<&str> = comparison.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "bounded_slowdown.mean",
            "pending_time.mean",
            "pending_time.p99"
        ]
    );
}

#[test]
fn an_unknown_metric_gets_near_names() {
    let comparison = Comparison::new(&example::batch(), Rows::All);
    let check = |id: &str, expected: &str| {
        let unknown = comparison.clone().only(&[id.to_owned()]).unwrap_err();
        assert_eq!(unknown.hint, expected, "{id}");
    };
    check(
        "pending_time.p9",
        "did you mean `pending_time.p99`, `pending_time.mean`?",
    );
    check("slowdown", "did you mean `bounded_slowdown.mean`?");
    check("xyz", "`windtunnel schema metrics` lists them");
    let ids = ["makespan", "pending_time.p99"].map(str::to_owned);
    let only = comparison.clone().only(&ids).unwrap();
    assert!(only.rows.iter().map(|row| &row.id).eq(&ids));
}

#[test]
fn digests_stay_different() {
    let check = |digests: &[&str], expected: &[&str]| {
        assert_eq!(shortened_digests(digests), expected);
    };
    check(&["0123456789", "abcdef0123"], &["0123", "abcd"]);
    check(&["0123456789", "0123476789"], &["012345", "012347"]);
    check(&["0123456789", "0123456789"], &["0123", "0123"]);
    check(&["0123456789", "0123456780"], &["01234567", "01234567"]);
}
