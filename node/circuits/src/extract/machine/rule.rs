//! Names for the constraints of the machine. A test can build a circuit without one of them and
//! show that a tamper which it keeps off then passes.

/// What a constraint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Bytes stand at the end of the window; length, first byte and integer are theirs.
    Window,
    /// A run of empty children is made of 0x80.
    EmptyRun,
    /// Bytes are bytes, and their high nibbles are theirs (lookup).
    ByteRange,
    /// What is hashed into the commitment is what the step reads.
    Commitment,
    /// Fingerprints follow from bytes and α.
    Fold,
    /// Choices are bits and belong to their roles.
    Choice,
    /// One role at a time, and the next follows from choices.
    Transition,
    /// State that a step does not change stays.
    State,
    /// List prefixes are in shortest form and of the list's length.
    ListPrefix,
    /// Items of fixed size have their prefix.
    FixedItem,
    /// String items have the length that their first byte says.
    StringItem,
    /// Integers have no leading zero.
    Integer,
    /// References are empty, a hash or a list of at most 31 bytes.
    Reference,
    /// Children are counted, one is selected.
    Branch,
    /// The flag nibble says leaf and parity.
    PathFlag,
    /// The pad nibble is zero.
    PathPad,
    /// A leaf's path ends the key.
    LeafDepth,
    /// A path that is said to be the key's is.
    KeyMatch,
    /// The rest of the key is read to its end.
    KeyRest,
    /// A path that is said to differ does.
    Divergence,
    /// A message ends where its list ends.
    MessageEnd,
    /// An embedded node is the bytes that its parent holds.
    Inline,
    /// The account's value is two prefixes around four items.
    Account,
    /// The storage value's outer prefix is that of its content.
    Value,
    /// Every slot of a block has a row.
    RowOrder,
    /// Block numbers ascend by one.
    Number,
    /// A header names the header before it.
    ParentHash,
    /// Messages are those of the Keccak argument.
    Stream,
    /// Rows are those of the row chain.
    RowStream,
}
