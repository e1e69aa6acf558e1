// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { stdJson } from "forge-std/StdJson.sol";
import { MerkleProof } from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import { MarketHash } from "../../src/libraries/MarketHash.sol";
import { Messages } from "../../src/libraries/Messages.sol";
import { StatementWords } from "../../src/libraries/StatementWords.sol";
import { AwardKey, JobTerms, LotTerms } from "../../src/types/Market.sol";
import { Answer, Request, Status } from "../../src/types/Query.sol";
import { Test } from "forge-std/Test.sol";

/// @notice What Rust generated from `node/types`, recomputed with the contracts' libraries.
contract GoldenTest is Test {
    using stdJson for string;

    string private messages;
    string private statements;

    function setUp() external {
        messages = vm.readFile("contracts/test/golden/messages.json");
        statements = vm.readFile("contracts/test/golden/statement.json");
    }

    function test_domain() external view {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(messages.readString(".domain.name"))),
                keccak256(bytes(messages.readString(".domain.version"))),
                messages.readUint(".domain.chainId"),
                messages.readAddress(".domain.verifyingContract")
            )
        );
        assertEq(separator, messages.readBytes32(".domain.separator"));
    }

    function test_messages() external view {
        AwardKey memory key = _key("Accept");
        _check(
            "Accept",
            Messages.ACCEPT_TYPE,
            Messages.accept(
                key,
                _word("Accept", "lotDigest"),
                _word("Accept", "inputDigest"),
                uint64(messages.readUint(".messages.Accept.message.acceptBlock"))
            )
        );
        key = _key("DeliveryReceipt");
        _check(
            "DeliveryReceipt",
            Messages.DELIVERY_RECEIPT_TYPE,
            Messages.deliveryReceipt(
                key, _word("DeliveryReceipt", "lotDigest"), _word("DeliveryReceipt", "statementDigest")
            )
        );
        _check(
            "BidCommitment",
            Messages.BID_COMMITMENT_TYPE,
            Messages.bidCommitment(key, _word("BidCommitment", "lotDigest"), _word("BidCommitment", "commitment"))
        );
    }

    function test_lot() external view {
        LotTerms memory lot = LotTerms({
            supernet: uint32(messages.readUint(".lot.supernet")),
            gatewayEpoch: uint64(messages.readUint(".lot.gatewayEpoch")),
            tick: uint64(messages.readUint(".lot.tick")),
            lot: uint32(messages.readUint(".lot.lot")),
            class: uint8(messages.readUint(".lot.class")),
            units: uint64(messages.readUint(".lot.units")),
            ceilingWeiPerUnit: messages.readUint(".lot.ceilingWeiPerUnit"),
            acceptBlocks: uint64(messages.readUint(".lot.acceptBlocks")),
            provingBlocks: uint64(messages.readUint(".lot.provingBlocks")),
            jobsRoot: messages.readBytes32(".lot.jobsRoot"),
            circuitSetRoot: messages.readBytes32(".lot.circuitSetRoot")
        });
        assertEq(MarketHash.lotDigest(lot), messages.readBytes32(".lot.lotDigest"));
        for (uint256 i; i < 3; ++i) {
            string memory at = string.concat(".lot.jobs[", vm.toString(i), "]");
            JobTerms memory job = JobTerms({
                jobId: messages.readBytes32(string.concat(at, ".jobId")),
                payer: messages.readBytes32(string.concat(at, ".payer")),
                kind: uint8(messages.readUint(string.concat(at, ".kind"))),
                units: uint64(messages.readUint(string.concat(at, ".units"))),
                claimDigest: messages.readBytes32(string.concat(at, ".claimDigest"))
            });
            assertEq(MarketHash.jobId(job.payer, uint32(i)), job.jobId);
            bytes32 leaf = MarketHash.jobLeaf(job);
            assertEq(leaf, messages.readBytes32(string.concat(at, ".leaf")));
            bytes32[] memory proof = messages.readBytes32Array(string.concat(at, ".proof"));
            assertTrue(MerkleProof.verify(proof, lot.jobsRoot, leaf));
        }
    }

    function test_bids() external view {
        bytes32 lotDigest = messages.readBytes32(".auction.lotDigest");
        bytes32 root = messages.readBytes32(".auction.bidsRoot");
        for (uint256 i; i < 5; ++i) {
            string memory at = string.concat(".auction.bids[", vm.toString(i), "]");
            bytes32 commitment = MarketHash.commitment(
                lotDigest,
                messages.readAddress(string.concat(at, ".operator")),
                messages.readUint(string.concat(at, ".priceWeiPerUnit")),
                messages.readBytes32(string.concat(at, ".salt"))
            );
            assertEq(commitment, messages.readBytes32(string.concat(at, ".commitment")));
            bytes32 leaf = MarketHash.bidLeaf(commitment);
            assertEq(leaf, messages.readBytes32(string.concat(at, ".leaf")));
            bytes32[] memory proof = messages.readBytes32Array(string.concat(at, ".proof"));
            assertTrue(MerkleProof.verify(proof, root, leaf));
        }
    }

    function test_awardId() external view {
        AwardKey memory key = _key("Award");
        assertEq(MarketHash.awardId(key), messages.readBytes32(".award.awardId"));
    }

    function test_requestId() external view {
        Request memory request = Request({
            supernet: uint32(messages.readUint(".request.request.supernet")),
            verifierId: messages.readBytes32(".request.request.verifierId"),
            feeToken: messages.readAddress(".request.request.feeToken"),
            tableId: messages.readBytes32(".request.request.tableId"),
            tableTextHash: messages.readBytes32(".request.request.tableTextHash"),
            queryDigest: messages.readBytes32(".request.request.queryDigest"),
            queryTextHash: messages.readBytes32(".request.request.queryTextHash"),
            params: messages.readBytes32Array(".request.request.params"),
            fromBlock: uint64(messages.readUint(".request.request.fromBlock")),
            toBlock: uint64(messages.readUint(".request.request.toBlock")),
            maxFee: messages.readUint(".request.request.maxFee"),
            deadline: uint64(messages.readUint(".request.request.deadline")),
            callback: messages.readAddress(".request.request.callback"),
            callbackGas: uint64(messages.readUint(".request.request.callbackGas")),
            refundTo: messages.readAddress(".request.request.refundTo")
        });
        bytes32 id = keccak256(
            abi.encode(
                messages.readUint(".request.chainId"),
                messages.readAddress(".request.contract"),
                messages.readAddress(".request.requester"),
                messages.readUint(".request.nonce"),
                request,
                messages.readBytes32(".request.anchorHash")
            )
        );
        assertEq(id, messages.readBytes32(".request.requestId"));
        assertEq(sha256(abi.encodePacked(request.params)), messages.readBytes32(".request.paramsDigest"));
    }

    function test_statements() external {
        for (uint256 i; i < 3; ++i) {
            string memory at = string.concat(".statements[", vm.toString(i), "]");
            bytes32[] memory words = statements.readBytes32Array(string.concat(at, ".words"));
            bytes32 digest = statements.readBytes32(string.concat(at, ".statementDigest"));
            assertEq(words.length, 16);
            assertEq(sha256(abi.encodePacked(words)), digest);
            string[] memory inputs = statements.readStringArray(string.concat(at, ".publicInputs"));
            assertEq(vm.parseUint(inputs[0]), uint256(digest) >> 128);
            assertEq(vm.parseUint(inputs[1]), uint128(uint256(digest)));
            if (statements.readUint(string.concat(at, ".kind")) != 4) continue;

            Request memory request;
            request.params = statements.readBytes32Array(string.concat(at, ".params"));
            request.tableId = words[3];
            request.queryDigest = words[4];
            request.fromBlock = uint64(uint256(words[6]));
            request.toBlock = uint64(uint256(words[7]));
            Answer memory answer = Answer({
                status: Status(statements.readUint(string.concat(at, ".status"))),
                rowCount: uint64(uint256(words[11])),
                result: statements.readBytes32Array(string.concat(at, ".results"))
            });
            vm.chainId(uint256(words[2]));
            assertEq(this.answerDigest(request, words[1], words[8], answer), digest);
        }
    }

    function answerDigest(Request calldata request, bytes32 circuits, bytes32 anchorHash, Answer calldata answer)
        external
        view
        returns (bytes32)
    {
        return StatementWords.answerDigest(request, circuits, anchorHash, answer);
    }

    function _check(string memory name, bytes32 typeHash, bytes32 structHash) private view {
        string memory at = string.concat(".messages.", name);
        assertEq(typeHash, messages.readBytes32(string.concat(at, ".typeHash")));
        assertEq(structHash, messages.readBytes32(string.concat(at, ".structHash")));
        bytes memory signature = messages.readBytes(string.concat(at, ".signature"));
        address signer = Messages.signer(messages.readBytes32(".domain.separator"), structHash, signature);
        assertEq(signer, messages.readAddress(string.concat(at, ".signer")));
    }

    function _key(string memory name) private view returns (AwardKey memory) {
        string memory at = string.concat(".messages.", name, ".message");
        return AwardKey({
            supernet: uint32(messages.readUint(string.concat(at, ".supernet"))),
            gatewayEpoch: uint64(messages.readUint(string.concat(at, ".gatewayEpoch"))),
            tick: uint64(messages.readUint(string.concat(at, ".tick"))),
            jobId: messages.readBytes32(string.concat(at, ".jobId")),
            attempt: uint32(messages.readUint(string.concat(at, ".attempt"))),
            operator: messages.readAddress(string.concat(at, ".operator"))
        });
    }

    function _word(string memory name, string memory field) private view returns (bytes32) {
        return messages.readBytes32(string.concat(".messages.", name, ".message.", field));
    }
}
