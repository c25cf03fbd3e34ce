//! Prices that change while the run goes on: what spot capacity cost, hour by hour (spec: metrics.md
//! 5.4, cost: price by time).
//!
//! Read are tables with the columns of a list of prices and a time, and those in which AWS gives the
//! history of its spot prices (`Timestamp`, `InstanceType`, `AvailabilityZone`, `SpotPrice`).

use jiff::Timestamp;

use intake::table::{Column, Row, Table};
use model::node::{ON_DEMAND, SPOT};
use units::{Duration, Instant, SortedMap};

use super::price_list::{PriceColumns, amount, at};
use super::{BuildError, FileSource};

/// An instance type, how it is bought, and where; `None` is everywhere.
pub(super) type Sold = (String, &'static str, Option<String>);

/// Prices from each time on, in order, in millionths an hour; times before the start are negative.
pub(super) type Prices = Vec<(Duration, i64)>;

/// Name that AWS gives the system that most machines run.
const LINUX: &str = "Linux/UNIX";

/// The columns of a history.
struct Columns {
    /// Seconds after the start.
    seconds: Option<Column>,
    /// Dates.
    date: Option<(Column, &'static str)>,
    name: Column,
    zone: Option<Column>,
    product: Option<Column>,
    /// Prices, what their columns are called, and how is bought what they are of.
    prices: Vec<(Column, String, &'static str)>,
    /// Those of a list that name their currency.
    listed: Option<PriceColumns>,
}

impl Columns {
    fn find(table: &Table, field: &str, list: &str, currency: &str) -> Result<Self, BuildError> {
        let either = |own: &str, other: &'static str| {
            let found = table.column(other).map(|column| (column, other));
            table.column(own).map(|column| (column, "time")).or(found)
        };
        let seconds = table.column("seconds");
        let date = either("time", "Timestamp");
        if seconds.is_none() && date.is_none() {
            table.required_column("seconds")?;
        }
        let name = match table.column("InstanceType") {
            Some(column) => column,
            None => table.required_column("instance_type")?,
        };
        let (prices, listed) = match table.column("SpotPrice") {
            Some(column) if currency == "USD" => {
                (vec![(column, "SpotPrice".to_owned(), SPOT)], None)
            }
            Some(_) => {
                return Err(BuildError::Experiment(format!(
                    "{field}: prices of {list} are in USD, those of the experiment in {currency}; \
                     write `currency: USD`"
                )));
            }
            None => {
                let found = PriceColumns::find(table, field, list, Some(currency))?;
                let both = [(&found.on_demand, ON_DEMAND), (&found.spot, SPOT)];
                let prices = both.into_iter().filter_map(|(own, bought)| {
                    let (column, name) = own.clone()?;
                    Some((column, name, bought))
                });
                (prices.collect(), Some(found))
            }
        };
        if prices.is_empty() {
            table.required_column(&format!("spot_{}_per_hour", currency.to_lowercase()))?;
        }
        Ok(Self {
            seconds,
            date,
            name,
            zone: (table.column("zone")).or_else(|| table.column("AvailabilityZone")),
            product: table.column("ProductDescription"),
            prices,
            listed,
        })
    }

    /// The time of a row: nanoseconds after the start, or of a date since 1970.
    fn time(&self, row: &Row<'_>, list: &str) -> Result<i128, BuildError> {
        if let Some(column) = &self.seconds {
            let text = row.text(column);
            let seconds = text.parse::<f64>().ok();
            let after = seconds.and_then(Duration::checked_from_secs_f64);
            let rule = || format!("`{text}` is not a number of seconds");
            let after = after.ok_or_else(|| at(list, row.line, "seconds", &rule()))?;
            return Ok(i128::from(after.as_nanos()));
        }
        let Some((column, name)) = &self.date else {
            return Ok(0);
        };
        let text = row.text(column);
        let date = text.parse::<Timestamp>();
        let rule = || format!("`{text}` is not a date and time such as `2025-03-03T00:00:00Z`");
        let date = date.map_err(|_| at(list, row.line, name, &rule()))?;
        Ok(date.as_nanosecond())
    }
}

/// The prices of a history, by what is sold. Dates count from `zero`, in seconds since 1970, or where
/// that is not said from the first of the file.
pub(super) fn read(
    field: &str,
    list: &str,
    currency: &str,
    zero: Option<i64>,
    files: &FileSource<'_>,
) -> Result<SortedMap<Sold, Prices>, BuildError> {
    let mut table = Table::open(&files.open(list))?;
    let columns = Columns::find(&table, field, list, currency)?;
    let mut all: SortedMap<Sold, Vec<(i128, i64, u64)>> = SortedMap::new();
    let mut first = i128::MAX;
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| at(list, bad.line, &bad.column, &bad.rule))?;
        let product = row.optional_text(columns.product.as_ref());
        if !product.is_empty() && !product.starts_with(LINUX) {
            continue;
        }
        let time = columns.time(&row, list)?;
        first = first.min(time);
        if let Some(own) = &columns.listed {
            own.check(&row, list)?;
        }
        let zone = row.optional_text(columns.zone.as_ref());
        for (column, name, bought) in &columns.prices {
            if row.text(column).is_empty() {
                continue;
            }
            let price = amount(&row, column, name, list)?;
            if price == 0 {
                let rule = "a price of 0 is not a price; leave the field empty, or leave the row \
                    out";
                return Err(at(list, row.line, name, rule));
            }
            let zone = (!zone.is_empty()).then(|| zone.to_owned());
            let sold = (row.text(&columns.name).to_owned(), *bought, zone);
            all.entry(sold).or_default().push((time, price, row.line));
        }
    }
    if all.is_empty() {
        let message = format!("{field}: {list} has no prices; a history needs at least one row");
        return Err(BuildError::Experiment(message));
    }
    let start = match (&columns.seconds, zero) {
        (Some(_), _) => 0,
        (None, Some(seconds)) => i128::from(seconds) * 1_000_000_000,
        (None, None) => first,
    };
    let all = all.into_iter().map(|(sold, mut rows)| {
        rows.sort_unstable();
        let twice = rows.windows(2).find(|pair| pair[0].0 == pair[1].0);
        if let Some([one, other]) = twice {
            let name = if columns.product.is_some() {
                "InstanceType"
            } else {
                "instance_type"
            };
            let (line, earlier) = (one.2.max(other.2), one.2.min(other.2));
            let rule = format!("`{}` has a price of this time on line {earlier}", sold.0);
            return Err(at(list, line, name, &rule));
        }
        let rows = rows.into_iter().map(|(time, price, _)| {
            let after = i64::try_from(time - start).unwrap_or(i64::MAX);
            (Duration::from_nanos(after), price)
        });
        Ok((sold, rows.collect()))
    });
    all.collect()
}

/// Price at the start, if that is known, and its changes later.
pub(super) fn from_start(prices: &Prices) -> (Option<i64>, Vec<(Instant, i64)>) {
    let begun = prices.partition_point(|own| own.0 <= Duration::ZERO);
    let first = begun.checked_sub(1).map(|place| prices[place].1);
    let mut last = first;
    let mut later = Vec::new();
    for &(after, price) in &prices[begun..] {
        if last != Some(price) {
            later.push((Instant::ZERO.saturating_add(after), price));
        }
        last = Some(price);
    }
    (first, later)
}
