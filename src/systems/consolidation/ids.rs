//! Numbers of hosts and virtual machines.

/// The number of a host, in the order in which hosts were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl HostId {
    /// Position of the host in the order of hosts.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a virtual machine, in the order in which machines were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmId(pub u32);

impl VmId {
    /// Position of the machine in the order of machines.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
