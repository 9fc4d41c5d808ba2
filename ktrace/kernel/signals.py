"""Numbers of signals that the kernel's interface to user space fixes."""

SI_KERNEL = 128  # si_code, include/uapi/asm-generic/siginfo.h: sent by the kernel itself
EXIT_SIGNAL = 0x7F  # of an exit code, wait(2): the signal that killed; 0: none did
