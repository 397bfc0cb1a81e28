# `make run` and `make test` are all that a new user needs; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help run test bench deny packages cargo

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/'

run: packages cargo ## Install what is missing, build, and open the window on a bundled clip
	cargo run --release --

test: packages cargo ## Install what is missing and run every check and test
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings
	cargo test --release

bench: packages cargo ## Run the benchmarks
	cargo bench

deny: cargo ## Check licences and advisories of the dependencies (needs cargo-deny)
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo "cargo-deny is not installed: cargo install cargo-deny"; exit 1; fi

packages:
	@sh .ci/packages.sh

cargo:
	@command -v cargo >/dev/null || { \
	  echo "cargo was not found. Install Rust from https://rustup.rs and open a new shell, then try again."; exit 1; }
