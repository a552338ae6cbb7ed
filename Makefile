# Quorate. `make help` lists what there is. Any user may run it: only apt and the lab are called through `sudo -n`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where `make run` keeps its data, and where it listens.
DATA ?= data
LISTEN ?= 127.0.0.1:3000
# How many hosts `make lab-up` raises.
HOSTS ?= 3
LAB := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n) env LAB_DIR=$(or $(LAB_DIR),/var/lib/quorate-lab) end2end/lab/lab.sh

.PHONY: help run demo demo-down test test-unit soak bench build lint audit lab-up lab-down clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: build ## build, and start a console on LISTEN (127.0.0.1:3000) with its data in DATA (./data)
	exec target/debug/quorate serve --data-dir $(DATA) --listen $(LISTEN)

demo: ## a console with five lab hosts and a real 3-member cluster (DEMO_CHECK=1: check it and take it down)
	exec end2end/demo/demo.sh $(if $(DEMO_CHECK),check,up)

demo-down: ## remove the demo's hosts and data
	end2end/demo/demo.sh down

test: ## lint, build, all tests: real etcd, real SSH, real browser
	exec end2end/setup/test.sh

test-unit: ## the tests that need no hosts and no root
	exec end2end/setup/test.sh unit

soak: ## the long tests
	exec end2end/setup/test.sh soak

bench: ## all benchmarks, or one with BENCH=name; results also in target/bench
	exec end2end/bench/bench.sh $(BENCH)

build: ## the browser half, the site folder and the quorate binary (BUILD=release: the optimised one)
	end2end/setup/build.sh $(BUILD)

lint: ## formatting and clippy for server and browser half
	end2end/setup/lint.sh

audit: ## licences, sources, bans and (where reachable) advisories of all dependencies
	end2end/setup/audit.sh

lab-up: ## raise HOSTS (3) lab hosts for tests run by hand
	$(LAB) up $(HOSTS)

lab-down: ## remove the lab's hosts, whoever has them (its cache stays)
	$(LAB) down --take

clean: ## remove everything that was built
	cargo clean
	rm -rf end2end/node_modules
