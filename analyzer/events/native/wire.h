/* The Protocol Buffers wire format, as the C implementation (upb) reads it.

   Laws:
   1. Nothing is read at or past `end`; a failed read returns NULL and so ends everything above.
   2. What that library refuses is refused here, what it lets pass is let through: tags and lengths
      of at most 5 bytes, varints of at most 10 whose excess bits are dropped, fields numbered
      from 1 (not checked inside a group), no lone end of a group, at most DEPTH nested messages
      and groups, text in UTF-8.
   3. Stack depth is bounded by DEPTH, time is linear in the bytes. */

#ifndef TB_NAN_WIRE_H
#define TB_NAN_WIRE_H

#include "crc32c.h"

#define DEPTH 100
#define MOST_BYTES 0x7FFFFFFFu

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, GROUP = 3, END_GROUP = 4, FIXED32 = 5 };

typedef const uint8_t *Bytes;
typedef struct { Bytes at; size_t size; } Span;

static Bytes read_long_varint(Bytes p, Bytes end, uint64_t *out) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (p >= end) return NULL;
        uint64_t byte = *p++;
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = value;
            return p;
        }
    }
    return NULL;
}

static inline Bytes read_varint(Bytes p, Bytes end, uint64_t *out) {
    if (p < end && *p < 0x80) {
        *out = *p;
        return p + 1;
    }
    return read_long_varint(p, end, out);
}

static Bytes read_long_u32(Bytes p, Bytes end, uint32_t *out) {
    Bytes begin = p;
    uint64_t value;
    if ((p = read_long_varint(p, end, &value)) == NULL) return NULL;
    if (p - begin > 5 || value > 0xFFFFFFFFu) return NULL;
    *out = (uint32_t)value;
    return p;
}

static inline Bytes read_u32(Bytes p, Bytes end, uint32_t *out) {
    if (p < end && *p < 0x80) {
        *out = *p;
        return p + 1;
    }
    return read_long_u32(p, end, out);
}

static inline Bytes read_tag(Bytes p, Bytes end, uint32_t *tag) {
    p = read_u32(p, end, tag);
    return p != NULL && *tag >> 3 ? p : NULL;
}

/* A length and its bytes, which must lie before `end`. */
static inline Bytes read_span(Bytes p, Bytes end, Span *out) {
    uint32_t size;
    if ((p = read_u32(p, end, &size)) == NULL) return NULL;
    if (size > MOST_BYTES || size > (size_t)(end - p)) return NULL;
    out->at = p;
    out->size = size;
    return p + size;
}

static Bytes skip_group(Bytes p, Bytes end, uint32_t number, int depth);

static inline Bytes skip_field(Bytes p, Bytes end, uint32_t tag, int depth) {
    uint64_t value;
    Span span;
    switch (tag & 7) {
    case VARINT: return read_varint(p, end, &value);
    case FIXED64: return end - p >= 8 ? p + 8 : NULL;
    case BYTES: return read_span(p, end, &span);
    case GROUP: return skip_group(p, end, tag >> 3, depth);
    case FIXED32: return end - p >= 4 ? p + 4 : NULL;
    default: return NULL;
    }
}

static Bytes skip_group(Bytes p, Bytes end, uint32_t number, int depth) {
    uint32_t tag;
    if (depth <= 0) return NULL;
    while ((p = read_u32(p, end, &tag)) != NULL) {
        if ((tag & 7) == END_GROUP) return tag >> 3 == number ? p : NULL;
        if ((p = skip_field(p, end, tag, depth - 1)) == NULL) return NULL;
    }
    return NULL;
}

/* How many bytes of a tail follow the first byte of a character, or -1. */
static inline int utf8_tail(uint8_t first) {
    return first < 0xC2 ? -1 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : -1;
}

static int is_utf8(Span text) {
    Bytes p = text.at, end = p + text.size;
    for (;;) {
        while (end - p >= 8 && !(load_u64(p) & 0x8080808080808080u)) p += 8;
        while (p < end && *p < 0x80) p++;
        if (p == end) return 1;
        int tail = utf8_tail(*p);
        if (tail < 0 || end - p <= tail) return 0;
        if (*p == 0xE0 && p[1] < 0xA0) return 0;  /* could be shorter */
        if (*p == 0xED && p[1] > 0x9F) return 0;  /* a surrogate */
        if (*p == 0xF0 && p[1] < 0x90) return 0;  /* could be shorter */
        if (*p == 0xF4 && p[1] > 0x8F) return 0;  /* beyond U+10FFFF */
        for (int i = 1; i <= tail; i++)
            if ((p[i] & 0xC0) != 0x80) return 0;
        p += tail + 1;
    }
}

static inline Bytes read_text(Bytes p, Bytes end, Span *out) {
    return (p = read_span(p, end, out)) != NULL && is_utf8(*out) ? p : NULL;
}

#endif
