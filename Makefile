# Every target does its own set-up; `make` alone lists them.

INPUT ?= /usr/include
ARGS ?=
# Where SwiftPM builds.
SCRATCH ?= .build

SWIFT_SOURCES = $(wildcard Sources Tests Benchmarks/Sources Package.swift Benchmarks/Package.swift)

FUZZ_SECONDS ?= 60

# What `make suspension` stops; all if it is empty.
SUBJECTS ?=

# The input as one word for the shell, whatever characters it has.
QUOTED_INPUT = '$(subst ','\'',$(INPUT))'

.DEFAULT_GOAL := help
.PHONY: help run test suspension model stress asan tsan fuzz bench bench-quick bench-packages
.PHONY: lint lint-format lint-house lint-shell format clean packages

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What the build says goes to standard error: standard output is the program's.
run: packages ## Build the example in release mode and count the words in INPUT=DIR; more options in ARGS
	@swift build --scratch-path $(SCRATCH) -c release --product wordcount >&2
	@$(SCRATCH)/release/wordcount $(ARGS) -- $(QUOTED_INPUT)

test: packages ## Run every test
	swift test --scratch-path $(SCRATCH) --no-parallel
	@if [ -f Scripts/check-headers.sh ]; then echo sh Scripts/check-headers.sh; sh Scripts/check-headers.sh; fi

suspension: packages ## Stop a thread for good at each step of each queue's operations; SUBJECTS= some of them
	@sh Scripts/suspension.sh $(SCRATCH)/suspension $(SUBJECTS)

model: packages ## Run the C core under a model checker, and with each ordering weakened in turn; options in ARGS
	@sh Scripts/ensure-packages.sh model >&2
	@sh Scripts/model.sh $(SCRATCH)/model $(ARGS)

# The stress tests in release mode, where the compiler reorders as much as it may. SLUICE_STRESS is the seconds of
# each of the groups; SLUICE_SEED repeats a run's choices.
stress: packages ## Run the stress tests for SLUICE_STRESS=60 seconds each group
	SLUICE_STRESS=$${SLUICE_STRESS:-60} swift test --scratch-path $(SCRATCH)/stress -c release \
	  -Xswiftc -enable-testing --no-parallel --filter StressTests

asan: packages ## Run the queues' tests and the stress tests under AddressSanitizer and UBSan
	@sh Scripts/sanitize.sh address $(SCRATCH)/asan

tsan: packages ## Run the queues' tests and the stress tests under ThreadSanitizer
	@sh Scripts/sanitize.sh thread $(SCRATCH)/tsan

# libFuzzer over the bytes that a worker process may have written; a finding is kept beside the build.
fuzz: packages ## Fuzz what a parent reads of a worker process for FUZZ_SECONDS=60
	@swift build --package-path Tests/Fuzz --scratch-path $(SCRATCH)/fuzz --sanitize=address >&2
	@$(SCRATCH)/fuzz/debug/fuzz-exchange -max_total_time=$(FUZZ_SECONDS) -max_len=6000 \
	  -artifact_prefix=$(SCRATCH)/fuzz/ -print_final_stats=1

lint: lint-format lint-house lint-shell ## Check the formatting, the house rules and the shell scripts

lint-format:
	swift format lint --strict --recursive $(SWIFT_SOURCES)

lint-house:
	sh Scripts/lint-house.sh

lint-shell:
	@if command -v shellcheck >/dev/null; then \
	  echo shellcheck --severity=warning .ci/run Scripts/*.sh; shellcheck --severity=warning .ci/run Scripts/*.sh; \
	else echo 'shellcheck is not installed: the scripts were not checked'; fi

format: ## Format the Swift sources in place
	swift format --in-place --recursive $(SWIFT_SOURCES)

bench: bench-packages ## Run the benchmarks for Benchmarks/results, tables and plots; options in ARGS
	@SCRATCH='$(SCRATCH)' sh Scripts/bench.sh Benchmarks/results $(ARGS)

bench-quick: bench-packages ## The main rows of the benchmarks, in three minutes
	@SCRATCH='$(SCRATCH)' sh Scripts/bench.sh Benchmarks/.build/quick --quick $(ARGS)

# What cannot be installed is left out.
bench-packages: packages
	-@sh Scripts/ensure-packages.sh bench >&2
	-@sh Scripts/python-peers.sh >&2

clean: ## Remove what was built
	rm -rf .build .build-* Benchmarks/.build

packages:
	@sh Scripts/ensure-packages.sh >&2
