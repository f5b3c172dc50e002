/* The columns that rows are kept in: each grows by doubling, all of one table share one count. */

#ifndef TB_NAN_COLUMNS_H
#define TB_NAN_COLUMNS_H

#include "tags.h"

typedef struct { double *items; size_t capacity; } F64Column;
typedef struct { int64_t *items; size_t capacity; } I64Column;
typedef struct { uint32_t *items; size_t capacity; } U32Column;
typedef struct { uint8_t *items; size_t capacity; } U8Column;

typedef struct { size_t count; U32Column tags; I64Column steps; F64Column walls, values; } Points;
typedef struct { size_t count; I64Column places, integers; U8Column kinds; } Exceeding;
typedef struct {
    size_t count;
    U32Column tags;
    I64Column steps, offsets, sizes;
    F64Column walls;
    U8Column kinds;
} Rows;
typedef struct { size_t count; I64Column steps, offsets, sizes; F64Column walls; } Blocks;
typedef struct { size_t count; I64Column events, steps, statuses; } Sessions;
typedef struct { size_t count; U32Column tags; } Order;

#define ROOM(column, count) \
    make_room((void **)&(column).items, &(column).capacity, (count) + 1, sizeof *(column).items)

static int order_add(Order *order, uint32_t tag) {
    if (!ROOM(order->tags, order->count)) return 0;
    order->tags.items[order->count++] = tag;
    return 1;
}

#define FREE(column) (free((column).items), (column).items = NULL, (column).capacity = 0)

#endif
