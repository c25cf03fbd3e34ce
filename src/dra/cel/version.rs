//! Semantic versions (semver.org 2.0.0).

use std::cmp::Ordering;
use std::str::FromStr;

/// A semantic version; what stands behind `+` plays no part in comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Major, minor and patch.
    pub(super) numbers: [u64; 3],
    /// Parts of the pre-release.
    pre: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Numbers come before words.
    Number(u64),
    Word(String),
}

/// A whole number without leading zeros.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|own| own.is_ascii_digit());
    let leads = text.len() > 1 && text.starts_with('0');
    (is_plain && !leads).then(|| text.parse().ok()).flatten()
}

fn part(text: &str) -> Option<Part> {
    let is_known = |own: u8| own.is_ascii_alphanumeric() || own == b'-';
    if text.is_empty() || !text.bytes().all(is_known) {
        return None;
    }
    if text.bytes().all(|own| own.is_ascii_digit()) {
        return number(text).map(Part::Number);
    }
    Some(Part::Word(text.to_owned()))
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no semantic version such as 1.2.3");
        let (rest, build) = text
            .split_once('+')
            .map_or((text, None), |(a, b)| (a, Some(b)));
        let (numbers, pre) = rest
            .split_once('-')
            .map_or((rest, None), |(a, b)| (a, Some(b)));
        let read: Option<Vec<u64>> = numbers.split('.').map(number).collect();
        let numbers: [u64; 3] = read
            .and_then(|read| read.try_into().ok())
            .ok_or_else(wrong)?;
        let parts: Option<Vec<Part>> = pre
            .into_iter()
            .flat_map(|own| own.split('.'))
            .map(part)
            .collect();
        let builds: Option<Vec<Part>> = build
            .into_iter()
            .flat_map(|own| own.split('.'))
            .map(|own| part(own).or_else(|| leading(own)))
            .collect();
        builds.ok_or_else(wrong)?;
        Ok(Self {
            numbers,
            pre: parts.ok_or_else(wrong)?,
        })
    }
}

/// A part of a build with leading zeros, which are allowed there.
fn leading(text: &str) -> Option<Part> {
    let is_plain = !text.is_empty() && text.bytes().all(|own| own.is_ascii_digit());
    is_plain.then(|| Part::Word(text.to_owned()))
}

impl Version {
    /// A version with a leading `v`, without minor or patch, or with leading zeros.
    pub(super) fn loose(text: &str) -> Result<Self, String> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let end = plain.find(['-', '+']).unwrap_or(plain.len());
        let (numbers, rest) = plain.split_at(end);
        let mut numbers: Vec<&str> = numbers
            .split('.')
            .map(|own| match own.trim_start_matches('0') {
                "" if !own.is_empty() => "0",
                short => short,
            })
            .collect();
        while numbers.len() < 3 {
            numbers.push("0");
        }
        format!("{}{rest}", numbers.join(".")).parse()
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        // A pre-release comes before its release.
        let is_release = || self.pre.is_empty().cmp(&other.pre.is_empty());
        numbers
            .then_with(is_release)
            .then_with(|| self.pre.cmp(&other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_the_standard() {
        let written = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.10",
            "1.2.0",
            "2.0.0",
        ];
        let read: Vec<Version> = written.iter().filter_map(|own| own.parse().ok()).collect();
        assert_eq!(read.len(), written.len());
        assert!(read.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(
            "1.0.0+007".parse::<Version>().map(|own| own == read[6]),
            Ok(true)
        );
        for wrong in [
            "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0.0", "",
        ] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
