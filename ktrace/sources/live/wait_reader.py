"""What a sleeper waits for: its stack read, and given to the kinds of waits."""

from collections.abc import Callable
from typing import Any

from ktrace.events import CacheState, ExitLeft, TaskState
from ktrace.kernel.btf import Btf
from ktrace.kernel.btf_file import btf_file, held_copy
from ktrace.kernel.layout import Layout, NotInThisKernel
from ktrace.kernel.symbols import Symbols, loaded_modules
from ktrace.kernel.wait_functions import function_of, module_of
from ktrace.probes.bio_submitters import BioSubmitters
from ktrace.probes.kernel_memory import KernelMemory
from ktrace.sources.live.mounts import mounts
from ktrace.sources.live.readings import Readings
from ktrace.waits.exit_left import exit_left
from ktrace.waits.found import OBJECT_ALONE, Found
from ktrace.waits.kernel import SAVED_SP, Kernel
from ktrace.waits.sleeper import Sleeper, stack_of
from ktrace.waits.squashfs_state import WANTS as SQUASHFS_STATE
from ktrace.waits.squashfs_state import cache_state
from ktrace.waits.table import ENUMS, KINDS, MODULES, WANTS


class WaitReader:
    """Reads the memory of the running kernel. Raises LibbpfError where that is refused,
    NotInThisKernel where it has other task structures, OSError where /proc is not mounted."""

    def __init__(
        self, btf: Btf, symbols: Callable[[], Symbols], submitters: BioSubmitters | None = None
    ) -> None:
        """symbols: those of now, since modules come and go."""
        self._symbols = symbols
        self._modules = _modules()  # whose types are in the layout
        self._symbols_looked_at: Symbols | None = None  # at the newest look
        layout = Layout.of(btf, (*WANTS, *SQUASHFS_STATE), MODULES)
        if not any(layout.has(path) for path in SAVED_SP):
            raise NotInThisKernel("where this machine saves a stack pointer is not known")
        self._memory = KernelMemory()
        self._kernel = Kernel(
            memory=self._memory,
            layout=layout,
            symbol=lambda address: symbols().function(address),
            data_symbol=self._variable_at,
            variable=lambda name: symbols().variables.address(name),
            enums={name: btf.enum(name) or {} for name in ENUMS},
            file_systems=_file_systems(),
            mounts=mounts(),  # read at the start, while nothing hangs
            cgroups=_cgroups(),
            cpus=_cpus(),
            submitted=submitters.of if submitters else lambda _bio, _members: None,
        )
        self._known = Readings(self._kernel.switches)

    def begin(self) -> None:
        """A new look: what was read before is old."""
        self._known.clear()
        self._kernel.forget()
        self.prepare()

    def prepare(self) -> None:
        """Read the variables of the kernel before the first look, and when modules have come or
        gone, whose types and file systems are new too: a look is for what sleeps now, and on a
        starved machine this takes seconds."""
        if self._symbols_looked_at is not self._symbols():
            self._symbols_looked_at = self._symbols()
            self._look_at_new_modules()

    def _look_at_new_modules(self) -> None:
        """Their types and file systems. The loader's BTF is closed by now."""
        modules = _modules()
        if modules <= self._modules:
            return
        self._modules |= modules
        file = held_copy(btf_file())
        btf = Btf.of_file(file) if file else Btf.of_kernel()
        try:
            self._kernel.layout = Layout.of(btf, (*WANTS, *SQUASHFS_STATE), MODULES)
        finally:
            btf.close()
        self._kernel.file_systems = _file_systems()

    def read(self, raw: Any, state: TaskState) -> Found | None:
        """raw: struct task_state. None: nothing on its stack tells, or that was of another
        sleep."""
        if raw.address not in self._known:
            self._known.add(raw.address, self._read(raw.address, state))
        return self._known.of(raw.address, state.switches)

    def _read(self, address: int, state: TaskState) -> Found | None:
        sp = self._kernel.saved_sp(address)
        if not sp:
            return None
        frames = (*state.top, *state.stack)
        sleeper = Sleeper(
            address,
            state.task.pid,
            state.task.tid,
            state.task.comm,
            tuple(map(function_of, frames)),
            sp,
            stack_of(self._kernel, sp),
            self._kernel.width,
            tuple((function_of(frame), module) for frame in frames if (module := module_of(frame))),
        )
        # also one that is dying
        return self._first_known(sleeper, state.state_flags == "TASK_RUNNING")

    def _first_known(self, sleeper: Sleeper, runnable: bool) -> Found | None:
        """An object that is known by nothing but its address counts when no later kind knows more:
        in whose module it is, say."""
        nameless = None
        for kind in KINDS:
            if kind.of_runnable != runnable:
                continue
            try:
                found = kind.read(sleeper, self._kernel)
            except NotInThisKernel:
                continue  # what this kind reads
            if found and (found.detail or found.kind not in OBJECT_ALONE):
                return found
            nameless = nameless or found
        return nameless

    def exit_left(self, raw: Any) -> tuple[ExitLeft, ...]:
        """raw: struct task_state of a thread that is dying."""
        try:
            return exit_left(self._kernel, raw.address)
        except NotInThisKernel:
            return ()

    def squashfs_state(self, cache: int, name: str) -> CacheState | None:
        """Of the struct squashfs_cache at this address; None: it is no cache of that name, or it
        cannot be read."""
        try:
            return cache_state(self._kernel, cache, name)
        except NotInThisKernel:
            return None

    def _variable_at(self, address: int) -> str:
        """Only what lies above the start of the kernel's image can be one."""
        symbols = self._symbols()
        above = symbols.lowest and address >= symbols.lowest
        return symbols.variables.name(address) if above else ""

    def close(self) -> None:
        self._memory.close()


def _modules() -> frozenset[str]:
    """Loaded ones whose types are read."""
    return frozenset(module.name for module in loaded_modules()) & frozenset(MODULES)


def _file_systems() -> frozenset[str]:
    """Types that the kernel has now; a module may bring more."""
    with open("/proc/filesystems") as file:
        return frozenset(line.split()[-1] for line in file if line.strip())


def _cpus() -> int:
    """How many there can be; 0: not known."""
    try:
        with open("/sys/devices/system/cpu/possible") as file:
            return int(file.read().replace("-", ",").split(",")[-1]) + 1  # "0-3"
    except (OSError, ValueError):
        return 0


def _cgroups() -> dict[str, tuple[str, str]]:
    """As Kernel.cgroups; where a hierarchy is mounted more than once, the first."""
    found: dict[str, tuple[str, str]] = {}
    with open("/proc/self/mountinfo", errors="backslashreplace") as file:
        for line in file:
            # "31 23 0:27 / /sys/fs/cgroup/freezer rw shared:9 - cgroup cgroup rw,freezer"
            words, _, rest = line.partition(" - ")
            root, mount = words.split()[3:5]
            kind, _, options = (*rest.split(), "", "", "")[:3]
            names = {"cgroup2": [""], "cgroup": options.split(",")}.get(kind, [])
            for name in names:
                found.setdefault(name, (mount, root))
    return found
