# Plimsoll. `make demo` shows it at work, `make test` runs every test; both install what they need.
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)

# The slow tests wait for timers, registries and processes, not for a processor.
export RUST_TEST_THREADS ?= 8

.PHONY: demo test lint bench corpus hostile fuzz

demo:
	tests/install.sh docker-registry skopeo jq curl
	$(CARGO) build --bin plimsoll --example demo-images
	PLIMSOLL=$(TARGET)/debug/plimsoll DEMO_IMAGES=$(TARGET)/debug/examples/demo-images deploy/demo/demo.sh

# The same generated cases each time, so that what passed passes; `cargo test` alone tries others.
test: export PROPTEST_RNG_SEED ?= 3
test:
	tests/install.sh docker-registry skopeo promtool
	$(CARGO) test --all-targets

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "cargo-deny is not installed: licences, bans and sources are not checked"; fi

bench:
	tests/install.sh docker-registry skopeo igzip time curl jq pip3
	$(CARGO) build --release --bin plimsoll --example scan-shares
	PLIMSOLL=$(TARGET)/release/plimsoll SCAN_SHARES=$(TARGET)/release/examples/scan-shares benches/bench.sh

corpus:
	tests/install.sh mmdebstrap npm pip3 openssl ssh-keygen gpg unshare time
	$(CARGO) build --release --bin plimsoll
	PLIMSOLL=$(TARGET)/release/plimsoll python3 tests/corpus/run.py

hostile:
	tests/install.sh time jq
	$(CARGO) build --release --bin plimsoll --example hostile-images
	PLIMSOLL=$(TARGET)/release/plimsoll HOSTILE_IMAGES=$(TARGET)/release/examples/hostile-images benches/hostile.sh

# Fuzzes every target for FUZZ_SECONDS each, from the seeds; needs `cargo install cargo-fuzz`. Works
# with the stable compiler: libFuzzer's coverage, but no sanitizer (the crate forbids unsafe code).
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= layer tar manifest config reference history
FUZZ_CORPUS ?= $(HOME)/.cache/plimsoll-fuzz

fuzz:
	@command -v cargo-fuzz >/dev/null || $(CARGO) install cargo-fuzz --locked
	for target in $(FUZZ_TARGETS); do \
		mkdir -p $(FUZZ_CORPUS)/$$target; \
		$(CARGO) fuzz run --fuzz-dir tests/fuzz --sanitizer none $$target \
			$(FUZZ_CORPUS)/$$target tests/fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=20 -rss_limit_mb=2048 \
			-print_final_stats=1 || exit 1; \
	done
