//! Agents of nodes that stand before others: what they have no rule of their own for goes on to the inner one.

/// Writes methods of [`control::NodeAgent`] that call the same method of a field.
macro_rules! forward {
    ($inner:ident: $($method:ident),+) => {
        $($crate::parts::forward::forward!(@ $method $inner);)+
    };
    (@ stopping $inner:ident) => {
        $crate::parts::forward::forward!($inner.stopping(order: control::node::StopOrder));
    };
    (@ rebooted $inner:ident) => {
        $crate::parts::forward::forward!($inner.rebooted(
            assignment: control::node::Assignment,
            order: Option<control::node::StopOrder>
        ));
    };
    (@ machine $inner:ident) => {
        $crate::parts::forward::forward!($inner.machine(
            pod: model::PodRef,
            event: control::MachineEvent
        ));
    };
    (@ image $inner:ident) => {
        $crate::parts::forward::forward!($inner.image(
            node: units::NodeId,
            image: &model::Text,
            event: control::node::ImageEvent
        ));
    };
    (@ node_woken $inner:ident) => {
        $crate::parts::forward::forward!($inner.node_woken(node: units::NodeId));
    };
    (@ $method:ident $inner:ident) => {
        $crate::parts::forward::forward!($inner.$method(pod: model::PodRef));
    };
    ($inner:ident.$method:ident($($argument:ident: $kind:ty),+)) => {
        fn $method(
            &mut self,
            now: units::Instant,
            $($argument: $kind,)+
            out: &mut control::AgentOutput,
        ) {
            self.$inner.$method(now, $($argument,)+ out);
        }
    };
}
pub(crate) use forward;
