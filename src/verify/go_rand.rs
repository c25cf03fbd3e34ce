//! Go's `math/rand`, against recorded calls (spec: published-results.md 1.4).

use std::path::{Path, PathBuf};

use rng::GoRand;

use super::door::Door;
use super::table::Table;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};

/// Recorded calls of Go's generator.
pub const FAMILY: Family = Family {
    name: "go-rand",
    summary: "calls of Go's math/rand, each from a fresh generator",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Closed(
        "no command prints numbers of Go's generator; the order of arrival `published` draws from it",
    ),
};

fn claims(path: &Path) -> bool {
    file_name(path).starts_with("go_rng_vectors")
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    for file in files {
        let table = Table::read(file)?;
        let (seed, call) = (table.column("seed")?, table.column("call")?);
        let (arguments, result) = (table.column("args")?, table.column("result")?);
        for row in &table.rows {
            let name = format!("seed {} {}({})", row[seed], row[call], row[arguments]);
            if !options.wants(&name) {
                continue;
            }
            match row[seed].parse().ok().and_then(|seed| {
                replay(
                    GoRand::new(seed),
                    &row[call],
                    &row[arguments],
                    row[result].split_whitespace().count(),
                )
            }) {
                None => report.leave_out(1, || format!("{name}: the call is not known")),
                Some(own) if same(&own, &row[result]) => report.case(Ok(())),
                Some(own) => report.case(Err(format!(
                    "{name}: recorded {}, decided {}",
                    row[result],
                    own.join(" ")
                ))),
            }
        }
    }
    Ok(report)
}

/// The results of a recorded call; `None` if it isn't known.
fn replay(mut rng: GoRand, call: &str, argument: &str, length: usize) -> Option<Vec<String>> {
    let method = call.rsplit_once('x').map_or(call, |(method, _)| method);
    let bound = || argument.parse::<i64>().ok().filter(|&bound| bound > 0);
    let draws = |draw: &mut dyn FnMut() -> String| (0..length).map(|_| draw()).collect();
    Some(match method {
        "Uint64" => draws(&mut || rng.uint64().to_string()),
        "Int63" => draws(&mut || rng.int63().to_string()),
        "Intn" => {
            let bound = bound()?;
            draws(&mut || rng.intn(bound).to_string())
        }
        "Int63n" => {
            let bound = bound()?;
            draws(&mut || rng.int63n(bound).to_string())
        }
        "Float64" => draws(&mut || bits(rng.float64())),
        "NormFloat64" => draws(&mut || bits(rng.norm_float64())),
        "ExpFloat64" => draws(&mut || bits(rng.exp_float64())),
        "Perm" => rng
            .perm(bound()? as usize)
            .iter()
            .map(ToString::to_string)
            .collect(),
        "Shuffle" => {
            let mut order: Vec<usize> = (0..bound()? as usize).collect();
            rng.shuffle(order.len(), |i, j| order.swap(i, j));
            order.iter().map(ToString::to_string).collect()
        }
        _ => return None,
    })
}

/// A float by its bits, so that equality is equality.
fn bits(value: f64) -> String {
    format!("f{:016x}", value.to_bits())
}

fn same(own: &[String], recorded: &str) -> bool {
    let recorded: Vec<&str> = recorded.split_whitespace().collect();
    own.len() == recorded.len()
        && own
            .iter()
            .zip(recorded)
            .all(|(own, recorded)| match own.strip_prefix('f') {
                Some(_) => recorded
                    .parse::<f64>()
                    .is_ok_and(|value| bits(value) == *own),
                None => *own == recorded,
            })
}
