//! Follows a request to its end.

use std::time::Duration;

use alloy::{eips::BlockId, primitives::B256, providers::Provider, rpc::types::Filter, sol_types::SolEvent};
use anyhow::bail;
use gavel_chain::{bindings::gavel::AuctionBook, reads::Reader};

use super::{
    asked,
    view::{OPEN, RequestView, view},
};
use crate::progress::Progress;

/// Waits until the request ended, telling what happens.
pub async fn follow(reader: &Reader, id: B256, progress: &Progress) -> anyhow::Result<RequestView> {
    let first = asked::block(reader, id).await?.unwrap_or(reader.deployment().first_block);
    let mut told = (0, 0);
    loop {
        let record = reader.request(id, BlockId::latest()).await?;
        if usize::from(record.state) != OPEN {
            return view(reader, id).await;
        }
        let (awarded, delivered) = work(reader, id, first).await?;
        let head = reader.client().head().await?;
        let message = format!(
            "request {id}: {awarded} jobs awarded, {delivered} delivered, {} blocks left",
            record.deadline.saturating_sub(head)
        );
        if (awarded, delivered) != told {
            progress.step(message);
            told = (awarded, delivered);
        } else {
            progress.update(message);
        }
        if head > record.deadline {
            bail!("request {id} passed its deadline; `gavel request refund {id}` gets the fee back");
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

/// Awards for the request, and how many of them were delivered.
async fn work(reader: &Reader, id: B256, first: u64) -> anyhow::Result<(usize, usize)> {
    let book = reader.deployment().gavel.auction_book;
    let provider = reader.client().provider();
    let awarded = Filter::new().address(book).from_block(first).event_signature(AuctionBook::Awarded::SIGNATURE_HASH);
    let awards = provider.get_logs(&awarded.topic2(id)).await?;
    let ids: Vec<B256> = awards.iter().filter_map(|log| log.topics().get(1).copied()).collect();
    if ids.is_empty() {
        return Ok((0, 0));
    }
    let delivered =
        Filter::new().address(book).from_block(first).event_signature(AuctionBook::Delivered::SIGNATURE_HASH);
    Ok((ids.len(), provider.get_logs(&delivered.topic1(ids)).await?.len()))
}
