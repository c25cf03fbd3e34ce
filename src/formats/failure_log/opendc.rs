//! Failures of `OpenDC`, as Parquet or CSV: a failure begins some time after the end of the one before,
//! and takes a share of the nodes with it (spec: traces.md section 10). Which nodes is drawn.

use super::{FailureLog, LoggedOutage, drawn};
use crate::prelude::*;
use intake::parquet::TimeForm;

columns! { COLUMNS;
    INTERVAL: required("failure_interval", "ms since the end of the failure before; negative: before that end"),
    DURATION: required("failure_duration", "ms"),
    INTENSITY: required("failure_intensity", "share of the nodes, 0 to 1"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',').with_times(TimeForm::Millis);

/// The longest time in milliseconds: a hundred years.
const LONGEST: i64 = 3_200_000_000_000;

/// Whether a file that begins with these bytes states such failures.
pub(super) fn is_own(first: &[u8]) -> bool {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    header_has(first, &names) == Confidence::Certain
}

/// One failure.
pub(super) struct Failure {
    /// Time since the end of the failure before.
    pub(super) interval: Duration,
    pub(super) duration: Duration,
    /// Share of the nodes, 0 to 1.
    pub(super) share: f64,
    line: u64,
}

impl Failure {
    /// Whether it is one of no cluster, whatever the number of its nodes.
    pub(super) fn is_none(&self) -> bool {
        self.duration == Duration::ZERO || self.share <= 0.0
    }
}

/// The note about a failure that is none.
const NONE: &str = "failures that take no node or no time";

/// Takes every failure of a file, and counts what is odd about it.
pub(super) fn each(
    input: &Input,
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, Failure) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    each_row(input, &LAYOUT, journal, |journal, fields| {
        let interval = fields.number(INTERVAL, -LONGEST, LONGEST)?;
        let duration = Duration::from_millis(fields.number(DURATION, 0, LONGEST)?);
        let share = fields.decimal(INTENSITY, 1.0)?;
        let share = share.ok_or_else(|| fields.bad(INTENSITY, "a share from 0 to 1"))?;
        let failure = Failure {
            interval: Duration::from_millis(interval),
            duration,
            share,
            line: fields.line(),
        };
        let kind = "failures that begin before the end of the one before";
        journal.keep_if(failure.interval < Duration::ZERO, kind, failure.line)?;
        journal.drop_if(failure.is_none(), NONE, failure.line)?;
        Ok(take(journal, failure)?)
    })
}

/// The outages of a cluster with this number of nodes.
pub(super) fn read(
    input: &Input,
    mut journal: Journal,
    nodes: usize,
) -> Result<FailureLog, TraceError> {
    let mut outages = Vec::new();
    let mut free = Instant::ZERO;
    each(input, &mut journal, |journal, failure| {
        let is_none = failure.is_none();
        let Failure {
            interval,
            duration,
            share,
            line,
        } = failure;
        let down = free.saturating_add(interval);
        let down = down.max(Instant::ZERO);
        let up = down.saturating_add(duration);
        free = free.max(up);
        if is_none {
            return Ok(());
        }
        let chosen = drawn("failure-log/opendc", line, share, nodes);
        if chosen.is_empty() {
            return journal.dirt(NONE, Action::Drop, line);
        }
        outages.extend(chosen.into_iter().map(|node| LoggedOutage {
            node,
            down,
            up: Some(up),
        }));
        Ok(())
    })?;
    outages.sort_by_key(|outage: &LoggedOutage| outage.down);
    Ok(FailureLog {
        outages,
        ledger: journal.ledger,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{LogOptions, read};
    use super::*;
    use crate::tests::prelude::*;

    fn outages(text: &str) -> Result<FailureLog, String> {
        let input = Input::bytes("f.csv", text.as_bytes());
        let nodes = ["a", "b", "c", "d"];
        read(&input, &LogOptions::default(), &nodes).map_err(|error| error.to_string())
    }

    #[test]
    fn failures_count_from_the_end_of_the_one_before() {
        let text = "failure_interval,failure_duration,failure_intensity\n\
                    300000,300000,1.0\n420000,600000,0.5\n-1000,1000,0.1\n";
        let log = outages(text).expect("a log");
        let seconds = |at: Instant| at.as_nanos() / 1_000_000_000;
        let seen: Vec<_> = { log.outages.iter() }
            .map(|own| (seconds(own.down), own.up.map(seconds)))
            .collect();
        let expected = [(300, Some(600)); 4].into_iter();
        let expected: Vec<_> = expected.chain([(1_020, Some(1_620)); 2]).collect();
        assert_eq!(seen, expected);
        log.ledger.has_once([
            "failures that take no node or no time",
            "failures that begin before the end of the one before",
        ]);
        // So does one who looks at the log without a cluster, and strictly it is refused.
        let text = "failure_interval,failure_duration,failure_intensity\n300,300,1\n-5,5,0\n9,0,1\n-1,5,0.1\n";
        let told = outages(text).expect("a log").ledger;
        let input = Input::bytes("f.csv", text.as_bytes());
        let seen = |rows| super::super::observed::observed(&input, None, rows);
        let ledger = seen(RowPolicy::default()).expect("a log").ledger;
        for (kind, of_nodes) in [
            (NONE, 1),
            ("failures that begin before the end of the one before", 0),
        ] {
            // A tenth of four nodes is none, which the log by itself doesn't tell.
            assert_eq!(
                (ledger.count(kind), told.count(kind)),
                (2, 2 + of_nodes),
                "{kind}"
            );
        }
        let strict = RowPolicy {
            strict: true,
            ..RowPolicy::default()
        };
        let refused = seen(strict).expect_err("a negative interval").to_string();
        let expected = "f.csv: line 3: failures that begin before the end of the one before (strict reading accepts no dirt)";
        assert_eq!(refused, expected);
    }

    #[test]
    fn nodes_are_drawn_alike_and_wrong_shares_refused() {
        let text = "failure_interval,failure_duration,failure_intensity\n\
                    300000,300000,1.0\n420000,600000,0.5\n-1000,1000,0.1\n";
        let log = outages(text).expect("a log");
        assert_eq!(outages(text).expect("a log").outages, log.outages);
        let wrong = text.replace("0.5", "1.5");
        assert_eq!(
            outages(&wrong).expect_err("a share above 1"),
            "f.csv:3: column `failure_intensity`: must be at most 1, found `1.5`"
        );
    }
}
