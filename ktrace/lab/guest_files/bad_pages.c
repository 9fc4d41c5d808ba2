// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frees a page in a state that no page may be freed in, for the lab: a kernel bug on demand.
 *
 *   echo WRONG >/sys/module/bad_pages/parameters/free
 *
 * WRONG: mapcount, mapping, refcount, flags, memcg, text.
 *
 * The page is one in the middle of a block of 16 that is freed as a whole: blocks larger than
 * PAGE_ALLOC_COSTLY_ORDER bypass the lists per CPU, so the kernel checks it now and here
 * (free_pages_prepare() in mm/page_alloc.c), with one wrong thing for it to find.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>

#define ORDER 4
#define VICTIM 5

static long owner; /* something for a wrong pointer to point to */

static int spoil(struct page *page, const char *wrong)
{
	if (sysfs_streq(wrong, "mapcount")) /* unmapped once too little */
		atomic_inc(&page->_mapcount);
	else if (sysfs_streq(wrong, "mapping")) /* still in somebody's page cache */
		page->mapping = (struct address_space *)&owner;
	else if (sysfs_streq(wrong, "refcount")) /* somebody still uses it */
		page_ref_inc(page);
	else if (sysfs_streq(wrong, "flags")) /* in the middle of being written */
		page->flags |= 1UL << PG_locked | 1UL << PG_writeback;
#ifdef CONFIG_MEMCG
	else if (sysfs_streq(wrong, "memcg")) /* never uncharged */
		page->memcg_data = (unsigned long)&owner;
#endif
	else if (sysfs_streq(wrong, "text")) /* a string was written over it */
		memcpy(&page->mapping, "overrun", sizeof(page->mapping));
	else
		return -EINVAL;
	return 0;
}

static noinline int bad_pages_free(const char *wrong, const struct kernel_param *kp)
{
	struct page *block = alloc_pages(GFP_KERNEL, ORDER);
	int error;

	if (!block)
		return -ENOMEM;
	error = spoil(block + VICTIM, wrong);
	__free_pages(block, ORDER);
	return error;
}

static const struct kernel_param_ops bad_pages_ops = {
	.set = bad_pages_free,
};
module_param_cb(free, &bad_pages_ops, NULL, 0200);
MODULE_PARM_DESC(free,
		 "free a page with this wrong: mapcount, mapping, refcount, flags, memcg, text");

static int __init bad_pages_init(void)
{
	return 0;
}

static void __exit bad_pages_exit(void)
{
}

module_init(bad_pages_init);
module_exit(bad_pages_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ktrace lab: frees a page in a wrong state");
