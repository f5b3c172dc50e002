/* Tags and what is counted of each: a hash table over their bytes, ids in order of appearance.

   Laws:
   1. Each distinct tag is stored once, so memory is bounded by the bytes of distinct tags.
   2. The hash is keyed (SipHash-1-3), so nobody can write a file whose tags all collide.
   3. Logs repeat their tags in the same order: the tag that followed last time is tried first,
      which saves the hash. */

#ifndef TB_NAN_TAGS_H
#define TB_NAN_TAGS_H

#include <stdlib.h>

#include "event.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#define LARGE ((size_t)1 << 22)
#define LARGE_PAGE ((size_t)1 << 21)

#define NO_TAG UINT32_MAX

typedef struct {
    uint64_t hash;
    size_t at, size;      /* in the arena */
    int64_t points;       /* of this batch: points, values of other kinds, and those with a row */
    int64_t others, rows;
    int64_t cursor;       /* where its next row goes when rows are split by tag */
    uint32_t successor;
    uint8_t role;
} Tag;

typedef struct {
    Tag *tags;
    uint32_t *slots;
    uint8_t *arena;
    size_t count, capacity, slot_count, arena_size, arena_capacity;
    uint64_t key[2];
    uint32_t last;
} Tags;

/* First touching a page costs more than filling it, so large columns ask for large pages. */
static void *grow(void *items, size_t size, size_t wanted) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    void *grown;
    if (wanted >= LARGE && posix_memalign(&grown, LARGE_PAGE, wanted) == 0) {
        madvise(grown, wanted, MADV_HUGEPAGE);
        if (size) memcpy(grown, items, size);
        free(items);
        return grown;
    }
#endif
    (void)size;
    return realloc(items, wanted);
}

/* Make room for `needed` items, doubling; on failure the old items stay. */
static int make_room(void **items, size_t *capacity, size_t needed, size_t item_size) {
    if (needed <= *capacity) return 1;
    size_t wanted = *capacity ? *capacity : item_size < 64 ? 64 : 8;
    while (wanted < needed) {
        if (wanted > SIZE_MAX / 2 / item_size) return 0;
        wanted *= 2;
    }
    void *grown = grow(*items, *capacity * item_size, wanted * item_size);
    if (grown == NULL) return 0;
    *items = grown;
    *capacity = wanted;
    return 1;
}

#define ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define SIP_ROUND                                                                   \
    do {                                                                            \
        a += b; b = ROTATE(b, 13); b ^= a; a = ROTATE(a, 32);                       \
        c += d; d = ROTATE(d, 16); d ^= c;                                          \
        a += d; d = ROTATE(d, 21); d ^= a;                                          \
        c += b; b = ROTATE(b, 17); b ^= c; c = ROTATE(c, 32);                       \
    } while (0)

static uint64_t siphash(const uint64_t key[2], Span text) {
    uint64_t a = key[0] ^ 0x736f6d6570736575u, b = key[1] ^ 0x646f72616e646f6du;
    uint64_t c = key[0] ^ 0x6c7967656e657261u, d = key[1] ^ 0x7465646279746573u;
    uint64_t word = 0;
    Bytes p = text.at;
    size_t left = text.size;
    for (; left >= 8; p += 8, left -= 8) {
        word = load_u64(p);
        d ^= word;
        SIP_ROUND;
        a ^= word;
    }
    word = (uint64_t)text.size << 56;
    for (size_t i = 0; i < left; i++) word |= (uint64_t)p[i] << (8 * i);
    d ^= word;
    SIP_ROUND;
    a ^= word;
    c ^= 0xFF;
    SIP_ROUND;
    SIP_ROUND;
    SIP_ROUND;
    return a ^ b ^ c ^ d;
}

static inline int tag_is(const Tags *tags, uint32_t id, Span text) {
    const Tag *tag = &tags->tags[id];
    return tag->size == text.size && memcmp(tags->arena + tag->at, text.at, text.size) == 0;
}

static int tags_rehash(Tags *tags) {
    size_t wanted = tags->slot_count ? tags->slot_count * 2 : 32;
    uint32_t *slots = malloc(wanted * sizeof *slots);
    if (slots == NULL) return 0;
    memset(slots, 0xFF, wanted * sizeof *slots);
    for (uint32_t id = 0; id < tags->count; id++) {
        size_t at = tags->tags[id].hash & (wanted - 1);
        while (slots[at] != NO_TAG) at = (at + 1) & (wanted - 1);
        slots[at] = id;
    }
    free(tags->slots);
    tags->slots = slots;
    tags->slot_count = wanted;
    return 1;
}

static uint32_t tags_insert(Tags *tags, Span text, uint64_t hash, size_t slot) {
    if (tags->count >= NO_TAG - 1) return NO_TAG;
    if (!make_room((void **)&tags->tags, &tags->capacity, tags->count + 1, sizeof(Tag)) ||
        !make_room((void **)&tags->arena, &tags->arena_capacity, tags->arena_size + text.size + 1, 1))
        return NO_TAG;
    uint32_t id = (uint32_t)tags->count++;
    Tag *tag = &tags->tags[id];
    memset(tag, 0, sizeof *tag);
    tag->hash = hash;
    tag->at = tags->arena_size;
    tag->size = text.size;
    tag->successor = NO_TAG;
    if (text.size) memcpy(tags->arena + tags->arena_size, text.at, text.size);
    tags->arena_size += text.size;
    tags->slots[slot] = id;
    return id;
}

static uint32_t tags_find(Tags *tags, Span text) {
    if (tags->count * 2 >= tags->slot_count && !tags_rehash(tags)) return NO_TAG;
    uint64_t hash = siphash(tags->key, text);
    size_t mask = tags->slot_count - 1, slot = hash & mask;
    for (; tags->slots[slot] != NO_TAG; slot = (slot + 1) & mask) {
        uint32_t id = tags->slots[slot];
        if (tags->tags[id].hash == hash && tag_is(tags, id, text)) return id;
    }
    return tags_insert(tags, text, hash, slot);
}

/* Return the id of a tag, new or known; NO_TAG if memory ran out. */
static inline uint32_t tag_id(Tags *tags, Span text) {
    uint32_t before = tags->last, id;
    if (before != NO_TAG) {
        id = tags->tags[before].successor;
        if (id != NO_TAG && tag_is(tags, id, text)) return tags->last = id;
    }
    if ((id = tags_find(tags, text)) == NO_TAG) return NO_TAG;
    if (before != NO_TAG) tags->tags[before].successor = id;
    return tags->last = id;
}

static void tags_setup(Tags *tags, uint64_t key0, uint64_t key1) {
    memset(tags, 0, sizeof *tags);
    tags->key[0] = key0;
    tags->key[1] = key1;
    tags->last = NO_TAG;
}

static void tags_free(Tags *tags) {
    free(tags->tags);
    free(tags->slots);
    free(tags->arena);
}

#endif
