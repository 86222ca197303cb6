# Every target uses the interpreter that manage.py sets up, or the one that has the requirements.
PYTHON ?= python3
MANAGE = $(PYTHON) manage.py
TOOLS = $(MANAGE) tools

.DEFAULT_GOAL := help
.PHONY: help run test check format format-check lint types arrows templates migrations translations clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

run: ## Start everything; Ctrl-C stops it
	$(MANAGE) start

test: ## Run the tests against engines of their own
	$(MANAGE) test

check: format-check lint types arrows templates migrations translations ## Everything but the tests

format: ## Format the code and sort the imports
	$(TOOLS) ruff check --select I --fix .
	$(TOOLS) ruff format .

format-check: ## Fail where `make format` would change something
	$(TOOLS) ruff format --check .

lint: ## Read the code with ruff
	$(TOOLS) ruff check .

types: ## Read the types with mypy
	$(TOOLS) mypy

arrows: ## Hold the arrows between the rooms
	$(TOOLS) lint-imports

templates: ## Read the templates with djlint
	$(TOOLS) djlint --lint templates

migrations: ## Fail where a model has changed without a migration
	$(MANAGE) makemigrations --check --dry-run

translations: ## Collect the strings; fail where one has no translation
	$(MANAGE) translations

clean: ## Remove what tools leave behind; data in var/ stays
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
