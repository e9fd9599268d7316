# Everything a fresh machine needs is Python 3.11 or later and make; what else a target needs it says in one line.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
CACHE := .cache
UV ?= $(CACHE)/uv/bin/uv
BIN := .venv/bin
HELM := $(CACHE)/bin/helm
KUBECONFORM := $(CACHE)/bin/kubeconform
KUBERNETES := 1.37.0
SCHEMAS := $(CACHE)/kubernetes/v$(KUBERNETES)-strict
IMAGE ?= segue:dev
JOURNAL ?= var/journal.db
KILLS ?= 200
OUTAGE_S ?= 600
ARGS ?=

export UV_PYTHON_DOWNLOADS := never
needs = command -v $(1) >/dev/null || { echo "This machine lacks $(1): $(2)" >&2; exit 1; }

.PHONY: help setup run test faults lint types maps integration bench bench-search image chart clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Make .venv from uv.lock

run: setup ## Serve HTTP on 8080 and MLLP on 2575 with a journal in var/; ARGS="--deliver out" and the like are passed on
	@mkdir -p $(dir $(JOURNAL))
	@exec $(BIN)/segue serve --journal $(JOURNAL) $(ARGS)

test: setup ## Run the tests; ARGS="tests/hl7 -k charset" narrows them
	$(BIN)/python -m pytest -n 2 -m "not integration" $(ARGS)

faults: setup ## Kill services under load, KILLS times for each database; break disk, database and FHIR server
	KILLS=$(KILLS) OUTAGE_S=$(OUTAGE_S) $(BIN)/python -m pytest -s tests/faults $(ARGS)

lint: setup ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check types
	$(BIN)/basedpyright

maps: setup ## Check the mappings and the terminology
	$(BIN)/segue lint

integration: setup $(CACHE)/peers/.ready ## Run against real peers: HAPI FHIR, the R4 validator, HAPI HL7v2
	$(BIN)/python -m pytest -m integration tests/integration $(ARGS)

bench: setup ## Measure speed beside the peers, one table
	$(BIN)/python -m benchmarks.run $(ARGS)

bench-search: setup ## Fill a journal with a million messages and time what looks them up; MESSAGES=100000 for fewer
	$(BIN)/python -m benchmarks.search $(MESSAGES)

image: ## Build the container image
	@$(call needs,docker,install Docker or build the Dockerfile with another tool)
	docker build -t $(IMAGE) .

chart: setup $(HELM) $(KUBECONFORM) $(SCHEMAS)/.ready ## Check the Helm chart: lint, golden files, Kubernetes schemas
	HELM=$(HELM) KUBECONFORM=$(KUBECONFORM) SCHEMAS=$(CACHE)/kubernetes KUBERNETES=$(KUBERNETES) \
		$(BIN)/python -m pytest tests/helm $(ARGS)

clean: ## Remove what the other targets made
	rm -rf .venv $(CACHE) dist build

# pip's own dependencies never reach .venv: uv lives in a folder of its own.
$(CACHE)/uv/bin/uv:
	@$(call needs,$(PYTHON),install Python 3.11 or later, or name it: make PYTHON=python3.12)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$$($(PYTHON) --version) is too old: Segue needs Python 3.11 or later, make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "This machine lacks Python's venv: on Debian or Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(CACHE)/uv
	$(CACHE)/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Compiled here and not at the first start: where nothing may be written then, each start would compile everything anew.
.venv/.ready: uv.lock pyproject.toml | $(UV)
	$(UV) sync --quiet --frozen --all-groups --compile-bytecode --python $(PYTHON)
	$(BIN)/python -m compileall -q service
	@touch $@

$(HELM):
	@$(call needs,go,the chart check builds helm with it, https://go.dev/dl)
	GOBIN=$(CURDIR)/$(CACHE)/bin CGO_ENABLED=0 go install -ldflags '-s -w' helm.sh/helm/v3/cmd/helm@v3.22.0

$(KUBECONFORM):
	@$(call needs,go,the chart check builds kubeconform with it, https://go.dev/dl)
	GOBIN=$(CURDIR)/$(CACHE)/bin CGO_ENABLED=0 go install -ldflags '-s -w' github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0

$(SCHEMAS)/.ready: tests/helm/kubernetes_schemas.py | $(UV)
	$(UV) run --quiet --no-project --python $(PYTHON) --with kubernetes-validate==$(KUBERNETES) python $< $(KUBERNETES) $(SCHEMAS)
	@touch $@

$(CACHE)/peers/.ready: tests/integration/peers/pom.xml $(wildcard tests/integration/peers/*.java)
	@$(call needs,java,the integration peers need a JDK 17 or later)
	@$(call needs,javac,the integration peers need a JDK 17 or later)
	@$(call needs,mvn,the integration peers come by Maven)
	mkdir -p $(CACHE)/peers
	mvn --batch-mode --quiet -Dstyle.color=never -f $< dependency:build-classpath -Dmdep.outputFile=$(CURDIR)/$(CACHE)/peers/classpath
	javac -proc:none -XDsuppressNotes -cp "$$(cat $(CACHE)/peers/classpath)" -d $(CACHE)/peers/classes tests/integration/peers/*.java
	@touch $@
