"""The kinds of alarms in a kernel log, a file for each subject."""
