"""What a sleeping task waits for, and who holds it, read from the task's own kernel stack.

A task that waits puts an object on its stack that names the task and that lies in the list of the
lock or queue that it waits at. Found there, and proved by the list's links, it leads to the lock
and to its owner, for tasks too that slept before tracing began.
"""
