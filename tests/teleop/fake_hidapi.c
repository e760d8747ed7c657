/* A libhidapi-hidraw.so.0 without hardware.

   FAKE_HID names a folder. Each file in it is one interface of a device that is plugged in:
   "vendor product interface usage_page usage serial product_string" (hexadecimal, "-" = none).
   Opening one connects to the unix socket FILE.reports beside the folder's file, at which reports
   arrive as packets. A file that cannot be opened for reading and writing is no device for this
   account. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wchar.h>

struct hid_device_info {
    char *path;
    unsigned short vendor_id, product_id;
    wchar_t *serial_number;
    unsigned short release_number;
    wchar_t *manufacturer_string, *product_string;
    unsigned short usage_page, usage;
    int interface_number;
    struct hid_device_info *next;
};

typedef struct {
    int socket, nonblocking;
} hid_device;

static wchar_t *wide(const char *text) {
    if (!strcmp(text, "-")) return NULL;
    wchar_t *copy = calloc(strlen(text) + 1, sizeof(wchar_t));
    mbstowcs(copy, text, strlen(text));
    return copy;
}

int hid_init(void) { return 0; }
int hid_exit(void) { return 0; }

static struct hid_device_info *interface_of(const char *path) {
    unsigned vendor, product, interface, page, usage;
    char serial[64], name[64], line[512] = "";
    FILE *file = fopen(path, "r");
    if (file) {
        if (!fgets(line, sizeof line, file)) line[0] = 0;
        fclose(file);
    } else {
        /* without rights it is listed all the same, as udev does: the line is in its name */
        snprintf(line, sizeof line, "256f c635 0 1 8 - SpaceMouse");
    }
    if (sscanf(line, "%x %x %x %x %x %63s %63[^\n]", &vendor, &product, &interface, &page, &usage,
               serial, name) != 7)
        return NULL;
    struct hid_device_info *found = calloc(1, sizeof *found);
    found->path = strdup(path);
    found->vendor_id = vendor;
    found->product_id = product;
    found->interface_number = interface;
    found->usage_page = page;
    found->usage = usage;
    found->serial_number = wide(serial);
    found->manufacturer_string = wide("3Dconnexion");
    found->product_string = wide(name);
    return found;
}

struct hid_device_info *hid_enumerate(unsigned short vendor, unsigned short product) {
    struct hid_device_info *all = NULL;
    const char *folder = getenv("FAKE_HID");
    DIR *listed = folder ? opendir(folder) : NULL;
    struct dirent *entry;
    while (listed && (entry = readdir(listed))) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strncmp(entry->d_name, "hidraw", 6) || strchr(entry->d_name, '.')) continue;
        struct hid_device_info *found = interface_of(path);
        if (!found) continue;
        found->next = all;
        all = found;
    }
    if (listed) closedir(listed);
    (void)vendor, (void)product;
    return all;
}

void hid_free_enumeration(struct hid_device_info *all) {
    while (all) {
        struct hid_device_info *next = all->next;
        free(all->path), free(all->serial_number), free(all->manufacturer_string);
        free(all->product_string), free(all);
        all = next;
    }
}

hid_device *hid_open_path(const char *path) {
    int file = open(path, O_RDWR);
    if (file < 0) return NULL;
    close(file);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s.reports", path);
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address)) {
        close(descriptor);
        return NULL;
    }
    hid_device *device = calloc(1, sizeof *device);
    device->socket = descriptor;
    return device;
}

hid_device *hid_open(unsigned short vendor, unsigned short product, const wchar_t *serial) {
    (void)vendor, (void)product, (void)serial;
    return NULL;
}

int hid_read_timeout(hid_device *device, unsigned char *data, size_t length, int milliseconds) {
    struct pollfd watched = {.fd = device->socket, .events = POLLIN};
    if (poll(&watched, 1, milliseconds) == 0) return 0;
    ssize_t count = recv(device->socket, data, length, 0);
    return count > 0 ? (int)count : -1; /* the other end is gone: unplugged */
}

int hid_read(hid_device *device, unsigned char *data, size_t length) {
    return hid_read_timeout(device, data, length, device->nonblocking ? 0 : -1);
}

int hid_set_nonblocking(hid_device *device, int nonblocking) {
    device->nonblocking = nonblocking;
    return 0;
}

void hid_close(hid_device *device) {
    close(device->socket);
    free(device);
}

int hid_write(hid_device *d, const unsigned char *b, size_t n) { (void)d, (void)b; return (int)n; }
int hid_send_feature_report(hid_device *d, const unsigned char *b, size_t n) {
    (void)d, (void)b;
    return (int)n;
}
int hid_get_feature_report(hid_device *d, unsigned char *b, size_t n) {
    (void)d, (void)b, (void)n;
    return -1;
}
#define NO_STRING(name) \
    int name(hid_device *d, wchar_t *s, size_t n) { (void)d, (void)s, (void)n; return -1; }
NO_STRING(hid_get_manufacturer_string)
NO_STRING(hid_get_product_string)
NO_STRING(hid_get_serial_number_string)
int hid_get_indexed_string(hid_device *d, int i, wchar_t *s, size_t n) {
    (void)d, (void)i, (void)s, (void)n;
    return -1;
}
const wchar_t *hid_error(hid_device *d) { (void)d; return L"fake"; }
