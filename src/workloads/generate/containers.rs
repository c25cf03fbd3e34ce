//! Containers that arrive one by one and stay, so that a cluster fills up evenly: one core each, memory
//! of one of so many sizes, times between arrivals exponential. Nobody's figures, and no more than is
//! needed to ask what a decision costs at every fill level (spec: orchestrators-a.md section 10, the
//! scale test of Swarm).

use std::io::{self, Write};

use super::GeneratorOptions;
use rng::Stream;

/// The smallest size, and the step to the next, in MiB.
const STEP: u64 = 256;

/// Writes the containers as windtunnel's own table; the last arrives at about `span`.
pub fn write_containers(options: &GeneratorOptions, out: &mut dyn Write) -> io::Result<()> {
    let mut arrivals = Stream::new(options.seed, "generate/containers/arrivals", 0);
    let mut classes = Stream::new(options.seed, "generate/containers/classes", 0);
    let gap = options.span.as_nanos() as f64 / f64::from(options.jobs.max(1));
    writeln!(out, "submit,cpu,memory")?;
    let mut now = 0.0;
    for _ in 0..options.jobs {
        now += arrivals.exponential(gap);
        let milli = (now / 1e6) as u64;
        let memory = STEP * (1 + classes.below(u64::from(options.classes.max(1))));
        writeln!(out, "{}.{:03},1,{memory}Mi", milli / 1_000, milli % 1_000)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Duration;

    #[test]
    fn containers_come_evenly_and_stay() {
        let options = GeneratorOptions {
            jobs: 2_000,
            classes: 4,
            span: Duration::from_secs(200),
            ..GeneratorOptions::default()
        };
        let mut text = Vec::new();
        write_containers(&options, &mut text).expect("memory takes it");
        let text = String::from_utf8(text).expect("text");
        let rows: Vec<(f64, &str)> = text
            .lines()
            .skip(1)
            .map(|line| line.split_once(',').expect("a row"))
            .map(|(at, rest)| (at.parse().expect("seconds"), rest))
            .collect();
        assert_eq!(rows.len(), 2_000);
        assert!(rows.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        let half = rows.iter().filter(|(at, _)| *at < 100.0).count();
        assert!((900..1_100).contains(&half), "{half}");
        let sizes: units::SortedSet<&str> = rows.iter().map(|row| row.1).collect();
        let expected = ["1,1024Mi", "1,256Mi", "1,512Mi", "1,768Mi"];
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), expected);
    }
}
