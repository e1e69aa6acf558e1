-- The gateway's work in flight. docs/data_model.md explains the tables.
-- Hashes are BLOB(32), addresses BLOB(20), 256-bit integers BLOB(32) big-endian, blocks and counts INTEGER.

CREATE TABLE leases (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    token      INTEGER NOT NULL CHECK (token > 0),
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE requests (
    request_id      BLOB PRIMARY KEY CHECK (length(request_id) = 32),
    supernet        INTEGER NOT NULL,
    verifier_id     BLOB NOT NULL CHECK (length(verifier_id) = 32),
    fee_token       BLOB NOT NULL CHECK (length(fee_token) = 20),
    table_id        BLOB NOT NULL CHECK (length(table_id) = 32),
    table_text_hash BLOB NOT NULL CHECK (length(table_text_hash) = 32),
    query_digest    BLOB NOT NULL CHECK (length(query_digest) = 32),
    query_text_hash BLOB NOT NULL CHECK (length(query_text_hash) = 32),
    from_block      INTEGER NOT NULL,
    to_block        INTEGER NOT NULL,
    max_fee         BLOB NOT NULL CHECK (length(max_fee) = 32),
    deadline        INTEGER NOT NULL,
    callback        BLOB NOT NULL CHECK (length(callback) = 20),
    callback_gas    INTEGER NOT NULL,
    refund_to       BLOB NOT NULL CHECK (length(refund_to) = 20),
    chain_id        INTEGER NOT NULL,
    contract        BLOB NOT NULL CHECK (length(contract) = 20),
    requester       BLOB NOT NULL CHECK (length(requester) = 20),
    nonce           INTEGER NOT NULL,
    anchor_hash     BLOB NOT NULL CHECK (length(anchor_hash) = 32),
    block_number    INTEGER NOT NULL,
    block_hash      BLOB NOT NULL CHECK (length(block_hash) = 32),
    log_index       INTEGER NOT NULL,
    -- Fee left for work after base fee and settlement reserve.
    work_fee        BLOB NOT NULL CHECK (length(work_fee) = 32),
    ceiling_start   BLOB NOT NULL CHECK (length(ceiling_start) = 32),
    ceiling_maximum BLOB NOT NULL CHECK (length(ceiling_maximum) = 32),
    ramp_blocks     INTEGER NOT NULL,
    patience_blocks INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN (
        'planned', 'running', 'settling', 'settled', 'failing', 'failed', 'refunded', 'cancelled', 'withdrawn')),
    failure         INTEGER CHECK ((failure IS NOT NULL) = (state IN ('failing', 'failed'))),
    -- Block whose event ended it, to take the end back with the block.
    end_hash        BLOB CHECK (end_hash IS NULL OR length(end_hash) = 32),
    version         INTEGER NOT NULL
) STRICT;
CREATE INDEX requests_by_state ON requests (state);

CREATE TABLE request_params (
    request_id BLOB NOT NULL REFERENCES requests ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    word       BLOB NOT NULL CHECK (length(word) = 32),
    PRIMARY KEY (request_id, position)
) STRICT;

CREATE TABLE jobs (
    job_id           BLOB PRIMARY KEY CHECK (length(job_id) = 32),
    request_id       BLOB NOT NULL REFERENCES requests ON DELETE CASCADE,
    position         INTEGER NOT NULL,
    kind             INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    units            INTEGER NOT NULL CHECK (units > 0),
    claim_kind       INTEGER NOT NULL CHECK (claim_kind BETWEEN 1 AND 4),
    circuit_set      BLOB NOT NULL CHECK (length(circuit_set) = 32),
    chain_id         INTEGER NOT NULL,
    table_id         BLOB NOT NULL CHECK (length(table_id) = 32),
    query_digest     BLOB NOT NULL CHECK (length(query_digest) = 32),
    params_digest    BLOB NOT NULL CHECK (length(params_digest) = 32),
    from_block       INTEGER NOT NULL,
    to_block         INTEGER NOT NULL,
    anchor_hash      BLOB NOT NULL CHECK (length(anchor_hash) = 32),
    inputs           BLOB NOT NULL CHECK (length(inputs) = 32),
    waiting_since    INTEGER NOT NULL,
    attempt          INTEGER NOT NULL,
    attempt_limit    INTEGER NOT NULL,
    state            TEXT NOT NULL CHECK (state IN (
        'queued', 'auctioning', 'assigned', 'proving', 'verifying', 'proved', 'failed')),
    tick             INTEGER CHECK ((tick IS NOT NULL) = (state = 'auctioning')),
    lot_digest       BLOB CHECK ((lot_digest IS NOT NULL) = (state = 'auctioning')),
    award_id         BLOB CHECK ((award_id IS NOT NULL) = (state IN ('assigned', 'proving', 'verifying', 'proved'))),
    statement_digest BLOB CHECK ((statement_digest IS NOT NULL) = (state = 'proved')),
    failure          TEXT CHECK ((failure IS NOT NULL) = (state = 'failed')
        AND (failure IS NULL OR failure IN ('no bid under ceiling', 'attempt limit', 'request ended'))),
    -- Block at which the input was first there: the ceiling rises from then on.
    ready_block      INTEGER CHECK ((ready_block IS NOT NULL) = (input_digest IS NOT NULL)),
    -- SHA-256 of objects: the input once it is built, the proof once it is verified.
    input_digest     BLOB CHECK (input_digest IS NULL OR length(input_digest) = 32),
    proof_digest     BLOB CHECK (proof_digest IS NULL OR length(proof_digest) = 32),
    version          INTEGER NOT NULL,
    UNIQUE (request_id, position)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE job_dependencies (
    job_id       BLOB NOT NULL REFERENCES jobs ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    needs_job_id BLOB NOT NULL REFERENCES jobs ON DELETE CASCADE,
    PRIMARY KEY (job_id, position)
) STRICT;
CREATE INDEX dependants ON job_dependencies (needs_job_id);

-- What a proved job states, words 10 to 15, and the result words of an answer.
CREATE TABLE job_outputs (
    job_id        BLOB PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    status        INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4),
    row_count     INTEGER NOT NULL,
    root_0        BLOB NOT NULL CHECK (length(root_0) = 32),
    root_1        BLOB NOT NULL CHECK (length(root_1) = 32),
    root_2        BLOB NOT NULL CHECK (length(root_2) = 32),
    result_digest BLOB NOT NULL CHECK (length(result_digest) = 32)
) STRICT;

CREATE TABLE job_results (
    job_id   BLOB NOT NULL REFERENCES jobs ON DELETE CASCADE,
    position INTEGER NOT NULL,
    word     BLOB NOT NULL CHECK (length(word) = 32),
    PRIMARY KEY (job_id, position)
) STRICT;

-- Operators that failed a job are not asked again for it.
CREATE TABLE job_exclusions (
    job_id   BLOB NOT NULL REFERENCES jobs ON DELETE CASCADE,
    operator BLOB NOT NULL CHECK (length(operator) = 20),
    PRIMARY KEY (job_id, operator)
) STRICT;

CREATE TABLE ticks (
    supernet        INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,
    tick            INTEGER NOT NULL,
    phase           TEXT NOT NULL CHECK (phase IN ('open', 'sealed', 'opening', 'awarded', 'void')),
    opened_millis   INTEGER NOT NULL,
    until_millis    INTEGER NOT NULL,
    bids_root       BLOB CHECK (bids_root IS NULL OR length(bids_root) = 32),
    bid_count       INTEGER,
    capacity_root   BLOB CHECK (capacity_root IS NULL OR length(capacity_root) = 32),
    close_signature BLOB CHECK (close_signature IS NULL OR length(close_signature) = 65),
    anchored_block  INTEGER,
    version         INTEGER NOT NULL,
    PRIMARY KEY (supernet, epoch, tick),
    CHECK ((close_signature IS NOT NULL) = (phase IN ('sealed', 'opening', 'awarded')))
) STRICT;

CREATE TABLE lots (
    lot_digest     BLOB PRIMARY KEY CHECK (length(lot_digest) = 32),
    supernet       INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    tick           INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    class          INTEGER NOT NULL CHECK (class BETWEEN 0 AND 2),
    ceiling        BLOB NOT NULL CHECK (length(ceiling) = 32),
    accept_blocks  INTEGER NOT NULL,
    proving_blocks INTEGER NOT NULL,
    circuit_set    BLOB NOT NULL CHECK (length(circuit_set) = 32),
    -- Set when the tick is awarded; both null for a void lot.
    winner         BLOB CHECK (winner IS NULL OR length(winner) = 20),
    price          BLOB CHECK ((price IS NULL) = (winner IS NULL)),
    UNIQUE (supernet, epoch, tick, number),
    FOREIGN KEY (supernet, epoch, tick) REFERENCES ticks ON DELETE CASCADE
) STRICT;

CREATE TABLE lot_jobs (
    lot_digest BLOB NOT NULL REFERENCES lots ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    job_id     BLOB NOT NULL REFERENCES jobs ON DELETE CASCADE,
    PRIMARY KEY (lot_digest, position)
) STRICT;

CREATE TABLE bids (
    lot_digest        BLOB NOT NULL REFERENCES lots ON DELETE CASCADE,
    operator          BLOB NOT NULL CHECK (length(operator) = 20),
    commitment        BLOB NOT NULL UNIQUE CHECK (length(commitment) = 32),
    signature         BLOB NOT NULL CHECK (length(signature) = 65),
    receipt_signature BLOB NOT NULL CHECK (length(receipt_signature) = 65),
    price             BLOB CHECK (price IS NULL OR length(price) = 32),
    salt              BLOB CHECK ((salt IS NULL) = (price IS NULL)),
    opening_signature BLOB CHECK ((opening_signature IS NULL) = (price IS NULL)),
    PRIMARY KEY (lot_digest, operator)
) STRICT;

-- Refused commitments and openings, so that an operator can see why it did not win.
CREATE TABLE refusals (
    id         INTEGER PRIMARY KEY,
    lot_digest BLOB NOT NULL CHECK (length(lot_digest) = 32),
    operator   BLOB NOT NULL CHECK (length(operator) = 20),
    reason     TEXT NOT NULL,
    at_block   INTEGER NOT NULL
) STRICT;

CREATE TABLE capacities (
    supernet INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    tick     INTEGER NOT NULL,
    operator BLOB NOT NULL CHECK (length(operator) = 20),
    free     INTEGER NOT NULL,
    PRIMARY KEY (supernet, epoch, tick, operator),
    FOREIGN KEY (supernet, epoch, tick) REFERENCES ticks ON DELETE CASCADE
) STRICT;

CREATE TABLE awards (
    award_id          BLOB PRIMARY KEY CHECK (length(award_id) = 32),
    supernet          INTEGER NOT NULL,
    epoch             INTEGER NOT NULL,
    tick              INTEGER NOT NULL,
    lot_digest        BLOB NOT NULL REFERENCES lots ON DELETE CASCADE,
    job_id            BLOB NOT NULL REFERENCES jobs ON DELETE CASCADE,
    attempt           INTEGER NOT NULL,
    operator          BLOB NOT NULL CHECK (length(operator) = 20),
    units             INTEGER NOT NULL,
    price             BLOB NOT NULL CHECK (length(price) = 32),
    accept_blocks     INTEGER NOT NULL,
    proving_blocks    INTEGER NOT NULL,
    signature         BLOB NOT NULL CHECK (length(signature) = 65),
    state             TEXT NOT NULL CHECK (state IN (
        'signed', 'anchored', 'accepted', 'delivered', 'skipped', 'lapsed', 'missed', 'void')),
    anchored_block    INTEGER CHECK (anchored_block IS NOT NULL OR state NOT IN ('anchored', 'accepted')),
    accept_block      INTEGER CHECK (accept_block IS NOT NULL OR state NOT IN ('accepted', 'missed')),
    input_digest      BLOB CHECK (input_digest IS NOT NULL OR state NOT IN ('accepted', 'missed')),
    given_up          INTEGER NOT NULL DEFAULT 0 CHECK (given_up IN (0, 1)),
    statement_digest  BLOB CHECK ((statement_digest IS NOT NULL) = (state = 'delivered')),
    accept_signature  BLOB CHECK (accept_signature IS NOT NULL OR state NOT IN ('accepted', 'missed')),
    receipt_signature BLOB CHECK (receipt_signature IS NOT NULL OR state <> 'delivered'),
    -- Tick whose anchor listed the delivery.
    delivery_tick     INTEGER,
    -- Block at which the operator had its money.
    paid_block        INTEGER,
    version           INTEGER NOT NULL
) STRICT;
CREATE INDEX awards_by_state ON awards (state);
CREATE INDEX awards_by_job ON awards (job_id);
CREATE INDEX awards_by_tick ON awards (supernet, epoch, tick);

-- Miss reports that the Slasher holds.
CREATE TABLE reports (
    award_id     BLOB PRIMARY KEY CHECK (length(award_id) = 32),
    answer_until INTEGER NOT NULL,
    report_block INTEGER NOT NULL,
    closed_block INTEGER
) STRICT;

-- Operators that ever registered in the supernet.
CREATE TABLE operators (
    operator BLOB PRIMARY KEY CHECK (length(operator) = 20)
) STRICT;

-- Texts of tables and queries, as anybody registered them.
CREATE TABLE texts (
    digest    BLOB NOT NULL CHECK (length(digest) = 32),
    text_hash BLOB NOT NULL CHECK (length(text_hash) = 32),
    text      TEXT NOT NULL,
    PRIMARY KEY (digest, text_hash)
) STRICT;

CREATE TABLE reputations (
    operator         BLOB PRIMARY KEY CHECK (length(operator) = 20),
    cool_down_blocks INTEGER NOT NULL,
    excluded_until   INTEGER NOT NULL,
    failures         INTEGER NOT NULL,
    deliveries       INTEGER NOT NULL
) STRICT;

-- Transactions that are owed: the row first, then the attempts, then the outcome.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT NOT NULL,
    account      BLOB NOT NULL CHECK (length(account) = 20),
    recipient    BLOB NOT NULL CHECK (length(recipient) = 20),
    data         BLOB NOT NULL,
    value        BLOB NOT NULL CHECK (length(value) = 32),
    gas_limit    INTEGER,
    -- Null while it is owed: refused or reverted, it is tried again until it succeeds or its purpose is gone.
    outcome      TEXT CHECK (outcome IN ('succeeded', 'dropped')),
    outcome_hash BLOB CHECK ((outcome_hash IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'succeeded')),
    block_number INTEGER CHECK ((block_number IS NOT NULL) = (outcome_hash IS NOT NULL)),
    block_hash   BLOB CHECK ((block_hash IS NOT NULL) = (outcome_hash IS NOT NULL)),
    gas_used     INTEGER CHECK ((gas_used IS NOT NULL) = (outcome_hash IS NOT NULL)),
    reason       TEXT CHECK ((reason IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'dropped')),
    UNIQUE (account, key)
) STRICT;
CREATE INDEX outbox_open ON outbox (account, id) WHERE outcome IS NULL;
CREATE INDEX outbox_by_block ON outbox (block_number);

CREATE TABLE outbox_attempts (
    outbox_id    INTEGER NOT NULL REFERENCES outbox ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    nonce        INTEGER NOT NULL,
    hash         BLOB NOT NULL CHECK (length(hash) = 32),
    raw          BLOB NOT NULL,
    max_fee      BLOB NOT NULL CHECK (length(max_fee) = 16),
    priority_fee BLOB NOT NULL CHECK (length(priority_fee) = 16),
    signed_at    INTEGER NOT NULL,
    PRIMARY KEY (outbox_id, position)
) STRICT;

-- How far each reader of the chain has come, in the reader's own notation.
CREATE TABLE cursors (
    name     TEXT PRIMARY KEY,
    position TEXT NOT NULL
) STRICT;
