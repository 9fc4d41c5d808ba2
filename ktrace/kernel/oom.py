"""Numbers of the OOM killer that the kernel's interface to user space fixes."""

CONSTRAINTS = "oom_constraint"  # the enum's name, include/linux/oom.h
OOM_SCORE_ADJ_MIN = -1000  # include/uapi/linux/oom.h: such a task is never chosen
