//! What journals and ledgers count.

use super::*;

fn bad(line: u64) -> BadRow {
    BadRow {
        line,
        column: "run".to_owned(),
        value: "-7".to_owned(),
        rule: "must not be negative".to_owned(),
    }
}

#[test]
fn the_table_shows_kind_count_first_place_and_action() {
    let mut journal = Journal::new("log.swf".into(), RowPolicy::REPORT);
    for line in [12, 13] {
        journal
            .dirt("run time 0", Action::Drop, line)
            .expect("not strict");
    }
    journal.bad_row(bad(1_200)).expect("reported");
    assert_eq!(
        journal.ledger.to_string(),
        "action      rows  first         kind\n\
         drop           2  log.swf:12    run time 0\n\
         drop           1  log.swf:1200  bad row: column `run`: must not be negative\n"
    );
    assert_eq!(
        journal.ledger.bad_rows()[0].to_string(),
        "log.swf:1200: column `run`: must not be negative, found `-7`"
    );
    let mut twice = journal.ledger.clone();
    twice.merge(&journal.ledger);
    assert_eq!((twice.count("run time 0"), twice.bad_row_count()), (4, 2));
}

#[test]
fn each_rule_is_counted_with_its_first_row() {
    let mut journal = Journal::new("log.swf".into(), RowPolicy::REPORT);
    for number in 0..200_u64 {
        let column = format!("c{}", number % 50);
        let row = BadRow {
            column,
            ..bad(number + 1)
        };
        journal.bad_row(row).expect("reported");
    }
    let ledger = &journal.ledger;
    assert_eq!(ledger.bad_row_count(), 200);
    assert_eq!(ledger.entries().len(), MOST_RULES + 1);
    assert_eq!(ledger.entries()[7].count, 4);
    assert_eq!(ledger.entries()[7].line, 8);
    let last = ledger.entries().last().expect("the rest");
    assert_eq!((&*last.kind, last.count), (BAD_ROW, 40));
}

#[test]
fn policies_stop_or_pass_over() {
    let journal =
        |on_bad_row, strict| Journal::new("log.swf".into(), RowPolicy { on_bad_row, strict });
    assert!(journal(OnBadRow::Fail, false).bad_row(bad(1)).is_err());
    let mut skipping = journal(OnBadRow::Skip, false);
    skipping.bad_row(bad(1)).expect("skipped");
    assert_eq!(skipping.ledger.bad_row_count(), 1);
    assert!(skipping.ledger.bad_rows().is_empty());
    let message = journal(OnBadRow::Skip, true)
        .dirt("blank line", Action::Drop, 9)
        .expect_err("strict")
        .to_string();
    assert_eq!(
        message,
        "log.swf: line 9: blank line (strict reading accepts no dirt)"
    );
}
