//! The contracts' refusals in words, beside their names and figures.

use anyhow::anyhow;
use gavel_chain::ChainError;

const WORDS: [(&str, &str); 16] = [
    ("RangeEmpty", "the first block comes after the last"),
    ("RangeTooLong", "the range has more blocks than the supernet takes"),
    ("BlockInFuture", "the last block is not mined yet"),
    ("BlockOutOfReach", "the last block is too old: its hash cannot be read on-chain"),
    ("FeeTooLow", "--max-fee is under the minimum, in wei"),
    ("DeadlineTooClose", "--deadline is nearer than the supernet allows"),
    ("CallbackGasTooHigh", "--callback-gas is above the supernet's maximum"),
    ("TextTooLong", "the text of the table or the query is too long"),
    ("TooManyWords", "there are too many parameters"),
    ("VerifierFrozen", "the verifier was frozen by its guardian"),
    ("SupernetPaused", "the supernet takes no requests at present"),
    ("NotOpen", "the request has ended already"),
    ("NotRequester", "only the account that asked can cancel"),
    ("WorkCommitted", "work is committed to the request, in wei; it cannot be cancelled any more"),
    ("DeadlineNotPassed", "the deadline has not passed yet"),
    ("Insufficient funds", "the paying account has too little ether for fee and gas"),
];

/// An error of a transaction for people.
pub fn explained(error: ChainError) -> anyhow::Error {
    let ChainError::Reverted { call, reason } = &error else { return error.into() };
    let call = call.split('(').next().unwrap_or(call);
    let words = WORDS.iter().find(|(name, _)| reason.starts_with(name));
    let words = words.map_or_else(|| format!("the contract refuses {call}"), |(_, words)| (*words).to_owned());
    anyhow!("{words}: {reason}")
}
