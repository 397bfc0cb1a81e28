# `make run` and `make test` are all that a new user needs; `make help` lists the rest.

.DEFAULT_GOAL := help

# Without a desktop session this is unset, and Mesa's Vulkan loader complains on stderr.
ifndef XDG_RUNTIME_DIR
export XDG_RUNTIME_DIR := $(shell mktemp -d)
endif
.PHONY: help run test bench model deny packages cargo

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

# Everything about the default model, from nothing: under three hours on two cores. Each step resumes where it was stopped.
MODEL := target/model
model: packages cargo ## Make the default model again from nothing, into target/model/small
	cargo build --release
	cargo run --release -- train clip --out $(MODEL)/clip
	cargo run --release -- train head --model $(MODEL)/clip --out $(MODEL)/choice --holdout 3
	cargo run --release -- train head --model $(MODEL)/clip --out $(MODEL)/small --chosen-by $(MODEL)/choice --name small
	cargo run --release -- eval synth --model $(MODEL)/small --record
	@echo "The model is in $(MODEL)/small; copy it over assets/model to make it the default."

deny: cargo ## Check licences and advisories of the dependencies (needs cargo-deny)
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo "cargo-deny is not installed: cargo install cargo-deny"; exit 1; fi

packages:
	@sh .ci/packages.sh

cargo:
	@command -v cargo >/dev/null || { \
	  echo "cargo was not found. Install Rust from https://rustup.rs and open a new shell, then try again."; exit 1; }
