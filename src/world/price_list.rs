//! Lists of prices by instance type, and perhaps by zone: what a vendor's page, an export or one's own
//! accounts say (spec: metrics.md 5.4, cost: price by type, zone and purchase option).

use intake::Input;
use intake::table::{Column, Row, Table};
use units::{Quantity, SortedMap};

use super::BuildError;
use super::money::micro;

/// Beginnings of the names of price columns, and whether they are of spot capacity; preemptible
/// machines are what spot capacity was called first.
const BOUGHT: [(&str, bool); 3] = [("on_demand", false), ("spot", true), ("preemptible", true)];

/// The column of prices of a list as `OpenCost` reads it.
const MARKET_PRICE: &str = "MarketPriceHourly";

/// Names of the column of zones.
const ZONE: [&str; 3] = ["zone", "availability_zone", "az"];

/// The column of the currency of a row.
const CURRENCY: &str = "currency";

/// The prices of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct PriceList {
    /// Their currency.
    pub(super) currency: String,
    /// Prices by instance type.
    pub(super) of: SortedMap<String, Vec<Price>>,
    /// Prices of single nodes, by name, where a list has such prices; they go first.
    pub(super) of_nodes: SortedMap<String, i64>,
}

/// Price of an instance type, in millionths an hour.
#[derive(Clone, Debug)]
pub struct Price {
    /// Zone of the price; `None` is everywhere.
    pub zone: Option<String>,
    /// Price on demand.
    pub on_demand: Option<i64>,
    /// Price as spot capacity.
    pub spot: Option<i64>,
    /// Line of the list.
    pub line: u64,
}

impl Price {
    /// None yet of a zone.
    pub(super) const fn of_zone(zone: Option<String>) -> Self {
        Self {
            zone,
            on_demand: None,
            spot: None,
            line: 0,
        }
    }
}

/// The price of a zone among those of an instance type: its own, or that of everywhere.
pub(super) fn in_zone<'p>(prices: &'p [Price], zone: Option<&str>) -> Option<&'p Price> {
    let own = prices
        .iter()
        .find(|own| own.zone.is_some() && own.zone.as_deref() == zone);
    own.or_else(|| prices.iter().find(|own| own.zone.is_none()))
}

/// The columns of prices in one currency.
pub(super) struct PriceColumns {
    /// The currency.
    pub(super) currency: String,
    /// Column of prices on demand.
    pub(super) on_demand: Option<(Column, String)>,
    /// Column of prices as spot capacity.
    pub(super) spot: Option<(Column, String)>,
    /// The currency of each row.
    of_row: Option<Column>,
}

impl PriceColumns {
    /// The columns of a table in a currency; without one the first that is found.
    pub(super) fn find(
        table: &Table,
        field: &str,
        list: &str,
        wanted: Option<&str>,
    ) -> Result<Self, BuildError> {
        let named = table
            .columns()
            .iter()
            .filter_map(|column| Named::of(column));
        let named: Vec<Named<'_>> = named.collect();
        let of_row = table.column(CURRENCY);
        let found = named.iter().find_map(|own| own.currency.clone());
        let currency = wanted.map(str::to_owned).or_else(|| found.clone());
        let currency = currency.unwrap_or_else(|| "USD".to_owned());
        let in_currency = |own: &&Named<'_>| match &own.currency {
            Some(own) => *own == currency,
            None => of_row.is_some(),
        };
        let column = |is_spot: bool| {
            let own = named.iter().filter(in_currency);
            let own = own.filter(|own| own.is_spot == is_spot);
            let name = own.map(|own| own.column).next()?;
            Some((table.column(name)?, name.to_owned()))
        };
        let (on_demand, spot) = (column(false), column(true));
        if let (None, None, Some(found)) = (&on_demand, &spot, found) {
            return Err(other_currency(field, list, &found, &currency));
        }
        let foreign = |is_spot: bool| {
            let mut others = named.iter().filter(|own| !in_currency(own));
            others.find(|own| own.is_spot == is_spot)
        };
        for (own, is_spot) in [(&on_demand, false), (&spot, true)] {
            if let (None, Some(other)) = (own, foreign(is_spot)) {
                let others = other.currency.as_deref().unwrap_or("no currency");
                return Err(BuildError::Experiment(format!(
                    "{list}: its prices are in {currency}, but those of column `{}` in {others}; \
                     give all in one currency",
                    other.column
                )));
            }
        }
        Ok(Self {
            currency,
            on_demand,
            spot,
            of_row,
        })
    }

    /// Checks that a row is in the currency of the list.
    pub(super) fn check(&self, row: &Row<'_>, list: &str) -> Result<(), BuildError> {
        let Some(column) = &self.of_row else {
            return Ok(());
        };
        let text = row.text(column);
        if text.eq_ignore_ascii_case(&self.currency) {
            return Ok(());
        }
        Err(BuildError::Experiment(format!(
            "{list}:{}: column `{CURRENCY}`: `{text}` among prices in {}; give all in one currency",
            row.line, self.currency
        )))
    }
}

/// A column of prices.
struct Named<'c> {
    column: &'c str,
    is_spot: bool,
    /// `None` where each row says it.
    currency: Option<String>,
}

impl<'c> Named<'c> {
    /// `on_demand_usd_per_hour`, `spot_per_hour` and their like.
    fn of(column: &'c str) -> Option<Self> {
        let inner = column.strip_suffix("_per_hour")?;
        BOUGHT.iter().find_map(|&(bought, is_spot)| {
            let rest = inner.strip_prefix(bought)?;
            let currency = match rest.strip_prefix('_') {
                Some(currency) if currency.len() == 3 => Some(currency.to_uppercase()),
                None if rest.is_empty() => None,
                _ => return None,
            };
            Some(Self {
                column,
                is_spot,
                currency,
            })
        })
    }
}

/// Ways to pay for nodes for long, whether or not they are there.
const COMMITTED: [&str; 2] = ["reserved", "committed"];

/// Nodes of a type that are paid for in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Instance type.
    pub kind: String,
    /// Zone of the nodes; `None` is any.
    pub zone: Option<String>,
    /// Way in which they are paid for: `reserved` or `committed`.
    pub option: &'static str,
    /// Price of one in millionths an hour.
    pub price: i64,
    /// Number of nodes.
    pub nodes: u64,
}

/// The nodes that a list says are paid for: those of its columns `reserved_nodes` and `committed_nodes`, each at the
/// price of `reserved_usd_per_hour` and its like.
///
/// # Errors
/// If the list can't be read as a table, or states nodes without a price.
pub fn committed(list: &Input) -> Result<Vec<Committed>, BuildError> {
    let mut table = Table::open(list)?;
    let mut options = Vec::new();
    for option in COMMITTED {
        let count = format!("{option}_nodes");
        if let Some(column) = table.column(&count) {
            let currency = PriceColumns::find(&table, "--prices", &list.name, None)?.currency;
            let price = format!("{option}_{}_per_hour", currency.to_lowercase());
            options.push((option, column, count, table.required_column(&price)?, price));
        }
    }
    let mut found = Vec::new();
    if options.is_empty() {
        return Ok(found);
    }
    let name = table.required_column("instance_type")?;
    let zone = ZONE.iter().find_map(|name| table.column(name));
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| at(&list.name, bad.line, &bad.column, &bad.rule))?;
        for (option, count, count_name, price, price_name) in &options {
            let text = row.text(count);
            if text.is_empty() {
                continue;
            }
            let nodes = text.parse().map_err(|_| {
                let rule = format!("`{text}` is no number of nodes that are paid for, such as 3");
                at(&list.name, row.line, count_name, &rule)
            })?;
            let zone = row.optional_text(zone.as_ref());
            found.push(Committed {
                kind: row.text(&name).to_owned(),
                zone: (!zone.is_empty()).then(|| zone.to_owned()),
                option,
                price: amount(&row, price, price_name, &list.name)?,
                nodes,
            });
        }
    }
    Ok(found)
}

/// Parts of the names of columns that hold a price, or a part of one.
const OF_MONEY: [&str; 8] = [
    "per_hour",
    "per_month",
    "per_year",
    "hourly",
    "reserved",
    "savings",
    "commit",
    "upfront",
];

/// Names of the columns of a list that hold prices by their names and that nothing reads: those of reservations,
/// savings plans and committed use.
///
/// # Errors
/// If the list can't be read as a table.
pub fn unread_prices(list: &Input) -> Result<Vec<String>, BuildError> {
    let table = Table::open(list)?;
    let is_committed = |column: &str| {
        let mut options = COMMITTED.iter().filter(|own| column.starts_with(**own));
        options.any(|own| {
            let count = format!("{own}_nodes");
            table.column(&count).is_some() && (column == count || column.ends_with("_per_hour"))
        })
    };
    let columns = table.columns().iter().filter(|column| {
        let name = column.to_lowercase().replace([' ', '-'], "_");
        if is_committed(&name) {
            return false;
        }
        let is_of_money = OF_MONEY.iter().any(|part| name.contains(part));
        is_of_money && Named::of(column).is_none() && &***column != MARKET_PRICE
    });
    Ok(columns.map(ToString::to_string).collect())
}

/// The refusal of prices in another currency than the experiment's.
fn other_currency(field: &str, list: &str, found: &str, own: &str) -> BuildError {
    let fix = if field == "metrics.prices" {
        " under `cluster.provider`"
    } else {
        ""
    };
    BuildError::Experiment(format!(
        "{field}: prices of {list} are in {found}, those of the experiment in {own}; give a list in \
         {own}, or write `currency: {found}`{fix}"
    ))
}

/// The prices of a list; types without any are not in it.
pub(super) fn read(
    input: &Input,
    field: &str,
    list: &str,
    currency: Option<&str>,
) -> Result<PriceList, BuildError> {
    let mut table = Table::open(input)?;
    if table.column(MARKET_PRICE).is_some() {
        return read_market(&mut table, list, currency);
    }
    let columns = PriceColumns::find(&table, field, list, currency)?;
    let name = table.required_column("instance_type")?;
    let zone = ZONE.iter().find_map(|name| table.column(name));
    let has_region = zone.is_none() && table.column("region").is_some();
    if columns.on_demand.is_none() && columns.spot.is_none() {
        let wanted = format!("on_demand_{}_per_hour", columns.currency.to_lowercase());
        table.required_column(&wanted)?;
    }
    let mut prices = PriceList {
        currency: columns.currency.clone(),
        ..PriceList::default()
    };
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| at(list, bad.line, &bad.column, &bad.rule))?;
        let money = |own: &Option<(Column, String)>| match own {
            Some((column, name)) if !row.text(column).is_empty() => {
                amount(&row, column, name, list).map(Some)
            }
            _ => Ok(None),
        };
        let (on_demand, spot) = (money(&columns.on_demand)?, money(&columns.spot)?);
        // Types without a price can't be bought.
        if on_demand.is_none() && spot.is_none() {
            continue;
        }
        columns.check(&row, list)?;
        let zone = row.optional_text(zone.as_ref());
        let own = Price {
            zone: (!zone.is_empty()).then(|| zone.to_owned()),
            on_demand,
            spot,
            line: row.line,
        };
        let name = row.text(&name);
        let known = prices.of.entry(name.to_owned()).or_default();
        if let Some(other) = known.iter().find(|other| other.zone == own.zone) {
            let fix = if has_region {
                "; prices differ by `zone`, not by `region`: keep those of one region"
            } else {
                ""
            };
            let rule = format!("`{name}` has a price on line {}{fix}", other.line);
            return Err(at(list, row.line, "instance_type", &rule));
        }
        known.push(own);
    }
    Ok(prices)
}

/// The prices of a list as `OpenCost` reads it: rows of nodes, by name or by instance type. Others,
/// of volumes and devices, are left out.
fn read_market(
    table: &mut Table,
    list: &str,
    currency: Option<&str>,
) -> Result<PriceList, BuildError> {
    let price = table.required_column(MARKET_PRICE)?;
    let class = table.required_column("AssetClass")?;
    let (id, field) = (
        table.required_column("InstanceID")?,
        table.required_column("InstanceIDField")?,
    );
    let kind = table.required_column("InstanceType")?;
    let mut prices = PriceList {
        currency: currency.unwrap_or("USD").to_owned(),
        ..PriceList::default()
    };
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| at(list, bad.line, &bad.column, &bad.rule))?;
        if row.text(&class) != "node" {
            continue;
        }
        let own = amount(&row, &price, MARKET_PRICE, list)?;
        let twice = |name: &str| {
            let rule = format!("`{name}` has a price already");
            Err(at(list, row.line, "InstanceID", &rule))
        };
        let (name, kind) = (row.text(&id), row.text(&kind));
        if row.text(&field) == "metadata.name" {
            if prices.of_nodes.insert(name.to_owned(), own).is_some() {
                return twice(name);
            }
            continue;
        }
        let kind = if kind.is_empty() { name } else { kind };
        let known = prices.of.entry(kind.to_owned()).or_default();
        if !known.is_empty() {
            return twice(kind);
        }
        known.push(Price {
            on_demand: Some(own),
            ..Price::of_zone(None)
        });
    }
    Ok(prices)
}

/// An amount of money of a row, in millionths.
pub(super) fn amount(
    row: &Row<'_>,
    column: &Column,
    name: &str,
    list: &str,
) -> Result<i64, BuildError> {
    let text = row.text(column);
    let parsed = text.parse::<Quantity>().ok().and_then(micro);
    parsed.ok_or_else(|| {
        let rule = format!(
            "`{text}` is not a price; expected a number of 0 or more, such as \
            0.204"
        );
        at(list, row.line, name, &rule)
    })
}

/// Error at a place of a table.
pub(super) fn at(list: &str, line: u64, column: &str, rule: &str) -> BuildError {
    BuildError::Experiment(format!("{list}:{line}: column `{column}`: {rule}"))
}
