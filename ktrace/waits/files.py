"""An open file: a struct file, and what it is a file of."""

from ktrace.waits.kernel import Kernel

WANTS = ("file.f_inode", "kiocb.ki_filp")


def file_text(kernel: Kernel, file: int) -> str:
    """ "inode 12 of ext4 on sda1 (/data)"; empty where it is not known."""
    inode = kernel.member(file, "file.f_inode") if file else None
    return (kernel.inode(inode) or "") if inode else ""
