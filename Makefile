# A menu: `make` alone prints it. The work is done by scripts/.

CLUSTER := scripts/cluster.sh
DATA    := .data/main

.DEFAULT_GOAL := help
.PHONY: help run start stop status clean-data demo build check test model mutants simulate replay fuzz soak bench

help: ## print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, build, run one etcd and three brokers until Ctrl-C
	@scripts/run.sh --data-dir $(DATA)

start: ## the same in the background
	@scripts/run.sh --background --data-dir $(DATA)

stop: ## stop what runs in the background; the data stays
	@$(CLUSTER) down --data-dir $(DATA)

status: ## show each process, its ports, and whether it is ready
	@$(CLUSTER) status --data-dir $(DATA)

clean-data: ## stop, and delete the data of the local cluster
	@$(CLUSTER) down --data-dir $(DATA)
	rm -rf $(DATA)

demo: ## send a real file in, kill a broker with -9, read it back, compare; on a cluster of its own
	@scripts/demo.sh

build: ## build the release program, target/release/tidemark
	@scripts/install-tools.sh
	cargo build --release --package tidemark

check: ## format, lints, documentation, tidiness
	@scripts/check.sh

test: ## all checks and all tests
	@scripts/test.sh

model: ## search the rules of replication within larger bounds than the tests do; an hour or more
	@scripts/model.sh

mutants: ## take out each rule that keeps what was acknowledged, and print who notices
	@scripts/mutants.sh

simulate: ## whole clusters in simulated time, all cores: make simulate SEEDS=1..1000 WITHOUT=rule
	@scripts/simulate.sh run --seeds $(or $(SEEDS),1..200) $(if $(WITHOUT),--without $(WITHOUT))

replay: ## one of them again, with all that happens: make replay SEED=25 WITHOUT=rule
	@scripts/simulate.sh replay $(SEED) $(if $(WITHOUT),--without $(WITHOUT))

fuzz: ## any bytes for whatever reads bytes from outside; MINUTES=10 for each target
	@scripts/fuzz.sh

soak: ## torture real brokers at random, then search the model for as long; MINUTES=10, SEED=s, ETCD=1|3, WITHOUT=rule
	@scripts/soak.sh --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(ETCD),--etcd $(ETCD)) $(if $(WITHOUT),--without $(WITHOUT))

bench: ## measure against the floor of this machine, and print a table
	@scripts/bench.sh
