//! Outages of services as the Cloud Uptime Archive publishes them, as CSV or Parquet: from when to when, and how severe
//! (Talluri et al., 2025; `OpenDC`'s failures were made of it). A severity is taken for the share of the nodes that fail, as
//! there. Which nodes is drawn.

use super::{FailureLog, LoggedOutage, drawn};
use crate::prelude::*;

columns! { COLUMNS;
    START: required("start_time", "seconds since the zero of the service's log"),
    END: required("end_time", "seconds since the same zero"),
    STATUS: required("status", "severity: share of the nodes, 0 to 1"),
    SERVICE: optional("service", "name of the service, such as Azure"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',').with_others(&["", "index"]);

/// Whether a file that begins with these bytes states such outages.
pub(super) fn is_own(first: &[u8]) -> bool {
    let required = COLUMNS.iter().filter(|column| column.required);
    let names: Vec<&str> = required.map(|column| column.name).collect();
    header_has(first, &names) == Confidence::Certain
}

/// One outage of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceOutage {
    /// The place of the service among those of the log.
    pub(super) service: usize,
    pub(super) down: Instant,
    pub(super) up: Instant,
    /// Share of the nodes, 0 to 1.
    pub(super) share: f64,
    line: u64,
}

/// The outages of all services of a log.
#[derive(Debug, Default)]
pub(super) struct ServiceLog {
    /// The services by name, in order of first appearance.
    pub(super) services: Vec<String>,
    /// The outages by service and time.
    pub(super) outages: Vec<ServiceOutage>,
}

impl ServiceLog {
    /// Reads a log.
    pub(super) fn read(input: &Input, journal: &mut Journal) -> Result<Self, TraceError> {
        let mut log = Self::default();
        each_row(input, &LAYOUT, journal, |journal, fields| {
            let outage = log.outage(fields)?;
            if outage.up == outage.down || outage.share <= 0.0 {
                let kind = "outages without a severity or a length";
                return Ok(journal.dirt(kind, Action::Drop, outage.line)?);
            }
            log.outages.push(outage);
            Ok(())
        })?;
        log.outages.sort_by_key(|own| (own.service, own.down));
        Ok(log)
    }

    fn outage(&mut self, fields: &Fields<'_, '_>) -> Result<ServiceOutage, BadRow> {
        let time = |place| {
            let time = fields.seconds(place)?;
            time.ok_or_else(|| fields.bad(place, "a time in seconds"))
        };
        let (down, up) = (time(START)?, time(END)?);
        if up < down {
            return Err(fields.bad(END, "at least `start_time`"));
        }
        let share = fields.decimal(STATUS, 1.0)?;
        let share = share.ok_or_else(|| fields.bad(STATUS, "a share from 0 to 1"))?;
        let name = fields.text(SERVICE);
        let known = self.services.iter().position(|own| own == name);
        let service = known.unwrap_or_else(|| {
            self.services.push(name.to_owned());
            self.services.len() - 1
        });
        Ok(ServiceOutage {
            service,
            down,
            up,
            share,
            line: fields.line(),
        })
    }

    /// The place of the service of this name, or of the only one.
    fn chosen(&self, name: Option<&str>, file: &str) -> Result<usize, TraceError> {
        let found = match name {
            Some(name) => self.services.iter().position(|own| own == name),
            None if self.services.len() < 2 => Some(0),
            None => None,
        };
        found.ok_or_else(|| {
            let known = self.services.join(", ");
            let reason = match name {
                Some(name) => {
                    format!("has no outage of the service `{name}`; its services are {known}")
                }
                None => format!("has outages of several services; name one by `service`: {known}"),
            };
            TraceError::Format {
                file: file.to_owned(),
                reason,
            }
        })
    }

    /// The times of a service.
    pub(super) fn times(&self, service: usize) -> Times {
        let mut times = Times {
            between: Vec::new(),
            repair: Vec::new(),
            shares: 0.0,
        };
        let mut free: Option<Instant> = None;
        for own in self.outages.iter().filter(|own| own.service == service) {
            times.repair.push(own.up.since(own.down));
            times.shares += own.share;
            if let Some(free) = free.filter(|free| *free < own.down) {
                times.between.push(own.down.since(free));
            }
            free = free.max(Some(own.up));
        }
        times
    }
}

/// The outages of a cluster with this number of nodes, those of a service.
pub(super) fn read(
    input: &Input,
    mut journal: Journal,
    service: Option<&str>,
    nodes: usize,
) -> Result<FailureLog, TraceError> {
    let log = ServiceLog::read(input, &mut journal)?;
    let service = log.chosen(service, &input.name)?;
    // The latest outage of each node.
    let mut latest: Vec<Option<usize>> = vec![None; nodes];
    let mut outages: Vec<LoggedOutage> = Vec::new();
    for own in log.outages.iter().filter(|own| own.service == service) {
        let chosen = drawn("failure-log/uptime", own.line, own.share, nodes);
        if chosen.is_empty() {
            let kind = "outages too mild to take a node";
            journal.dirt(kind, Action::Drop, own.line)?;
            continue;
        }
        let mut is_merged = false;
        for node in chosen {
            let last = latest[node].map(|place| &mut outages[place]);
            if let Some(last) = last.filter(|last| last.up >= Some(own.down)) {
                last.up = last.up.max(Some(own.up));
                is_merged = true;
                continue;
            }
            latest[node] = Some(outages.len());
            outages.push(LoggedOutage {
                node,
                down: own.down,
                up: Some(own.up),
            });
        }
        let kind = "outages that overlap another of their nodes, merged";
        journal.repair_if(is_merged, kind, own.line)?;
    }
    outages.sort_by_key(|outage: &LoggedOutage| outage.down);
    Ok(FailureLog {
        outages,
        ledger: journal.ledger,
    })
}

/// Times between the outages of a service and their lengths.
pub(super) struct Times {
    pub(super) between: Vec<Duration>,
    pub(super) repair: Vec<Duration>,
    /// Sum of the shares of the nodes.
    pub(super) shares: f64,
}

#[cfg(test)]
mod tests {
    use super::super::{LogOptions, is_log, observed::observed, read};
    use super::*;
    use crate::tests::prelude::*;
    use intake::ledger::RowPolicy;

    const HEADER: &str = "start_time,end_time,status,service\n";

    fn outages(rows: &str, service: Option<&str>) -> Result<FailureLog, String> {
        let input = Input::bytes("cloud.csv", format!("{HEADER}{rows}").into_bytes());
        assert_eq!(is_log(&input), Ok(true));
        let options = LogOptions {
            service: service.map(str::to_owned),
            ..LogOptions::default()
        };
        let nodes = ["a", "b", "c", "d"];
        read(&input, &options, &nodes).map_err(|error| error.to_string())
    }

    fn spans(log: &FailureLog) -> Vec<[i64; 2]> {
        let seconds = |at: Instant| at.as_nanos() / 1_000_000_000;
        let outages = log.outages.iter();
        outages
            .map(|own| [own.down, own.up.expect("ends")].map(seconds))
            .collect()
    }

    #[test]
    fn a_severity_is_a_share_of_the_nodes() {
        let rows = "0.0,14400.0,1.0,Azure\n15600.0,34800.5,0.5,Azure\n40000,40000,1,Azure\n50000,50060,0.1,Azure\n";
        let log = outages(rows, None).expect("a log");
        assert_eq!(
            spans(&log),
            [[[0, 14_400]; 4].as_slice(), &[[15_600, 34_800]; 2]].concat()
        );
        let told: Vec<String> = log
            .ledger
            .entries()
            .iter()
            .map(ToString::to_string)
            .collect();
        told.are([
            "drop 1 row: outages without a severity or a length (first cloud.csv:4)",
            "drop 1 row: outages too mild to take a node (first cloud.csv:5)",
        ]);
        assert_eq!(
            outages(rows, Some("Azure")).expect("a log").outages,
            log.outages
        );
    }

    #[test]
    fn one_service_of_several_is_named() {
        let rows = "0,10,1,Azure\n5,20,1,AWS\n30,40,1,Azure\n";
        let several =
            "cloud.csv: has outages of several services; name one by `service`: Azure, AWS";
        assert_eq!(outages(rows, None).expect_err("several"), several);
        let unknown = "cloud.csv: has no outage of the service `GCP`; its services are Azure, AWS";
        assert_eq!(outages(rows, Some("GCP")).expect_err("unknown"), unknown);
        assert_eq!(
            spans(&outages(rows, Some("AWS")).expect("a log")),
            [[5, 20]; 4]
        );
    }

    #[test]
    fn rows_out_of_order_and_over_each_other_leave_spans_of_a_node_apart() {
        let rows = "100,200,1,x\n0,150,1,x\n160,170,1,x\n";
        let log = outages(rows, None).expect("a log");
        assert_eq!(spans(&log), [[0, 200]; 4]);
        log.ledger
            .has_counts([("outages that overlap another of their nodes, merged", 2)]);
    }

    #[test]
    fn bad_rows_are_named() {
        for (rows, expected) in [
            (
                "5,4,1,x\n",
                "column `end_time`: must be at least `start_time`, found `4`",
            ),
            (
                "-5,4,1,x\n",
                "column `start_time`: must be at least 0, found `-5`",
            ),
            (
                "5,9,1.5,x\n",
                "column `status`: must be at most 1, found `1.5`",
            ),
            (
                "5,9,,x\n",
                "column `status`: must be a share from 0 to 1, found ``",
            ),
            (
                "2018-01-01 00:00:00,9,1,x\n",
                "column `start_time`: must be a number, found `2018-01-01 00:00:00`",
            ),
        ] {
            let error = outages(rows, None).expect_err("a bad row");
            assert_eq!(error, format!("cloud.csv:2: {expected}"));
        }
    }

    #[test]
    fn each_service_is_a_class_of_a_fit() {
        let rows = "0,10,0.5,Azure\n0,4,1,AWS\n30,40,0.5,Azure\n35,60,0.5,Azure\n";
        let input = Input::bytes("cloud.csv", format!("{HEADER}{rows}").into_bytes());
        let seen = observed(&input, None, RowPolicy::default()).expect("a log");
        let classes: Vec<_> = { seen.classes.iter() }
            .map(|own| {
                (
                    own.label.clone().expect("a label").1,
                    own.failures,
                    own.between.clone(),
                )
            })
            .collect();
        // A node fails in every second outage of Azure.
        let azure = vec![Duration::from_secs(40)];
        classes.are([
            ("Azure".to_owned(), 3, azure),
            ("AWS".to_owned(), 1, Vec::new()),
        ]);
    }
}
