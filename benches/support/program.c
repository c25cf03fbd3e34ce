/* A policy as a process that answers in MessagePack at once, so that a benchmark measures the exchange and not the
 * policy: the lower a node's number, the better. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char *buffer;
static size_t room;

static unsigned char *reserve(size_t length) {
    if (length > room) buffer = realloc(buffer, room = 2 * length);
    return buffer;
}

static int whole(int file, unsigned char *bytes, size_t length, int is_read) {
    while (length) {
        ssize_t count = is_read ? read(file, bytes, length) : write(file, bytes, length);
        if (count <= 0) return 0;
        bytes += count, length -= (size_t)count;
    }
    return 1;
}

/* A number of MessagePack that is not below zero. */
static uint32_t number(const unsigned char **at) {
    unsigned char kind = *(*at)++;
    int bytes = kind == 0xcc ? 1 : kind == 0xcd || kind == 0xdc ? 2 : kind == 0xce || kind == 0xdd ? 4 : 0;
    uint32_t value = bytes ? 0 : kind & (kind >= 0x90 ? 0x0f : 0x7f);
    while (bytes--) value = value << 8 | *(*at)++;
    return value;
}

int main(void) {
    static const char greeting[] = "{\"protocol\":1,\"encoding\":\"msgpack\"}\n", key[] = "\xaa" "candidates";
    unsigned char byte, *answer = NULL;
    uint32_t length;
    size_t answer_room = 0;
    while (read(0, &byte, 1) == 1 && byte != '\n') {}
    if (!whole(1, (unsigned char *)greeting, sizeof greeting - 1, 0)) return 1;
    while (whole(0, (unsigned char *)&length, 4, 1) && whole(0, reserve(length), length, 1)) {
        const unsigned char *at = buffer, *next;
        while ((next = memmem(at, buffer + length - at, key, sizeof key - 1))) at = next + sizeof key - 1;
        uint32_t count = number(&at), size = 13 + 5 * count;
        if (4 + size > answer_room) answer = realloc(answer, answer_room = 2 * (4 + size));
        memcpy(answer, &size, 4);
        memcpy(answer + 4, "\x81\xa6points\xdd", 9);
        unsigned char *out = answer + 13;
        for (int shift = 24; shift >= 0; shift -= 8) *out++ = (unsigned char)(count >> shift);
        while (count--) {
            uint32_t points = -number(&at);
            *out++ = 0xd2;
            for (int shift = 24; shift >= 0; shift -= 8) *out++ = (unsigned char)(points >> shift);
        }
        if (!whole(1, answer, 4 + size, 0)) return 1;
    }
    return 0;
}
