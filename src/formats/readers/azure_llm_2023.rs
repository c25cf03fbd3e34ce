//! Requests to Azure's language models of 2023, and of 2024 in the same columns: one a row, with the
//! tokens read and written. Which resources a request takes, and how long it runs, is not said.
//! Format: `traces.md`, section 6.

use crate::readers::prelude::*;
use intake::calendar::Zone;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-llm-2023",
    summary: "requests to Azure's language models of 2023 and 2024 (CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["ContextTokens", "GeneratedTokens"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    TIME: required("TIMESTAMP", "date, UTC, with a fraction of a second"),
    QUESTION: required("ContextTokens", "tokens of the question; read, not used"),
    ANSWER: required("GeneratedTokens", "tokens of the answer; read, not used"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

/// The most tokens of a question or an answer.
const MOST_TOKENS: i64 = 1 << 30;

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let zone = Zone::east(0);
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let submit = zone.field(fields, TIME)?;
        let submit = submit.ok_or_else(|| fields.bad(TIME, "a date"))?;
        fields.number(QUESTION, 0, MOST_TOKENS)?;
        fields.number(ANSWER, 0, MOST_TOKENS)?;
        let kind = "request in tokens; run time not known";
        journal.dirt(kind, Action::Keep, fields.line())?;
        gather.push_plain(
            journal.origin(fields.line()),
            PlainDemand {
                submit,
                name: FlatName::Job(gather.next_number(journal) + 1),
                ..PlainDemand::default()
            },
        );
        Ok(())
    })?;
    gather.finish_from_first(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn requests_arrive_to_a_fraction_of_a_second() {
        let rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
                    2023-11-16 18:17:03.9799600,4808,10\n2024-05-10 00:00:00.009930+00:00,1,2\n";
        let recorded = collected_of(open, "l.csv", rows);
        let at: Vec<i64> = { recorded.arrivals.iter() }
            .map(|one| one.submit.as_nanos() / 100)
            .collect();
        // 175 days, 5 h 42 min 56.02997 s.
        assert_eq!(at, [0, 151_405_760_299_700]);
        let rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:02,1,1\n\
                    2023-13-16 18:17:03,1,1\n\
                    2023-11-16 18:17:03+01:00,1,1\n2023-11-16 18:17:03,-1,1\n\
                    2023-11-16 18:17:03,1\n";
        faults(&ENTRY, "l.csv", rows).has_bad_rows([
            "l.csv:3: column `TIMESTAMP`: must be a date such as `2020-04-01 07:01:55`, found \
                 `2023-13-16 18:17:03`",
            "l.csv:4: column `TIMESTAMP`: must be a date without a zone of its own, as the \
                 others are, found `2023-11-16 18:17:03+01:00`",
            "l.csv:5: column `ContextTokens`: must be at least 0, found `-1`",
            "l.csv:6: column `GeneratedTokens`: the row has 2 fields where the header has 3, \
                 found `2023-11-16 18:17:03,1`",
        ]);
    }
}
