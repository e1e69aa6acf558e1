//! What a request asked: its fields and the texts that were registered for them.

use alloy::{
    primitives::{B256, keccak256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use anyhow::Context;
use gavel_chain::{bindings::gavel::QueryRequests, reads::Reader};
use gavel_workloads::coprocessor::{Query, Table};

/// The fields of a request, from its event.
pub async fn fields(reader: &Reader, id: B256) -> anyhow::Result<QueryRequests::Request> {
    let event: QueryRequests::QueryRequested = first(reader, &[id]).await?.context("the request left no event")?;
    Ok(event.request)
}

/// The query of a request; `None` when its texts are not registered or do not compile.
pub async fn query(reader: &Reader, request: &QueryRequests::Request) -> anyhow::Result<Option<Query>> {
    let table: Option<QueryRequests::TableRegistered> =
        first(reader, &[request.tableId, request.tableTextHash]).await?;
    let query: Option<QueryRequests::QueryRegistered> =
        first(reader, &[request.queryDigest, request.queryTextHash]).await?;
    let (Some(table), Some(query)) = (table, query) else { return Ok(None) };
    let compiled = Table::parse(&table.text).ok().and_then(|table| Query::compile(&table, &query.text).ok());
    // Anybody may register anything under a digest that is not its own.
    let is_asked =
        |query: &Query| query.digest() == request.queryDigest && keccak256(&table.text) == request.tableTextHash;
    Ok(compiled.filter(is_asked))
}

/// The block in which a request was made; `None` when there is no such request.
pub async fn block(reader: &Reader, id: B256) -> anyhow::Result<Option<u64>> {
    Ok(logs::<QueryRequests::QueryRequested>(reader, &[id]).await?.first().and_then(|log| log.block_number))
}

/// The first event of `QueryRequests` with these topics.
pub async fn first<E: SolEvent>(reader: &Reader, topics: &[B256]) -> anyhow::Result<Option<E>> {
    let logs = logs::<E>(reader, topics).await?;
    Ok(logs.iter().find_map(|log| E::decode_log(&log.inner).ok()).map(|log| log.data))
}

async fn logs<E: SolEvent>(reader: &Reader, topics: &[B256]) -> anyhow::Result<Vec<Log>> {
    let mut filter = Filter::new()
        .address(reader.deployment().gavel.query_requests)
        .from_block(reader.deployment().first_block)
        .event_signature(E::SIGNATURE_HASH);
    for (place, topic) in topics.iter().enumerate() {
        filter.topics[place + 1] = (*topic).into();
    }
    Ok(reader.client().provider().get_logs(&filter).await?)
}
