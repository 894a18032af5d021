//! `rrlab serve`: the page of the lab on this machine.

use std::net::Ipv4Addr;

use anyhow::{Context, bail};
use axum::Router;
use axum::http::{HeaderValue, header};
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::cli::ServeArgs;

/// Serves the page until Ctrl-C. Prints its address as soon as it can be opened.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let index = args.page.join("index.html");
    if !index.is_file() {
        bail!("no page in {}: build it with `cargo xtask lab`, or name its folder with --page", args.page.display());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
            .await
            .with_context(|| format!("can't listen on port {}; choose another with --port", args.port))?;
        println!("http://{}", listener.local_addr()?);
        let files = ServeDir::new(&args.page).precompressed_br().fallback(ServeFile::new(index));
        let sniffing =
            SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let app = Router::new().fallback_service(files).layer(sniffing);
        axum::serve(listener, app).with_graceful_shutdown(stop_signal()).await?;
        Ok(())
    })
}

async fn stop_signal() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("warning: Ctrl-C can't be heard ({error}); stop the program by its process id");
        std::future::pending::<()>().await;
    }
}
