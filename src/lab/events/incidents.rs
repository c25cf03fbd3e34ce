//! Alerts and faults, which every run keeps, as lines of the log.

use super::EventLine;
use history::VariantData;

/// Alerts and faults of a variant as events.
pub(super) fn incidents(variant: &VariantData) -> Vec<EventLine> {
    let Some(data) = &variant.alarms else {
        return Vec::new();
    };
    let line = |time_ns, kind: &str, object: String, what: String| EventLine {
        time_ns,
        variant: variant.name.clone(),
        kind: kind.to_owned(),
        object,
        what,
        ..EventLine::default()
    };
    let mut lines = Vec::new();
    for own in &data.alerts {
        let about = if own.service.is_empty() {
            String::new()
        } else {
            format!(" for {}", own.service)
        };
        let value = own
            .value
            .map_or("no data".to_owned(), |value| format!("{value:.4}"));
        let object = format!("Alert/{}", own.alert);
        lines.push(line(
            own.at_ns,
            "alert",
            object,
            format!("{}{about} at {value}", own.turn),
        ));
    }
    for own in &data.notifications {
        let group = Some(own.group.as_str()).filter(|group| !group.is_empty());
        let object = format!("Notification/{}", group.unwrap_or("{}"));
        lines.push(line(own.at_ns, "notified", object, own.sentence()));
    }
    for own in &data.faults {
        lines.push(line(
            own.since_ns,
            "fault",
            own.object.clone(),
            own.cause.clone(),
        ));
        if let Some(healed) = own.healed_ns {
            lines.push(line(healed, "healed", own.object.clone(), own.sentence()));
        }
    }
    lines
}
