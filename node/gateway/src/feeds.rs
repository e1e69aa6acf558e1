//! What runs beside the engine and reports to it: the chain's changes, its head, and the sender.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::engine::{Context, Gateway, News};
use crate::error::GatewayError;

/// How often the chain is asked for news.
const POLL: Duration = Duration::from_millis(250);
/// Blocks after which operators are read again.
const OPERATOR_BLOCKS: u64 = 2;

impl Gateway {
    /// The chain is read and written beside the engine, so that a slow node stops no auction.
    pub(crate) fn spawn_chain_tasks(&self) -> JoinSet<()> {
        let watching = watch_chain(Arc::clone(&self.context), self.news.clone());
        let heading = watch_head(Arc::clone(&self.context), self.news.clone());
        let sending = send_transactions(Arc::clone(&self.context), self.news.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(watching);
        tasks.spawn(heading);
        tasks.spawn(sending);
        tasks
    }
}

async fn watch_chain(context: Arc<Context>, news: mpsc::Sender<News>) {
    let mut cursor = match context.store.read().await {
        Ok(mut read) => read.cursor(crate::requests::CURSOR).await.unwrap_or_default(),
        Err(_) => None,
    };
    loop {
        match context.chain.poll(cursor.as_deref()).await {
            Ok(Some(change)) => {
                cursor = Some(change.cursor.clone());
                if news.send(News::Change(change)).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => {}
            Err(error) if error.is_temporary() => tracing::warn!(%error, "reading events"),
            Err(error) => {
                let _ = news.send(News::Fatal(error.into())).await;
                return;
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn watch_head(context: Arc<Context>, news: mpsc::Sender<News>) {
    let mut read_at = 0;
    loop {
        match read_head(&context, &mut read_at).await {
            Ok(found) => {
                if news.send(found).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "reading the head"),
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn read_head(context: &Context, read_at: &mut u64) -> Result<News, GatewayError> {
    let head = context.chain.head().await?;
    if head < *read_at + OPERATOR_BLOCKS && *read_at != 0 {
        return Ok(News::Head { head, operators: None, terms: None });
    }
    let known = context.store.read().await?.operators().await?;
    let operators = context.chain.operators(known).await?;
    let terms = context.chain.terms().await?;
    *read_at = head;
    Ok(News::Head { head, operators: Some(operators), terms: Some(terms) })
}

async fn send_transactions(context: Arc<Context>, news: mpsc::Sender<News>) {
    loop {
        match context.chain.send(&context.store, &context.lease).await {
            Ok(refused) if refused.is_empty() => {}
            Ok(refused) => {
                if news.send(News::Refused(refused)).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "sending transactions"),
        }
        tokio::time::sleep(POLL).await;
    }
}
