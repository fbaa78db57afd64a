# Converge: the commands of everyday work. `make` alone lists them.

SHELL := /bin/bash
program := .build/debug/converge
# Tests that all begin at once wait for each other longer than those that take turns.
turns := SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=16

.DEFAULT_GOAL := help
.PHONY: help run test test-all measure lint format bench fuzz pictures clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

run: ## build and start a demo on http://localhost:8080 (options: make run ARGS="--port 9000 --data folder")
	@scripts/setup
	@[ -x $(program) ] || echo "Building Converge. The first time this takes about ten minutes, later seconds."
	swift build --product converge
	@$(program) demo $(ARGS)

# One build for everything: --build-tests also builds the program that the journeys start. The journeys run on SQLite, and those marked
# `engines` once more on PostgreSQL through two nodes: one at least of each story, see CONTRIBUTING.md.
test: ## build, lint and run the tests, at least one of each story on both engines
	@scripts/setup --tests
	@$(MAKE) --no-print-directory lint
	swift build --build-tests
	$(turns) scripts/with-postgres swift test --skip-build --parallel
	@$(MAKE) --no-print-directory measure
	scripts/journeys
	CONVERGE_TEST_ENGINE=postgres CONVERGE_TEST_NODES=2 scripts/with-postgres scripts/journeys -m engines

# Only the first line looks closer: how a page looks does not depend on the engine, and the fault runs are always on PostgreSQL.
test-all: ## the tests of `make test` with a closer look (larger letters and the keyboard at 360 px, more kills, the walks through their whole product, the fault runs), then server tests and journeys on PostgreSQL, with one program and through three nodes
	@CONVERGE_EVERY_WIDTH=1 CONVERGE_EVERY_CASE=1 $(MAKE) --no-print-directory test
	CONVERGE_TEST_ENGINE=postgres scripts/with-postgres swift test --skip-build --no-parallel --filter ConvergeServerTests
	CONVERGE_TEST_ENGINE=postgres scripts/with-postgres scripts/journeys
	CONVERGE_TEST_ENGINE=postgres CONVERGE_TEST_NODES=3 scripts/with-postgres scripts/journeys

measure: ## measure whether names that exist can be told by the time of an answer, and what shared commits are worth (tests must be built)
	CONVERGE_MEASURE=$${CONVERGE_MEASURE:-1500} swift test --skip-build --filter "sameTime|GroupCommitMeasure"

lint: ## check the format of the sources
	swift format lint --strict --parallel -r Sources Tests Package.swift

format: ## put the sources into that format
	swift format --in-place --parallel -r Sources Tests Package.swift

bench: ## measure a release build over HTTP (options: make bench ARGS="--accounts 1000"); the first build takes twenty minutes
	swift build -c release --static-swift-stdlib --product converge --scratch-path .build-release
	@Benchmarks/bench.py $(ARGS)

fuzz: ## feed the parsers of outside bytes with broken input (options: make fuzz ARGS="--seconds 600 csv")
	@Fuzz/run $(ARGS)

pictures: ## take the pictures of the documentation again
	scripts/pictures

clean: ## remove what was built (the next build is a first one again) and the Python packages of the tests
	rm -rf .build .build-release .venv Fuzz/.build
