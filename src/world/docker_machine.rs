//! Docker Machine of an experiment, as the simulator takes it (spec: orchestrators-a.md section 4).

use rng::Distribution;
use scenario::Share;
use scenario::schema::{DockerMachine, MachineDriver, MachinePhase};
use sim::HostCreationOptions;
use units::Duration;

use super::BuildError;

/// The field of the experiment.
const FIELD: &str = "cluster.provider.dockerMachine";

/// Time that a phase takes where neither the experiment nor the driver says: that of the worked example.
const fn usual(phase: MachinePhase) -> Option<Duration> {
    let secs = match phase {
        MachinePhase::PreCheck | MachinePhase::Detect | MachinePhase::Check => 1,
        MachinePhase::DriverCreate => 20,
        MachinePhase::Boot => return None,
        MachinePhase::Ssh => 4,
        MachinePhase::Install => 40,
        MachinePhase::Engine => 5,
    };
    Some(Duration::from_secs(secs))
}

/// Mean boot time of a driver's Linux hosts (Mao and Humphrey, IEEE CLOUD 2012; the VM role of Azure).
const fn boot(driver: MachineDriver) -> Option<Duration> {
    let millis = match driver {
        MachineDriver::AmazonEc2 => 96_900,
        MachineDriver::Azure => 356_600,
        MachineDriver::Rackspace => 44_200,
        MachineDriver::DigitalOcean
        | MachineDriver::Google
        | MachineDriver::OpenStack
        | MachineDriver::VirtualBox
        | MachineDriver::VmwareVsphere => return None,
    };
    Some(Duration::from_millis(millis))
}

fn wrong(what: &str) -> BuildError {
    BuildError::Experiment(format!("{FIELD}.{what}"))
}

/// Part of the orders to stop a host that fail.
pub(super) fn stop_failure(written: &DockerMachine) -> f64 {
    written.stop_failure_rate.map_or(0.0, Share::as_f64)
}

/// Part of the orders to remove a host that fail.
pub(super) fn remove_failure(written: &DockerMachine) -> f64 {
    written.remove_failure_rate.map_or(0.0, Share::as_f64)
}

/// Options of the creation of hosts.
pub(super) fn options(written: &DockerMachine) -> Result<HostCreationOptions, BuildError> {
    let takes = MachinePhase::ALL.map(|phase| {
        let known = usual(phase).or_else(|| boot(written.driver));
        let known = || Distribution::constant(known?).ok();
        written.takes.get(&phase).cloned().or_else(known)
    });
    let [
        Some(pre_check),
        Some(driver_create),
        Some(boot),
        Some(ssh),
        Some(detect),
        Some(install),
        Some(engine),
        Some(check),
    ] = takes
    else {
        return Err(wrong(
            "takes.boot: no boot time was measured for this driver; expected a \
             distribution, such as `lognormal(60s, 0.2)`",
        ));
    };
    let failing = MachinePhase::ALL.map(|phase| {
        let failing = written.failure_rate.get(&phase).copied();
        failing.map_or(0.0, Share::as_f64)
    });
    if failing.iter().any(|&failing| failing > 1.0) {
        return Err(wrong("failureRate: expected at most 100% for each phase"));
    }
    if stop_failure(written) > 1.0 {
        return Err(wrong("stopFailureRate: expected at most 100%"));
    }
    if remove_failure(written) > 1.0 {
        return Err(wrong("removeFailureRate: expected at most 100%"));
    }
    Ok(HostCreationOptions {
        takes: [
            pre_check,
            driver_create,
            boot,
            ssh,
            detect,
            install,
            engine,
            check,
        ],
        failure_ppm: failing.map(|failing| libm::rint(failing * 1e6) as u32),
        parallel: written.parallel.map(|most| most as usize),
        join_delay: written.join_delay.clone(),
    })
}
