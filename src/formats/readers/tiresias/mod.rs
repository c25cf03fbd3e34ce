//! Jobs and clusters of the simulator of Tiresias, in seconds. A job is a gang of pods of one GPU
//! each. The tables of Chronus have the same columns and deadlines besides. Files:
//! `traces/tiresias`, `traces/chronus`.

pub mod deadlines;
pub mod jobs;
pub mod machines;

use crate::parts::plain_demand::one_gpu_each;
use crate::readers::prelude::*;

/// The places of the columns that both tables have.
struct Places {
    job: usize,
    gpus: usize,
    submit: usize,
    duration: usize,
}

/// The job of a row; `None` if it is left out.
fn job<'row>(
    journal: &mut Journal,
    fields: &Fields<'_, 'row>,
    places: &Places,
) -> Result<Option<PlainDemand<'row>>, Refused> {
    let name = fields.name(places.job, "the number of a job")?;
    let gpus = fields.number(places.gpus, 0, MEMBERS)?;
    let submit = fields.number(places.submit, 0, LAST_SECOND)?;
    let seconds = fields.number(places.duration, 0, LAST_SECOND)?;
    if gpus == 0 {
        journal.dirt("job without a GPU", Action::Drop, fields.line())?;
        return Ok(None);
    }
    Ok(Some(PlainDemand {
        submit: Instant::from_secs(submit),
        name: FlatName::Text(name.as_bytes()),
        run_time: Some(Duration::from_secs(seconds)),
        ..one_gpu_each(gpus)
    }))
}
