//! The files of a machine in the folders of several months (`rnd/2013-7`, `rnd/2013-8`, …): they are one series, as the
//! publisher numbers the same machines in each.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::readers::prelude::*;
use intake::archive::{folders, of_one_folder};

/// The folder of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Month {
    /// The folder that it is in.
    within: String,
    /// The year and the month.
    date: [u32; 2],
}

impl Month {
    /// The month of a folder, or of an archive of one; `None` of others.
    fn of(folder: &str) -> Option<Self> {
        let (within, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let name = name.split('.').next()?;
        let (year, month) = name.split_once('-')?;
        let date = [year.parse().ok()?, month.parse().ok()?];
        let is_date = (1970..=9999).contains(&date[0]) && (1..=12).contains(&date[1]);
        is_date.then(|| Self {
            within: within.to_owned(),
            date,
        })
    }
}

/// The files of each machine, in order of time: of the months of one series, all that have its name, else the file by itself.
///
/// # Errors
/// The files are of several folders that are no months of one series.
pub(super) fn machines(input: &Input, parts: Vec<Input>) -> Result<Vec<Vec<Input>>, TraceError> {
    let months = folders(input, &parts)?;
    let months: Option<Vec<Month>> = months.iter().map(|own| Month::of(own)).collect();
    let months = months.filter(|all| all.iter().all(|own| own.within == all[0].within));
    let Some(months) = months else {
        of_one_folder(input, &parts)?;
        return Ok(parts.into_iter().map(|part| vec![part]).collect());
    };
    let mut all: Vec<(Month, Input)> = months.into_iter().zip(parts).collect();
    // The tenth month comes after the ninth, and those of one month stay in the order of their names.
    all.sort_by_key(|(month, _)| month.date);
    let mut machines: IndexMap<String, Vec<Input>, FxBuildHasher> = IndexMap::default();
    for (_, part) in all {
        let name = super::name(&part.name).to_owned();
        machines.entry(name).or_default().push(part);
    }
    Ok(machines.into_values().collect())
}
