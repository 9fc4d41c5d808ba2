"""The structs of bpf/events.h as typed events: bits, masks and addresses given their names.

A module for each kernel subject, as bpf/ and ktrace/events/ have them.
"""
