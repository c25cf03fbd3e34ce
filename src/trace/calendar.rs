//! Dates of traces that state times as a calendar does.

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};

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
    /// no date. Of an hour that the end of summer time repeats, the first is meant.
    pub(crate) fn instant(&self, text: &str) -> Option<Instant> {
        let date: DateTime = text.parse().ok()?;
        let zoned = date.to_zoned(self.0.clone()).ok()?;
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
        at.map(Some)
            .ok_or_else(|| fields.bad(place, "a date such as `2020-04-01 07:01:55`"))
    }
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
        ] {
            let found = zone.instant(text);
            assert_eq!(found, seconds.map(Instant::from_secs), "{text}");
        }
    }
}
