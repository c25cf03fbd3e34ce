//! Pod specs as bytes: those that readers of tables make, of one container, a priority, a namespace
//! and GPUs. Anything else is not kept, and neither is its trace.

use super::bytes::{Broken, Taken, put, put_signed, put_text};
use model::{GpuRequest, PodSpec, ResourceList};
use units::Quantity;

/// Appends a spec; `None`, and nothing useful, if it is of a kind that is not kept.
pub(super) fn put_spec(out: &mut Vec<u8>, spec: &PodSpec) -> Option<()> {
    let [container] = spec.containers.as_slice() else {
        return None;
    };
    let start = out.len();
    put_text(out, &spec.namespace);
    put_signed(out, i64::from(spec.priority));
    put(out, container.requests.len() as u64);
    for (name, amount) in container.requests.iter() {
        put_text(out, name);
        put_text(out, &amount.to_string());
    }
    put(out, u64::from(spec.gpu.devices));
    put(out, u64::from(spec.gpu.milli_per_device));
    put(out, spec.gpu.models.len() as u64);
    for model in &spec.gpu.models {
        put_text(out, model);
    }
    // What was left out would be missing when it is read back.
    let read = take_spec(&mut Taken(&out[start..]));
    (read.as_ref() == Ok(spec)).then_some(())
}

/// Takes a spec.
pub(super) fn take_spec(bytes: &mut Taken<'_>) -> Result<PodSpec, Broken> {
    let namespace = bytes.shared_text()?;
    let priority = i32::try_from(bytes.signed()?).map_err(|_| Broken)?;
    let mut requests = ResourceList::default();
    for _ in 0..bytes.count()? {
        let name = bytes.text()?;
        let amount: Quantity = bytes.text()?.parse().map_err(|_| Broken)?;
        requests.set(name, amount);
    }
    let devices = u8::try_from(bytes.number()?).map_err(|_| Broken)?;
    let milli_per_device = u16::try_from(bytes.number()?).map_err(|_| Broken)?;
    let mut models = Vec::new();
    for _ in 0..bytes.count()? {
        models.push(bytes.shared_text()?);
    }
    Ok(PodSpec {
        namespace,
        priority,
        gpu: GpuRequest {
            devices,
            milli_per_device,
            models,
        },
        ..PodSpec::with_requests(requests)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_of_tables_are_kept_and_others_are_not() {
        let requests = ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(250)),
            ("memory", Quantity::from_units(3 << 30)),
        ]);
        let plain = PodSpec {
            namespace: "prod".into(),
            priority: -7,
            gpu: GpuRequest {
                devices: 1,
                milli_per_device: 250,
                models: vec!["T4".into(), "A10".into()],
            },
            ..PodSpec::with_requests(requests)
        };
        let mut bytes = Vec::new();
        assert_eq!(put_spec(&mut bytes, &plain), Some(()));
        assert_eq!(take_spec(&mut Taken(&bytes)), Ok(plain.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(take_spec(&mut Taken(&bytes[..cut])), Err(Broken));
        }
        let gated = PodSpec {
            scheduling_gates: vec!["wait".into()],
            ..plain
        };
        assert_eq!(put_spec(&mut Vec::new(), &gated), None);
        assert_eq!(put_spec(&mut Vec::new(), &PodSpec::default()), None);
    }
}
