//! What a step of the machine reads: the positions of the grammar of headers and nodes.

/// Position in the grammar. The number is the state of the machine that the circuit carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// The stream has ended.
    Idle,
    /// Header: list prefix, then fields in order.
    HeaderList,
    HeaderParent,
    HeaderUncles,
    HeaderCoinbase,
    HeaderState,
    HeaderTransactions,
    HeaderReceipts,
    HeaderBloomPrefix,
    HeaderBloom,
    HeaderDifficulty,
    HeaderNumber,
    HeaderGasLimit,
    HeaderGasUsed,
    HeaderTime,
    HeaderTail,
    /// Node: list prefix, or the whole empty node.
    NodeList,
    /// Branch: one child, or a run of empty children (which may reach over the value).
    Child,
    /// Branch: a value that is not empty.
    BranchValue,
    /// Two-item node: string prefix and flag byte of the path.
    PathFlag,
    /// Two-item node: up to twelve further bytes of the path.
    Path,
    /// Extension: the reference.
    ExtensionChild,
    /// Storage leaf: prefix of the string that holds the integer, if it has one.
    ValuePrefix,
    /// Storage leaf: the integer.
    Value,
    /// Account leaf: string prefix and list prefix, then four items.
    AccountHead,
    AccountNonce,
    AccountBalance,
    AccountStorage,
    AccountCode,
    /// Nibbles of the key that the trie did not consume; no bytes of a message.
    KeyRest,
    /// Emits a row entry.
    Row,
}

impl Role {
    /// Number of roles.
    pub const COUNT: usize = 31;
    /// All roles, in numeric order.
    pub const ALL: [Role; Self::COUNT] = [
        Role::Idle,
        Role::HeaderList,
        Role::HeaderParent,
        Role::HeaderUncles,
        Role::HeaderCoinbase,
        Role::HeaderState,
        Role::HeaderTransactions,
        Role::HeaderReceipts,
        Role::HeaderBloomPrefix,
        Role::HeaderBloom,
        Role::HeaderDifficulty,
        Role::HeaderNumber,
        Role::HeaderGasLimit,
        Role::HeaderGasUsed,
        Role::HeaderTime,
        Role::HeaderTail,
        Role::NodeList,
        Role::Child,
        Role::BranchValue,
        Role::PathFlag,
        Role::Path,
        Role::ExtensionChild,
        Role::ValuePrefix,
        Role::Value,
        Role::AccountHead,
        Role::AccountNonce,
        Role::AccountBalance,
        Role::AccountStorage,
        Role::AccountCode,
        Role::KeyRest,
        Role::Row,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions() {
        assert!(Role::ALL.iter().enumerate().all(|(index, role)| *role as usize == index));
    }
}
