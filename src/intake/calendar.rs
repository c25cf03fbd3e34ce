//! Dates of traces that state times as a calendar does.

use std::cell::Cell;

use jiff::civil::DateTime;
use jiff::tz::{Disambiguation, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use crate::ledger::BadRow;
use crate::number;
use crate::rows::Fields;
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant};

/// The time from the first to the last second of an hour.
const LAST_OF_HOUR: Duration = Duration::from_secs(3_599);

/// The hours that a zone knows at once, so that dates of several columns don't take each other's place.
const HOURS: usize = 64;

/// The UTC date of an instant, such as `2026-11-29`, moved ahead by `months`; in a shorter month its last day. `None`
/// beyond the year 9999.
pub fn day_after(unix_secs: i64, months: u32) -> Option<String> {
    let day = Timestamp::from_second(unix_secs)
        .ok()?
        .to_zoned(TimeZone::UTC);
    let later = day.date().checked_add(i64::from(months).months()).ok()?;
    Some(later.to_string())
}

/// The zone of a name, or of hours east of Greenwich.
#[derive(Clone, Debug)]
pub struct Zone {
    rules: TimeZone,
    /// Hours of which a date was read, each at a place by its day and number: most dates are of one of them.
    hours: [Cell<Hour>; HOURS],
    /// Whether dates of fields have a zone of their own, as the first one had.
    has_zones: Cell<Option<bool>>,
}

/// An hour of a day, such as `2017-10-09 07`, all of which has one offset from Greenwich.
#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    /// The thirteen characters; 0 of none.
    text: u128,
    /// The first instant, in nanoseconds.
    begin: i64,
}

/// A date of digits and separators alone: the text of its hour, and the nanoseconds since that began.
struct WithinHour<'text> {
    hour: &'text [u8; 13],
    nanos: i64,
}

impl<'text> WithinHour<'text> {
    /// The parts of a date such as `2017-10-09 07:01:55.25`; `None` of one in another form.
    #[inline]
    fn of(text: &'text [u8]) -> Option<Self> {
        let (hour, rest) = text.split_first_chunk()?;
        let (&[b':', m, n, b':', s, t], fraction) = rest.split_first_chunk()? else {
            return None;
        };
        let nanos = match fraction {
            [] => 0,
            [b'.', digits @ ..] if digits.len() <= 9 => {
                number::digits(digits)? * 10_i64.pow(9 - digits.len() as u32)
            }
            _ => return None,
        };
        let (minutes, seconds) = (two_digits(m, n)?, two_digits(s, t)?);
        (minutes < 60 && seconds < 60).then_some(Self {
            hour,
            nanos: (60 * minutes + seconds) * NANOS_PER_SECOND + nanos,
        })
    }

    /// The text of the hour as a number, and its place among those that are known.
    #[inline]
    fn key(&self) -> (u128, usize) {
        let mut bytes = [0; 16];
        bytes[..13].copy_from_slice(self.hour);
        let [.., d, e, _, h, i] = self.hour;
        let digit = |byte: &u8| usize::from(byte.wrapping_sub(b'0'));
        let place = 24 * (10 * digit(d) + digit(e)) + 10 * digit(h) + digit(i);
        (u128::from_le_bytes(bytes), place % HOURS)
    }
}

/// The number of two digits.
#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let [tens, ones] = [tens, ones].map(|digit| digit.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(10 * tens + ones))
}

impl Zone {
    /// The zone of a name of the IANA database.
    pub fn named(name: &str) -> Self {
        let known = TimeZoneDatabase::bundled().get(name);
        Self::of(known.unwrap_or(TimeZone::UTC))
    }

    /// The zone of so many hours east of Greenwich.
    pub fn east(hours: i8) -> Self {
        Self::of(TimeZone::fixed(jiff::tz::offset(hours)))
    }

    fn of(zone: TimeZone) -> Self {
        Self {
            rules: zone,
            hours: [const { Cell::new(Hour { text: 0, begin: 0 }) }; HOURS],
            has_zones: Cell::new(None),
        }
    }

    /// A date such as `2017-10-09 07:01:55`, as time since 1970-01-01T00:00:00Z; `None` if the text is
    /// no date, or one of a zone of its own. Of an hour that the end of summer time repeats, the first
    /// is meant.
    pub fn instant(&self, text: &str) -> Option<Instant> {
        if let Some(at) = self.known(text.as_bytes()) {
            return Some(at);
        }
        let Some(date) = WithinHour::of(text.as_bytes()) else {
            return self.read(text, Disambiguation::Compatible);
        };
        let (hour, place) = date.key();
        let found = self.read(text, Disambiguation::Compatible)?;
        let of_hour = |rest: &str| {
            let text = format!("{}{rest}", text.get(..13)?);
            self.read(&text, Disambiguation::Compatible)
        };
        // The end of summer time may be within the hour.
        if let (Some(begin), Some(last)) = (of_hour(":00:00"), of_hour(":59:59"))
            && last.since(begin) == LAST_OF_HOUR
        {
            let begin = begin.as_nanos();
            self.hours[place].set(Hour { text: hour, begin });
        }
        Some(found)
    }

    /// The instant of a date of digits and separators alone, of an hour of which one was read; `None` of any other text.
    #[inline]
    pub fn known(&self, text: &[u8]) -> Option<Instant> {
        let date = WithinHour::of(text)?;
        let (hour, place) = date.key();
        let known = self.hours[place].get();
        (known.text == hour).then(|| Instant::from_nanos(known.begin + date.nanos))
    }

    /// The date with the second of two equal hours.
    pub fn second_instant(&self, text: &str) -> Option<Instant> {
        self.read(text, Disambiguation::Later)
    }

    fn read(&self, text: &str, meant: Disambiguation) -> Option<Instant> {
        let is_utc = { self.rules.to_fixed_offset() }.is_ok_and(|offset| offset.seconds() == 0);
        let zero = ["Z", "+00:00"].into_iter().filter(|_| is_utc);
        let text = { zero }
            .find_map(|zone| text.strip_suffix(zone))
            .unwrap_or(text);
        if has_zone(text) {
            return None;
        }
        let date: DateTime = text.parse().ok()?;
        let zoned = self
            .rules
            .to_ambiguous_zoned(date)
            .disambiguate(meant)
            .ok()?;
        let nanos = i64::try_from(zoned.timestamp().as_nanosecond()).ok()?;
        (nanos >= 0).then(|| Instant::from_nanos(nanos))
    }

    /// The date of a field; `None` if it is absent or one of the words for that. Dates with a zone of their own are
    /// read where the first one has one.
    pub fn field(&self, fields: &Fields<'_, '_>, place: usize) -> Result<Option<Instant>, BadRow> {
        if let Some(at) = self.known(fields.bytes(place)) {
            return Ok(Some(at));
        }
        let text = fields.text(place);
        if is_absent(text) {
            return Ok(None);
        }
        let plain = self.instant(text);
        let has_zone = plain.is_none() && is_of_a_zone(text);
        let at = plain.or_else(|| zoned(text).filter(|_| has_zone));
        let at = at.ok_or_else(|| fields.bad(place, "a date such as `2020-04-01 07:01:55`"))?;
        let have_zones = self.has_zones.get().unwrap_or(has_zone);
        self.has_zones.set(Some(have_zones));
        match (have_zones, has_zone) {
            (false, true) => Err(fields.bad(place, WITHOUT_ZONE)),
            (true, false) => Err(fields.bad(place, WITH_ZONE)),
            _ => Ok(Some(at)),
        }
    }
}

/// Expectation of a date with a zone among others.
pub const WITHOUT_ZONE: &str = "a date without a zone of its own, as the others are";

/// Expectation of a date without a zone among others.
pub const WITH_ZONE: &str =
    "a date with a zone, such as `2024-03-01T10:00:00+0100`, as the others are";

/// The time since 1970-01-01T00:00:00Z of a date with its zone.
pub fn zoned(text: &str) -> Option<Instant> {
    // `%z` writes an offset without a colon.
    let place = text.len().checked_sub(5)?;
    let is_short = matches!(text.as_bytes()[place], b'+' | b'-');
    let text = if is_short {
        let (hours, minutes) = text.split_at_checked(place + 3)?;
        format!("{hours}:{minutes}")
    } else {
        text.to_owned()
    };
    let at = text.parse::<Timestamp>().ok()?;
    let nanos = i64::try_from(at.as_nanosecond()).ok()?;
    (nanos >= 0).then(|| Instant::from_nanos(nanos))
}

/// Whether a date names its zone.
fn has_zone(text: &str) -> bool {
    let time = text.get(10..).unwrap_or_default();
    time.ends_with(['Z', 'z', ']']) || time.contains(['+', '-'])
}

/// Whether a text is a date with its zone, and not some other text with the marks of one.
fn is_of_a_zone(text: &str) -> bool {
    let zone = text
        .get(10..)
        .and_then(|time| time.find(['Z', 'z', '[', '+', '-']));
    let date = zone.and_then(|at| text.get(..10 + at));
    date.is_some_and(|date| date.parse::<DateTime>().is_ok())
}

/// Whether a text says that there is no date.
pub fn is_absent(text: &str) -> bool {
    matches!(
        text,
        "" | "None"
            | "none"
            | "null"
            | "NULL"
            | "Unknown"
            | "unknown"
            | "undefined"
            | "NaN"
            | "nan"
            | "NaT"
            | "NA"
            | "N/A"
            | "\\N"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_of_their_zone() {
        let pacific = Zone::named("America/Los_Angeles");
        let [zero, eight] = [0, 8].map(Zone::east);
        for (zone, text, seconds) in [
            (&pacific, "2017-10-09 07:01:55", Some(1_507_557_715)),
            (&pacific, "2017-11-05 01:30:00", Some(1_509_870_600)),
            (&pacific, "2017-12-01 00:00:00", Some(1_512_115_200)),
            (&eight, "2020-04-01 00:00:00", Some(1_585_670_400)),
            (&zero, "2024-02-30 00:00:00", None),
            (&zero, "yesterday", None),
            (&zero, "1970-01-01T00:00:07Z", Some(7)),
            (&zero, "1970-01-01 00:00:07+00:00", Some(7)),
            (&zero, "1970-01-01T00:00:07-02:00", None),
            (&eight, "2020-04-01 00:00:00Z", None),
        ] {
            let found = zone.instant(text);
            assert_eq!(found, seconds.map(Instant::from_secs), "{text}");
        }
    }

    proptest! {
        #[test]
        fn dates_of_known_hours_are_those_that_are_read(
            dates in prop::collection::vec(
                prop_oneof![
                    (1970_i16..2060, 1_i8..13, 0_i8..32, 0_i8..25, 0_i8..61, 0_i8..62, 0_u32..99).prop_map(
                        |(year, month, day, hour, minute, second, fraction)| {
                            let date = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
                            if fraction < 50 { date } else { format!("{date}.{fraction}") }
                        }
                    ),
                    // About the ends of summer time.
                    (0_i8..3, 0_i8..60, any::<bool>()).prop_map(|(hour, minute, spring)| {
                        let day = if spring { "2017-03-12" } else { "2017-11-05" };
                        format!("{day}T{hour:02}:{minute:02}:07")
                    }),
                    "[0-9T:. -]{0,30}",
                ],
                0..40,
            ),
            zone in prop::sample::select(&["America/Los_Angeles", "Australia/Lord_Howe", "UTC"][..]),
        ) {
            let zone = Zone::named(zone);
            for date in &dates {
                for _ in 0..2 {
                    let plain = zone.read(date, Disambiguation::Compatible);
                    prop_assert_eq!(zone.instant(date), plain, "{}", date);
                }
            }
        }
    }
}
