//! Dates of `sacct`: local times as it prints them by default, or with `SLURM_TIME_FORMAT` times with a zone or seconds
//! since 1970. The first row of a file says which.

use crate::readers::prelude::*;
use intake::calendar::{WITH_ZONE, WITHOUT_ZONE, Zone, is_absent, zoned};

/// The forms of dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `2024-03-01T10:00:00`, of a zone that is not stated.
    Local,
    /// `2024-03-01T10:00:00+0100`.
    Zoned,
    /// `1709287200`.
    Epoch,
}

impl Form {
    fn of(text: &str) -> Self {
        let time = text.get(10..).unwrap_or_default();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Self::Epoch
        } else if time.ends_with(['Z', 'z']) || time.contains(['+', '-']) {
            Self::Zoned
        } else {
            Self::Local
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Local => WITHOUT_ZONE,
            Self::Zoned => WITH_ZONE,
            Self::Epoch => "seconds since 1970, as the others are",
        }
    }
}

/// The dates of a table.
#[derive(Clone, Debug)]
pub(super) struct Dates {
    form: Option<Form>,
    zone: Zone,
}

impl Default for Dates {
    fn default() -> Self {
        Self {
            form: None,
            zone: Zone::east(0),
        }
    }
}

impl Dates {
    /// The dates of fields; `None` of one that is absent or one of the words for that.
    pub(super) fn fields<const N: usize>(
        &mut self,
        fields: &Fields<'_, '_>,
        places: [usize; N],
    ) -> Result<[Option<Instant>; N], BadRow> {
        if let Some(dates) = self.known(fields, places) {
            return Ok(dates);
        }
        let of = |place: usize| Some(fields.text(place)).filter(|text| !is_absent(text));
        let mut forms = places.into_iter().filter_map(of).map(Form::of);
        // A row whose dates differ says nothing about the others.
        let own = forms
            .next()
            .filter(|&first| forms.all(|form| form == first));
        let form = self.form.or(own).unwrap_or(Form::Local);
        let mut dates = [None; N];
        for (place, date) in places.into_iter().zip(&mut dates) {
            let Some(text) = of(place) else {
                continue;
            };
            let at = instant(Form::of(text), text, &self.zone);
            let at = at.ok_or_else(|| fields.bad(place, "a date such as `2020-04-01 07:01:55`"))?;
            if Form::of(text) != form {
                return Err(fields.bad(place, form.expected()));
            }
            *date = Some(at);
        }
        self.form = self.form.or(own);
        Ok(dates)
    }

    /// The dates of fields that are local times of hours of which one was read, or absent, as most are.
    fn known<const N: usize>(
        &self,
        fields: &Fields<'_, '_>,
        places: [usize; N],
    ) -> Option<[Option<Instant>; N]> {
        if self.form != Some(Form::Local) {
            return None;
        }
        let mut dates = [None; N];
        for (place, date) in places.into_iter().zip(&mut dates) {
            let text = fields.bytes(place);
            if !matches!(text, b"" | b"Unknown") {
                *date = Some(self.zone.known(text)?);
            }
        }
        Some(dates)
    }
}

/// The time since 1970 of a date, by a zone if it has none of its own.
fn instant(form: Form, text: &str, zone: &Zone) -> Option<Instant> {
    match form {
        Form::Local => zone.instant(text),
        Form::Epoch => {
            let second = text.parse::<i64>().ok();
            let second = second.filter(|second| (0..=LAST_SECOND).contains(second))?;
            Some(Instant::from_secs(second))
        }
        Form::Zoned => zoned(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_one_of_three_forms() {
        for (text, second) in [
            ("2024-03-01T10:00:00", Some(1_709_287_200)),
            ("2024-03-01 10:00:00", Some(1_709_287_200)),
            ("2024-03-01T11:00:00+0100", Some(1_709_287_200)),
            ("2024-03-01T08:00:00-02:00", Some(1_709_287_200)),
            ("2024-03-01T10:00:00Z", Some(1_709_287_200)),
            ("1709287200", Some(1_709_287_200)),
            ("99999999999999", None),
            ("2024-03-01T10:00:00+é1", None),
            ("2024-03-01T10:00:00+0é1", None),
            ("10:00", None),
            ("é", None),
        ] {
            let found = instant(Form::of(text), text, &Zone::east(0));
            assert_eq!(found, second.map(Instant::from_secs), "{text}");
        }
    }
}
