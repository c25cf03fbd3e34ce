//! Small grammars of `plan`: losses to survive, growth, shares and spans of months, factors, files of
//! usage.

use std::path::PathBuf;

use super::super::adjust::{Factors, WHOLE};
use super::super::growth::{Grow, Rate};
use super::super::loss::Survive;
use super::super::usage::Measured;

/// Most months that a plan looks ahead.
const MOST_MONTHS: u32 = 1_200;

/// Most further pods of a shape that are asked for.
const MOST_PODS: u64 = 100_000;

/// Largest factor of overcommitment.
const MOST_FACTOR: f64 = 100.0;

/// Room that is to stay free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Headroom {
    /// A share of each resource, in parts per million.
    Share(i64),
    /// Number of further pods of a shape that are to fit.
    Pods {
        /// Number of pods.
        count: u64,
        /// File of the pod.
        file: PathBuf,
    },
}

/// A loss to survive: `node`, `node:2`, `zone`, or a label.
pub(super) fn survive(word: &str) -> Result<Survive, String> {
    let wrong = || {
        format!(
            "--survive: expected `node`, `node:2`, `zone` or the name of a label such as \
             `topology.kubernetes.io/region`, found `{word}`"
        )
    };
    match word.split_once(':') {
        Some(("node", count)) => match count.parse() {
            Ok(count) if (1..=1_000).contains(&count) => Ok(Survive::Node(count)),
            _ => Err(wrong()),
        },
        _ if word == "node" => Ok(Survive::Node(1)),
        _ if word == "zone" => Ok(Survive::zone()),
        None if !["", "nodes", "zones"].contains(&word) => Ok(Survive::Label(word.into())),
        _ => Err(wrong()),
    }
}

/// A share such as `10%`, in parts per million.
fn share(text: &str) -> Option<i64> {
    let number: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    let ppm = number * 10_000.0;
    (ppm.abs() <= 1e9).then(|| (ppm + if ppm < 0.0 { -0.5 } else { 0.5 }) as i64)
}

/// Room that is to stay free.
pub(super) fn headroom(word: &str) -> Result<Headroom, String> {
    if let Some((count, file)) = word.split_once('=') {
        let count = count.trim().parse().ok();
        return match count.filter(|own| (1..=MOST_PODS).contains(own)) {
            Some(count) if !file.is_empty() => Ok(Headroom::Pods {
                count,
                file: file.into(),
            }),
            _ => Err(format!(
                "--headroom: expected 1 to {MOST_PODS} pods of a file, such as `20=web.yaml`, \
                 found `{word}`"
            )),
        };
    }
    match share(word) {
        Some(ppm) if (0..1_000_000).contains(&ppm) => Ok(Headroom::Share(ppm)),
        _ => Err(format!(
            "--headroom: expected a share from 0% to below 100%, such as `10%`, or a number of \
             pods of a file, such as `20=web.yaml`; found `{word}`"
        )),
    }
}

/// Factors of overcommitment: `cpu=1.5`.
pub(super) fn overcommit(words: &[String]) -> Result<Factors, String> {
    let mut factors = Factors::default();
    for word in words {
        let parts = word.split_once('=');
        let parts = parts.filter(|(resource, _)| !resource.is_empty());
        let factor = parts.and_then(|(_, factor)| factor.parse::<f64>().ok());
        let (Some((resource, _)), Some(factor)) = (
            parts,
            factor.filter(|own| *own > 0.0 && *own <= MOST_FACTOR),
        ) else {
            return Err(format!(
                "--overcommit: expected a resource and a factor above 0 and up to {MOST_FACTOR}, \
                 such as `cpu=1.5`; found `{word}`"
            ));
        };
        factors.set(resource, (factor * WHOLE as f64 + 0.5) as i64);
    }
    Ok(factors)
}

/// A file of usage: `p95.csv`, or `cpu=cpu.json` where the file does not say what it measures; `p95.csv+15%` with a
/// margin.
pub(super) fn usage(word: &str) -> UsageFile {
    let (about, path) = match word.split_once('=') {
        Some(("cpu", path)) => (Some(Measured::Cpu), path),
        Some(("memory", path)) => (Some(Measured::Memory), path),
        _ => (None, word),
    };
    let margin = path.rsplit_once('+');
    let margin = margin.and_then(|(path, more)| Some((path, share(more)?)));
    let (path, margin_ppm) = margin.unwrap_or((path, 0));
    UsageFile {
        about,
        path: path.into(),
        margin_ppm,
    }
}

/// File of usage with its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UsageFile {
    /// Subject of the file, where it does not say so itself.
    pub(super) about: Option<Measured>,
    /// The file.
    pub(super) path: PathBuf,
    /// Share by which requests are above the usage, in parts per million.
    pub(super) margin_ppm: i64,
}

/// Growth: `5%/month`, `5/month`, `shop/*=10%`.
pub(super) fn growth(word: &str) -> Result<Grow, String> {
    let wrong = |what: &str| {
        format!(
            "--grow: {what}; write `5%/month`, `1%/week`, `20/month` or `shop/*=10%`; found `{word}`"
        )
    };
    let (pattern, rate) = word.rsplit_once('=').unwrap_or(("", word));
    let (rate, span) = rate.split_once('/').unwrap_or((rate, "month"));
    // Spans a month, as whole numbers.
    let (spans, months) = match span {
        "month" => (1, 1),
        "week" => (WEEKS, MONTHS),
        "quarter" => (1, 3),
        "year" => (1, MONTHS),
        _ => return Err(wrong("expected a rate a week, month, quarter or year")),
    };
    let rate = if rate.ends_with('%') {
        let ppm = share(rate).ok_or_else(|| wrong("expected a rate a month"))?;
        if ppm < -1_000_000 {
            return Err(wrong("a workload can't shrink by more than 100 % a month"));
        }
        Rate::Share(a_month(ppm, spans, months))
    } else {
        let pods = rate.parse().ok();
        let pods = pods.filter(|pods: &i64| pods.abs() <= 1_000_000);
        let pods = pods.ok_or_else(|| wrong("expected a rate a month"))?;
        if pods * spans % months != 0 {
            return Err(wrong("expected whole pods a month"));
        }
        Rate::Pods(pods * spans / months)
    };
    Ok(Grow {
        pattern: pattern.to_owned(),
        rate,
    })
}

/// Weeks of a year.
const WEEKS: i64 = 52;

/// Months of a year.
const MONTHS: i64 = 12;

/// A rate in parts per million, compounded to that of a month.
fn a_month(ppm: i64, spans: i64, months: i64) -> i64 {
    if spans == months {
        return ppm;
    }
    let factor = 1.0 + ppm as f64 / 1e6;
    let grown = libm::pow(factor, spans as f64 / months as f64);
    libm::round((grown - 1.0) * 1e6) as i64
}

/// A span in months, as many as it takes: `12mo`, `52w`, `2y`.
pub(super) fn horizon(word: &str) -> Result<u32, String> {
    let units = [("mo", 1, 1), ("w", MONTHS, WEEKS), ("y", MONTHS, 1)];
    let unit = { units.iter() }
        .find_map(|(end, months, of)| Some((word.strip_suffix(end)?, *months as u32, *of as u32)));
    let (number, unit, of) = unit.unwrap_or((word, 1, 1));
    let months = number.trim().parse::<u32>().ok();
    let months = months.and_then(|months| Some(months.checked_mul(unit)?.div_ceil(of)));
    months
        .filter(|months| (1..=MOST_MONTHS).contains(months))
        .ok_or_else(|| {
            format!(
                "--horizon: expected 1 to {MOST_MONTHS} months, such as `12mo`, `52w` or `2y`, found \
                 `{word}`"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_refused() {
        assert_eq!(survive("node:2"), Ok(Survive::Node(2)));
        assert!(survive("nodes").is_err() && survive("node:0").is_err());
        let all = growth("5%/month").map(|own| own.rate);
        assert_eq!(all, Ok(Rate::Share(50_000)));
        assert!(growth("-150%/month").is_err() && growth("fast").is_err());
        let some = growth("shop/*=10").map(|own| own.pattern);
        assert_eq!(some, Ok("shop/*".to_owned()));
        assert_eq!(horizon("2y"), Ok(24));
        assert_eq!((horizon("52w"), horizon("5w")), (Ok(12), Ok(2)));
        let weekly = growth("1%/week").map(|own| own.rate);
        assert_eq!(weekly, Ok(Rate::Share(44_061)));
        assert_eq!(growth("3/week").map(|own| own.rate), Ok(Rate::Pods(13)));
        assert!(growth("5%/day").is_err());
        assert!(horizon("0mo").is_err() && headroom("100%").is_err());
        assert_eq!(headroom("10%"), Ok(Headroom::Share(100_000)));
        let pods = Headroom::Pods {
            count: 20,
            file: "web.yaml".into(),
        };
        assert_eq!(headroom("20=web.yaml"), Ok(pods));
        assert!(headroom("0=web.yaml").is_err() && headroom("20=").is_err());
        for wrong in ["cpu", "cpu=0", "cpu=-1", "=2", "cpu=many"] {
            assert!(overcommit(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert_eq!(usage("cpu=a.json").about, Some(Measured::Cpu));
        assert_eq!(usage("p95.csv").about, None);
    }
}
