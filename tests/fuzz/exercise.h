/* One event file through the scanner in every way that must not matter.

   Laws:
   1. The same bytes are read whole, in pieces, frame by frame without memos by the tables, and with
      memory that runs out. The first three must tell the same; the last must admit its failure.
   2. Every block is a copy of exactly its size, so a sanitizer sees each read past its end.
   3. How a file is cut, and when memory runs out, depends on its bytes alone: a finding repeats.
   4. The scanner holds at most HELD_EACH bytes for each byte of the file, and HELD_ALWAYS. Dearest
      is a new tag of 2 bytes with an empty image: 8 bytes in the file; in memory a Tag of 64, a row
      of 37, 4 in the order and 2 in the arena, each with as much to spare, and 4 slots of 4. */

#ifndef TB_NAN_EXERCISE_H
#define TB_NAN_EXERCISE_H

#include <stdio.h>
#include <stdlib.h>

/* Allocations of the scanner fail from number `failing` on; counted down, 0 if never. */
static long failing, failures;

static int fails(void) {
    if (failing && failing-- == 1) failing = 1, failures++;
    return failures > 0;
}

static void *malloc_or_fail(size_t size) { return fails() ? NULL : malloc(size); }
static void *realloc_or_fail(void *p, size_t size) { return fails() ? NULL : realloc(p, size); }
static int memalign_or_fail(void **p, size_t by, size_t size) {
    return fails() ? 12 /* ENOMEM */ : posix_memalign(p, by, size);
}

#define malloc malloc_or_fail
#define realloc realloc_or_fail
#define posix_memalign memalign_or_fail
#include "split.h"
#undef malloc
#undef realloc
#undef posix_memalign

#define CLAIM(truth)                                                             \
    do {                                                                         \
        if (!(truth)) {                                                          \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth);  \
            abort();                                                             \
        }                                                                        \
    } while (0)

#define HELD_EACH 32
#define HELD_ALWAYS (((size_t)1 << 15) + MEMOS * sizeof(Memo))

enum { WHOLE, PIECES, FRAMES, STARVED, WAYS };

typedef struct { uint64_t points, rows, point_count, row_count, others; } Heard; /* of one tag */

typedef struct {
    Scan scan;
    Heard *tags;
    size_t tag_count;
    uint64_t blocks, sessions, lost;
} Listener;

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_double(uint64_t hash, double number) {
    uint64_t bits;
    memcpy(&bits, &number, 8);
    return mix(hash, bits);
}

static void *room(size_t count, size_t size) {
    void *items = calloc(count, size);
    CLAIM(items != NULL || count == 0);
    return items;
}

static void hear_points(Listener *to) {
    Scan *scan = &to->scan;
    size_t count = scan->points.count, tags = scan->point_tags.count;
    int64_t *starts = room(tags + 1, 8), *steps = room(count, 8);
    double *walls = room(count, 8), *values = room(count, 8);
    uint64_t *integers = room(count, 8);
    split_points(scan, starts, steps, walls, values);
    CLAIM(starts[0] == 0 && starts[tags] == (int64_t)count);
    for (size_t i = 0; i < scan->exceeding.count; i++) {
        int64_t place = scan->exceeding.places.items[i], integer = scan->exceeding.integers.items[i];
        int is_signed = scan->exceeding.kinds.items[i] == 1;
        CLAIM(place >= 0 && place < (int64_t)count && integers[place] == 0 && integer != 0);
        CLAIM(values[place] == (is_signed ? (double)integer : (double)(uint64_t)integer));
        integers[place] = (uint64_t)integer;
    }
    for (size_t i = 0; i < tags; i++) {
        Heard *heard = &to->tags[scan->point_tags.tags.items[i]];
        for (int64_t row = starts[i]; row < starts[i + 1]; row++) {
            heard->points = mix(heard->points, (uint64_t)steps[row]);
            heard->points = mix_double(mix_double(heard->points, walls[row]), values[row]);
            heard->points = mix(heard->points, integers[row]);
            heard->point_count++;
        }
    }
    free(starts), free(steps), free(walls), free(values), free(integers);
}

static void hear_rows(Listener *to, size_t file_size) {
    Scan *scan = &to->scan;
    size_t count = scan->rows.count, tags = scan->other_tags.count;
    int64_t *starts = room(tags + 1, 8), *counts = room(tags, 8), *steps = room(count, 8);
    int64_t *offsets = room(count, 8), *sizes = room(count, 8);
    double *walls = room(count, 8);
    uint8_t *kinds = room(count, 1);
    split_rows(scan, starts, counts, steps, walls, offsets, sizes, kinds);
    CLAIM(starts[0] == 0 && starts[tags] == (int64_t)count);
    for (size_t i = 0; i < tags; i++) {
        Heard *heard = &to->tags[scan->other_tags.tags.items[i]];
        CLAIM(counts[i] > 0 && counts[i] >= starts[i + 1] - starts[i]);
        heard->others += (uint64_t)counts[i];
        for (int64_t row = starts[i]; row < starts[i + 1]; row++) {
            CLAIM(offsets[row] >= HEADER && sizes[row] >= 0);
            CLAIM((uint64_t)offsets[row] + (uint64_t)sizes[row] + 4 <= file_size);
            CLAIM(kinds[row] >= 3 && kinds[row] <= 8 && kinds[row] != 7);
            heard->rows = mix(mix(heard->rows, (uint64_t)steps[row]), (uint64_t)offsets[row]);
            heard->rows = mix(mix_double(heard->rows, walls[row]), (uint64_t)sizes[row]);
            heard->rows = mix(heard->rows, kinds[row]);
            heard->row_count++;
        }
    }
    free(starts), free(counts), free(steps), free(offsets), free(sizes), free(walls), free(kinds);
}

#define SIZE(column) ((column).capacity * sizeof *(column).items)

static size_t held(const Scan *scan) {
    const Points *points = &scan->points;
    const Rows *rows = &scan->rows;
    const Blocks *blocks = &scan->blocks;
    const Sessions *sessions = &scan->sessions;
    const Tags *tags = &scan->tags;
    return SIZE(points->tags) + SIZE(points->steps) + SIZE(points->walls) + SIZE(points->values) +
           SIZE(rows->tags) + SIZE(rows->steps) + SIZE(rows->walls) + SIZE(rows->kinds) +
           SIZE(rows->offsets) + SIZE(rows->sizes) + SIZE(blocks->steps) + SIZE(blocks->walls) +
           SIZE(blocks->offsets) + SIZE(blocks->sizes) + SIZE(sessions->events) +
           SIZE(sessions->steps) + SIZE(sessions->statuses) + SIZE(scan->point_tags.tags) +
           SIZE(scan->other_tags.tags) + tags->capacity * sizeof(Tag) + tags->arena_capacity +
           tags->slot_count * sizeof *tags->slots + scan->version_size +
           SIZE(scan->exceeding.places) + SIZE(scan->exceeding.integers) +
           SIZE(scan->exceeding.kinds) + scan->memo_count * sizeof *scan->memos;
}

/* Take over what was gathered, as the extension does. */
static void hear(Listener *to, Bytes file, size_t file_size) {
    Scan *scan = &to->scan;
    CLAIM(held(scan) <= HELD_ALWAYS + HELD_EACH * file_size);
    if (scan->tags.count > to->tag_count) {
        to->tags = realloc(to->tags, scan->tags.count * sizeof *to->tags);
        CLAIM(to->tags != NULL);
        memset(to->tags + to->tag_count, 0, (scan->tags.count - to->tag_count) * sizeof *to->tags);
        to->tag_count = scan->tags.count;
    }
    hear_points(to);
    hear_rows(to, file_size);
    for (size_t i = 0; i < scan->blocks.count; i++) {
        uint64_t offset = (uint64_t)scan->blocks.offsets.items[i];
        uint64_t size = (uint64_t)scan->blocks.sizes.items[i];
        CLAIM(offset >= HEADER && offset + size + 4 <= file_size);
        to->blocks = mix(mix(mix(to->blocks, offset), size), masked_crc32c(file + offset, size));
        to->blocks = mix(to->blocks, (uint64_t)scan->blocks.steps.items[i]);
        to->blocks = mix_double(to->blocks, scan->blocks.walls.items[i]);
    }
    for (size_t i = 0; i < scan->sessions.count; i++) {
        to->sessions = mix(to->sessions, (uint64_t)scan->sessions.events.items[i]);
        to->sessions = mix(to->sessions, (uint64_t)scan->sessions.steps.items[i]);
        to->sessions = mix(to->sessions, (uint64_t)scan->sessions.statuses.items[i]);
    }
    scan_clear(scan);
    scan_free_rows(scan);
}

/* Everything that was heard, as one number. */
static uint64_t gist(const Listener *of) {
    const Scan *scan = &of->scan;
    uint64_t hash = mix(mix(mix(of->blocks, of->sessions), of->lost), scan->tags.count);
    for (size_t i = 0; i < of->tag_count; i++) {
        const Heard *heard = &of->tags[i];
        const Tag *tag = &scan->tags.tags[i];
        CLAIM(is_utf8((Span){scan->tags.arena + tag->at, tag->size}));
        hash = mix(mix(hash, masked_crc32c(scan->tags.arena + tag->at, tag->size)), tag->role);
        hash = mix(mix(mix(hash, heard->points), heard->rows), heard->point_count);
        hash = mix(mix(hash, heard->row_count), heard->others);
    }
    hash = mix(mix(mix(hash, (uint64_t)scan->events), (uint64_t)scan->blank), scan->version_size);
    hash = mix(mix(hash, (uint64_t)scan->refused), (uint64_t)scan->refused_bytes);
    hash = mix_double(mix(hash, (uint64_t)scan->first_refused), scan->first_wall_time);
    return scan->version ? mix(hash, masked_crc32c(scan->version, scan->version_size)) : hash;
}

static size_t find_in_copy(Bytes file, size_t from, size_t to) {
    uint8_t *copy = room(to - from ? to - from : 1, 1);
    memcpy(copy, file + from, to - from);
    size_t at = find_header(copy, to - from);
    CLAIM(at <= to - from);
    free(copy);
    return from + at;
}

/* How much of a file is shown at once beyond `limit`, in this way of reading it. */
static size_t next_limit(int way, Bytes file, size_t size, size_t at, size_t limit, uint64_t *dice) {
    if (way == WHOLE || way == STARVED) return size;
    if (way == FRAMES) {
        uint64_t length = size - at >= HEADER ? load_u64(file + at) : 0;
        size_t one = length < size && size - at >= OVERHEAD + length ? OVERHEAD + length : size - at;
        return at + one > limit ? at + one : limit < size ? limit + 1 : size;
    }
    *dice = mix(*dice, limit + 1);
    size_t most = size < 256 ? 3 : size / 8;
    size_t more = limit + 1 + *dice % most;
    return more < size ? more : size;
}

static void read_file(Listener *to, int way, Bytes file, size_t size, uint64_t dice) {
    size_t at = 0, limit = 0;
    int searching = 0, trouble;
    Scan *scan = &to->scan;
    memset(to, 0, sizeof *to);
    tags_setup(&scan->tags, mix(dice, 1), mix(dice, 2)); /* no result may depend on the key */
    do {
        limit = next_limit(way, file, size, at, limit, &dice);
        for (;;) {
            if (searching) {
                size_t found = find_in_copy(file, at, limit);
                searching = found == limit;
                size_t back = searching && limit < size ? HEADER - 1 : 0;
                found = searching && found - at > back ? found - back : found;
                if (searching && limit < size && limit - at <= back) found = at;
                to->lost += found - at;
                at = found;
                if (searching) break;
            }
            if (way == FRAMES)
                for (size_t i = 0; i < scan->memo_count; i++) scan->memos[i].size = 0;
            uint8_t *copy = room(limit - at ? limit - at : 1, 1);
            memcpy(copy, file + at, limit - at);
            size_t used = scan_block(scan, copy, limit - at, (int64_t)at, &trouble);
            CLAIM(used <= limit - at && !scan->failed == !failures);
            free(copy);
            if (scan->failed) return;
            at += used;
            if (way == FRAMES || dice & 4) hear(to, file, size);
            int stuck = limit == size && size - at > HEADER; /* a length that was never kept */
            if (trouble == BLOCK_ENDS && !stuck) break;
            searching = 1;
            to->lost++;
            at++;
        }
    } while (limit < size);
    hear(to, file, size);
}

static void forget(Listener *from) {
    scan_free(&from->scan);
    free(from->tags);
}

static int is_hardware = -1;

static void set_up(void) {
    if (is_hardware >= 0) return;
    crc32c_setup();
    is_hardware = crc32c_is_hardware;
}

static void exercise(Bytes file, size_t size) {
    static Listener listener;
    uint64_t dice = mix(size, 7), heard = 0;
    set_up();
    dice = mix(dice, crc32c_extend(~0u, file, size));
    for (int way = WHOLE; way < WAYS; way++) {
        crc32c_is_hardware = is_hardware && way != FRAMES;
        failures = 0;
        failing = way == STARVED ? 1 + (long)(dice % (dice & 8 ? 12 : 60)) : 0;
        read_file(&listener, way, file, size, mix(dice, (uint64_t)way));
        failing = failures = 0;
        if (way == WHOLE) heard = gist(&listener);
        else if (!listener.scan.failed) CLAIM(gist(&listener) == heard);
        forget(&listener);
    }
}

#endif
