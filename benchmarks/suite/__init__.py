"""What ktrace costs, side by side with what one would take instead: `make bench`.

One run measures everything and writes docs/costs.md and docs/costs.svg. What is measured is kept in
build/bench/results.json, so that a run that was broken off goes on where it was.
"""
