#!/bin/bash -eu
# Run inside the builder's image: $SRC, $OUT and the compiler's flags are its own.
cd "$SRC/hyperv-replica/fuzz"

cargo fuzz build -O --debug-assertions
cargo run --release --example seeds -- "$WORK/corpus"

for source in fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    cp "target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    zip -qj "$OUT/${target}_seed_corpus.zip" "$WORK/corpus/$target/"*
done
cp script.dict "$OUT/script.dict"
cp script.dict "$OUT/run.dict"
