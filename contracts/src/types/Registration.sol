// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What an operator passes as `data` to `registerForOperatorSets`, ABI-encoded.
/// @param bidKey Hot key that signs bids and acceptances.
/// @param classes Bit set of the classes it serves: 1 small, 2 medium, 4 large.
struct RegistrationData {
    address bidKey;
    uint8 classes;
}

/// @notice An operator in a supernet.
/// @param leaving Deregistered from the operator set: gets no new award.
/// @param since Block of the last registration or deregistration.
struct OperatorRecord {
    bool registered;
    bool leaving;
    uint8 classes;
    uint64 since;
}

/// @notice An operator's capacity in a supernet, in work units.
/// @param total Units that the stake of the last sync covers.
/// @param reserved Units of awards that are neither delivered nor expired.
/// @param free `total - reserved`, or zero.
/// @param syncedAt Block of the last sync; zero: never, or invalidated by a slash.
/// @param fresh Whether an award in this block may rely on it.
struct Capacity {
    uint64 total;
    uint64 reserved;
    uint64 free;
    uint64 syncedAt;
    bool fresh;
}
