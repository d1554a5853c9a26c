//! Opening listeners, with errors that say what to do.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::Path;

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};

/// Connections that may wait in the kernel's queue; Linux takes `somaxconn` of them,
/// 4096 unless that was changed.
const BACKLOG: u32 = 4096;

/// Listens on the network at `addr`, such as `127.0.0.1:8080`.
pub async fn bind(addr: &str) -> io::Result<TcpListener> {
    listen(addr).await.map_err(|error| {
        let kind = error.kind();
        let sentence = match kind {
            ErrorKind::AddrInUse => format!(
                "{addr} is in use by another program; choose another `listen` address"
            ),
            ErrorKind::PermissionDenied => format!(
                "{addr} may not be opened by this user; choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE"
            ),
            ErrorKind::AddrNotAvailable => format!(
                "{addr} is not an address of this machine; use 0.0.0.0 or [::] to listen on all of them"
            ),
            ErrorKind::InvalidInput => format!(
                "`{addr}` is not an address to listen on; write a host and a port, such as 0.0.0.0:8080"
            ),
            _ => format!("cannot listen on {addr}: {error}"),
        };
        io::Error::new(kind, sentence)
    })
}

/// As `TcpListener::bind`, which has a queue of its own length.
async fn listen(addr: &str) -> io::Result<TcpListener> {
    let mut last = None;
    for address in tokio::net::lookup_host(addr).await? {
        let open = || {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()?
            } else {
                TcpSocket::new_v6()?
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        match open() {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(ErrorKind::AddrNotAvailable)))
}

/// Listens on a socket in the file system that only its owner may open.
///
/// Its directory is made where there is none. A socket that a crashed program left
/// behind is replaced; one that still answers is an error.
pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<UnixListener> {
    let path = path.as_ref();
    let shown = path.display();
    clear_stale(path)?;
    // A store of its own made the data directory before; a database made none.
    if let Some(dir) = path.parent() {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir);
        made.map_err(|error| {
            let sentence = format!("cannot make the directory of the socket {shown}: {error}");
            io::Error::new(error.kind(), sentence)
        })?;
    }
    let open = || {
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        // Nobody can connect before `listen`, so the file is never open to others.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG)
    };
    open().map_err(|error| {
        let kind = error.kind();
        let sentence = match kind {
            ErrorKind::InvalidInput => format!(
                "cannot open the socket {shown}: its path is longer than the system allows; choose a shorter `data_dir`"
            ),
            _ => format!("cannot open the socket {shown}: {error}"),
        };
        io::Error::new(kind, sentence)
    })
}

/// Makes room for a new socket, unless what is there belongs to somebody.
fn clear_stale(path: &Path) -> io::Result<()> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let sentence = format!("cannot look at the socket {shown}: {error}");
            return Err(io::Error::new(error.kind(), sentence));
        }
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                format!("{shown} exists and is not a socket; move it out of the way"),
            ));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| {
                let sentence = format!("cannot remove the abandoned socket {shown}: {error}");
                io::Error::new(error.kind(), sentence)
            }),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("cannot tell whether the socket {shown} is still in use: {error}"),
        )),
        Ok(_) => Err(io::Error::new(
            ErrorKind::AddrInUse,
            format!(
                "a running broker answers at {shown}; stop it first, or choose another `data_dir`"
            ),
        )),
    }
}
