# Lifeline. `make drill` is the main job, `make test` guards it; both set up what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
PROFILE ?= dev
SUFFIX ?= dev
SCENARIO ?= region-loss
TARGET ?= lab
DRILL_ARGS ?=
export SCENARIO
SEEDS ?= 300
FROM ?= 0
SEED ?= 0
WORKERS ?=
ARGS ?=
MUTANTS_SAMPLE ?= 60
MUTANTS_SEED ?= 101
ACCOUNT_REGIONS ?= ca-central-1 ca-west-1
WITNESS_REGION ?= us-east-2
DRILLS ?=
SKIP_PREFLIGHT ?=
BAKE ?=
BUNDLE ?= lambdas/certificates/rds-ca.pem

VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
EMULATOR := .venv-emulator
MUTANTS := .venv-mutants
UV_VERSION := $(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.txt)
SOURCES := app.py hatch_build.py examples constructs stacks lambdas services lab drill simulator bench holes scripts tests
TYPED := app.py hatch_build.py examples constructs lab drill simulator bench holes scripts tests

.PHONY: help setup record drill simulate killers mutants story test quick check soak synth deploy destroy nag wheel bench holes lock lock-jars prove preflight account images docs snapshots clean sweep release

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(VENV)/.done $(EMULATOR)/.done node_modules/.done build/lambda/.done build/kafka/.done build/drill/beats.json ## Make everything the other targets need

$(VENV)/.done: requirements.txt pyproject.toml hatch_build.py scripts/setup_python.sh
	@bash scripts/setup_python.sh $(PYTHON) $(VENV) requirements.txt "$(UV_VERSION)"
	@touch $@

$(EMULATOR)/.done: lab/requirements-emulator.txt scripts/setup_python.sh
	@bash scripts/setup_python.sh $(PYTHON) $(EMULATOR) lab/requirements-emulator.txt "$(UV_VERSION)"
	@touch $@

node_modules/.done: package.json package-lock.json $(VENV)/.done
	@echo "setup: the CDK command line (Node comes from a Python package)"
	@$(PY) scripts/npm_ci.py
	@touch $@

build/lambda/.done: lambdas/requirements.txt lambdas/requirements-native.txt scripts/build_lambda_packages.py $(VENV)/.done
	@echo "setup: packages of the Lambdas"
	@$(PY) scripts/build_lambda_packages.py
	@mkdir -p $(@D) && touch $@

build/kafka/.done: lab/kafka-jars.sha256 lab/kafka.py scripts/kafka_jars.py $(shell find services/replicator/src -type f) $(VENV)/.done
	@echo "setup: Apache Kafka and the replicator"
	@$(PY) -m scripts.kafka_jars
	@touch $@

build/drill/beats.json: drill/heart_recordings.py drill/recordings_feed.py $(VENV)/.done
	@echo "setup: heart beats of the recordings"
	@$(PY) -m drill.recordings_feed >/dev/null
	@touch $@

REGIONS_ASKED = $(addprefix --home ,$(call CONTEXT,homeRegion)) $(addprefix --recovery ,$(call CONTEXT,recoveryRegion))

drill: setup ## Deploy both regions locally, stream, lose a region, recover, prove it (SCENARIO=, ARGS=; TARGET=aws SUFFIX=, DRILL_ARGS=: an environment on AWS that is marked for drills)
	$(if $(filter lab aws,$(TARGET)),,$(error TARGET is "$(TARGET)"; allowed are lab and aws))
	@$(PY) -m drill $(if $(filter aws,$(TARGET)),aws "$$SCENARIO" --suffix $(SUFFIX) $(REGIONS_ASKED) $(DRILL_ARGS),run "$$SCENARIO" $(ARGS))

simulate: setup ## Run the shipped recovery code on a virtual clock (SEEDS=, FROM=; a failed one: make story SEED=)
	@$(PY) -m simulator run --seeds $(SEEDS) --from $(FROM) --workers $(or $(WORKERS),2) $(ARGS)

killers: setup ## Leave out each built rule, by a switch or a change of the code, and show what goes red without it
	@$(PY) -m simulator killers

$(MUTANTS)/.done: scripts/mutants/requirements.txt scripts/setup_python.sh
	@bash scripts/setup_python.sh $(PYTHON) $(MUTANTS) scripts/mutants/requirements.txt "$(UV_VERSION)"
	@touch $@

mutants: setup $(MUTANTS)/.done ## Change the code in small ways and see that a unit test notices; build/mutants.json (hours; ARGS="--area decision --sample 200 --seed 1": minutes)
	@$(PY) -m scripts.mutants $(ARGS)

story: setup ## Tell what happened in a simulated run (SEED=)
	@$(PY) -m simulator story $(SEED) $(ARGS)

test: setup check ## Everything that guards the drill: checks, then all tests but the soak
	@$(PY) -m pytest -n $(or $(WORKERS),2) -m "not soak" $(ARGS)

quick: setup ## The tests without the lab and what else is slow
	@$(PY) -m pytest -n $(or $(WORKERS),3) -m "not lab and not slow and not soak" $(ARGS)

check: setup ## Format, lint and types
	@$(VENV)/bin/ruff format --check -q $(SOURCES) && $(VENV)/bin/ruff check -q $(SOURCES)
	@$(VENV)/bin/mypy $(TYPED)

soak: setup $(MUTANTS)/.done ## Long runs: every scenario, ten kills, a failed creation in every stack, the two-fault model, a sample of the mutants (about an hour and a half; ARGS= chooses tests, and no mutants)
	@$(PY) -m pytest -m soak -o timeout=5400 $(ARGS)
	$(if $(strip $(ARGS)),,@$(PY) -m scripts.mutants --sample $(MUTANTS_SAMPLE) --seed $(MUTANTS_SEED))

synth: setup ## Write build/cdk.out/$(SUFFIX) for PROFILE= and SUFFIX=
	@rm -rf build/cdk.out/$(SUFFIX)
	@$(PY) app.py --profile $(PROFILE) --suffix $(SUFFIX) --out build/cdk.out/$(SUFFIX)
	@echo "synth: build/cdk.out/$(SUFFIX)"

deploy: setup ## preflight, then cdk deploy --all to AWS (SKIP_PREFLIGHT="images …" or all: what is not asked)
	@$(PY) -m lifeline.cli preflight --suffix $(SUFFIX) --profile $(PROFILE) --bundle $(BUNDLE) $(addprefix --skip ,$(SKIP_PREFLIGHT)) -- $(ARGS)
	@quiet=$$($(PY) scripts/before_deploy.py --suffix $(SUFFIX) $(addprefix --home ,$(call CONTEXT,homeRegion)) \
		$(addprefix --recovery ,$(call CONTEXT,recoveryRegion)) $(addprefix --witness ,$(call CONTEXT,witnessRegion))); \
	PATH="$$PWD/$$($(PY) scripts/npm_ci.py --node-bin):$$PATH" node_modules/.bin/cdk deploy --all -c environmentSuffix=$(SUFFIX) -c profile=$(PROFILE) $$quiet $(ARGS)

release: setup ## Deploy a new release in stages: standby, bake time, active region (BAKE= minutes)
	@$(PY) -m lifeline.cli preflight --suffix $(SUFFIX) --profile $(PROFILE) --bundle $(BUNDLE) $(addprefix --skip ,$(SKIP_PREFLIGHT)) -- $(ARGS)
	@PATH="$$PWD/$$($(PY) scripts/npm_ci.py --node-bin):$$PWD/node_modules/.bin:$$PATH" $(PY) -m lifeline.cli release --suffix $(SUFFIX) --profile $(PROFILE) \
		$(addprefix --home ,$(call CONTEXT,homeRegion)) $(addprefix --recovery ,$(call CONTEXT,recoveryRegion)) \
		$(addprefix --witness ,$(call CONTEXT,witnessRegion)) $(addprefix --bake ,$(BAKE)) -- $(ARGS)

preflight: setup ## Ask the account for what a deployment rests on; writes nothing (SKIP_PREFLIGHT=, ARGS=)
	@$(PY) -m lifeline.cli preflight --suffix $(SUFFIX) --profile $(PROFILE) --bundle $(BUNDLE) $(addprefix --skip ,$(SKIP_PREFLIGHT)) -- $(ARGS)

# A setting that ARGS names as cdk takes it: -c key=X, --context key=X or --context=key=X.
CONTEXT = $(lastword $(patsubst $(1)=%,%,$(filter $(1)=%,$(patsubst --context=%,%,$(ARGS)))))

account: setup ## Once for an account: bootstrap ACCOUNT_REGIONS= and WITNESS_REGION=, and what environments share (DRILLS=yes: the drill pipeline's bootstrap, too)
	@account=$$($(PY) -m scripts.account_number $(firstword $(ACCOUNT_REGIONS))); \
	export PATH="$$PWD/$$($(PY) scripts/npm_ci.py --node-bin):$$PWD/node_modules/.bin:$$PATH"; \
	cdk bootstrap --output build/cdk.out/account --app "$(PY) app.py --account-regions $(ACCOUNT_REGIONS)" \
		$(patsubst %,aws://$$account/%,$(ACCOUNT_REGIONS) $(filter-out none,$(WITNESS_REGION))); \
	cdk deploy --all --output build/cdk.out/account --app "$(PY) app.py --account-regions $(ACCOUNT_REGIONS)"; \
	$(if $(filter yes,$(DRILLS)),cdk bootstrap --qualifier drills --toolkit-stack-name CDKToolkit-drills --output build/cdk.out/account \
		--custom-permissions-boundary lifeline-drills-boundary --apply-permissions-boundary-to-all-roles \
		--app "$(PY) app.py --account-regions $(ACCOUNT_REGIONS)" \
		$(patsubst %,aws://$$account/%,$(ACCOUNT_REGIONS) $(filter-out none,$(WITNESS_REGION))))

images: setup ## Build the services' images once, into both regions, after preflight (ARGS=--dry-run prints the commands)
	$(if $(filter --dry-run,$(ARGS)),,@$(PY) -m lifeline.cli preflight --suffix $(SUFFIX) --profile $(PROFILE) --skip images --bundle $(BUNDLE) $(addprefix --skip ,$(SKIP_PREFLIGHT)) -- $(ARGS))
	@PATH="$$PWD/$$($(PY) scripts/npm_ci.py --node-bin):$$PWD/node_modules/.bin:$$PATH" $(PY) -m scripts.images --suffix $(SUFFIX) --profile $(PROFILE) $(ARGS)

DESTROY_RECOVERY = $(lastword $(patsubst recoveryRegion=%,%,$(filter recoveryRegion=%,$(patsubst --context=%,%,$(ARGS)))))

destroy: setup ## cdk destroy --all; asks before it destroys (ARGS=--force; after a failover ARGS=--switch-back)
	@$(PY) -m drill heal --suffix $(SUFFIX) $(REGIONS_ASKED)
	@$(PY) scripts/before_destroy.py --suffix $(SUFFIX) $(addprefix --home ,$(call CONTEXT,homeRegion)) $(addprefix --recovery ,$(call CONTEXT,recoveryRegion)) $(filter --switch-back,$(ARGS))
	@PATH="$$PWD/$$($(PY) scripts/npm_ci.py --node-bin):$$PATH" node_modules/.bin/cdk destroy --all -c environmentSuffix=$(SUFFIX) -c profile=$(PROFILE) $(filter-out --switch-back,$(ARGS))
	@$(PY) scripts/after_destroy.py --suffix $(SUFFIX) $(addprefix --recovery ,$(DESTROY_RECOVERY))

sweep: setup ## List the drill environments that are past their time; ARGS=--destroy destroys them
	@$(PY) -m lifeline.cli sweep --profile $(PROFILE) $(ARGS)

nag: setup ## Check PROFILE= against every rule pack; build/nag/<profile>/report.html by HIPAA control
	@$(PY) scripts/nag_report.py --profile $(PROFILE) --suffix $(SUFFIX) $(ARGS)

prove: setup ## Prove for PROFILE= that every call has a route and a right; build/prove/<profile>.html
	@$(PY) -m scripts.prove --profile $(PROFILE) --suffix $(SUFFIX) $(ARGS)

wheel: setup ## Build build/wheel/lifeline-*.whl: constructs, functions, layers, schemas
	@rm -rf build/wheel
	@$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	@ls build/wheel/*.whl

bench: setup ## Rates and ratios measured in one run, into build/bench.json (ARGS="PART …" measures some)
	@$(PY) -m bench $(ARGS)

LOCK_ARM := $(UV) pip compile -q --generate-hashes --no-annotate --no-header --python-platform aarch64-manylinux_2_28
OF_THE_RUNTIME := boto3 botocore s3transfer jmespath urllib3

holes: setup ## Break the log in every known way on real Kafka; build/holes.json (ARGS="--quiet-seconds 600": so long without a fault)
	@$(PY) -m holes $(ARGS)

lock: $(VENV)/.done ## Write the locked requirements again
	@$(UV) pip compile -q --generate-hashes --python-version 3.11 requirements.in -o requirements.txt
	@$(UV) pip compile -q --generate-hashes --python-version 3.11 lab/requirements-emulator.in -o lab/requirements-emulator.txt
	@$(UV) pip compile -q --generate-hashes --python-version 3.11 scripts/mutants/requirements.in -o scripts/mutants/requirements.txt
	@$(LOCK_ARM) -c requirements.txt --python-version 3.14 $(addprefix --no-emit-package ,$(OF_THE_RUNTIME)) lambdas/requirements.in -o lambdas/requirements.txt
	@$(LOCK_ARM) -c requirements.txt --python-version 3.14 --no-deps lambdas/requirements-native.in -o lambdas/requirements-native.txt
	@$(LOCK_ARM) -c requirements.txt --python-version 3.13 services/requirements.in -o services/requirements.txt

lock-jars: ## Write lab/kafka-jars.sha256 again from lab/kafka-pom.xml (needs Maven)
	@rm -rf build/kafka/locking
	@mvn --batch-mode -q -f lab/kafka-pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
		-DincludeScope=runtime -Dmdep.useRepositoryLayout=true -DoutputDirectory=$$PWD/build/kafka/locking
	@cd build/kafka/locking && find . -name '*.jar' | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum > ../../../lab/kafka-jars.sha256

docs: setup ## Write what the documentation takes from the code: pictures, tables, the API reference
	@$(PY) -m scripts.make_docs $(ARGS)

record: setup ## Run the lab for what the pictures are drawn from: a pass with three looks of `lifeline status`, a noop, a fail (ARGS="KIND")
	@$(PY) -m scripts.record_pictures $(ARGS)

snapshots: setup ## Rewrite the snapshots of the templates
	@UPDATE_SNAPSHOTS=1 $(PY) -m pytest tests/snapshot

clean: ## Remove everything that was made, environments included
	@rm -rf build $(VENV) $(EMULATOR) $(MUTANTS) node_modules .mypy_cache .ruff_cache .hypothesis
