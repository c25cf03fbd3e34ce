//! Distributions of the times of a failure log beside the laws that were fitted to them.

use rng::distribution::Distribution;
use units::Duration;

use super::failures::FittedClass;
use super::laws::FittedLaw;
use arrivals::failures::FailureClass;
use arrivals::inspect::curve;
use arrivals::quantiles::Counted;
use intake::TraceError;

/// Parts of a law that are drawn, with equal probabilities.
const PARTS: u32 = 200;

/// Distributions of a class of nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassCurves {
    /// Name of the class; none where all nodes are of one.
    pub name: Option<String>,
    /// Times from the end of a failure to the next one of a node.
    pub between: LawCurves,
    /// Times of repair.
    pub repair: LawCurves,
}

/// Times, nanoseconds, with the share of all up to each.
#[derive(Clone, Debug, PartialEq)]
pub struct LawCurves {
    /// Times of the log.
    pub log: Vec<(i64, f64)>,
    /// Times by the law, none beyond the longest of the log.
    pub law: Vec<(i64, f64)>,
}

/// The distributions of a class; `None` of one without laws.
pub(super) fn curves(
    observed: &FailureClass,
    fitted: &FittedClass,
) -> Result<Option<ClassCurves>, TraceError> {
    let (Some(between), Some(repair)) = (&fitted.between, &fitted.repair) else {
        return Ok(None);
    };
    let both = (
        beside(&observed.between, between)?,
        beside(&observed.repair, repair)?,
    );
    let (Some(between), Some(repair)) = both else {
        return Ok(None);
    };
    Ok(Some(ClassCurves {
        name: fitted.label.as_ref().map(|(_, value)| value.clone()),
        between,
        repair,
    }))
}

/// Times beside their law, which is fitted to those above zero.
fn beside(times: &[Duration], fitted: &FittedLaw) -> Result<Option<LawCurves>, TraceError> {
    let mut counted = Counted::default();
    let nanos = times.iter().map(|own| own.as_nanos());
    counted.extend(nanos.filter(|own| *own > 0));
    let log = curve(&counted.finish()?)?;
    let law: Option<Distribution> = fitted.law.parse().ok();
    let (Some(law), Some(&(longest, _))) = (law, log.last()) else {
        return Ok(None);
    };
    let places = (1..PARTS).map(|part| f64::from(part) / f64::from(PARTS));
    let law = places.map(|place| (law.value_at(place) as i64, place));
    let law = law.take_while(|own| own.0 <= longest).collect();
    Ok(Some(LawCurves { log, law }))
}
