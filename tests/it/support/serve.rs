//! A server in this process that runs until the process ends.

/// Serves until the process ends, and returns the address.
pub(crate) fn serve(app: impl FnOnce(&str) -> axum::Router + Send + 'static) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            let base = format!("http://{}", listener.local_addr().expect("an address"));
            let app = app(&base);
            tell.send(base).expect("somebody waits");
            axum::serve(listener, app).await.expect("served");
        });
    });
    told.recv().expect("an address")
}
