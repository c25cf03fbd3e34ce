//! Arrival orders and tie ranks of the published fill-ups (spec: published-results.md 1.4).

use std::path::{Path, PathBuf};

use arrivals::ReadOptions;
use arrivals::fill_up::{FillPod, FillResource, published_order};
use formats::readers::{openb_nodes, openb_pods};
use intake::Input;

use super::door::Door;
use super::published::{NODES, PODS_PREFIX, SHARE_MILLIONTHS};
use super::table::Table;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name, find_trace};

/// Arrival orders and node ranks.
pub const FAMILY: Family = Family {
    name: "fgd-orders",
    summary: "arrival order and node ranks of the published fill-ups, per workload and seed",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Closed(
        "the ranks of nodes are in no output; the fill-ups of fgd-placements and fgd-tables use them",
    ),
};

fn claims(path: &Path) -> bool {
    let in_folder = path
        .parent()
        .is_some_and(|folder| file_name(folder) == "orders");
    in_folder && file_name(path).starts_with(PODS_PREFIX)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    for file in files {
        let workload = file_name(file)
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        if options.case.is_some() && !options.wants(&workload) {
            continue;
        }
        let names = [format!("{workload}.csv.gz"), format!("{workload}.csv")];
        let traces = find_trace(options, "openb", &names).zip(find_trace(
            options,
            "openb",
            &NODES.map(str::to_owned),
        ));
        let table = Table::read(file)?;
        let Some((pods, nodes)) = traces else {
            report.leave_out(1, || {
                format!(
                    "{workload}: this order needs {} and {}, published by Alibaba; say with \
                     --traces DIR where they are kept",
                    names[0], NODES[0]
                )
            });
            continue;
        };
        judge_file(&workload, &table, &pods, &nodes, &mut report)?;
    }
    Ok(report)
}

fn judge_file(
    workload: &str,
    table: &Table,
    pods: &Path,
    nodes: &Path,
    report: &mut FamilyReport,
) -> Result<(), String> {
    let pods =
        openb_pods::read_openb_pods(&Input::path(pods)).map_err(|error| error.to_string())?;
    let nodes = openb_nodes::read(&Input::path(nodes), &ReadOptions::default())
        .map_err(|error| error.to_string())?
        .nodes;
    let fill: Vec<FillPod<'_>> = pods.iter().map(FillPod::from).collect();
    let names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
    let capacity = i128::from(FillResource::Gpu.capacity_milli(&nodes));
    let target = (capacity * i128::from(SHARE_MILLIONTHS) / 1_000_000) as i64;
    let (seed, kind, values) = (
        table.column("seed")?,
        table.column("kind")?,
        table.column("values")?,
    );
    for row in &table.rows {
        let case = format!("{workload}, seed {}, {}", row[seed], row[kind]);
        let Ok(seed) = row[seed].parse() else {
            report.leave_out(1, || format!("{case}: the seed is not a number"));
            continue;
        };
        let order =
            published_order(&fill, &names, target, seed).map_err(|error| error.to_string())?;
        let own = match row[kind].as_str() {
            "pods" => order.rows,
            "node_rank" => order.node_ranks,
            other => {
                report.leave_out(1, || format!("{case}: the kind `{other}` is not known"));
                continue;
            }
        };
        let recorded: Vec<&str> = row[values].split_whitespace().collect();
        report.case(compare(&case, &recorded, &own));
    }
    Ok(())
}

fn compare(case: &str, recorded: &[&str], own: &[u32]) -> Result<(), String> {
    if recorded.len() != own.len() {
        return Err(format!(
            "{case}: {} recorded, {} decided",
            recorded.len(),
            own.len()
        ));
    }
    let differs = recorded
        .iter()
        .zip(own)
        .position(|(recorded, own)| **recorded != own.to_string());
    match differs {
        None => Ok(()),
        Some(at) => Err(format!(
            "{case}: position {at}: recorded {}, decided {}",
            recorded[at], own[at]
        )),
    }
}
