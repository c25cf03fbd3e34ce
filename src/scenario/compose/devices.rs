//! Devices that services reserve (compose-spec `deploy.md`, `gpus`): GPUs, which clusters give to one
//! container each, and which all containers of a single host share.

use super::Target;
use super::project::{Gpus, Service};
use super::service::Reader;
use crate::diagnostic::Code;
use crate::tree::{Tree, Value};

const OF_DEVICE: &[&str] = &["capabilities", "count", "device_ids", "driver", "options"];
const OF_GENERIC: &[&str] = &["discrete_resource_spec"];
const OF_DISCRETE: &[&str] = &["kind", "value"];
const COUNT: &str = "`all`, or a whole number from 1 to 1000";
const SHARED: &str = "devices of the host are not shared out";

impl Reader<'_, '_> {
    /// The field `gpus`: all of a node, or a list of devices.
    pub(super) fn gpus(&mut self, tree: &Tree, service: &mut Service) {
        let Some(own) = tree.get("gpus").filter(|own| own.value != Value::Null) else {
            return;
        };
        if let Value::List(items) = &own.value {
            for item in items {
                let gpus = self.device(item);
                self.add(gpus, service);
            }
            return;
        }
        let all = |text: &str| (text == "all").then_some(Gpus::All);
        if let Some(gpus) = self.value(tree, "gpus", "`all`, or a list of devices", all) {
            self.add(gpus, service);
        }
    }

    /// The devices that `deploy.resources.reservations` states.
    pub(super) fn reserved_devices(&mut self, tree: &Tree, service: &mut Service) {
        let is_one_host = self.loader.request.target == Target::Compose;
        let prefix = "deploy.resources.reservations";
        if let Some(entry) = tree.entry("devices") {
            if is_one_host {
                self.remark(&format!("{prefix}.devices"), entry.key_span, SHARED);
            }
            for item in entry.value.items() {
                let capabilities = self.capabilities(item);
                let gpus = self.device(item);
                if capabilities.iter().any(|own| own == "gpu") {
                    self.add(gpus, service);
                } else if !is_one_host && !capabilities.is_empty() {
                    let why = "nodes here have GPUs and no other devices";
                    self.remark(&format!("{prefix}.devices"), item.span, why);
                }
            }
        }
        if let Some(entry) = tree.entry("generic_resources") {
            if is_one_host {
                let field = format!("{prefix}.generic_resources");
                self.remark(&field, entry.key_span, SHARED);
            }
            for item in entry.value.items() {
                self.generic(item, service);
            }
        }
    }

    fn capabilities(&mut self, item: &Tree) -> Vec<String> {
        let stated = item.get("capabilities").map_or(&[][..], Tree::items);
        let words = stated.iter().filter_map(Tree::text);
        let words: Vec<String> = words.map(str::to_owned).collect();
        if words.is_empty() && matches!(item.value, Value::Map(_)) {
            let message = "a device is reserved by its capabilities".to_owned();
            let expected = "`capabilities` with one word or more, such as `[gpu]`";
            self.wrong(Code::MissingField, message, item.span, expected);
        }
        words
    }

    /// The number of devices that an entry reserves: all without a count.
    fn device(&mut self, item: &Tree) -> Gpus {
        self.only(item, OF_DEVICE);
        let count = self.value(item, "count", COUNT, |text| match text {
            "all" | "-1" => Some(Gpus::All),
            _ => {
                let count = text
                    .parse()
                    .ok()
                    .filter(|count| (1..=1_000).contains(count));
                count.map(Gpus::Count)
            }
        });
        let ids = item.get("device_ids").map_or(&[][..], Tree::items);
        if let (Some(_), Some(entry)) = (count, item.entry("device_ids")) {
            let message = "`count` and `device_ids` both say which devices".to_owned();
            self.wrong(Code::Conflict, message, entry.key_span, "one of the two");
        }
        match (count, ids.len()) {
            (Some(count), _) => count,
            (None, 0) => Gpus::All,
            (None, ids) => Gpus::Count(ids as u32),
        }
    }

    fn generic(&mut self, item: &Tree, service: &mut Service) {
        self.only(item, OF_GENERIC);
        let Some(own) = item.get("discrete_resource_spec") else {
            return;
        };
        self.only(own, OF_DISCRETE);
        let any = |text: &str| (!text.is_empty()).then(|| text.to_ascii_lowercase());
        let kind = self.value(own, "kind", "the name of a resource", any);
        let count = self.count(own, "value").filter(|count| *count > 0);
        if kind.is_some_and(|kind| kind.contains("gpu")) {
            if let Some(count) = count {
                self.add(Gpus::Count(count), service);
            }
        } else if self.loader.request.target != Target::Compose {
            let field = "deploy.resources.reservations.generic_resources";
            self.remark(
                field,
                item.span,
                "nodes here have GPUs and no other devices",
            );
        }
    }

    /// Two statements about one service say the same in two ways: the larger one counts.
    fn add(&mut self, gpus: Gpus, service: &mut Service) {
        if self.loader.request.target != Target::Compose {
            service.gpus = service.gpus.max(Some(gpus));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read_as;
    use super::*;

    fn gpus(fields: &str) -> Option<Gpus> {
        let text = format!("services:\n  a:\n    image: a\n{fields}");
        let project = read_as(&text, Target::Kubernetes, &[]).expect("a project");
        project.services[0].gpus
    }

    fn reserved(device: &str) -> Option<Gpus> {
        let deploy = "    deploy:\n      resources:\n        reservations:\n";
        gpus(&format!("{deploy}          devices: [{device}]\n"))
    }

    #[test]
    fn devices_are_counted_in_all_their_forms() {
        assert_eq!(gpus("    gpus: all\n"), Some(Gpus::All));
        assert_eq!(
            gpus("    gpus: [{driver: nvidia, count: 2}]\n"),
            Some(Gpus::Count(2))
        );
        assert_eq!(gpus("    tty: true\n"), None);
        let capable = "capabilities: [gpu]";
        assert_eq!(
            reserved(&format!("{{{capable}, count: 3}}")),
            Some(Gpus::Count(3))
        );
        assert_eq!(
            reserved(&format!("{{{capable}, count: all}}")),
            Some(Gpus::All)
        );
        assert_eq!(reserved(&format!("{{{capable}}}")), Some(Gpus::All));
        let ids = format!("{{{capable}, device_ids: ['0', '3']}}");
        assert_eq!(reserved(&ids), Some(Gpus::Count(2)));
        assert_eq!(reserved("{capabilities: [tpu], count: 1}"), None);
        let generic = "    deploy: {resources: {reservations: {generic_resources: \
                       [{discrete_resource_spec: {kind: NVIDIA-GPU, value: 2}}]}}}\n";
        assert_eq!(gpus(generic), Some(Gpus::Count(2)));
    }

    #[test]
    fn wrong_devices_are_refused_and_one_host_shares_them() {
        let deploy = |device: &str| {
            format!(
                "services:\n  a:\n    image: a\n    deploy: {{resources: {{reservations: \
                 {{devices: [{device}]}}}}}}\n"
            )
        };
        for (device, expected) in [
            ("{count: 1}", "a device is reserved by its capabilities"),
            (
                "{capabilities: [gpu], count: 0}",
                "`0` is not `all`, or a whole number",
            ),
            (
                "{capabilities: [gpu], count: 1, device_ids: ['0']}",
                "both say which devices",
            ),
            (
                "{capabilities: [gpu], number: 1}",
                "there is no field `number`",
            ),
        ] {
            let found = read_as(&deploy(device), Target::Kubernetes, &[]).expect_err("wrong");
            assert!(found.contains(expected), "{found}");
        }
        let text = deploy("{capabilities: [gpu], count: 1}");
        let project = read_as(&text, Target::Compose, &[]).expect("a project");
        assert_eq!((project.services[0].gpus, project.remarks.len()), (None, 1));
    }
}
