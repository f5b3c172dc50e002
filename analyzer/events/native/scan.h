/* Frames out of a block of a file, events out of frames, columns out of events.

       offset  0        8                12               12 + n             16 + n
               | u64 n  | u32 crc of n   | payload        | u32 crc of payload |

   Laws:
   1. A block is read from its beginning up to the first frame that is not all there, or whose
      length or payload fails its checksum. What that means is the caller's to decide.
   2. A payload that passes its checksum and is no Event is counted, and reading goes on.
   3. Rows are kept in file order, and each tag's rows are counted as they come, so that splitting
      them by tag is one stable pass.
   4. When memory runs out, `failed` is set and nothing more is taken. */

#ifndef TB_NAN_SCAN_H
#define TB_NAN_SCAN_H

#include "columns.h"
#include "memo.h"

#define HEADER 12
#define OVERHEAD 16
#define LONGEST 0x7FFFFFFFu /* Protocol Buffers refuse messages of 2 GiB */

enum { BLOCK_ENDS, LENGTH_FAILS, PAYLOAD_FAILS };

typedef struct {
    Tags tags;
    Points points;
    Exceeding exceeding; /* points whose value no double can hold */
    Rows rows;
    Blocks blocks;
    Sessions sessions;
    Order point_tags, other_tags; /* in the order of their first point, or other value */
    int64_t events, blank, refused, refused_bytes, first_refused;
    double first_wall_time;
    uint8_t *version;
    size_t version_size;
    int failed;
    Bytes block;    /* where the present block begins in memory */
    int64_t offset; /* and in the file */
    Memo *memos;
    size_t memo_count;
} Scan;

static inline int add_point(Scan *scan, double wall_time, int64_t step, uint32_t id,
                            double number) {
    Points *points = &scan->points;
    size_t at = points->count;
    if (at >= points->values.capacity &&
        !(ROOM(points->tags, at) && ROOM(points->steps, at) && ROOM(points->walls, at) &&
          ROOM(points->values, at)))
        return 0;
    points->tags.items[at] = id;
    points->steps.items[at] = step;
    points->walls.items[at] = wall_time;
    points->values.items[at] = number;
    points->count++;
    return scan->tags.tags[id].points++ ? 1 : order_add(&scan->point_tags, id);
}

/* Add a point of a parsed value, and beside it what a double cannot say. */
static int add_value(Scan *scan, const Event *event, const Value *value, uint32_t id) {
    Exceeding *kept = &scan->exceeding;
    size_t at = kept->count;
    if (value->holds == HOLDS_TENSOR && value->exceeds) {
        if (!(ROOM(kept->places, at) && ROOM(kept->integers, at) && ROOM(kept->kinds, at))) return 0;
        kept->places.items[at] = (int64_t)scan->points.count;
        kept->integers.items[at] = (int64_t)value->integer;
        kept->kinds.items[at] = value->exceeds;
        kept->count++;
    }
    return add_point(scan, event->wall_time, event->step, id, value->number);
}

static int add_block(Scan *scan, const Event *event, Span block) {
    Blocks *blocks = &scan->blocks;
    size_t at = blocks->count;
    if (!(ROOM(blocks->steps, at) && ROOM(blocks->offsets, at) && ROOM(blocks->sizes, at) &&
          ROOM(blocks->walls, at)))
        return 0;
    blocks->steps.items[at] = event->step;
    blocks->walls.items[at] = event->wall_time;
    blocks->offsets.items[at] = scan->offset + (block.at - scan->block);
    blocks->sizes.items[at] = (int64_t)block.size;
    blocks->count++;
    return 1;
}

static int add_other(Scan *scan, const Event *event, const Value *value, uint32_t id) {
    Rows *rows = &scan->rows;
    Tag *tag = &scan->tags.tags[id];
    size_t at = rows->count;
    if (!tag->others++ && !order_add(&scan->other_tags, id)) return 0;
    if (value->holds == HOLDS_NOTHING) return 1;
    if (!(ROOM(rows->tags, at) && ROOM(rows->steps, at) && ROOM(rows->offsets, at) &&
          ROOM(rows->sizes, at) && ROOM(rows->walls, at) && ROOM(rows->kinds, at)))
        return 0;
    rows->tags.items[at] = id;
    rows->steps.items[at] = event->step;
    rows->walls.items[at] = event->wall_time;
    rows->offsets.items[at] = scan->offset + (value->whole.at - scan->block);
    rows->sizes.items[at] = (int64_t)value->whole.size;
    rows->kinds.items[at] = value->holds;
    rows->count++;
    tag->rows++;
    return 1;
}

/* The tag's first metadata decides, but a value's own word that it is a health block holds. */
static inline uint8_t value_role(Tag *tag, const Value *value) {
    if (value->role == ROLE_NONE) return tag->role ? tag->role : ROLE_SCALAR;
    if (tag->role == ROLE_NONE) tag->role = value->role;
    return value->role == ROLE_HEALTH ? ROLE_HEALTH : tag->role;
}

static int take_value(void *taker, const Event *event, const Value *value) {
    Scan *scan = taker;
    uint32_t id = tag_id(&scan->tags, value->tag);
    if (id == NO_TAG) return 0;
    if (value->holds == HOLDS_NUMBER) return add_value(scan, event, value, id);
    uint8_t role = value_role(&scan->tags.tags[id], value);
    if (role == ROLE_HEALTH && value->block.at != NULL) return add_block(scan, event, value->block);
    if (role == ROLE_SCALAR && value->is_number) return add_value(scan, event, value, id);
    return add_other(scan, event, value, id);
}

static int take_session(Scan *scan, const Event *event) {
    Sessions *sessions = &scan->sessions;
    size_t at = sessions->count;
    if (!(ROOM(sessions->events, at) && ROOM(sessions->steps, at) && ROOM(sessions->statuses, at)))
        return 0;
    sessions->events.items[at] = scan->events;
    sessions->steps.items[at] = event->step;
    sessions->statuses.items[at] = event->session;
    sessions->count++;
    return 1;
}

static int keep_version(Scan *scan, Span version) {
    if (scan->version != NULL) return 1;
    if ((scan->version = malloc(version.size + 1)) == NULL) return 0;
    memcpy(scan->version, version.at, version.size);
    scan->version_size = version.size;
    return 1;
}

/* Many memos are larger than most files, so a file begins with a few. */
static Memo *memo_of(Scan *scan, uint32_t id) {
    size_t wanted = scan->points.count >= MEMOS_FROM ? MEMOS : MEMOS_FEW;
    if (scan->memo_count < wanted) {
        free(scan->memos);
        scan->memos = calloc(wanted, sizeof *scan->memos);
        scan->memo_count = scan->memos == NULL ? 0 : wanted;
    }
    return scan->memo_count ? &scan->memos[id % scan->memo_count] : NULL;
}

static int take_event(Scan *scan, const Event *event, Span payload) {
    int taken = 1;
    if (scan->events == 0) scan->first_wall_time = event->wall_time;
    if (event->what == WHAT_SUMMARY && event->count == 1) {
        size_t points = scan->points.count;
        taken = take_value(scan, event, &event->values[0]);
        if (taken && scan->points.count > points) {
            uint32_t id = scan->tags.last;
            uint8_t role = scan->tags.tags[id].role;
            Memo *memo = memo_of(scan, id);
            if (memo != NULL) memo_make(memo, event, &event->values[0], payload, id, role);
        }
    } else if (event->what == WHAT_SUMMARY && event->count <= VALUES_KEPT) {
        for (size_t i = 0; taken && i < event->count; i++)
            taken = take_value(scan, event, &event->values[i]);
    } else if (event->what == WHAT_SUMMARY) {
        taken = each_value_again(event, payload, take_value, scan);
    } else if (event->what == WHAT_SESSION) {
        taken = take_session(scan, event);
    } else if (event->what == WHAT_VERSION) {
        taken = keep_version(scan, event->version);
    } else if (event->what == 0 && event->wall_time == 0) {
        scan->blank++;
    }
    scan->events++;
    return taken;
}

/* Take an event that repeats an earlier one: 1 if it was, 0 if it must be parsed, -1 on failure. */
static inline int take_repeated(Scan *scan, Span payload) {
    Tags *tags = &scan->tags;
    if (tags->last == NO_TAG || scan->memo_count == 0) return 0;
    uint32_t id = tags->tags[tags->last].successor;
    if (id == NO_TAG) return 0;
    const Memo *memo = &scan->memos[id % scan->memo_count];
    double wall_time, number;
    int64_t step = 0;
    if (memo->tag != id || memo->role != tags->tags[id].role ||
        !memo_read(memo, payload, &wall_time, &step, &number))
        return 0;
    tags->last = id;
    scan->events++;
    return add_point(scan, wall_time, step, id, number) ? 1 : -1;
}

typedef uint32_t (*Checksum)(uint32_t crc, Bytes p, size_t size);

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

INLINE size_t scan_with(Scan *scan, Bytes block, size_t size, int *trouble, Checksum checksum) {
    Event event;
    size_t at = 0;
    *trouble = BLOCK_ENDS;
    while (size - at >= HEADER) {
        Bytes p = block + at;
        uint64_t length = load_u64(p);
        if (length > LONGEST || crc32c_masked(checksum(~0u, p, 8)) != load_u32(p + 8)) {
            *trouble = LENGTH_FAILS;
            break;
        }
        if (size - at < OVERHEAD + length) break;
        Span payload = {p + HEADER, (size_t)length};
        uint32_t found = crc32c_masked(checksum(~0u, payload.at, payload.size));
        if (found != load_u32(payload.at + length)) {
            *trouble = PAYLOAD_FAILS;
            break;
        }
        int taken = take_repeated(scan, payload);
        if (taken < 0) {
            scan->failed = 1;
            break;
        }
        if (taken) {
        } else if (!parse_event(&event, payload)) {
            if (!scan->refused++) scan->first_refused = scan->offset + (int64_t)at;
            scan->refused_bytes += OVERHEAD + (int64_t)length;
        } else if (!take_event(scan, &event, payload)) {
            scan->failed = 1;
            break;
        }
        at += OVERHEAD + (size_t)length;
    }
    return at;
}

#ifdef CRC32C_HARDWARE
CRC32C_HARDWARE static size_t scan_by_hardware(Scan *scan, Bytes block, size_t size, int *trouble) {
    return scan_with(scan, block, size, trouble, crc32c_by_hardware);
}
#endif

/* Read a block that lies at `offset` in the file; return how many bytes were used up. */
static size_t scan_block(Scan *scan, Bytes block, size_t size, int64_t offset, int *trouble) {
    scan->block = block;
    scan->offset = offset;
#ifdef CRC32C_HARDWARE
    if (crc32c_is_hardware) return scan_by_hardware(scan, block, size, trouble);
#endif
    return scan_with(scan, block, size, trouble, crc32c_by_tables);
}

/* Return where the first header with a right checksum begins, or `size` if there is none. */
static size_t find_header(Bytes block, size_t size) {
    for (size_t at = 0; at + HEADER <= size; at++) {
        Bytes p = block + at;
        if (load_u64(p) <= LONGEST && masked_crc32c(p, 8) == load_u32(p + 8)) return at;
    }
    return size;
}

/* Forget the rows, which have been handed over; tags, roles and counts of events stay. */
static void scan_clear(Scan *scan) {
    Tag *tags = scan->tags.tags;
    for (size_t i = 0; i < scan->point_tags.count; i++) tags[scan->point_tags.tags.items[i]].points = 0;
    for (size_t i = 0; i < scan->other_tags.count; i++) {
        Tag *tag = &tags[scan->other_tags.tags.items[i]];
        tag->others = tag->rows = 0;
    }
    scan->exceeding.count = 0;
    scan->points.count = scan->rows.count = scan->blocks.count = scan->sessions.count = 0;
    scan->point_tags.count = scan->other_tags.count = 0;
}

static void scan_free_rows(Scan *scan) {
    Points *points = &scan->points;
    Rows *rows = &scan->rows;
    Blocks *blocks = &scan->blocks;
    FREE(points->tags), FREE(points->steps), FREE(points->walls), FREE(points->values);
    FREE(rows->tags), FREE(rows->steps), FREE(rows->walls), FREE(rows->kinds);
    FREE(rows->offsets), FREE(rows->sizes);
    FREE(blocks->steps), FREE(blocks->walls), FREE(blocks->offsets), FREE(blocks->sizes);
    FREE(scan->sessions.events), FREE(scan->sessions.steps), FREE(scan->sessions.statuses);
    FREE(scan->exceeding.places), FREE(scan->exceeding.integers), FREE(scan->exceeding.kinds);
    FREE(scan->point_tags.tags), FREE(scan->other_tags.tags);
    free(scan->memos);
    scan->memos = NULL;
    scan->memo_count = 0;
}

static void scan_free(Scan *scan) {
    scan_free_rows(scan);
    tags_free(&scan->tags);
    free(scan->version);
}

#endif
