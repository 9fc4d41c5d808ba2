"""Traces of many machines: exported into tables, and asked with SQL."""
