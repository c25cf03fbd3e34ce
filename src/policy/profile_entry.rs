//! Entries of named profiles, and the kinds of them that there are many of.

/// A named profile.
#[derive(Clone, Copy, Debug)]
pub struct ProfileEntry {
    /// The profile's name.
    pub name: &'static str,
    /// Description of the profile in one sentence.
    pub summary: &'static str,
    /// The profile's plugins after [`super::profiles::FILTERS`], in order, each of weight 1.
    pub plugins: &'static [&'static str],
    /// Tie-breaking rule.
    pub select: &'static str,
    /// Queue order.
    pub order: &'static str,
}

pub(super) const fn fifo(
    name: &'static str,
    plugins: &'static [&'static str],
    select: &'static str,
    summary: &'static str,
) -> ProfileEntry {
    ProfileEntry {
        name,
        summary,
        plugins,
        select,
        order: "fifo",
    }
}

pub(super) const fn borg(
    name: &'static str,
    plugins: &'static [&'static str],
    summary: &'static str,
) -> ProfileEntry {
    ProfileEntry {
        name,
        summary,
        plugins,
        select: "first",
        order: "priority",
    }
}
