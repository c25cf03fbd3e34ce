//! The file of a mix as it is written, and what it is checked for.

use std::fmt;

use model::Text;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter as _, Spanned, UserMessageFormatter};
use units::plural::count;
use units::{Duration, Instant, Quantity, SortedMap, SortedSet};

use super::copula::{Copula, Field};
use super::course::{Numbers, WrittenCourse};
use super::marginal::{Choice, Devices, Scalar, Times};
use super::pace::{Burst, Pace};
use super::request::{WrittenRequest, requests};
use super::trend::{Ends, Places, Rounds};
use super::weights::{Weighted, choices, shares, submissions};
use super::{After, Mix, Sessions, Template};
use intake::TraceError;

/// Greatest number of users that are not named.
const USERS_MAX: u64 = 1_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    arrivals: Spanned<WrittenArrivals>,
    sessions: Option<Spanned<WrittenSessions>>,
    users: Option<Spanned<WrittenUsers>>,
    templates: Spanned<Vec<Spanned<WrittenTemplate>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenArrivals {
    gap: Times,
    #[serde(default)]
    autocorrelation: f64,
    hours: Option<Vec<f64>>,
    days: Option<Vec<f64>>,
    course: Option<Spanned<WrittenCourse>>,
    #[serde(default)]
    bursts: Vec<Spanned<Burst>>,
    room: Option<Quantity>,
    ends: Option<[Duration; 2]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenSessions {
    jobs: Choice<u32>,
    gap: Times,
    #[serde(default)]
    after: After,
    #[serde(default)]
    likeness: f64,
}

impl WrittenSessions {
    fn checked(self) -> Result<Sessions, String> {
        let Self {
            jobs,
            gap,
            after,
            likeness,
        } = self;
        if !(0.0..=1.0).contains(&likeness) {
            return Err("sessions.likeness: expected a number from 0 to 1".to_owned());
        }
        Ok(Sessions {
            jobs,
            gap,
            after,
            likeness,
        })
    }
}

/// Users: a number of equal ones, or names with weights.
enum WrittenUsers {
    Equal(u64),
    Named(SortedMap<String, f64>),
}

impl<'de> Deserialize<'de> for WrittenUsers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UsersVisitor)
    }
}

struct UsersVisitor;

impl<'de> Visitor<'de> for UsersVisitor {
    type Value = WrittenUsers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of users, or their names with weights")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<WrittenUsers, E> {
        Ok(WrittenUsers::Equal(count))
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<WrittenUsers, E> {
        Ok(WrittenUsers::Equal(u64::try_from(count).unwrap_or(0)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WrittenUsers, A::Error> {
        let mut named = SortedMap::new();
        while let Some((Scalar(name), weight)) = map.next_entry()? {
            if named.insert(name.clone(), weight).is_some() {
                let why = format!("the user `{name}` stands twice; add the weights up");
                return Err(de::Error::custom(why));
            }
        }
        Ok(WrittenUsers::Named(named))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenTemplate {
    name: Scalar,
    #[serde(default = "one")]
    weight: f64,
    course: Option<Vec<f64>>,
    run_time: Option<Times>,
    time_limit: Option<Times>,
    cpu: Option<Choice<Quantity>>,
    memory: Option<Choice<Quantity>>,
    gpus: Option<Choice<Devices>>,
    pods: Option<Choice<u32>>,
    requests: Option<Vec<WrittenRequest>>,
    work: Option<[Duration; 2]>,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    correlations: Vec<Correlation>,
    sessions: Option<WrittenSessions>,
}

impl WrittenTemplate {
    const fn has_amounts(&self) -> bool {
        let amounts = self.cpu.is_some() || self.memory.is_some();
        amounts || self.gpus.is_some() || self.pods.is_some()
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Correlation {
    between: [Field; 2],
    value: f64,
}

const fn one() -> f64 {
    1.0
}

/// Complaints about one file.
struct Complaint<'a> {
    file: &'a str,
}

impl Complaint<'_> {
    fn at(&self, place: Location, reason: &str) -> TraceError {
        TraceError::Format {
            file: format!("{}:{}", self.file, place.line().max(1)),
            reason: reason.to_owned(),
        }
    }
}

/// Reads and checks a mix.
pub(super) fn read(file: &str, text: &str) -> Result<Mix, TraceError> {
    let complaint = Complaint { file };
    let options = serde_saphyr::options! { with_snippet: false };
    let parsed = serde_saphyr::from_str_with_options::<Written>(text, options);
    let written = parsed.map_err(|error| {
        let plain = error.without_snippet();
        let message = UserMessageFormatter.format_message(plain).into_owned();
        let place = plain.location();
        place.map_or_else(
            || TraceError::Format {
                file: file.to_owned(),
                reason: message.clone(),
            },
            |place| complaint.at(place, &message),
        )
    })?;
    let (pace, numbers) = pace(&written.arrivals, &complaint)?;
    let room = room(&written.arrivals, &complaint)?;
    let rounds = { written.arrivals.value.course.as_ref() }.map(|course| course.value.rounds());
    let ends = ends(&written.arrivals, rounds, &complaint)?;
    let autocorrelation = written.arrivals.value.autocorrelation;
    if autocorrelation.is_nan() || autocorrelation.abs() >= 1.0 {
        let why = "arrivals.autocorrelation: expected a number above -1 and below 1";
        return Err(complaint.at(written.arrivals.referenced, why));
    }
    let users = users(written.users, &complaint)?;
    let course = written.arrivals.value.course.as_ref();
    let course = course.map(|course| course.value.rates());
    let place = written.templates.referenced;
    let (templates, weighted) = templates(written.templates, course.as_deref(), &complaint)?;
    let course = course.unwrap_or_else(|| vec![1.0]);
    let has_trend = templates.iter().any(|own| own.copula.has_trend());
    let places = { rounds.filter(|_| has_trend) }
        .map(|rounds| Places::new(rounds, &submissions(&weighted, &course)));
    let weights = choices(&weighted, &course).map_err(|why| complaint.at(place, &why))?;
    let sessions = written.sessions.map(|own| {
        let checked = own.value.checked();
        checked.map_err(|why| complaint.at(own.referenced, &why))
    });
    Ok(Mix {
        gap: written.arrivals.value.gap,
        autocorrelation,
        pace,
        numbers,
        room,
        ends,
        places,
        sessions: sessions.transpose()?,
        users,
        templates,
        weights,
    })
}

fn pace(
    arrivals: &Spanned<WrittenArrivals>,
    complaint: &Complaint<'_>,
) -> Result<(Pace, Option<Numbers>), TraceError> {
    let place = arrivals.referenced;
    let written = &arrivals.value;
    let hours = factors::<24>(written.hours.as_deref());
    let hours = hours.map_err(|why| complaint.at(place, &format!("arrivals.hours: {why}")))?;
    let days = factors::<7>(written.days.as_deref());
    let days = days.map_err(|why| complaint.at(place, &format!("arrivals.days: {why}")))?;
    let mut bursts = Vec::new();
    for burst in &written.bursts {
        let own = burst.value;
        let wrong = |why| Err(complaint.at(burst.referenced, why));
        if own.at < Duration::ZERO || own.length <= Duration::ZERO {
            return wrong("arrivals.bursts: expected `at` of at least 0 and a `length` above 0");
        }
        if !own.factor.is_finite() || own.factor < 0.0 {
            return wrong("arrivals.bursts: expected a `factor` of at least 0");
        }
        bursts.push(own);
    }
    let pace = Pace::new(&hours, &days, bursts).ok_or_else(|| {
        let why = "arrivals: no hour has a rate; raise a factor of `hours` and of `days` above 0";
        complaint.at(place, why)
    })?;
    match &written.course {
        None => Ok((pace, None)),
        Some(course) => {
            { course.value.checked(pace) }.map_err(|why| complaint.at(course.referenced, &why))
        }
    }
}

/// Thousandths of processors of the machine for whose room jobs wait.
fn room(
    arrivals: &Spanned<WrittenArrivals>,
    complaint: &Complaint<'_>,
) -> Result<Option<i64>, TraceError> {
    let Some(room) = arrivals.value.room else {
        return Ok(None);
    };
    let milli = room.milli_floor().ok().filter(|milli| *milli > 0);
    milli.map(Some).ok_or_else(|| {
        let why = "arrivals.room: expected a number of processors above 0";
        complaint.at(arrivals.referenced, why)
    })
}

/// Instants within which jobs end.
fn ends(
    arrivals: &Spanned<WrittenArrivals>,
    rounds: Option<Rounds>,
    complaint: &Complaint<'_>,
) -> Result<Option<Ends>, TraceError> {
    let Some([first, last]) = arrivals.value.ends else {
        return Ok(None);
    };
    if first < Duration::ZERO || last <= first {
        let why = "arrivals.ends: expected the instants of the first and of the last end, such as `[1h, 30d]`";
        return Err(complaint.at(arrivals.referenced, why));
    }
    let [first, last] = [first, last].map(|own| Instant::ZERO + own);
    Ok(Some(Ends {
        first,
        last,
        round: rounds.and_then(|own| Duration::checked_from_secs_f64(own.length)),
    }))
}

pub(super) fn is_factor(factor: f64) -> bool {
    factor.is_finite() && factor >= 0.0
}

/// Factors, all 1 where none are written.
fn factors<const COUNT: usize>(written: Option<&[f64]>) -> Result<[f64; COUNT], String> {
    let Some(written) = written else {
        return Ok([1.0; COUNT]);
    };
    let whole = <[f64; COUNT]>::try_from(written).ok();
    whole
        .filter(|own| own.iter().copied().all(is_factor))
        .ok_or_else(|| {
            let found = written.len();
            format!(
                "expected {COUNT} factors of at least 0, found {}",
                count(found as u64, "value")
            )
        })
}

fn users(
    written: Option<Spanned<WrittenUsers>>,
    complaint: &Complaint<'_>,
) -> Result<Choice<Text>, TraceError> {
    let Some(written) = written else {
        let only = Choice::new(vec![(Text::from("user-1"), 1.0)]);
        return Ok(only.expect("invariant: a weight above zero"));
    };
    let place = written.referenced;
    let weighted: Vec<(Text, f64)> = match written.value {
        WrittenUsers::Equal(count) if (1..=USERS_MAX).contains(&count) => (1..=count)
            .map(|number| (format!("user-{number}").into(), 1.0))
            .collect(),
        WrittenUsers::Equal(_) => {
            let why = format!("users: expected a number from 1 to {USERS_MAX}");
            return Err(complaint.at(place, &why));
        }
        WrittenUsers::Named(named) => {
            let named = named.into_iter();
            named.map(|(name, weight)| (name.into(), weight)).collect()
        }
    };
    Choice::new(weighted).ok_or_else(|| {
        let why = "users: expected weights of at least 0, one of them above 0";
        complaint.at(place, why)
    })
}

fn templates(
    written: Spanned<Vec<Spanned<WrittenTemplate>>>,
    course: Option<&[f64]>,
    complaint: &Complaint<'_>,
) -> Result<(Vec<Template>, Vec<Weighted>), TraceError> {
    let mut names = SortedSet::new();
    let mut weights = Vec::new();
    let mut templates = Vec::new();
    for (number, template) in (0..).zip(written.value) {
        let place = template.referenced;
        let own = template.value;
        let name = own.name.0.clone();
        let wrong = |why: &str| complaint.at(place, &format!("template `{name}`: {why}"));
        if !names.insert(name.clone()) {
            return Err(wrong("the name stands twice; give each a name of its own"));
        }
        checked(&own).map_err(wrong)?;
        let shares = shares(own.course.as_deref(), course).map_err(|why| wrong(&why))?;
        weights.push(Weighted {
            number,
            weight: own.weight,
            shares,
        });
        let copula = copula(&own, course.is_some()).map_err(|why| wrong(&why))?;
        let requests = own.requests.map(requests).transpose();
        let requests = requests.map_err(|why| wrong(&why))?;
        let sessions = own.sessions.map(WrittenSessions::checked).transpose();
        let sessions = sessions.map_err(|why| wrong(&why))?;
        templates.push(Template {
            name: name.into(),
            run_time: own.run_time,
            time_limit: own.time_limit,
            cpu: own.cpu,
            memory: own.memory,
            gpus: own.gpus,
            pods: own.pods,
            requests,
            work: own.work,
            priority: own.priority,
            copula,
            sessions,
        });
    }
    Ok((templates, weights))
}

/// Checks what each field of a template says beside the others.
fn checked(own: &WrittenTemplate) -> Result<(), &'static str> {
    if !own.weight.is_finite() || own.weight < 0.0 {
        return Err("weight: expected a number of at least 0");
    }
    if let Some([least, most]) = own.work
        && (least < Duration::ZERO || most < least || own.run_time.is_none())
    {
        return Err("work: expected the least and the most of it, beside a `runTime`");
    }
    if own.requests.is_some() && own.has_amounts() {
        return Err(
            "requests: they stand in place of `cpu`, `memory`, `gpus` and `pods`; leave these out",
        );
    }
    Ok(())
}

fn copula(own: &WrittenTemplate, has_course: bool) -> Result<Copula, String> {
    let has = |field: Field| match field {
        Field::RunTime => own.run_time.is_some(),
        Field::TimeLimit => own.time_limit.is_some(),
        Field::Cpu => own.cpu.is_some(),
        Field::Memory => own.memory.is_some(),
        Field::Gpus => own.gpus.is_some(),
        Field::Pods => own.pods.is_some(),
        Field::Submission => has_course,
        Field::Requests => own.requests.is_some(),
    };
    let mut pairs: Vec<(Field, Field, f64)> = Vec::new();
    for &Correlation { between, value } in &own.correlations {
        let [one, other] = between;
        let words = format!("`{}` and `{}`", one.name(), other.name());
        if one == other {
            return Err(format!("correlations: {words} are one field; name two"));
        }
        if let Some(absent) = between.iter().find(|field| !has(**field)) {
            let name = absent.name();
            if *absent == Field::Submission {
                return Err(format!(
                    "correlations: `{name}` counts over the course of the arrivals, which have none; write \
                     `arrivals.course`, or leave the pair out"
                ));
            }
            return Err(format!(
                "correlations: the template has no `{name}`; write it, or leave the pair out"
            ));
        }
        let is_same =
            |pair: &&(Field, Field, f64)| [[pair.0, pair.1], [pair.1, pair.0]].contains(&between);
        if pairs.iter().find(is_same).is_some() {
            return Err(format!("correlations: {words} stand twice; leave one out"));
        }
        if !(-1.0..=1.0).contains(&value) {
            return Err(format!(
                "correlations: {value} between {words}: expected -1 to 1"
            ));
        }
        pairs.push((one, other, value));
    }
    Copula::new(&pairs).ok_or_else(|| {
        "correlations: no fields can have all of these at once; move them closer to 0".to_owned()
    })
}
