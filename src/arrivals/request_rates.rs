//! Files of request rates: series of time and rate, counts by minute of the Azure Functions trace, and
//! the table of requests a second of Alibaba's trace of 2026
//! (spec: traces.md 6). Rates come as millionths of a request a second, from an instant on.

use intake::ledger::BadRow;
use intake::table::{Column, Row, Table};
use intake::{Input, TraceError};
use units::{Duration, Instant, SortedMap, SortedSet};

/// Instants with the rate from each on, in millionths of a request a second.
pub type Steps = Vec<(Instant, u64)>;

/// Rate to assume where rows of a regular series are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// They are an error.
    Fail,
    /// The last rate goes on.
    Hold,
    /// No requests.
    Zero,
}

/// Rates above this are no rates of requests.
const MOST: f64 = 1e12;

/// A factor on rates, and what is done about gaps.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Factor on every rate.
    pub scale: f64,
    /// Treatment of missing rows.
    pub gap: Gap,
}

/// Reads a series with the columns `time` (seconds) and `rate` (requests a second), in order of
/// time. Steps are those of the first two rows; a longer one is a gap.
///
/// # Errors
/// [`TraceError`] with file, line, column, value and rule.
pub fn read_series(input: &Input, reading: Reading) -> Result<Steps, TraceError> {
    let file = input.name.clone();
    let mut table = Table::open(input)?;
    let time = table.required_column("time")?;
    let rate = table.required_column("rate")?;
    let mut steps: Steps = Vec::new();
    let mut usual: Option<Duration> = None;
    let mut last: Option<Instant> = None;
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| placed(&file, bad))?;
        let at = seconds(&row, &time).map_err(|bad| placed(&file, bad))?;
        let micro = requests(&row, &rate, reading.scale).map_err(|bad| placed(&file, bad))?;
        if let Some(last) = last {
            let step = at.since(last);
            if step <= Duration::ZERO {
                let rule = format!("after the row before, {} s", last.as_secs_f64());
                return Err(placed(&file, row.bad(&time, &rule)));
            }
            let usual = *usual.get_or_insert(step);
            if step > usual {
                let missing = last.saturating_add(usual);
                match reading.gap {
                    Gap::Fail => {
                        let rule = format!(
                            "{} s, {usual} after the row before, as between the first two: rows \
                             are missing; add them, or write `gaps: hold` or `gaps: zero`",
                            missing.as_secs_f64()
                        );
                        return Err(placed(&file, row.bad(&time, &rule)));
                    }
                    Gap::Hold => {}
                    Gap::Zero => steps.push((missing, 0)),
                }
            }
        }
        steps.push((at, micro));
        last = Some(at);
    }
    if steps.is_empty() {
        return Err(TraceError::Format {
            file: file.to_string(),
            reason: "the series has no rows; it needs at least one".to_owned(),
        });
    }
    Ok(steps)
}

/// Reads the counts by minute of a day of the Azure Functions trace of 2019: the sum over the
/// functions whose hash begins as said.
///
/// # Errors
/// [`TraceError`] with file, line, column, value and rule; if no function begins so.
pub fn read_azure_functions(
    input: &Input,
    function: Option<&str>,
    reading: Reading,
) -> Result<Steps, TraceError> {
    let file = input.name.clone();
    let mut table = Table::open(input)?;
    let name = table.required_column("HashFunction")?;
    let mut minutes: Vec<Column> = Vec::new();
    for minute in 1..=1440 {
        match table.column(&minute.to_string()) {
            Some(column) => minutes.push(column),
            None if minutes.is_empty() => {
                minutes.push(table.required_column("1")?);
            }
            None => break,
        }
    }
    let mut counts = vec![0_u64; minutes.len()];
    let mut any = false;
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| placed(&file, bad))?;
        if function.is_some_and(|function| !row.text(&name).starts_with(function)) {
            continue;
        }
        any = true;
        for (count, column) in counts.iter_mut().zip(&minutes) {
            let own = row.integer(column, 0, 1_000_000_000_000);
            *count += own.map_err(|bad| placed(&file, bad))?.unsigned_abs();
        }
    }
    if !any {
        return Err(TraceError::Format {
            file: file.to_string(),
            reason: match function {
                Some(function) => format!(
                    "no function's hash begins with `{function}`; give the beginning of one in \
                     the column `HashFunction`"
                ),
                None => "there is no function in it".to_owned(),
            },
        });
    }
    let step = |(minute, count): (usize, u64)| {
        let at = Instant::from_secs(60 * minute as i64);
        (
            at,
            (count as f64 * reading.scale * 1e6 / 60.0).round() as u64,
        )
    };
    let mut steps: Steps = counts.into_iter().enumerate().map(step).collect();
    steps.push((Instant::from_secs(60 * steps.len() as i64), 0));
    steps.dedup_by_key(|step| step.1);
    Ok(steps)
}

/// Reads the table `qps.csv` of Alibaba's trace of generative models of 2026: the sum over the containers at each
/// time, of the requests whose type begins as said. Times are counted from the first row of any type;
/// the step is the shortest between two times, a longer one is a gap.
///
/// # Errors
/// [`TraceError`] with file, line, column, value and rule; if no type begins so.
pub fn read_alibaba_qps(
    input: &Input,
    kind: Option<&str>,
    reading: Reading,
) -> Result<Steps, TraceError> {
    let file = input.name.clone();
    let mut table = Table::open(input)?;
    let time = table.required_column("timestamp_anon")?;
    let rate = table.required_column("value")?;
    let name = table.required_column("request_type")?;
    let mut sums: SortedMap<Instant, u64> = SortedMap::new();
    let mut first: Option<Instant> = None;
    let mut kinds: SortedSet<String> = SortedSet::new();
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| placed(&file, bad))?;
        let at = seconds(&row, &time).map_err(|bad| placed(&file, bad))?;
        let micro = requests(&row, &rate, reading.scale).map_err(|bad| placed(&file, bad))?;
        first = Some(first.map_or(at, |known| known.min(at)));
        let own = row.text(&name);
        if kind.is_none_or(|kind| own.starts_with(kind)) {
            *sums.entry(at).or_default() += micro;
        } else if !kinds.contains(own) {
            kinds.insert(own.to_owned());
        }
    }
    let Some(first) = first.filter(|_| !sums.is_empty()) else {
        let kinds: Vec<String> = kinds.into_iter().map(|own| format!("`{own}`")).collect();
        return Err(TraceError::Format {
            file: file.to_string(),
            reason: match kind {
                Some(kind) if !kinds.is_empty() => format!(
                    "no type of request begins with `{kind}`; there are {}",
                    kinds.join(", ")
                ),
                _ => "the series has no rows; it needs at least one".to_owned(),
            },
        });
    };
    let times = sums.keys().zip(sums.keys().skip(1));
    let usual = times.map(|(one, next)| next.since(*one)).min();
    let mut steps: Steps = Vec::with_capacity(sums.len());
    let mut last: Option<Instant> = None;
    for (at, micro) in sums {
        let at = Instant::ZERO + at.since(first);
        if let (Some(last), Some(usual)) = (last, usual)
            && at.since(last) > usual
        {
            let missing = last.saturating_add(usual);
            match reading.gap {
                Gap::Fail => {
                    return Err(TraceError::Format {
                        file: file.to_string(),
                        reason: format!(
                            "rows are missing between {} s and {} s after the first row, where \
                             one is expected every {usual}; write `gaps: hold` or `gaps: zero`",
                            last.as_secs_f64(),
                            at.as_secs_f64()
                        ),
                    });
                }
                Gap::Hold => {}
                Gap::Zero => steps.push((missing, 0)),
            }
        }
        steps.push((at, micro));
        last = Some(at);
    }
    if let (Some(last), Some(usual)) = (last, usual) {
        steps.push((last.saturating_add(usual), 0));
    }
    Ok(steps)
}

fn seconds(row: &Row<'_>, column: &Column) -> Result<Instant, BadRow> {
    let number = row.text(column).parse::<f64>().ok();
    let span = number.and_then(Duration::checked_from_secs_f64);
    let span = span.filter(|span| *span >= Duration::ZERO);
    let span = span.ok_or_else(|| row.bad(column, "a number of seconds, 0 or more"))?;
    Ok(Instant::ZERO.saturating_add(span))
}

fn requests(row: &Row<'_>, column: &Column, scale: f64) -> Result<u64, BadRow> {
    let number = row.text(column).parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=MOST).contains(number));
    let number = number.ok_or_else(|| row.bad(column, "requests a second, 0 to 1e12"))?;
    Ok((number * scale * 1e6).round() as u64)
}

/// The error of a row. Each row states a rate up to the next one, so that none can be left out: no policy for bad rows
/// has it passed over.
fn placed(file: &str, bad: BadRow) -> TraceError {
    let BadRow {
        line,
        column,
        value,
        rule,
    } = bad;
    TraceError::Format {
        file: format!("{file}:{line}"),
        reason: format!("column `{column}`: {rule}, found `{value}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Reading = Reading {
        scale: 1.0,
        gap: Gap::Fail,
    };

    fn series(text: &str, gap: Gap) -> Result<Steps, String> {
        let input = Input::bytes("qps.csv", text.as_bytes().to_vec());
        read_series(&input, Reading { gap, ..PLAIN }).map_err(|error| error.to_string())
    }

    #[test]
    fn a_series_holds_from_row_to_row_and_gaps_are_told() {
        let at = Instant::from_secs;
        let text = "time,rate\n0,10\n60,2.5\n240,7\n";
        assert_eq!(
            series(text, Gap::Fail).expect_err("a gap"),
            "qps.csv:4: column `time`: must be 120 s, 1m after the row before, as between the \
             first two: rows are missing; add them, or write `gaps: hold` or `gaps: zero`, found \
             `240`"
        );
        let held = [
            (at(0), 10_000_000),
            (at(60), 2_500_000),
            (at(240), 7_000_000),
        ];
        assert_eq!(series(text, Gap::Hold).expect("fine"), held);
        let zero = series(text, Gap::Zero).expect("fine");
        assert_eq!(zero[2], (at(120), 0));
        for (text, found) in [
            (
                "time,rate\n0,-1\n",
                "qps.csv:2: column `rate`: must be requests a second, 0 to 1e12, found `-1`",
            ),
            (
                "time,rate\n5,1\n5,1\n",
                "qps.csv:3: column `time`: must be after the row before, 5 s, found `5`",
            ),
            (
                "time,rate\n",
                "qps.csv: the series has no rows; it needs at least one",
            ),
            (
                "time,qps\n0,1\n",
                "qps.csv: the header has no column `rate`; it has: time, qps",
            ),
        ] {
            assert_eq!(series(text, Gap::Fail).expect_err("wrong"), found);
        }
    }

    #[test]
    fn rates_of_containers_are_summed_by_time_and_type() {
        let text = "timestamp_anon,value,container_ip,request_type\n\
                    1057.0,0.5,a,Generative Requests\n1000.0,2,,API Requests\n\
                    1057.0,0.25,b,Generative Requests\n1114.0,1,a,Generative Requests\n\
                    1228.0,3,a,Generative Requests\n";
        let read = |kind, gap| {
            let input = Input::bytes("qps.csv", text.as_bytes().to_vec());
            let steps = read_alibaba_qps(&input, kind, Reading { gap, ..PLAIN });
            steps.map_err(|error| error.to_string())
        };
        let at = Instant::from_secs;
        let expected = [
            (at(57), 750_000),
            (at(114), 1_000_000),
            (at(171), 0),
            (at(228), 3_000_000),
            (at(285), 0),
        ];
        assert_eq!(read(Some("Gen"), Gap::Zero).expect("fine"), expected);
        assert_eq!(
            read(Some("Gen"), Gap::Fail).expect_err("a gap"),
            "qps.csv: rows are missing between 114 s and 228 s after the first row, where one is \
             expected every 57s; write `gaps: hold` or `gaps: zero`"
        );
        assert_eq!(
            read(Some("Batch"), Gap::Hold).expect_err("none"),
            "qps.csv: no type of request begins with `Batch`; there are `API Requests`, `Generative \
             Requests`"
        );
    }

    #[test]
    fn counts_by_minute_are_summed_over_functions() {
        let text = "HashOwner,HashApp,HashFunction,Trigger,1,2,3\no,a,f1,http,60,0,6\no,a,g,http,60,30,0\n";
        let input = Input::bytes("d01.csv", text.as_bytes().to_vec());
        let all = read_azure_functions(&input, None, PLAIN).expect("fine");
        let at = Instant::from_secs;
        assert_eq!(
            all,
            [
                (at(0), 2_000_000),
                (at(60), 500_000),
                (at(120), 100_000),
                (at(180), 0)
            ]
        );
        let one = read_azure_functions(&input, Some("f"), PLAIN).expect("fine");
        assert_eq!(one[..2], [(at(0), 1_000_000), (at(60), 0)]);
        let none = read_azure_functions(&input, Some("x"), PLAIN).expect_err("none");
        assert!(
            none.to_string()
                .contains("no function's hash begins with `x`")
        );
    }
}
