// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fragments memory with pages that nobody can move, then asks for large blocks, and for the same as
 * single pages, for the lab.
 *
 *   echo 1 >/sys/module/fragmented/parameters/take        every other page of all that is free
 *   echo ORDER >/sys/module/fragmented/parameters/blocks  COUNT blocks of 2^ORDER pages
 *   echo ORDER >/sys/module/fragmented/parameters/pages   as much, as an array of single pages
 *   cat /sys/module/fragmented/parameters/got             of what was asked for last; all is given
 * back
 *
 * Free memory is then as fragmented as it can be: each free page has a neighbour that is taken.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#define COUNT 64
#define EASY (__GFP_NOWARN | __GFP_NORETRY) /* takes what is there, and does not reclaim */

static LIST_HEAD(taken);
static int got;
module_param(got, int, 0444);
MODULE_PARM_DESC(got, "how much of what was asked for last could be had");

static void keep_every_other(struct page *page)
{
	if (page_to_pfn(page) & 1)
		__free_page(page);
	else
		list_add(&page->lru, &taken);
}

/* All of one order; of order 0 first all is taken, so that none of it comes back meanwhile */
static void take_singles(void)
{
	LIST_HEAD(all);
	struct page *page, *next;

	while ((page = alloc_page(EASY)))
		list_add(&page->lru, &all);
	list_for_each_entry_safe(page, next, &all, lru)
	{
		list_del(&page->lru);
		keep_every_other(page);
	}
}

static void take_blocks(unsigned int order)
{
	struct page *block;
	unsigned long i;

	while ((block = alloc_pages(EASY, order))) {
		split_page(block, order);
		for (i = 0; i < 1UL << order; i++)
			keep_every_other(block + i);
	}
}

static noinline int fragmented_take(const char *value, const struct kernel_param *kp)
{
	int order;

	take_singles();
	for (order = 10; order > 0; order--)
		take_blocks(order);
	return 0;
}

static noinline int fragmented_ask_blocks(unsigned int order)
{
	struct page *blocks[COUNT];
	int i, n;

	for (n = 0; n < COUNT; n++) {
		blocks[n] = alloc_pages(GFP_KERNEL, order);
		if (!blocks[n])
			break;
	}
	for (i = 0; i < n; i++)
		__free_pages(blocks[i], order);
	return n;
}

static noinline int fragmented_ask_pages(unsigned int order)
{
	int i, n, wanted = COUNT << order;
	struct page **pages = kvmalloc_array(wanted, sizeof(*pages), GFP_KERNEL);

	if (!pages)
		return -ENOMEM;
	for (n = 0; n < wanted; n++) {
		pages[n] = alloc_page(GFP_KERNEL);
		if (!pages[n])
			break;
	}
	for (i = 0; i < n; i++)
		__free_page(pages[i]);
	kvfree(pages);
	return n >> order;
}

static int ask(const char *value, int (*request)(unsigned int))
{
	unsigned int order;
	int error = kstrtouint(value, 0, &order);

	if (error || order > 8)
		return error ?: -EINVAL;
	got = request(order);
	return got < 0 ? got : 0;
}

static int fragmented_blocks(const char *value, const struct kernel_param *kp)
{
	return ask(value, fragmented_ask_blocks);
}

static int fragmented_pages(const char *value, const struct kernel_param *kp)
{
	return ask(value, fragmented_ask_pages);
}

static const struct kernel_param_ops take_ops = { .set = fragmented_take };
static const struct kernel_param_ops blocks_ops = { .set = fragmented_blocks };
static const struct kernel_param_ops pages_ops = { .set = fragmented_pages };
module_param_cb(take, &take_ops, NULL, 0200);
MODULE_PARM_DESC(take, "take every other page of all that is free, for good");
module_param_cb(blocks, &blocks_ops, NULL, 0200);
MODULE_PARM_DESC(blocks, "ask for blocks of this order");
module_param_cb(pages, &pages_ops, NULL, 0200);
MODULE_PARM_DESC(pages, "ask for as much, in single pages");

static int __init fragmented_init(void)
{
	return 0;
}

static void __exit fragmented_exit(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &taken, lru)
	{
		list_del(&page->lru);
		__free_page(page);
	}
}

module_init(fragmented_init);
module_exit(fragmented_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ktrace lab: fragments memory, and asks for large blocks");
