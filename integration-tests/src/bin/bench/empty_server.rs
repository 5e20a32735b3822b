//! The floor for single posts: the brokers' HTTP stack, set up as theirs, with a handler that does nothing.

use std::convert::Infallible;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

const ANSWER: &str = "{\"partition\":0,\"base_offset\":0,\"count\":1,\"timestamp\":0}\n";

/// Serves until it is killed.
pub(crate) fn serve(port: u16) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(accept(port))
}

async fn accept(port: u16) -> Result<()> {
    // The body is read, as any handler of posts must.
    let app: Router = Router::new()
        .route("/v1/topics/{topic}/partitions/{partition}/records", post(async |_body: Bytes| ANSWER))
        .route("/readyz", axum::routing::get(async || "ready"));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().pipeline_flush(true);
            // A connection that fails is the client's affair.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            Ok::<(), Infallible>(())
        });
    }
}
