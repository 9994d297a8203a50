//! How the server is set up.

use super::Durability;

/// Text is UTF-8 and sorts by code point, the same on every machine.
pub(super) const LOCALE: &str = "C.UTF-8";

/// Moderate sizes: the server shares a small machine with everything else. Names as in the PostgreSQL manual.
const ALWAYS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=", // a path of ours may be too long for one
    "max_connections=200",
    "shared_buffers=128MB",
    "work_mem=16MB",
    "maintenance_work_mem=128MB",
    "max_wal_size=2GB",
    "wal_recycle=off", // a segment that is used again keeps what it held: erased people would stay in its end
    "jit=off",         // our queries are short; compiling them costs more than it gains
    "timezone=UTC",
    "log_timezone=UTC",
    // Rows and parameters may name people: the log gets neither the statement nor the detail of an error.
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
];

const UNSYNCED: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "log_checkpoints=off",
];

/// The server's arguments besides its data directory.
pub(super) fn arguments(port: u16, durability: Durability) -> Vec<String> {
    let extra = match durability {
        Durability::Full => &[],
        Durability::Test => UNSYNCED,
    };
    let port = format!("port={port}");
    let settings = ALWAYS.iter().chain(extra).copied().chain([port.as_str()]);
    settings.flat_map(|setting| ["-c".to_owned(), setting.to_owned()]).collect()
}
