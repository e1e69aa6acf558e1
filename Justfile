# Recipes call scripts or one tool; everything works without just.

# One real request, end to end, with faults on the way: `just demo --profile test`, `just demo --keep`
demo *args:
    ./scripts/demo {{args}}

# Everything that CI runs
test *args:
    ./scripts/test {{args}}

# Figures of everything, or for example `just bench proofs --only merge_two --json figures.json`
bench *args="proofs":
    ./scripts/bench {{args}}

# A development network: `just devnet up`, `just devnet status`, `just devnet down`
devnet *args: install
    cargo run --release --quiet --bin gavel -- devnet {{args}}

# npm packages and the EigenLayer init code
install:
    ./scripts/install

fmt:
    cargo fmt
    ./node_modules/.bin/forge fmt

# Copy the contracts' ABIs to where the bindings read them
abi:
    ./scripts/abi

layers:
    ./scripts/check_layers
