//! The async runtime of commands.

/// Creates a runtime that runs on the current thread.
pub(in crate::cli) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
