/* An oracle for header blocks: libnghttp2's inflater behind a pipe. Built and fed by tests/h2/oracle.rs.
 *
 * In: records of a mark and a number of four bytes, big endian. 'S' begins a story (a fresh inflater), 'L' sets the table's
 * limit to the number, 'B' is a block of so many bytes, which follow. Out, for each block: 1 or 0 for valid or not, and the
 * FNV-1a hash of its fields, eight bytes, big endian. After a block that is not valid, the rest of a story is 0. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

typedef struct {
    uint8_t *name, *value;
    size_t name_len, value_len;
    uint8_t flags;
} field;

static int (*inflate_new)(void **);
static void (*inflate_del)(void *);
static int (*change_table_size)(void *, size_t);
static ssize_t (*inflate_hd2)(void *, field *, int *, const uint8_t *, size_t, int);
static int (*end_headers)(void *);

static void *symbol(void *lib, const char *name) {
    void *found = dlsym(lib, name);
    if (!found) exit(3);
    return found;
}

static uint64_t hash(uint64_t sum, const uint8_t *bytes, size_t length) {
    for (int shift = 24; shift >= 0; shift -= 8) sum = (sum ^ ((length >> shift) & 0xff)) * 1099511628211u;
    for (size_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

static int block(void *inflater, const uint8_t *in, size_t length, uint64_t *sum) {
    for (;;) {
        field nv;
        int flags = 0;
        ssize_t taken = inflate_hd2(inflater, &nv, &flags, in, length, 1);
        if (taken < 0) return 0;
        in += taken;
        length -= (size_t)taken;
        if (flags & 2) {
            *sum = hash(*sum, nv.name, nv.name_len);
            *sum = hash(*sum, nv.value, nv.value_len);
        }
        if (flags & 1) return end_headers(inflater) == 0;
        if (!(flags & 2) && length == 0) return 0;
    }
}

int main(void) {
    void *lib = dlopen("libnghttp2.so.14", RTLD_NOW);
    if (!lib) return 2;
    *(void **)&inflate_new = symbol(lib, "nghttp2_hd_inflate_new");
    *(void **)&inflate_del = symbol(lib, "nghttp2_hd_inflate_del");
    *(void **)&change_table_size = symbol(lib, "nghttp2_hd_inflate_change_table_size");
    *(void **)&inflate_hd2 = symbol(lib, "nghttp2_hd_inflate_hd2");
    *(void **)&end_headers = symbol(lib, "nghttp2_hd_inflate_end_headers");
    static uint8_t bytes[1 << 16];
    void *inflater = NULL;
    int valid = 1;
    uint8_t head[5];
    while (fread(head, 1, 5, stdin) == 5) {
        uint32_t number = (uint32_t)head[1] << 24 | head[2] << 16 | head[3] << 8 | head[4];
        if (head[0] == 'S') {
            if (inflater) inflate_del(inflater);
            if (inflate_new(&inflater) != 0) return 4;
            valid = 1;
        } else if (head[0] == 'L') {
            if (valid && change_table_size(inflater, number) != 0) return 5;
        } else {
            if (number > sizeof bytes || fread(bytes, 1, number, stdin) != number) return 6;
            uint64_t sum = 14695981039346656037u;
            valid = valid && block(inflater, bytes, number, &sum);
            uint8_t out[9] = {(uint8_t)valid};
            for (int i = 0; valid && i < 8; i++) out[1 + i] = (uint8_t)(sum >> (56 - 8 * i));
            if (fwrite(out, 1, 9, stdout) != 9) return 7;
        }
    }
    return 0;
}
