//! Digests that contracts and statements hold. A change of what they are made of needs a new name for the encoding,
//! and makes every registered table and query unknown.

use alloy_primitives::{U256, b256};
use gavel_circuits::query::params_digest;
use gavel_circuits::statement::word_from_hash;
use gavel_workloads::coprocessor::{Query, Table};

const TABLE: &str = r#"
name = "golden"
chain_id = 1
contract = "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc"
columns = [
    { name = "reserve0", type = "uint112", slot = "0x8" },
    { name = "reserve1", type = "uint112", slot = "0x8", offset_bytes = 14 },
    { name = "token0", type = "address", slot = 6 },
    { name = "total", type = "uint256", slot = 0 },
]
"#;

const SQL: &str = "SELECT SUM(total) AS s, AVG(reserve1) AS mean, MIN(reserve1) AS low, MAX(reserve0) AS high, \
                   COUNT(*) AS n FROM golden WHERE reserve0 > $1 AND block_number BETWEEN $from AND 22000000 \
                   AND token0 <> 0x5f3b5dfeb7b28cdbd7faba78963ee202a494e2a2";

#[test]
fn table_query_and_parameters_have_their_digests() {
    let table = Table::parse(TABLE).unwrap();
    assert_eq!(table.id(), b256!("e0db4422331c9960a844ef927ce70d71042bd70c45ff293a29d05068f92ed5fd"));
    let query = Query::compile(&table, SQL).unwrap();
    assert_eq!(query.digest(), b256!("d40f4e9d002ea793529a99aaf6c657096a2460483539bedd9be421a19bb99b95"));
    let params = [U256::from(1_000), U256::MAX];
    let digest = word_from_hash(params_digest(&params));
    assert_eq!(digest, b256!("1ba7a79d96bb5641b3a270f48b275099c0e24366acc14e7e9e8b27db8c789090"));
}
