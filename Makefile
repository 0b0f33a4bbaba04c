# The commands people type. Each installs what it needs (tools/setup.sh), then hands over to CMake (CMakePresets.json) or a script of tools/.
# What is built lies under build/: release, asan, tsan, clang, fuzz. The program is build/release/tenet.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build install demo bible test bench lint format fuzz docs mutate zoo rules-zoo clean

# make test T=name runs the tests whose names match; make fuzz SECONDS=n gives each fuzzer n seconds.
T ?=
SECONDS ?= 60
# make install PREFIX=/where/to
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
export T JOBS

RELEASE := build/release

help: ## List what make can do
	@echo "tenet finds out why a neural network does not train. What make can do:"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
	@echo
	@echo "  T=NAME        with make test: only the tests whose name matches"
	@echo "  SECONDS=N     with make fuzz: seconds for each fuzzer (60)"
	@echo "  PREFIX=FOLDER with make install: where to (/usr/local)"
	@echo "  JOBS=N        processors to use (all)"
	@echo "  TENET_SETUP=skip   install and check no packages"

build: ## Build the program: build/release/tenet
	@tools/setup.sh build
	@test -f $(RELEASE)/build.ninja || cmake --preset release -DTENET_TESTS=OFF
	@cmake --build $(RELEASE) -j $(JOBS) --target tenet

install: build ## Install program, library, headers and Python package under PREFIX (/usr/local)
	@cmake --build $(RELEASE) -j $(JOBS) --target tenet_archive tenet_shared
	@cmake --install $(RELEASE) --prefix $(PREFIX)

demo: ## Debug a healthy and a broken network on Fashion-MNIST
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory build
	@tools/demo.sh $(RELEASE)/tenet

test: ## Run all tests: release, sanitizers, failing allocations, fuzz corpora, layers
	@tools/setup.sh test
	@python3 tools/run_tests.py --filter "$(T)" --jobs $(JOBS)

# Debian's PyTorch belongs to Debian's Python, which need not be the first one on the PATH.
bench: ## Measure vitals and training steps beside NumPy and PyTorch, and what watching costs
	@tools/setup.sh bench
	@cmake --preset release -DTENET_TESTS=ON > /dev/null
	@cmake --build $(RELEASE) -j $(JOBS) --target bench_vitals bench_step bench_watch
	@/usr/bin/python3 bench/vitals.py $(RELEASE)/bench_vitals; vitals=$$?; /usr/bin/python3 bench/steps.py --program $(RELEASE)/bench_step; steps=$$?; /usr/bin/python3 bench/watch_cost.py --program $(RELEASE)/bench_watch && exit $$((vitals | steps))

bible: ## Write the King James Bible to build/bible.txt, for the models of examples/models that read it
	@tools/setup.sh bible
	@tools/bible.sh build/bible.txt

zoo: ## Debug healthy and broken networks of many kinds, and tell how often the report is right
	@tools/setup.sh bench
	@$(MAKE) --no-print-directory build
	@/usr/bin/python3 bench/zoo.py --program $(RELEASE)/tenet

rules-zoo: ## Train healthy networks and planted faults, and write how often the rules are right into docs/rules.md
	@tools/setup.sh bench
	@$(MAKE) --no-print-directory build
	@/usr/bin/python3 bench/rules_zoo.py --program $(RELEASE)/tenet --jobs $(JOBS) --write docs/rules.md

lint: ## gcc and clang without warnings, clang-tidy, cppcheck, layers, style, format
	@tools/setup.sh lint
	@python3 tools/run_lint.py --jobs $(JOBS)

format: ## Format the C sources in place
	@tools/setup.sh lint
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

fuzz: ## Fuzz every parser; new inputs join fuzz/corpus
	@tools/setup.sh fuzz
	@cmake --preset fuzz > /dev/null
	@cmake --build build/fuzz -j $(JOBS)
	@fuzz/run.sh $(SECONDS)

docs: build ## Write docs/hypes.md, docs/causes.md and docs/rules.md from the program's tables
	@tools/docs.sh $(RELEASE)/tenet

mutate: ## Break the engine on purpose, one place at a time; a test must fail for each
	@tools/setup.sh test
	@cmake --preset release -DTENET_TESTS=ON > /dev/null
	@cmake --build $(RELEASE) -j $(JOBS) --target tests_engine tests_engine_double
	@python3 tools/mutate.py --self-test && python3 tools/mutate.py

clean: ## Remove everything that was built
	rm -rf build
