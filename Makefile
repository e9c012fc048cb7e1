# One License. `make` alone lists the targets.

MODULE  := wasm/dist/client.wasm
PYTHON  := build/venv/bin/python
FUZZTIME ?= 20s
SEEDS    ?= 10000

# The modules of the workspace: what programs embed, the server, and the desktop app.
modules := ./... ./server/... ./desktop/...

# What a Wails window is built with.
window := desktop,production,webkit2_41

# The server and every tool are pure Go, so that one build runs anywhere.
export CGO_ENABLED := 0

# For the tests too, so that they and the builds share what is compiled. What the machine has set stays.
export GOFLAGS := $(strip $(shell go env GOFLAGS 2>/dev/null) -trimpath)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # generators write what the checks after them read; go itself uses every core
.PHONY: help demo build wasm host-modules pages desktop gen test test-go test-race test-mongo test-image test-api test-web test-desktop test-demo test-hosts test-python test-js check check-format check-go check-lint \
	check-imports check-generated check-module check-hosts check-python check-js check-web screenshots features bench fuzz deps deps-demo demo-python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##
demo: deps-demo build host-modules demo-python ## watch programs being licensed, from key to verdict
	@scripts/demo

build: pages ## build/onelicense: the server with its pages, and every command
	go build -trimpath -ldflags '-s -w' -o build/onelicense ./server/cmd/onelicense

desktop: pages ## build/onelicense-desktop: the window
	CGO_ENABLED=1 go build -trimpath -tags $(window) -ldflags '-s -w' -o build/onelicense-desktop ./desktop

# The server works without its pages, and says so. CI has them.
pages: host-modules ## the pages, into frontend/dist
	@if command -v npm >/dev/null || [ "$$CI" = true ]; then $(MAKE) --no-print-directory frontend/dist/index.html; \
	else echo "left out: the pages, since node >= 20 is not installed"; fi

pages_sources = $(shell git ls-files -co --exclude-standard frontend hosts/js/src) hosts/js/client.wasm

frontend/dist/index.html: frontend/node_modules/.ready $(pages_sources)
	cd frontend && npm run --silent build

frontend/node_modules/.ready: frontend/package-lock.json
	cd frontend && npm ci --silent
	@touch $@

wasm: ## build the client core into wasm/dist and the hosts' package folders
	go run ./internal/gen/module
	@$(MAKE) --no-print-directory host-modules

gen: frontend/node_modules/.ready ## write the generated files anew
	go run ./internal/gen/verdicts
	go run ./internal/gen/policy
	go run ./server/internal/gen/openapi
	cd frontend && npm run --silent schema
	go run ./server/internal/gen/apiclient
	go run ./internal/gen/vectors

##
test: deps test-go test-sim test-mongo test-image test-hosts test-api test-web test-desktop test-demo ## set up what the tests need and run them all

test-go: ## the Go tests
	go test $(modules)
	go test -tags native ./hosts/go

# SQLite is C that was translated to Go. Its memory is not Go's, so the detector learns nothing from it, and with each of its accesses looked
# at the tests do not end. The driver and what uses it are looked at; locks are, wherever they are taken.
uninstrumented := $(foreach package,modernc.org/sqlite/lib modernc.org/libc/... modernc.org/memory,-gcflags=$(package)=-race=false)

test-race: ## the server's Go tests under the race detector, which needs a C compiler; ten minutes or more, so not a part of test
	CGO_ENABLED=1 go test -race $(uninstrumented) -p 1 -timeout 60m ./server ./server/access ./server/api ./server/audit ./server/data ./server/httpd ./server/licensing/... ./server/notify \
		./server/ops ./server/protocol ./server/store/memory ./server/store/sqlite ./server/telemetry/...

test-sim: ## more of the simulated world than test-go lives through, and that it notices each rule that is taken away
	go test ./server/sim -run TestSearch -depth 5
	go test ./server/sim -run TestYears -first 1001 -seeds 500
	go test -tags mutants ./server/sim -run TestMutants -timeout 60m

sim: ## ten thousand years, and the search two steps deeper
	go test ./server/sim -run TestSearch -depth 6 -timeout 0 -v
	go test ./server/sim -run TestYears -first 1 -seeds $(SEEDS) -timeout 0 -v

test-web: build build/venv/.ready ## the pages, by themselves and in Chromium against the real server
	cd frontend && npm test
	cd frontend && npm run e2e

test-desktop: deps build desktop ## the real window, on a screen that nobody sees
	scripts/test-desktop

test-api: build build/venv-api/.ready ## the management API, held to its own document by tools that others wrote
	scripts/test-api

build/venv-api/.ready: scripts/test-api.txt
	rm -rf build/venv-api
	python3 -m venv build/venv-api
	build/venv-api/bin/pip install --quiet -r $<
	@touch $@

test-demo: deps build host-modules build/venv/.ready ## the demo, and that the README says what it prints
	@scripts/readme-demo

test-mongo: ## the store and the server on MongoDB: $$TEST_MONGODB_URI, or a server that speaks its protocol
	scripts/test-mongo

test-image: build ## the container image's root file system, entered and run as the Dockerfile says; as root
	scripts/test-image

test-hosts: test-python test-js ## the tests of the Python and JavaScript hosts

check: deps check-format check-go check-lint check-imports check-generated check-module check-hosts check-web ## format, vet, lint, import rules, generated files, module

check-format:
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | while read -r f; do [ ! -f "$$f" ] || gofmt -l "$$f"; done); \
	[ -z "$$unformatted" ] || { echo "not formatted (run gofmt -w):"; echo "$$unformatted"; exit 1; }

# The window needs cgo; with Go's own network and users, everything else is what it is without, and is not compiled and read again.
check-go: build/tools/.ready
	go vet -tags mongo,mutants $(modules)
	go vet -tags native ./hosts/go
	GOOS=wasip1 GOARCH=wasm go vet ./wasm/...
	CGO_ENABLED=1 build/tools/staticcheck -tags mongo,mutants,$(window),netgo,osusergo $(modules)
	build/tools/staticcheck -tags native ./hosts/go

check-lint: build/tools/.ready ## names, comments, unchecked errors, response bodies that stay open, line length
	go run ./internal/lint
	build/tools/revive -config internal/lint/revive.toml ./...
	build/tools/errcheck -ignoretests -exclude internal/lint/errcheck.txt ./... ./server/...
	go vet -vettool=$(CURDIR)/build/tools/bodyclose ./hosts/go ./server/...

build/tools/.ready: internal/lint/tools/go.mod
	cd internal/lint/tools && GOWORK=off go build -o $(CURDIR)/build/tools/ tool
	@touch $@

# Not from the test cache: it does not see what `go list` reads.
check-imports:
	go test -count=1 -run TestImports .

check-generated: gen
	scripts/check-generated

check-module: ## build the client core again and compare
	go run ./internal/gen/module -check

check-hosts: check-python check-js

check-web: frontend/node_modules/.ready
	cd frontend && npm run --silent check

screenshots: build desktop ## docs/screenshots: every page and the window, light and dark
	cd frontend && npm run screenshots
	SCREENSHOTS=docs/screenshots scripts/test-desktop

features: ## which test proves which row of spec/features.md, and which rows have none
	@go run ./internal/gen/features

bench: ## throughput, latency and cost of the server on both stores, into server/bench/results
	scripts/with-mongo --or-without go run ./server/bench

fuzz: ## run each fuzz target for FUZZTIME (20s)
	FUZZTIME=$(FUZZTIME) scripts/fuzz

deps: ## check for toolchains and packages; as root, install missing packages
	@scripts/deps test

deps-demo:
	@scripts/deps demo

# The client core. Every host's package folder gets a copy, because packages cannot reach outside of it.

host_modules := hosts/python/onelicense/client.wasm hosts/js/client.wasm

host-modules: $(host_modules)

$(host_modules): $(MODULE)
	cp $< $@

# Python

build/venv/.ready: hosts/python/requirements.txt
	rm -rf build/venv
	python3 -m venv build/venv
	$(PYTHON) -m pip install --quiet -r $<
	@touch $@

# The demo goes on without Python, and says so.
demo-python:
	@$(MAKE) --no-print-directory build/venv/.ready >/dev/null 2>&1 || true

test-python: build/venv/.ready hosts/python/onelicense/client.wasm build
	ONELICENSE_BINARY=$(CURDIR)/build/onelicense $(PYTHON) -m pytest hosts/python

check-python: build/venv/.ready ## lint and types of the Python host
	cd hosts/python && $(CURDIR)/build/venv/bin/ruff check --quiet --no-cache .
	cd hosts/python && $(CURDIR)/build/venv/bin/mypy --no-error-summary --cache-dir $(CURDIR)/build/mypy

# JavaScript

test-js: hosts/js/client.wasm build
	cd hosts/js && ONELICENSE_BINARY=$(CURDIR)/build/onelicense node --test

check-js: hosts/js/node_modules/.ready ## types and format of the JavaScript host
	cd hosts/js && npm run --silent check

hosts/js/node_modules/.ready: hosts/js/package-lock.json
	cd hosts/js && npm ci --silent
	@touch $@
