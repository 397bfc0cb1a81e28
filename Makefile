# `make run` and `make test` are all that a new user needs; `make help` lists the rest.

.DEFAULT_GOAL := help

# Without a desktop session this is unset, and Mesa's Vulkan loader complains on stderr.
ifndef XDG_RUNTIME_DIR
export XDG_RUNTIME_DIR := $(shell mktemp -d)
endif
.PHONY: help run test soak pictures sheets bench model people ablation ablation-people package deny packages cargo

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/'

run: packages cargo ## Install what is missing, build, and open the window on a bundled clip
	cargo run --release --

test: packages cargo ## Install what is missing and run every check and test
	cargo fmt --all --check
	cargo clippy --release --all-targets -- -D warnings
	cargo test --release
	@.ci/second-driver

soak: packages cargo ## Long runs: 500 random sequences of what a person can do, against the real engine; 500 mutated answers of a hub, 2,000 mutated model folders
	MOTIONLENS_SOAK=500 cargo test --release --test ui_window soak -- --nocapture
	MOTIONLENS_SOAK=500 cargo test --release --test hub mutated -- --nocapture
	MOTIONLENS_SOAK=2000 cargo test --release --test model_mutated -- --nocapture

pictures: packages cargo ## Take the pictures of README and guide anew, into assets/pictures
	MOTIONLENS_PICTURES=write cargo test --release --test ui_window pictures

sheets: packages cargo ## Every view at two sizes of the window, in both themes, with text at 100 and 200%, into target/sheets
	mkdir -p target/sheets
	MOTIONLENS_SHEETS=target/sheets cargo test --release --test ui_window pictures

bench: packages cargo ## Run the benchmarks; writes docs/performance.md, ours beside others
	cargo bench --bench engine --bench ui --bench video --bench live
	cargo bench --bench performance -- --write

# Training makes and drops the same large arrays at every step. As it comes, glibc gives them back to the system each time and faults them in
# again: a seventh of a step of `train clip`.
model people: export GLIBC_TUNABLES := glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=42949672960:glibc.malloc.top_pad=268435456

# On AMX numbers differ in their last bits, and a model would not be the same to the bit as one made elsewhere.
model people ablation ablation-people: export MOTIONLENS_AMX := off

# Everything about the model of shapes, from nothing: under three hours on two cores. Each step resumes where it was stopped.
MODEL := target/model
TRAIN := cargo run --release -- train head --world --cast shapes --model $(MODEL)/clip --cache $(MODEL)/features
CHOICES := $(MODEL)/choice-11 $(MODEL)/choice-12
CHOSEN := $(CHOICES:%=--chosen-by %)
model: packages cargo ## Make the model of shapes again from nothing, into target/model/shapes
	cargo build --release
	cargo run --release -- train clip --cast shapes --out $(MODEL)/clip
	for seed in 11 12; do $(TRAIN) --seed $$seed --out $(MODEL)/choice-$$seed --holdout 3 --epochs 7 || exit 1; done
	$(TRAIN) --seed 11 --out $(MODEL)/shapes $(CHOSEN) --epochs 6 --name shapes
	cargo run --release -- eval synth --cast shapes --model $(MODEL)/shapes --record
	@echo "The model is in $(MODEL)/shapes; copy it over assets/model to ship it."

# The model of people, from nothing: an hour and a half to two hours. Each step resumes where it was stopped.
PEOPLE := $(MODEL)/people
TRAIN_PEOPLE := cargo run --release -- train head --world --cast people --cache $(MODEL)/features --motion-layer 2 --energy-pool --negatives 0.3 --per-class 80 --epochs 5
people: packages cargo ## Make the default model, that of people, from nothing, into target/model/people/model
	cargo build --release
	cargo run --release -- train clip --cast people --out $(PEOPLE)/clip
	$(TRAIN_PEOPLE) --model $(PEOPLE)/clip --seed 11 --out $(PEOPLE)/choice --holdout 3
	$(TRAIN_PEOPLE) --model $(PEOPLE)/clip --seed 11 --out $(PEOPLE)/model --name people
	cargo run --release -- eval synth --cast people --model $(PEOPLE)/model --record

# The README's tables of ablations: every variant of a recipe with three training seeds. RECIPE trains, into folders under ABLATED.
define ABLATE
	for seed in 11 12 13; do \
	  $(RECIPE) --seed $$seed --out $(ABLATED)/$(1)-$$seed $(2) && \
	  cargo run --release -- eval synth --cast $(CAST) --model $(ABLATED)/$(1)-$$seed --seeds 1 --json $(ABLATED)/$(1)-$$seed.json || exit 1; \
	done
	cargo run --release -- eval mean $(ABLATED)/$(1)-*.json > $(ABLATED)/$(1).txt
endef
define VARIANTS
	$(call ABLATE,full,)
	$(call ABLATE,adapters,--no-msm --no-negatives)
	$(call ABLATE,msm,--no-mab --no-negatives)
	$(call ABLATE,mab,--no-negatives)
	$(call ABLATE,fixed-haar,--fixed-haar)
	$(call ABLATE,no-gate,--no-gate)
endef
ablation: CAST := shapes
ablation: ABLATED := $(MODEL)/ablation
ablation: RECIPE := $(TRAIN) $(CHOSEN) --epochs 6
ablation: model ## Train and examine every ablation of the model of shapes at three seeds (three hours more), into target/model/ablation
	$(VARIANTS)
# On the towers that ship: what differs is the head alone.
ablation-people: CAST := people
ablation-people: ABLATED := $(PEOPLE)/ablation
ablation-people: RECIPE := $(TRAIN_PEOPLE) --model assets/model/people
ablation-people: packages cargo ## The same for people, on the towers that ship, into target/model/people/ablation
	cargo build --release
	$(VARIANTS)

package: cargo ## A .deb and a tarball that run without Rust, into target/package (on Debian or Ubuntu)
	@command -v dpkg-deb >/dev/null || { echo "make package is for Debian and Ubuntu: dpkg-deb was not found."; exit 1; }
	@sh .ci/packages.sh dpkg-dev binutils patchelf
	cargo build --release --locked
	packaging/linux.sh "$${CARGO_TARGET_DIR:-target}/release/motionlens" target/package

deny: cargo ## Check licences and advisories of the dependencies (needs cargo-deny)
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo "cargo-deny is not installed: cargo install cargo-deny"; exit 1; fi

packages:
	@sh .ci/packages.sh

cargo:
	@command -v cargo >/dev/null || { \
	  echo "cargo was not found. Install Rust from https://rustup.rs and open a new shell, then try again."; exit 1; }
