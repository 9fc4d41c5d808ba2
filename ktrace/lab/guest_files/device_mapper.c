/*
 * The part of dmsetup that the lab needs: a linear device over all of another one, suspended and
 * resumed by the ioctls of Documentation/admin-guide/device-mapper.
 *
 *   device_mapper create NAME DEVICE
 *   device_mapper suspend|resume NAME
 *
 * devtmpfs makes the node /dev/dm-N.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SECTOR = 512, TABLE_BYTES = 4096, PATH_BYTES = 1024 };

static void fail(const char *what)
{
	fprintf(stderr, "device_mapper: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct dm_ioctl *request(const char *name)
{
	struct dm_ioctl *made = calloc(1, TABLE_BYTES);

	if (!made)
		fail("calloc");
	made->version[0] = DM_VERSION_MAJOR;
	made->data_size = TABLE_BYTES;
	made->data_start = sizeof(*made);
	snprintf(made->name, sizeof(made->name), "%s", name);
	return made;
}

static void control(unsigned long command, struct dm_ioctl *asked, const char *what)
{
	int fd = open("/dev/" DM_DIR "/" DM_CONTROL_NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, command, asked))
		fail(what);
	close(fd);
}

static uint64_t sectors_of(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t bytes;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		fail(device);
	close(fd);
	return bytes / SECTOR;
}

static void load_linear(const char *name, const char *device)
{
	struct dm_ioctl *asked = request(name);
	struct dm_target_spec *target = (void *)(asked + 1);

	asked->target_count = 1;
	asked->flags = DM_READONLY_FLAG;
	target->length = sectors_of(device);
	snprintf(target->target_type, sizeof(target->target_type), "linear");
	snprintf((char *)(target + 1), PATH_BYTES, "%s 0", device);
	control(DM_TABLE_LOAD, asked, "DM_TABLE_LOAD");
}

static void suspend(const char *name, int on)
{
	struct dm_ioctl *asked = request(name);

	asked->flags = on ? DM_SUSPEND_FLAG : 0;
	control(DM_DEV_SUSPEND, asked, "DM_DEV_SUSPEND");
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "create") && argc == 4) {
		control(DM_DEV_CREATE, request(argv[2]), "DM_DEV_CREATE");
		load_linear(argv[2], argv[3]);
		suspend(argv[2], 0); /* the loaded table becomes the one in use */
	} else if (!strcmp(verb, "suspend") && argc == 3) {
		suspend(argv[2], 1);
	} else if (!strcmp(verb, "resume") && argc == 3) {
		suspend(argv[2], 0);
	} else {
		fprintf(stderr, "usage: device_mapper create NAME DEVICE | suspend|resume NAME\n");
		return 2;
	}
	return 0;
}
