//! Presentation of a family of metrics: its title, its group in the report, and its rank in the
//! short lists that people and comparisons begin with.

/// The title of a family, and how the titles of its statistics continue it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Title {
    words: &'static str,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `pending time, p99`; `GPU allocation, mean`.
    Qualified,
    /// `pods never placed`.
    Continued,
}

impl Title {
    /// A title that a comma divides from the statistic: `pending time, p99`. A statistic of one
    /// resource names it in front: `GPU allocation, mean`.
    pub const fn new(words: &'static str) -> Self {
        let form = Form::Qualified;
        Self { words, form }
    }

    /// A title that the statistic continues without a comma: `pods never placed`.
    pub const fn continued(words: &'static str) -> Self {
        let form = Form::Continued;
        Self { words, form }
    }

    /// The title of a statistic by its name, or of all those whose names begin with it. An empty
    /// name stands for the family, as `total` does.
    pub fn of(self, statistic: &str) -> String {
        match self.form {
            Form::Qualified => qualified(self.words, statistic),
            Form::Continued if statistic.is_empty() || statistic == "total" => {
                self.words.to_owned()
            }
            Form::Continued => format!("{} {}", self.words, spaced(statistic)),
        }
    }
}

/// The title of an id that is in no registry, in the words of the id itself.
pub(crate) fn unlisted_title(id: &str) -> String {
    let (subject, statistic) = id.split_once('.').unwrap_or((id, ""));
    qualified(&words(subject), statistic)
}

fn qualified(title: &str, statistic: &str) -> String {
    let (first, rest) = statistic.split_once('.').unwrap_or((statistic, ""));
    let resource = match first {
        "gpu" => "GPU",
        "cpu" => "CPU",
        "memory" => "memory",
        "" | "total" if rest.is_empty() => return title.to_owned(),
        _ => return format!("{title}, {}", words(statistic)),
    };
    match rest {
        "" => format!("{resource} {title}"),
        rest => format!("{resource} {title}, {}", words(rest)),
    }
}

/// A name as words.
fn words(name: &str) -> String {
    match name {
        "gpu" => "GPU".to_owned(),
        "cpu" => "CPU".to_owned(),
        name => spaced(name),
    }
}

fn spaced(name: &str) -> String {
    name.replace(['_', '.'], " ")
}

/// A group of families that the report shows together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Capacity, and how pods fill it.
    Capacity,
    /// Waiting times and queues.
    Waiting,
    /// Completed work.
    Work,
    /// Fairness between tenants.
    Fairness,
    /// Availability of services, and disruptions of pods and nodes.
    Service,
    /// Requests of clients.
    Requests,
    /// Energy and money.
    Money,
    /// Families that belong to no other group.
    Others,
    /// Counts of pods and jobs by outcome, which the report lists apart from all groups.
    Census,
}

impl Group {
    /// The groups that the report shows, in order; the census is none of them.
    pub const SHOWN: [Self; 8] = [
        Self::Capacity,
        Self::Waiting,
        Self::Work,
        Self::Fairness,
        Self::Service,
        Self::Requests,
        Self::Money,
        Self::Others,
    ];

    /// The heading of the group.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Capacity => "Capacity and allocation",
            Self::Waiting => "Waiting and delays",
            Self::Work => "Work done",
            Self::Fairness => "Fairness",
            Self::Service => "Service and disruption",
            Self::Requests => "Requests of clients",
            Self::Money => "Energy and cost",
            Self::Others => "Others",
            Self::Census => "Census",
        }
    }

    /// A place in the group; families of equal rank stand in the order of their ids.
    pub const fn at(self, rank: u16) -> Placement {
        Placement { group: self, rank }
    }
}

/// The place of a family in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// The group.
    pub group: Group,
    /// The rank within the group, least first.
    pub rank: u16,
}

/// A short list of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShortList {
    /// The rows of the summary table.
    Headline,
    /// The metrics that a study gates by default in runs over time.
    Gated,
    /// The metrics that a study gates by default in fill-ups, where nothing departs.
    GatedOfFillUp,
    /// The metrics that a study gates besides where controllers keep workloads at strength.
    GatedOfWorkloads,
    /// The metrics that a sweep shows by default.
    Sweep,
}

impl ShortList {
    /// A place in the list: the first of these statistics that was measured. In the headline a name
    /// also stands for the statistics below it, and the empty name for the family.
    pub const fn at(self, rank: u16, statistics: &'static [&'static str]) -> ShortListPlace {
        ShortListPlace {
            list: self,
            rank,
            statistics,
        }
    }
}

/// The place of a family in a short list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortListPlace {
    /// The list.
    pub list: ShortList,
    /// The rank in the list, least first; tens leave room between them.
    pub rank: u16,
    /// The names of the statistics, in order of preference.
    pub statistics: &'static [&'static str],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_name_resource_family_and_statistic() {
        let allocation = Title::new("allocation");
        assert_eq!(allocation.of("gpu.mean"), "GPU allocation, mean");
        assert_eq!(allocation.of("gpu"), "GPU allocation");
        assert_eq!(allocation.of(""), "allocation");
        let fragmentation = Title::new("GPU fragmentation");
        assert_eq!(
            fragmentation.of("amount.end"),
            "GPU fragmentation, amount end"
        );
        assert_eq!(Title::new("pending time").of("p99"), "pending time, p99");
        assert_eq!(Title::new("makespan").of("total"), "makespan");
        assert_eq!(
            Title::continued("pods").of("never_placed"),
            "pods never placed"
        );
        assert_eq!(unlisted_title("decision_latency"), "decision latency");
        assert_eq!(unlisted_title("usage.gpu.slack"), "GPU usage, slack");
    }
}
