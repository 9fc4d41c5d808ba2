"""ktrace watch: what a run that is always on has beside its screen. Nothing else imports it."""
