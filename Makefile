# Run `make` for the list of targets. Each installs by itself what it needs.

VENV   := .venv
KTRACE := $(VENV)/bin/ktrace
STAMP  := $(VENV)/.installed
DEMO   := demo/squashfs-stall.ktrace

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@echo 'ktrace: make TARGET'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: venv
venv: $(STAMP) ## install ktrace into .venv: .venv/bin/ktrace

# In CI nothing may be skipped: Spark is large.
comma  := ,
EXTRAS := dev$(if $(filter true,$(CI)),$(comma)spark)

# The system's own Python and its site packages, so that the distribution's bcc can be imported.
$(STAMP): pyproject.toml hatch_build.py | deps-build
	@echo 'installing ktrace and its Python packages into $(VENV)'
	/usr/bin/python3 -m venv --system-site-packages $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

.PHONY: bpf
bpf: deps-build ## compile bpf/*.bpf.c into ktrace/bpf/ARCHITECTURE/
	@/usr/bin/python3 hatch_build.py

# `ktrace lab run` exits with 1 when it found something, and so may `ktrace report`. Here that is
# what must happen: a demo that finds nothing has failed.
.PHONY: demo
demo: venv bpf deps-lab ## reproduce the squashfs hang in a guest, watch it, report it
	@mkdir -p $(dir $(DEMO)) && rm -f $(DEMO)
	@screen=; if [ -t 1 ]; then screen=--screen; fi; \
	$(KTRACE) lab run squashfs-stall $$screen -o $(DEMO); status=$$?; \
	if [ $$status -ne 1 ]; then \
		echo "make demo: the lab should have found the hang (exit status 1), but its exit status is $$status" >&2; \
		exit 1; \
	fi
	@$(KTRACE) report $(DEMO) || [ $$? -eq 1 ]
	@echo
	@echo 'The trace is $(DEMO). See it again: $(KTRACE) replay $(DEMO)'

# As for the demo: finding the bad cell (exit status 1) is what must happen.
.PHONY: lab-bad-ram
lab-bad-ram: venv bpf deps-lab ## one bad RAM cell in a guest, found over three boots
	@mkdir -p demo && rm -f demo/bad-ram-*.ktrace
	@$(KTRACE) lab run bad-ram -o demo/bad-ram.ktrace; status=$$?; \
	if [ $$status -ne 1 ]; then \
		echo "make lab-bad-ram: the cell should have been found (exit status 1), but the exit status is $$status" >&2; \
		exit 1; \
	fi
	@echo 'The traces are demo/bad-ram-*.ktrace. See all: $(KTRACE) report demo/bad-ram-*.ktrace'

.PHONY: test
test: venv bpf deps-lab ## run every kind of test that this machine can run
	@tools/run-tests

FUZZ_SECONDS := 200

.PHONY: fuzz
fuzz: venv ## attack the readers of traces, logs and state files for ten minutes
	KTRACE_FUZZ_SECONDS=$(FUZZ_SECONDS) $(VENV)/bin/python -m pytest -q -s -m unit tests/fuzz

.PHONY: check
check: venv deps-check ## check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	find bpf ktrace tests -name '*.[ch]' -not -name vmlinux.h -print0 \
		| xargs -0 --no-run-if-empty clang-format --dry-run -Werror
	$(VENV)/bin/mkdocs build --quiet -f tools/mkdocs.yml  # no link that leads nowhere
	! git grep -nE '^(<{7}|>{7}) '  # a merge that was not finished

# To be run on an idle machine: some ten minutes.
.PHONY: bench
bench: venv bpf deps-bench ## measure ktrace beside other tracers: docs/costs.md (as root)
	$(VENV)/bin/python -m benchmarks.suite $(BENCH)

.PHONY: site
site: venv ## build the documentation site into build/site
	$(VENV)/bin/mkdocs build -f tools/mkdocs.yml

PREFIX := /usr/local
LIBDIR := $(DESTDIR)$(PREFIX)/lib/ktrace

.PHONY: install
install: deps-build ## install ktrace for all users, below PREFIX (/usr/local)
	/usr/bin/python3 -m venv --system-site-packages $(LIBDIR)
	$(LIBDIR)/bin/python -m pip install --quiet --disable-pip-version-check .
	$(LIBDIR)/bin/python tools/manual-pages build/manual
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	ln -sfn $(PREFIX)/lib/ktrace/bin/ktrace $(DESTDIR)$(PREFIX)/bin/ktrace
	install -m 644 build/manual/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -D -m 644 build/manual/completions/bash/ktrace \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ktrace
	install -D -m 644 build/manual/completions/zsh/_ktrace \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_ktrace
	install -D -m 644 build/manual/completions/fish/ktrace.fish \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ktrace.fish

.PHONY: uninstall
uninstall: ## remove what `make install` installed
	rm -rf $(LIBDIR)
	rm -f $(DESTDIR)$(PREFIX)/bin/ktrace $(DESTDIR)$(PREFIX)/share/man/man1/ktrace*.1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ktrace \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_ktrace \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ktrace.fish

.PHONY: deb
deb: deps-deb ## build the Debian package into build/, and check it with lintian
	tools/build-deb

.PHONY: image
image: deb deps-image ## build an OCI image with the Debian package: build/ktrace-image.tar
	tools/build-image

.PHONY: dist
dist: venv deps-build ## build wheel and sdist into dist/, and check them
	rm -rf dist
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check build twine
	$(VENV)/bin/python -m build --outdir dist .
	$(VENV)/bin/python -m twine check --strict dist/*

.PHONY: clean
clean: ## remove everything that these targets made
	rm -rf $(VENV) ktrace/bpf demo build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: deps-build deps-check deps-lab deps-deb deps-image deps-bench
deps-build deps-check deps-lab deps-deb deps-image deps-bench: deps-%:
	@tools/install-deps $*
