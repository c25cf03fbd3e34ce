//! Dates of traces that state times as a calendar does.

use jiff::civil::DateTime;
use jiff::tz::{Disambiguation, TimeZone, TimeZoneDatabase};

use super::ledger::BadRow;
use super::rows::Fields;
use units::Instant;

/// The zone of a name, or of hours east of Greenwich.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// The zone of a name of the IANA database.
    pub(crate) fn named(name: &str) -> Self {
        Self(
            TimeZoneDatabase::bundled()
                .get(name)
                .unwrap_or(TimeZone::UTC),
        )
    }

    /// The zone of so many hours east of Greenwich.
    pub(crate) fn east(hours: i8) -> Self {
        Self(TimeZone::fixed(jiff::tz::offset(hours)))
    }

    /// A date such as `2017-10-09 07:01:55`, as time since 1970-01-01T00:00:00Z; `None` if the text is
    /// no date, or one of a zone of its own. Of an hour that the end of summer time repeats, the first
    /// is meant.
    pub(crate) fn instant(&self, text: &str) -> Option<Instant> {
        self.read(text, Disambiguation::Compatible)
    }

    /// The same date, of an hour that is repeated the second one.
    pub(crate) fn second_instant(&self, text: &str) -> Option<Instant> {
        self.read(text, Disambiguation::Later)
    }

    fn read(&self, text: &str, meant: Disambiguation) -> Option<Instant> {
        let is_utc = { self.0.to_fixed_offset() }.is_ok_and(|offset| offset.seconds() == 0);
        let zero = ["Z", "+00:00"].into_iter().filter(|_| is_utc);
        let text = { zero }
            .find_map(|zone| text.strip_suffix(zone))
            .unwrap_or(text);
        if has_zone(text) {
            return None;
        }
        let date: DateTime = text.parse().ok()?;
        let zoned = self.0.to_ambiguous_zoned(date).disambiguate(meant).ok()?;
        let nanos = i64::try_from(zoned.timestamp().as_nanosecond()).ok()?;
        (nanos >= 0).then(|| Instant::from_nanos(nanos))
    }

    /// The date of a field; `None` if it is absent or one of the words for that.
    pub(crate) fn field(
        &self,
        fields: &Fields<'_, '_>,
        place: usize,
    ) -> Result<Option<Instant>, BadRow> {
        let text = fields.text(place);
        if is_absent(text) {
            return Ok(None);
        }
        let at = self.instant(text);
        let expected = || {
            fields.bad(
                place,
                if has_zone(text) {
                    "a date without a zone of its own, as the others are"
                } else {
                    "a date such as `2020-04-01 07:01:55`"
                },
            )
        };
        at.map(Some).ok_or_else(expected)
    }
}

/// Whether a date names its zone.
fn has_zone(text: &str) -> bool {
    let time = text.get(10..).unwrap_or_default();
    time.ends_with(['Z', 'z', ']']) || time.contains(['+', '-'])
}

/// Whether a text says that there is no date.
pub(crate) fn is_absent(text: &str) -> bool {
    matches!(
        text,
        "" | "None" | "none" | "null" | "Unknown" | "NaN" | "NA"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_of_their_zone() {
        for (zone, text, seconds) in [
            (
                Zone::named("America/Los_Angeles"),
                "2017-10-09 07:01:55",
                Some(1_507_557_715),
            ),
            (
                Zone::named("America/Los_Angeles"),
                "2017-11-05 01:30:00",
                Some(1_509_870_600),
            ),
            (
                Zone::named("America/Los_Angeles"),
                "2017-12-01 00:00:00",
                Some(1_512_115_200),
            ),
            (Zone::east(8), "2020-04-01 00:00:00", Some(1_585_670_400)),
            (Zone::east(0), "2024-02-30 00:00:00", None),
            (Zone::east(0), "yesterday", None),
            (Zone::east(0), "1970-01-01T00:00:07Z", Some(7)),
            (Zone::east(0), "1970-01-01 00:00:07+00:00", Some(7)),
            (Zone::east(0), "1970-01-01T00:00:07-02:00", None),
            (Zone::east(8), "2020-04-01 00:00:00Z", None),
        ] {
            let found = zone.instant(text);
            assert_eq!(found, seconds.map(Instant::from_secs), "{text}");
        }
    }
}
