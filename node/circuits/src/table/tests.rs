use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use super::*;
use crate::Builder;
use crate::circuit::{self, Circuit};
use crate::security::Profile;

fn extraction() -> Extraction {
    let slots = vec![U256::from(8), U256::MAX];
    Extraction::new(0x1_0000_0005, Address::repeat_byte(0xab), slots).unwrap()
}

fn spec() -> TableSpec {
    let column = |slot, offset, width| ColumnLayout { slot, offset, width, type_code: width };
    let columns = vec![column(0, 0, 14), column(0, 14, 14), column(1, 0, 32)];
    TableSpec::new(extraction(), columns, B256::repeat_byte(7)).unwrap()
}

fn rows() -> Vec<Row> {
    (0..3).map(|i| Row { number: 100 + i, timestamp: 1_000 + 12 * i, values: vec![U256::from(i), U256::MAX] }).collect()
}

struct Digests {
    data: Circuit,
    extraction: ExtractionTarget,
    columns: ColumnsTarget,
    rows: Vec<([Target; 2], [LimbTargets; MAX_SLOTS])>,
}

/// Registers table id and row-chain digest of three rows.
fn digests() -> Digests {
    let mut b = Builder::new(Profile::Test.recursion_config());
    let extraction = ExtractionTarget::new(&mut b);
    let columns = ColumnsTarget::new(&mut b);
    let (left, right) = (extraction.digest(&mut b), columns.digest(&mut b));
    let id = table_id_target(&mut b, left, right);
    let mut chain = HashOutTarget { elements: [b.zero(); 4] };
    let mut rows = vec![];
    for _ in 0..3 {
        let block = b.add_virtual_target_arr();
        let values = std::array::from_fn(|_| b.add_virtual_target_arr());
        chain = chain_block(&mut b, chain, &extraction.active, block[0], block[1], &values);
        rows.push((block, values));
    }
    b.register_public_inputs(&id.elements);
    b.register_public_inputs(&chain.elements);
    Digests { data: circuit::build(b), extraction, columns, rows }
}

#[test]
fn circuit_and_native_digests_agree() {
    let digests = digests();
    let mut pw = PartialWitness::new();
    digests.extraction.set_witness(&mut pw, &extraction()).unwrap();
    digests.columns.set_witness(&mut pw, &spec()).unwrap();
    for ((block, values), row) in digests.rows.iter().zip(rows()) {
        pw.set_target_arr(block, &[row.number, row.timestamp].map(F::from_canonical_u64)).unwrap();
        for (j, limbs) in values.iter().enumerate() {
            let value = row.values.get(j).copied().unwrap_or_default();
            pw.set_target_arr(limbs, &u256_limbs(value)).unwrap();
        }
    }
    let proof = circuit::prove(&digests.data, pw).unwrap();
    let chain = row_chain_digest(&extraction(), &rows()).unwrap();
    let expected = [spec().table_id().elements, chain.elements].concat();
    assert_eq!(proof.public_inputs, expected);
    circuit::verify(&digests.data.verifier_only, &digests.data.common, &proof).unwrap();
}

#[test]
fn every_part_of_a_table_is_in_its_id() {
    let base = spec().table_id();
    let renamed = TableSpec::new(extraction(), spec().columns, B256::repeat_byte(8)).unwrap();
    let mut columns = spec().columns;
    columns[0].offset = 1;
    let moved = TableSpec::new(extraction(), columns, B256::repeat_byte(7)).unwrap();
    let other = |chain, contract, slots| {
        let extraction = Extraction::new(chain, contract, slots).unwrap();
        TableSpec::new(extraction, spec().columns, B256::repeat_byte(7)).unwrap()
    };
    let e = extraction();
    let tables = [
        renamed,
        moved,
        other(5, e.contract, e.slots.clone()),
        other(e.chain_id, Address::ZERO, e.slots.clone()),
        other(e.chain_id, e.contract, vec![U256::from(8), U256::from(9)]),
        other(e.chain_id, e.contract, vec![U256::from(8), U256::from(9), U256::MAX]),
    ];
    tables.iter().for_each(|table| assert_ne!(table.table_id(), base));
}

#[test]
fn malformed_tables_and_rows_are_refused() {
    let slots = |n: u64| (0..n).map(U256::from).collect::<Vec<_>>();
    let make = |slots| Extraction::new(1, Address::ZERO, slots);
    assert_eq!(make(vec![]), Err(TableError::SlotCount(0)));
    assert_eq!(make(slots(5)), Err(TableError::SlotCount(5)));
    let repeated = vec![U256::from(3), U256::from(3)];
    let order = TableError::SlotOrder { previous: U256::from(3), next: U256::from(3) };
    assert_eq!(make(repeated), Err(order));
    let column = |slot, offset, width| ColumnLayout { slot, offset, width, type_code: 0 };
    let table = |columns| TableSpec::new(extraction(), columns, B256::ZERO);
    assert_eq!(table(vec![]), Err(TableError::ColumnCount(0)));
    assert_eq!(table(vec![column(0, 0, 1); 9]), Err(TableError::ColumnCount(9)));
    let outside = TableError::SlotIndex { column: 0, slot: 2, slots: 2 };
    assert_eq!(table(vec![column(2, 0, 1)]), Err(outside));
    let past = TableError::PastSlotEnd { column: 0, offset: 20, width: 14 };
    assert_eq!(table(vec![column(0, 20, 14)]), Err(past));
    let mut row = rows()[0].clone();
    row.values.pop();
    let short = TableError::ValueCount { number: 100, expected: 2, got: 1 };
    assert_eq!(row_chain_digest(&extraction(), &[row]), Err(short));
    let mut late = rows()[0].clone();
    late.timestamp = 1 << BLOCK_INTEGER_BITS;
    assert!(matches!(row_chain_digest(&extraction(), &[late]), Err(TableError::BlockInteger { .. })));
}
