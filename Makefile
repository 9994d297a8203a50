# What people run. `make help` lists it.

target := $(or $(CARGO_TARGET_DIR),target)
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test test-odoo check bench clean-data

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install what is missing: a C compiler, PostgreSQL, a NATS server
	@scripts/install.sh

demo: install ## Two tenants' pipelines over an invented web, live, ending in their shortlists (ARGS="--sites DIR" for real pages)
	cargo build --locked
	@exec $(target)/debug/presdr demo $(ARGS)

test: ## Build and run all tests, with a PostgreSQL and NATS servers of their own (ARGS goes to the test runner)
	@scripts/test.sh $(ARGS)

test-odoo: ## Run the tests against a real Odoo: one that is started, or that of ODOO_URL and ODOO_KEYS (scripts/odoo.sh says more)
	@scripts/test-odoo.sh $(ARGS)

check: ## All that CI checks: formatting, lints, documentation, dependencies, tests
	@.ci/run

bench: install ## Run a benchmark on a release build: make bench BENCH="pipeline --leads 1000 --json"
	cargo build --locked --release
	@$(target)/release/presdr bench $(BENCH)

clean-data: ## Remove the data of the demo and the tests, and nothing else
	@for data in .presdr/postgres/data .presdr/*/postgres/data; do \
		if [ -L "$$data" ]; then rm -rf "$$(dirname "$$(readlink "$$data")")"; fi; \
	done
	rm -rf .presdr
