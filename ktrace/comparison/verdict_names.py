"""What a comparison can come to."""

FIXED, NOT_FIXED, WORSE = "fixed", "not fixed", "worse"
BETTER = "better"  # less of what is compared, and not gone: of squashfs alone
NOT_ENOUGH, NOT_COMPARABLE = "not enough data", "not comparable"
