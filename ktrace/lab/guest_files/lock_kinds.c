// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel threads that hold and wait for each kind of lock, for the lab: the truth that wait chains
 * are measured against. hold-KIND holds what wait-KIND waits for.
 *
 *   echo mutex >/dev/lock_kinds      wait for the mutex, as wait-mutex does
 *   echo mmap >/dev/lock_kinds       hold the caller's mmap_lock for writing
 *   echo rcu-tasks >/dev/lock_kinds  start who holds up a grace period of RCU tasks, if the kernel
 *                                    has them, and of its trace flavour
 *   echo rcu >/dev/lock_kinds        start those that hold up a grace period of RCU, and so one of
 *                                    RCU tasks rude, if the kernel has that
 *   echo release >/dev/lock_kinds    everybody lets go, and ends
 *   a page of a mapping of it        faults, and holds the mmap_lock for reading
 *
 * The module stays: it has no exit function.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/percpu-rwsem.h>
#include <linux/rcupdate.h>
#include <linux/rcupdate_trace.h>
#include <linux/rtmutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#define SPINS_ON 1

static DECLARE_WAIT_QUEUE_HEAD(lab_release);
static DECLARE_WAIT_QUEUE_HEAD(lab_event);
static DECLARE_COMPLETION(lab_ready);
static DECLARE_COMPLETION(lab_completion);
static DEFINE_MUTEX(lab_mutex);
static DECLARE_RWSEM(lab_written);
static DECLARE_RWSEM(lab_read);
static DEFINE_RT_MUTEX(lab_rt_mutex);
static struct semaphore lab_semaphore;
DEFINE_STATIC_PERCPU_RWSEM(lab_percpu_written);
DEFINE_STATIC_PERCPU_RWSEM(lab_percpu_read);
DEFINE_STATIC_SRCU(lab_srcu);
static struct workqueue_struct *lab_workqueue;
static struct page *lab_page;
static unsigned long lab_bit = 1;
static bool released;
static int worker;
module_param(worker, int, 0444);
MODULE_PARM_DESC(worker, "the thread that runs the work item");

static noinline void hold_until_released(void)
{
	complete(&lab_ready);
	wait_event(lab_release, released);
}

static int hold_mutex(void *unused)
{
	mutex_lock(&lab_mutex);
	hold_until_released();
	mutex_unlock(&lab_mutex);
	return 0;
}

static int wait_mutex(void *unused)
{
	mutex_lock(&lab_mutex);
	mutex_unlock(&lab_mutex);
	return 0;
}

static int hold_written(void *unused)
{
	down_write(&lab_written);
	hold_until_released();
	up_write(&lab_written);
	return 0;
}

static int wait_written(void *unused)
{
	down_read(&lab_written);
	up_read(&lab_written);
	return 0;
}

static int hold_read(void *unused)
{
	down_read(&lab_read);
	hold_until_released();
	up_read(&lab_read);
	return 0;
}

static int wait_read(void *unused)
{
	down_write(&lab_read);
	up_write(&lab_read);
	return 0;
}

static int hold_semaphore(void *unused)
{
	down(&lab_semaphore);
	hold_until_released();
	up(&lab_semaphore);
	return 0;
}

static int wait_semaphore(void *unused)
{
	down(&lab_semaphore);
	up(&lab_semaphore);
	return 0;
}

static int hold_rt_mutex(void *unused)
{
	rt_mutex_lock(&lab_rt_mutex);
	hold_until_released();
	rt_mutex_unlock(&lab_rt_mutex);
	return 0;
}

static int wait_rt_mutex(void *unused)
{
	rt_mutex_lock(&lab_rt_mutex);
	rt_mutex_unlock(&lab_rt_mutex);
	return 0;
}

static int hold_percpu_written(void *unused)
{
	percpu_down_write(&lab_percpu_written);
	hold_until_released();
	percpu_up_write(&lab_percpu_written);
	return 0;
}

static int wait_percpu_written(void *unused)
{
	percpu_down_read(&lab_percpu_written);
	percpu_up_read(&lab_percpu_written);
	return 0;
}

static int hold_percpu_read(void *unused)
{
	percpu_down_read(&lab_percpu_read);
	hold_until_released();
	percpu_up_read(&lab_percpu_read);
	return 0;
}

static int wait_percpu_read(void *unused)
{
	percpu_down_write(&lab_percpu_read);
	percpu_up_write(&lab_percpu_read);
	return 0;
}

static int hold_page(void *unused)
{
	lock_page(lab_page);
	hold_until_released();
	unlock_page(lab_page);
	return 0;
}

static int wait_page(void *unused)
{
	lock_page(lab_page);
	unlock_page(lab_page);
	return 0;
}

static int hold_srcu(void *unused)
{
	int index = srcu_read_lock(&lab_srcu);

	hold_until_released();
	srcu_read_unlock(&lab_srcu, index);
	return 0;
}

static int wait_srcu(void *unused)
{
	synchronize_srcu(&lab_srcu);
	return 0;
}

static int wait_completion(void *unused)
{
	wait_for_completion(&lab_completion);
	return 0;
}

static int wait_for_bit(void *unused)
{
	return wait_on_bit(&lab_bit, 0, TASK_UNINTERRUPTIBLE);
}

static int wait_for_event(void *unused)
{
	wait_event(lab_event, released);
	return 0;
}

/* for what has no symbol: all that is known is in whose code it sleeps */
static noinline int wait_nameless(void *unused)
{
	DECLARE_COMPLETION_ONSTACK(nameless);

	wait_for_completion(&nameless);
	return 0;
}

static noinline void hold_work(struct work_struct *unused)
{
	worker = current->pid;
	hold_until_released();
}
static DECLARE_WORK(lab_work, hold_work);

static void never_begins(struct work_struct *unused)
{
}
static DECLARE_WORK(lab_pending, never_begins);

static int wait_work(void *unused)
{
	flush_work(&lab_work);
	return 0;
}

static int wait_pending(void *unused)
{
	flush_work(&lab_pending);
	return 0;
}

static int wait_workqueue(void *unused)
{
	flush_workqueue(lab_workqueue);
	return 0;
}

static int hold_stop(void *unused)
{
	hold_until_released();
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static int wait_stop(void *thread)
{
	kthread_stop(thread);
	return 0;
}

/* on a CPU, so that the grace period waits for that CPU */
static int spin_rcu(void *unused)
{
	rcu_read_lock();
	complete(&lab_ready);
	while (!READ_ONCE(released))
		cpu_relax();
	rcu_read_unlock();
	return 0;
}

#ifdef CONFIG_PREEMPT_RCU
/* asleep, so that the grace period waits for this task: as one that is preempted */
static int hold_rcu(void *unused)
{
	rcu_read_lock();
	hold_until_released();
	rcu_read_unlock();
	return 0;
}
#endif

#ifdef CONFIG_TASKS_RCU
/* runs without ever going to sleep; a grace period of RCU does not wait for it */
static int spin_tasks(void *unused)
{
	set_user_nice(current, MAX_NICE);
	complete(&lab_ready);
	while (!READ_ONCE(released))
		cond_resched();
	return 0;
}

static int wait_tasks(void *unused)
{
	synchronize_rcu_tasks();
	return 0;
}
#endif

#ifdef CONFIG_TASKS_TRACE_RCU
static int hold_trace(void *unused)
{
	rcu_read_lock_trace();
	hold_until_released();
	rcu_read_unlock_trace();
	return 0;
}

static int wait_trace(void *unused)
{
	synchronize_rcu_tasks_trace();
	return 0;
}
#endif

/* later kernels keep it to themselves */
#if defined(CONFIG_TASKS_RUDE_RCU) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define HAS_RUDE
static int wait_rude(void *unused)
{
	synchronize_rcu_tasks_rude();
	return 0;
}
#endif

static int wait_rcu(void *unused)
{
	synchronize_rcu();
	return 0;
}

static struct task_struct *started(int (*function)(void *), const char *name)
{
	return kthread_run(function, NULL, "%s", name);
}

static void hold(int (*function)(void *), const char *name)
{
	started(function, name);
	wait_for_completion(&lab_ready);
}

static const struct {
	int (*hold)(void *);
	const char *holder;
	int (*wait)(void *);
	const char *waiter;
} kinds[] = {
	{ hold_mutex, "hold-mutex", wait_mutex, "wait-mutex" },
	{ hold_written, "hold-rwsem-w", wait_written, "wait-rwsem-w" },
	{ hold_read, "hold-rwsem-r", wait_read, "wait-rwsem-r" },
	{ hold_semaphore, "hold-semaphore", wait_semaphore, "wait-semaphore" },
	{ hold_rt_mutex, "hold-rt-mutex", wait_rt_mutex, "wait-rt-mutex" },
	{ hold_percpu_written, "hold-percpu-w", wait_percpu_written, "wait-percpu-w" },
	{ hold_percpu_read, "hold-percpu-r", wait_percpu_read, "wait-percpu-r" },
	{ hold_page, "hold-folio", wait_page, "wait-folio" },
	{ hold_srcu, "hold-srcu", wait_srcu, "wait-srcu" },
	{ NULL, NULL, wait_completion, "wait-completion" },
	{ NULL, NULL, wait_for_bit, "wait-bit" },
	{ NULL, NULL, wait_for_event, "wait-event" },
	{ NULL, NULL, wait_nameless, "wait-nameless" },
	{ NULL, NULL, wait_work, "wait-work" },
	{ NULL, NULL, wait_pending, "wait-pending" },
	{ NULL, NULL, wait_workqueue, "wait-workqueue" },
};

static void start_rcu_tasks(void)
{
#ifdef CONFIG_TASKS_RCU
	hold(spin_tasks, "spin-tasks");
	started(wait_tasks, "wait-tasks");
#endif
#ifdef CONFIG_TASKS_TRACE_RCU
	hold(hold_trace, "hold-trace");
	started(wait_trace, "wait-trace");
#endif
	msleep(1000); /* they begin with a grace period of RCU, which is held up next */
}

static void start_rcu(void)
{
	struct task_struct *spins = kthread_create(spin_rcu, NULL, "spin-rcu");

	synchronize_rcu(); /* a grace period that is under way may not wait for all of them */
	kthread_bind(spins, SPINS_ON);
	wake_up_process(spins);
	wait_for_completion(&lab_ready);
#ifdef CONFIG_PREEMPT_RCU
	hold(hold_rcu, "hold-rcu");
#endif
	started(wait_rcu, "wait-rcu");
#ifdef HAS_RUDE
	started(wait_rude, "wait-rude"); /* no work item runs on a CPU that spins */
#endif
}

static void release_all(void)
{
	WRITE_ONCE(released, true);
	wake_up_all(&lab_release);
	wake_up_all(&lab_event);
	complete_all(&lab_completion);
	clear_bit(0, &lab_bit);
	wake_up_bit(&lab_bit, 0);
}

static void hold_mmap(void)
{
	down_write(&current->mm->mmap_lock);
	wait_event(lab_release, released);
	up_write(&current->mm->mmap_lock);
}

static ssize_t lock_kinds_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char word[16] = "";

	if (size >= sizeof(word) || copy_from_user(word, from, size))
		return -EINVAL;
	if (sysfs_streq(word, "mutex"))
		wait_mutex(NULL);
	else if (sysfs_streq(word, "mmap"))
		hold_mmap();
	else if (sysfs_streq(word, "rcu-tasks"))
		start_rcu_tasks();
	else if (sysfs_streq(word, "rcu"))
		start_rcu();
	else if (sysfs_streq(word, "release"))
		release_all();
	else
		return -EINVAL;
	return size;
}

static vm_fault_t lock_kinds_fault(struct vm_fault *fault)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	if (fault->flags & FAULT_FLAG_VMA_LOCK) { /* again, with the mmap_lock */
		vma_end_read(fault->vma);
		return VM_FAULT_RETRY;
	}
#endif
	wait_event(lab_release, released);
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct lock_kinds_vm = {
	.fault = lock_kinds_fault,
};

static int lock_kinds_mmap(struct file *file, struct vm_area_struct *area)
{
	area->vm_ops = &lock_kinds_vm;
	return 0;
}

static const struct file_operations lock_kinds_files = {
	.owner = THIS_MODULE,
	.write = lock_kinds_write,
	.mmap = lock_kinds_mmap,
};

static struct miscdevice lock_kinds_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lock_kinds",
	.fops = &lock_kinds_files,
};

static int __init lock_kinds_init(void)
{
	struct task_struct *stops;
	int i;

	lab_workqueue = alloc_ordered_workqueue("lab", 0);
	lab_page = alloc_page(GFP_KERNEL);
	if (!lab_workqueue || !lab_page)
		return -ENOMEM;
	sema_init(&lab_semaphore, 1);
	queue_work(lab_workqueue, &lab_work);
	wait_for_completion(&lab_ready);
	queue_work(lab_workqueue, &lab_pending);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].hold)
			hold(kinds[i].hold, kinds[i].holder);
		started(kinds[i].wait, kinds[i].waiter);
	}
	stops = started(hold_stop, "hold-stop");
	wait_for_completion(&lab_ready);
	kthread_run(wait_stop, stops, "wait-stop");
	return misc_register(&lock_kinds_device);
}

module_init(lock_kinds_init);
MODULE_LICENSE("GPL");
MODULE_VERSION("1.0");
MODULE_DESCRIPTION("ktrace lab: threads that hold and wait for each kind of lock");
