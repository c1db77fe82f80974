# Every target does its own set-up; `make` alone lists them.

INPUT ?= /usr/include
ARGS ?=
# Where SwiftPM builds.
SCRATCH ?= .build

SWIFT_SOURCES = $(wildcard Sources Tests Benchmarks/Sources Package.swift Benchmarks/Package.swift)

# What `make suspension` stops; all if it is empty.
SUBJECTS ?=

# The input as one word for the shell, whatever characters it has.
QUOTED_INPUT = '$(subst ','\'',$(INPUT))'

.DEFAULT_GOAL := help
.PHONY: help run test suspension model lint lint-format lint-house lint-shell format bench clean packages

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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

bench: packages ## Run the benchmarks in release mode; options in ARGS
	-@sh Scripts/ensure-packages.sh bench >&2
	swift run --package-path Benchmarks -c release sluice-bench $(ARGS)

clean: ## Remove what was built
	rm -rf .build .build-* Benchmarks/.build

packages:
	@sh Scripts/ensure-packages.sh >&2
