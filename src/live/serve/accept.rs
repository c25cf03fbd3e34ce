//! The loop that accepts connections. Whoever has yet to show a certificate holds a place that the
//! newcomers after it may take, so silent connections keep nobody out.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::http::{Peer, STRANGER, Shared, converse};
use crate::security::identity::Role;
use crate::security::tls::party_of;

/// Longest time between two looks at whether to go on.
const LOOK: Duration = Duration::from_millis(100);

/// Greatest number of connections that are accepted between two looks.
const TOGETHER_MAX: u32 = 64;

/// A connection that has yet to show a certificate.
struct Pending {
    task: AbortHandle,
    is_settled: Arc<AtomicBool>,
}

/// Accepts connections for as long as it goes on.
pub(super) async fn accept(
    listener: std::net::TcpListener,
    tls: Arc<rustls::ServerConfig>,
    shared: &Arc<Shared>,
    goes_on: &dyn Fn() -> bool,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let acceptor = TlsAcceptor::from(tls);
    let room = Arc::new(Semaphore::new(shared.limits.connections));
    let mut pending: VecDeque<Pending> = VecDeque::new();
    while goes_on() {
        for _ in 0..TOGETHER_MAX {
            let accepted = tokio::time::timeout(LOOK, listener.accept()).await;
            let Ok(Ok((stream, address))) = accepted else {
                break;
            };
            let is_settled = Arc::new(AtomicBool::new(false));
            let task = tokio::spawn(admit(
                stream,
                address,
                acceptor.clone(),
                Arc::clone(shared),
                Arc::clone(&room),
                Arc::clone(&is_settled),
            ));
            let task = task.abort_handle();
            pending
                .retain(|one| !one.task.is_finished() && !one.is_settled.load(Ordering::Relaxed));
            pending.push_back(Pending { task, is_settled });
            if pending.len() > shared.limits.handshakes
                && let Some(oldest) = pending.pop_front()
            {
                oldest.task.abort();
                shared
                    .guard
                    .note(address, STRANGER, "connection", "crowded");
            }
        }
    }
    Ok(())
}

/// Finds out who opened a connection, and serves it.
async fn admit(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    is_settled: Arc<AtomicBool>,
) {
    let limits = shared.limits;
    // A stream that can't be set so is served all the same.
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let why = error.to_string();
            return shared.guard.note(address, STRANGER, &why, "handshake");
        }
        Err(_) => return shared.guard.note(address, STRANGER, "handshake", "slow"),
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let first = certificates.and_then(<[CertificateDer<'_>]>::first);
    let Some(party) = first.and_then(party_of) else {
        return shared
            .guard
            .note(address, STRANGER, "certificate", "no-role");
    };
    let name = party.to_string();
    let most = match party.role {
        Role::Agent => limits.agent,
        _ => limits.user,
    };
    let permit = room.try_acquire_owned();
    let entry = shared.guard.enter(&name, most);
    let (Ok(permit), Some(entry)) = (permit, entry) else {
        return shared.guard.note(address, &name, "connection", "crowded");
    };
    is_settled.store(true, Ordering::Relaxed);
    let peer = Peer { address, party };
    converse(stream, peer, shared).await;
    drop((permit, entry));
}
