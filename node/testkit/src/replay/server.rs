//! The HTTP server.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::primitives::{Address, B256};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    fault::Fault,
    recorded::{RecordedChain, quantity},
};
use crate::error::TestkitError;

/// A running endpoint on a free local port; it ends when dropped.
#[derive(Debug)]
pub struct ReplayEndpoint {
    url: String,
    faults: Arc<Mutex<Vec<Fault>>>,
    task: JoinHandle<()>,
}

impl ReplayEndpoint {
    /// Starts without faults.
    pub async fn start(chain: Arc<RecordedChain>) -> Result<Self, TestkitError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| TestkitError::Replay(e.to_string()))?;
        let address = listener.local_addr().map_err(|e| TestkitError::Replay(e.to_string()))?;
        let faults = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, chain, faults.clone()));
        Ok(Self { url: format!("http://{address}"), faults, task })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Replaces the faults in force.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }
}

impl Drop for ReplayEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, chain: Arc<RecordedChain>, faults: Arc<Mutex<Vec<Fault>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (chain, faults) = (chain.clone(), faults.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let chain = chain.clone();
                let faults = faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
                async move { Ok::<_, Infallible>(answer(request, &chain, &faults).await) }
            });
            // A client that goes away is no error of the server.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, chain: &RecordedChain, faults: &[Fault]) -> Response<Full<Bytes>> {
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return page(StatusCode::BAD_REQUEST, "unreadable"),
    };
    let Ok(call) = serde_json::from_slice::<Value>(&body) else {
        return page(StatusCode::BAD_REQUEST, "not JSON");
    };
    let method = call["method"].as_str().unwrap_or_default();
    for fault in faults {
        match fault {
            Fault::Hang { method: hung } if *hung == method => std::future::pending().await,
            Fault::Status500 { method: broken } if *broken == method => {
                return page(StatusCode::INTERNAL_SERVER_ERROR, "broken");
            }
            Fault::WebPage { method: wrong } if *wrong == method => return page(StatusCode::OK, "<html>"),
            _ => {}
        }
    }
    let reply = match result(chain, faults, method, &call["params"]) {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }),
        Err((code, message)) => {
            json!({ "jsonrpc": "2.0", "id": call["id"], "error": { "code": code, "message": message } })
        }
    };
    page(StatusCode::OK, &reply.to_string())
}

fn page(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())));
    *response.status_mut() = status;
    response
}

fn result(chain: &RecordedChain, faults: &[Fault], method: &str, params: &Value) -> Result<Value, (i64, &'static str)> {
    let invalid = (-32_602, "invalid params");
    let head = chain.blocks().last().unwrap_or_default();
    let number = |value: &Value| match value.as_str() {
        Some("latest" | "safe" | "finalized" | "pending") => Ok(head),
        _ => quantity(value).ok_or(invalid),
    };
    match method {
        "eth_chainId" => Ok(json!(format!("{:#x}", chain.chain_id))),
        "eth_blockNumber" => Ok(json!(format!("{head:#x}"))),
        "eth_getBlockByNumber" => {
            let block = number(&params[0])?;
            let served = faults.iter().find_map(|fault| match fault {
                Fault::HeaderOf { block: asked, other } if *asked == block => Some(*other),
                _ => None,
            });
            let mut header = chain.headers.get(&served.unwrap_or(block)).cloned().unwrap_or(Value::Null);
            faults.iter().for_each(|fault| fault.spoil_header(block, &mut header));
            Ok(header)
        }
        "eth_getProof" => {
            let block = number(&params[2])?;
            let contract: Address = serde_json::from_value(params[0].clone()).map_err(|_| invalid)?;
            let slots: Vec<B256> = serde_json::from_value(params[1].clone()).map_err(|_| invalid)?;
            let forgotten = |fault: &Fault| matches!(fault, Fault::NoHistory { below } if block <= *below);
            if faults.iter().any(forgotten) {
                return Err((-32_000, "missing trie node: historical state is not available"));
            }
            let mut proof = chain
                .proof(block, contract, &slots)
                .ok_or((-32_000, "historical state is not available: not recorded"))?;
            faults.iter().for_each(|fault| fault.spoil_proof(block, &mut proof));
            Ok(proof)
        }
        "eth_getBlockReceipts" => Ok(chain.receipts.get(&number(&params[0])?).cloned().unwrap_or(Value::Null)),
        _ => Err((-32_601, "the method is not replayed")),
    }
}
