//! Ways in which an endpoint can be wrong.

use serde_json::{Value, json};

use super::recorded::quantity;

/// A fault of a replaying endpoint. Several can be in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One bit of a node of the account proof is flipped.
    AccountNode { block: u64, node: usize },
    /// One bit of a node of the first storage proof is flipped.
    StorageNode { block: u64, node: usize },
    /// The last node of the first storage proof is left out.
    CutStorageProof { block: u64 },
    /// A header field differs from what the block's hash commits to.
    HeaderField { block: u64, field: &'static str },
    /// The header of another block is served.
    HeaderOf { block: u64, other: u64 },
    /// The first slot's value is one more than proven.
    Value { block: u64 },
    /// State at and below this block is forgotten.
    NoHistory { below: u64 },
    /// Calls of this method are never answered.
    Hang { method: &'static str },
    /// Calls of this method end with HTTP status 500.
    Status500 { method: &'static str },
    /// Calls of this method are answered with a web page.
    WebPage { method: &'static str },
}

impl Fault {
    /// Changes an `eth_getProof` answer at `at`.
    pub(super) fn spoil_proof(&self, at: u64, answer: &mut Value) {
        match self {
            Fault::AccountNode { block, node } if *block == at => flip(&mut answer["accountProof"][*node]),
            Fault::StorageNode { block, node } if *block == at => {
                flip(&mut answer["storageProof"][0]["proof"][*node]);
            }
            Fault::CutStorageProof { block } if *block == at => {
                if let Some(nodes) = answer["storageProof"][0]["proof"].as_array_mut() {
                    nodes.pop();
                }
            }
            Fault::Value { block } if *block == at => {
                let value = &mut answer["storageProof"][0]["value"];
                // Wide values lose their upper part: any difference serves.
                *value = json!(format!("{:#x}", quantity(value).unwrap_or_default().wrapping_add(1)));
            }
            _ => {}
        }
    }

    /// Changes a header at `at`.
    pub(super) fn spoil_header(&self, at: u64, answer: &mut Value) {
        if let Fault::HeaderField { block, field } = self
            && *block == at
        {
            flip(&mut answer[*field]);
        }
    }
}

/// Flips the lowest bit of the last byte of a hex string.
fn flip(value: &mut Value) {
    let Some(text) = value.as_str() else { return };
    let mut text = text.to_owned();
    let last = text.pop().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
    text.push(char::from_digit(last ^ 1, 16).unwrap_or('0'));
    *value = json!(text);
}
