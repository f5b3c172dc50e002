/* Rows in file order -> rows tag after tag: one counting pass was made already, this moves them. */

#ifndef TB_NAN_SPLIT_H
#define TB_NAN_SPLIT_H

#include "mapped.h"

/* Both expect room for every row, and for one start more than there are tags. */
static void split_points(Scan *scan, int64_t *starts, int64_t *steps, double *walls,
                         double *values) {
    const Points *points = &scan->points;
    Exceeding *exceeding = &scan->exceeding;
    Tag *tags = scan->tags.tags;
    size_t beside = 0;
    int64_t at = 0;
    for (size_t i = 0; i < scan->point_tags.count; i++) {
        Tag *tag = &tags[scan->point_tags.tags.items[i]];
        starts[i] = tag->cursor = at;
        at += tag->points;
    }
    starts[scan->point_tags.count] = at;
    for (size_t i = 0; i < points->count; i++) {
        int64_t to = tags[points->tags.items[i]].cursor++;
        steps[to] = points->steps.items[i];
        walls[to] = points->walls.items[i];
        values[to] = points->values.items[i];
        if (beside < exceeding->count && exceeding->places.items[beside] == (int64_t)i)
            exceeding->places.items[beside++] = to;
    }
}

static void split_rows(Scan *scan, int64_t *starts, int64_t *counts, int64_t *steps, double *walls,
                       int64_t *offsets, int64_t *sizes, uint8_t *kinds) {
    const Rows *rows = &scan->rows;
    Tag *tags = scan->tags.tags;
    int64_t at = 0;
    for (size_t i = 0; i < scan->other_tags.count; i++) {
        Tag *tag = &tags[scan->other_tags.tags.items[i]];
        starts[i] = tag->cursor = at;
        counts[i] = tag->others;
        at += tag->rows;
    }
    starts[scan->other_tags.count] = at;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t to = tags[rows->tags.items[i]].cursor++;
        steps[to] = rows->steps.items[i];
        walls[to] = rows->walls.items[i];
        offsets[to] = rows->offsets.items[i];
        sizes[to] = rows->sizes.items[i];
        kinds[to] = rows->kinds.items[i];
    }
}

#endif
