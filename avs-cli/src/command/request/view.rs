//! What a request came to, for people and programs.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256},
};
use anyhow::bail;
use gavel_chain::{bindings::gavel::QueryRequests, reads::Reader};
use gavel_domain::request::RequestFailure;
use serde::Serialize;

use super::asked;

/// What a request came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestView {
    request_id: B256,
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    deadline: u64,
    row_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// Whether the callback ran to its end; absent when none was asked for or it is not time yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_done: Option<bool>,
    /// Open past its deadline: anyone can have it refunded.
    refundable: bool,
    /// Wei that no award has taken.
    uncommitted: String,
    /// Wei of awards whose delivery is not shown yet.
    committed: String,
    /// Wei of delivered awards that are not claimed yet.
    delivered: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Vec<ResultValue>>,
}

/// One result column.
#[derive(Debug, Serialize)]
pub struct ResultValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    value: String,
}

pub const STATES: [&str; 6] = ["unknown", "open", "settled", "failed", "cancelled", "refunded"];
const STATUSES: [&str; 5] = ["none", "ok", "empty", "overflow", "division by zero"];
pub const OPEN: usize = 1;
pub const SETTLED: usize = 2;

/// Reads a request.
pub async fn view(reader: &Reader, id: B256) -> anyhow::Result<RequestView> {
    let head = reader.client().head().await?;
    let at = BlockId::number(head);
    let record = reader.request(id, at).await?;
    let state = usize::from(record.state);
    if state == 0 {
        bail!("there is no request {id} on this network");
    }
    let account = reader.account(id, at).await?;
    let settled = state == SETTLED;
    let request = asked::fields(reader, id).await?;
    let result = if settled { Some(result(reader, id, &request, at).await?) } else { None };
    Ok(RequestView {
        request_id: id,
        state: named(&STATES, state),
        reason: failure(reader, id).await?,
        deadline: record.deadline,
        row_count: record.rowCount,
        status: settled.then(|| named(&STATUSES, record.status.into())),
        callback_done: (settled && request.callback != Address::ZERO).then_some(record.callbackDone),
        refundable: state == OPEN && head > record.deadline,
        uncommitted: account.uncommitted.to_string(),
        committed: account.committed.to_string(),
        delivered: account.delivered.to_string(),
        result,
    })
}

/// The stored words under the names that the query gives them.
async fn result(
    reader: &Reader,
    id: B256,
    request: &QueryRequests::Request,
    at: BlockId,
) -> anyhow::Result<Vec<ResultValue>> {
    let words = reader.result(id, at).await?.result;
    let words: Vec<U256> = words.into_iter().map(|word| U256::from_be_bytes(word.0)).collect();
    Ok(match asked::query(reader, request).await? {
        Some(query) => {
            query.row(&words).into_iter().map(|(name, value)| ResultValue { name: Some(name), value }).collect()
        }
        None => words.iter().map(|word| ResultValue { name: None, value: word.to_string() }).collect(),
    })
}

/// The reason that the gateway gave for a failure.
async fn failure(reader: &Reader, id: B256) -> anyhow::Result<Option<&'static str>> {
    let event: Option<QueryRequests::RequestFailed> = asked::first(reader, &[id]).await?;
    let of = |reason| RequestFailure::ALL.into_iter().find(|failure| *failure as u8 == reason);
    Ok(event.map(|event| of(event.reason).map_or("unknown", RequestFailure::explanation)))
}

fn named(names: &[&'static str], index: usize) -> &'static str {
    names.get(index).copied().unwrap_or("unknown")
}

/// For people.
pub fn human(view: &RequestView) -> String {
    let mut text = format!("request       {}\nstate         {}\n", view.request_id, view.state);
    if let Some(reason) = view.reason {
        text.push_str(&format!("reason        {reason}\n"));
    }
    if let Some(status) = view.status {
        let callback = match view.callback_done {
            None => "none asked for",
            Some(true) => "done",
            Some(false) => "failed; anyone can call retryCallback",
        };
        text.push_str(&format!("answer        {status}, {} rows\ncallback      {callback}\n", view.row_count));
    }
    for (number, value) in view.result.iter().flatten().enumerate() {
        let name = value.name.clone().unwrap_or_else(|| format!("result {}", number + 1));
        text.push_str(&format!("{name:<13} {}\n", value.value));
    }
    if view.state == STATES[OPEN] {
        text.push_str(&format!(
            "deadline      block {}\nmoney (wei)   {} free, {} committed, {} delivered\n",
            view.deadline, view.uncommitted, view.committed, view.delivered
        ));
        if view.refundable {
            text.push_str(&format!("The deadline has passed: `gavel request refund {}`.\n", view.request_id));
        }
    }
    text
}
